import { statfs } from 'node:fs/promises';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { Containerizer } from '../containers/containerizer.js';
import type { CheckpointLog } from './checkpoint-log.js';
import { sandboxesToRemove } from './decide/old-sandboxes.js';
import { checkpointKeys, type OldSandbox, type TaskRecord } from './task-record.js';

/** Mesos's disk_watch_interval. */
const LOOK_MS = 60_000;

/** Sandboxes of tasks that are over: kept for people to read, removed by age, number and need for room. */
export class OldSandboxes {
  #timer: Timer | undefined;
  #looking = false;
  readonly #sandboxes = new Map<string, OldSandbox>();
  readonly #containerByTask = new Map<string, string>();

  constructor(
    private readonly root: string,
    private readonly checkpoints: CheckpointLog,
    private readonly containerizer: Containerizer,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(): void {
    this.#timer = this.clock.every(LOOK_MS, () => void this.look());
  }

  recover(containerId: string, sandbox: OldSandbox): void {
    this.#sandboxes.set(containerId, sandbox);
    this.#containerByTask.set(sandbox.taskId, containerId);
  }

  /** Takes over what is written down. Tasks that are not among the `alive` (the host was rebooted) become mere sandboxes. */
  async recoverAll(
    values: ReadonlyMap<string, unknown>,
    alive: readonly TaskRecord[],
    endedAtMs: number,
  ): Promise<void> {
    const prefix = checkpointKeys.sandbox('');
    const ids = new Set(alive.map(({ containerId }) => containerId));
    const writes: Promise<void>[] = [];
    for (const [key, value] of values) {
      if (key.startsWith(prefix)) this.recover(key.slice(prefix.length), value as OldSandbox);
      if (!key.startsWith(checkpointKeys.task(''))) continue;
      const { containerId, task, frameworkId } = value as TaskRecord;
      if (ids.has(containerId)) continue;
      writes.push(this.add(containerId, { taskId: task.task_id.value, frameworkId, endedAtMs }));
      writes.push(this.checkpoints.delete(key));
    }
    await Promise.all(writes);
  }

  /** Resolves when it is durable that this sandbox is to be removed some day. */
  add(containerId: string, sandbox: OldSandbox): Promise<void> {
    this.recover(containerId, sandbox);
    return this.checkpoints.put(checkpointKeys.sandbox(containerId), sandbox);
  }

  containerOf(taskId: string): string | undefined {
    return this.#containerByTask.get(taskId);
  }

  has(containerId: string): boolean {
    return this.#sandboxes.has(containerId);
  }

  /** Removes what is due. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { blocks, bavail } = await statfs(this.root);
      const used = blocks > 0 ? 1 - bavail / blocks : 0;
      const aged = [...this.#sandboxes].map(([containerId, { endedAtMs }]) => ({ containerId, endedAtMs }));
      const failures: string[] = [];
      for (const id of sandboxesToRemove(aged, used, this.clock.wallMs())) {
        if (!this.#timer) return;
        // One that cannot be removed must not keep those behind it.
        await this.#remove(id).catch((error: Error) => failures.push(error.message));
      }
      if (failures.length > 0)
        this.log.warn('some old sandboxes could not be removed; it is tried again in a minute', {
          sandboxes: failures.length,
          error: failures[0],
        });
    } catch (error) {
      this.log.warn('old sandboxes could not be removed; it is tried again in a minute', {
        error: (error as Error).message,
      });
    } finally {
      this.#looking = false;
    }
  }

  async #remove(containerId: string): Promise<void> {
    await this.containerizer.removeSandbox(containerId);
    await this.checkpoints.delete(checkpointKeys.sandbox(containerId));
    const taskId = this.#sandboxes.get(containerId)?.taskId;
    this.#sandboxes.delete(containerId);
    if (taskId !== undefined && this.#containerByTask.get(taskId) === containerId)
      this.#containerByTask.delete(taskId);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
