import { join } from 'node:path';
import type { Accounts } from '../containers/accounts.js';
import type { FetchTotals } from '../containers/fetcher/fetcher.js';
import type { FromAgent } from '../protocol/agent-line.js';
import type { AgentOptions } from './agent-options.js';
import type { Outcome } from './decide/status.js';
import { DiskWatch } from './disk/disk-watch.js';
import { Preparation } from './preparation.js';
import type { TaskRecord } from './task-record.js';

/** What sandbox care wants of the desk of tasks. */
export interface CaredTasks {
  records(): Iterable<TaskRecord>;
  breach(taskId: string, outcome: Outcome): void;
}

/** All that the agent does about the contents of sandboxes: fills them before tasks start, and watches what tasks put there. */
export class SandboxCare {
  readonly preparation: Preparation;
  #disk: DiskWatch | undefined;

  /** `folder`: the agent's own in the work dir. */
  constructor(
    private readonly options: AgentOptions,
    private readonly folder: string,
    accounts: Accounts,
    send: (message: FromAgent) => void,
  ) {
    this.preparation = new Preparation(options, folder, accounts, send);
  }

  async start(tasks: CaredTasks): Promise<void> {
    await this.preparation.start();
    this.preparation.secrets.start(tasks.records());
    const { disk, clock, log } = this.options;
    if (!disk) return;
    this.#disk = new DiskWatch({
      ...disk,
      tasks: () => tasks.records(),
      sandbox: (containerId) => join(this.folder, 'sandboxes', containerId),
      onBreach: (taskId, outcome) => tasks.breach(taskId, outcome),
      clock,
      log: log.child('disk'),
    });
    this.#disk.start();
  }

  get fetches(): FetchTotals | undefined {
    return this.preparation.fetcher?.totals;
  }

  /** Bytes that a container's sandbox took when it was last looked at. */
  usedBytes(containerId: string): number | undefined {
    return this.#disk?.usedBytes(containerId);
  }

  stop(): void {
    this.preparation.stop();
    this.#disk?.stop();
  }
}
