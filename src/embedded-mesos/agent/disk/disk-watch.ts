import type { Log } from '../../../logging/log.js';
import type { Clock, Timer } from '../../../util/clock.js';
import { diskBreach, diskLimitMiB } from '../decide/disk-breach.js';
import type { Outcome } from '../decide/status.js';
import type { TaskRecord } from '../task-record.js';
import { FolderSizes } from './folder-sizes.js';

/** Mesos's container_disk_watch_interval. */
const DEFAULT_INTERVAL_MS = 15_000;
/** Sandboxes of tasks that asked for no disk are looked at every so many times only. */
const UNLIMITED_EVERY = 4;

export interface DiskWatchOptions {
  /** The compiled `disk/main.js`. */
  readonly script: string;
  readonly enforce: boolean;
  readonly intervalMs?: number;
  /** Tasks that are not ended. */
  readonly tasks: () => Iterable<TaskRecord>;
  readonly sandbox: (containerId: string) => string;
  /** A task took more than it may. */
  readonly onBreach: (taskId: string, outcome: Outcome) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Looks at what sandboxes take, one after the other and never twice at a time; a round that takes longer than the interval delays
 * the next.
 */
export class DiskWatch {
  readonly #sizes: FolderSizes;
  readonly #used = new Map<string, number>();
  #timer: Timer | undefined;
  #rounds = 0;
  #stopped = false;

  constructor(private readonly options: DiskWatchOptions) {
    this.#sizes = new FolderSizes(options.script);
  }

  start(): void {
    this.#next();
  }

  #next(): void {
    const { clock, intervalMs } = this.options;
    this.#timer = clock.after(intervalMs ?? DEFAULT_INTERVAL_MS, () => {
      void this.#look().finally(() => {
        if (!this.#stopped) this.#next();
      });
    });
  }

  /** Bytes that a container's sandbox took when it was last looked at. */
  usedBytes(containerId: string): number | undefined {
    return this.#used.get(containerId);
  }

  async #look(): Promise<void> {
    const all = this.#rounds++ % UNLIMITED_EVERY === 0;
    const running = [...this.options.tasks()].filter(({ phase }) => phase === 'running');
    const present = new Set(running.map(({ containerId }) => containerId));
    for (const id of this.#used.keys()) if (!present.has(id)) this.#used.delete(id);
    if (running.length === 0) this.#sizes.stop();
    for (const record of running) {
      const limitMiB = diskLimitMiB(record.task.resources);
      const isNew = !this.#used.has(record.containerId);
      if (limitMiB !== undefined || all || isNew) await this.#measure(record, limitMiB);
      if (this.#stopped) return;
    }
  }

  async #measure({ task, containerId }: TaskRecord, limitMiB: number | undefined): Promise<void> {
    const { enforce, sandbox, onBreach, log } = this.options;
    const size = await this.#sizes.measure(sandbox(containerId));
    if (this.#stopped) return;
    if ('failure' in size) {
      log.debug('a sandbox cannot be measured', { container: containerId, error: size.failure });
      return;
    }
    this.#used.set(containerId, size.bytes);
    const breach = limitMiB === undefined || !enforce ? undefined : diskBreach(size, limitMiB);
    if (breach) onBreach(task.task_id.value, breach);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#sizes.stop();
  }
}
