import type { TaskId } from '../../scheduler/instance.js';

/** One instance on its way out. */
export interface DrainWait {
  readonly taskId: TaskId;
  readonly startedMs: number;
  readonly drainMs: number;
  /** Table version without the task; undefined until the next flush. */
  target: number | undefined;
  /** When every leased proxy had confirmed the target; requests in flight may take `drainMs` from then on. */
  unroutedMs: number | undefined;
  /** Told once, when the wait for requests in flight begins. */
  readonly unrouted: () => void;
  /** Ends the wait. */
  readonly done: (inFlight: number) => void;
}

/** What the proxies together say right now. */
export interface ProxiesSay {
  /** Lowest version confirmed by all leased proxies; Infinity without any. */
  readonly confirmed: number;
  inFlight(taskId: TaskId): number;
}

/**
 * All drains in progress. Targets only grow, so those waiting for a confirmation form a queue of which only the front is
 * looked at; those waiting for requests in flight are found by their task.
 */
export class DrainWaits {
  readonly #byTask = new Map<TaskId, Set<DrainWait>>();
  #unconfirmed: DrainWait[] = [];
  #front = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(wait: DrainWait): void {
    const waits = this.#byTask.get(wait.taskId) ?? new Set();
    waits.add(wait);
    this.#byTask.set(wait.taskId, waits);
    this.#unconfirmed.push(wait);
    this.#size += 1;
  }

  remove(wait: DrainWait): void {
    const waits = this.#byTask.get(wait.taskId);
    if (!waits?.delete(wait)) return;
    this.#size -= 1;
    if (waits.size === 0) this.#byTask.delete(wait.taskId);
  }

  /** A flush happened: all that waited for it now wait for its version. */
  flushed(version: number): void {
    for (let i = this.#unconfirmed.length - 1; i >= this.#front; i--) {
      const wait = this.#unconfirmed[i];
      if (!wait || wait.target !== undefined) break;
      wait.target = version;
    }
  }

  /** Confirmations came in, or a lease ran out. Returns those that are un-routed from now on. */
  confirm(say: ProxiesSay, nowMs: number): void {
    while (this.#front < this.#unconfirmed.length) {
      const wait = this.#unconfirmed[this.#front];
      if (wait && this.#lives(wait)) {
        if (wait.target === undefined || wait.target > say.confirmed) break;
        wait.unroutedMs = nowMs;
        this.#settle(wait, say, nowMs);
        if (this.#lives(wait)) wait.unrouted();
      }
      this.#front += 1;
    }
    if (this.#front > 256 && this.#front * 2 > this.#unconfirmed.length) {
      this.#unconfirmed = this.#unconfirmed.slice(this.#front);
      this.#front = 0;
    }
  }

  /** The requests in flight to one task changed. */
  changed(taskId: TaskId, say: ProxiesSay, nowMs: number): void {
    for (const wait of this.#byTask.get(taskId) ?? []) this.#settle(wait, say, nowMs);
  }

  /** Looks at all: a proxy went away. */
  recheck(say: ProxiesSay, nowMs: number): void {
    this.confirm(say, nowMs);
    for (const taskId of [...this.#byTask.keys()]) this.changed(taskId, say, nowMs);
  }

  all(): DrainWait[] {
    return [...this.#byTask.values()].flatMap((waits) => [...waits]);
  }

  #lives(wait: DrainWait): boolean {
    return this.#byTask.get(wait.taskId)?.has(wait) ?? false;
  }

  #settle(wait: DrainWait, say: ProxiesSay, nowMs: number): void {
    if (wait.unroutedMs === undefined) return;
    const inFlight = say.inFlight(wait.taskId);
    if (inFlight === 0 || nowMs - wait.unroutedMs >= wait.drainMs) wait.done(inFlight);
  }
}
