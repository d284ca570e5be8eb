import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerEvent, ContainerSpec } from '../src/embedded-mesos/containers/containerizer.js';
import { detectIsolation } from '../src/embedded-mesos/containers/isolation/detect-isolation.js';
import type { Isolation } from '../src/embedded-mesos/containers/isolation/isolation.js';
import type { IsolationLevel } from '../src/embedded-mesos/containers/isolation/namespaces.js';
import { ProcessContainerizer } from '../src/embedded-mesos/containers/process-containerizer.js';
import { volatileFolder } from '../src/embedded-mesos/containers/volatile-folder.js';
import { silentLog } from '../src/logging/log.js';
import { SystemClock } from '../src/util/clock.js';
import { SystemDice } from '../src/util/ids.js';
import { packageRoot } from '../test/support/package-root.js';
import { waitFor } from '../test/support/wait-for.js';

/** A containerizer of processes as an agent has it, with nothing above it: what is measured is its own. */
export class Containers {
  readonly root = mkdtempSync(join(tmpdir(), 'longrun-bench-'));
  readonly instanceId = `bench${randomUUID().slice(0, 6)}`;
  readonly isolation: Isolation;
  readonly containerizer: ProcessContainerizer;
  readonly #startedAtMs = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #ids: string[] = [];

  constructor(options: { isolation?: Isolation; level?: IsolationLevel; warm?: number } = {}) {
    this.isolation = options.isolation ?? detectIsolation(this.instanceId);
    const volatileRoot = volatileFolder(this.instanceId);
    this.containerizer = new ProcessContainerizer({
      root: this.root,
      ...(volatileRoot !== undefined && { volatileRoot }),
      isolation: this.isolation,
      isolationLevel: options.level ?? 'default',
      pump: {
        script: join(packageRoot(), 'dist/embedded-mesos/containers/log-pump/main.js'),
        fileBytes: 10 * 1024 * 1024,
        files: 5,
      },
      onEvent: (event) => this.#note(event),
      ...(options.warm !== undefined && { warmContainers: options.warm }),
      clock: new SystemClock(),
      dice: new SystemDice(),
      log: silentLog,
    });
  }

  #note(event: ContainerEvent): void {
    if (event.type === 'started') this.#startedAtMs.set(event.id, performance.now());
    else if (event.type === 'ended') this.#ended.add(event.id);
  }

  launch(command: string, more: Partial<ContainerSpec> = {}): string {
    const id = this.containerizer.nextId();
    this.#ids.push(id);
    this.containerizer.launch({
      id,
      command: { shell: true, value: command, arguments: [] },
      environment: [],
      account: { name: 'nobody', uid: 65534, gid: 65534, groups: [65534] },
      limits: { cpus: 0.1, memMiB: 64 },
      ...more,
    });
    return id;
  }

  /** When its program was there, in milliseconds of `performance.now()`. */
  async started(id: string): Promise<number> {
    return waitFor(() => this.#startedAtMs.get(id), { timeoutMs: 120_000, what: `the start of ${id}` });
  }

  async ended(id: string): Promise<void> {
    await waitFor(() => this.#ended.has(id), { timeoutMs: 120_000, what: `the end of ${id}` });
  }

  async kill(id: string): Promise<void> {
    this.containerizer.kill(id, 0);
    await this.ended(id);
    this.containerizer.forget(id);
    await this.containerizer.removeSandbox(id);
  }

  /** Where the log pump's process is found in /proc. */
  pumpStatus(): string {
    return readFileSync(`/proc/${this.containerizer.servants.logPump}/status`, 'utf8');
  }

  async close(): Promise<void> {
    for (const id of this.#ids) this.containerizer.kill(id, 0);
    for (const id of this.#ids) await this.ended(id);
    await this.containerizer.tearDown();
    rmSync(this.root, { recursive: true, force: true });
  }
}
