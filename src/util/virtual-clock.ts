import type { Clock, Timer } from './clock.js';

interface Pending {
  readonly id: number;
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly run: () => void;
}

/**
 * A clock that moves only when told: tests and the simulated world drive the very code that runs in production.
 * `advance` runs due timers in order of their deadline, ties in order of their making.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #nextId = 1;
  readonly #pending = new Map<number, Pending>();

  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffsetMs = wallMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Moves the wall clock only, as an administrator or NTP would. */
  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#add(Math.max(0, delayMs), undefined, run);
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#add(periodMs, Math.max(1, periodMs), run);
  }

  #add(delayMs: number, periodMs: number | undefined, run: () => void): Timer {
    const id = this.#nextId++;
    this.#pending.set(id, { id, dueMs: this.#monotonicMs + delayMs, periodMs, run });
    return { cancel: () => void this.#pending.delete(id) };
  }

  /** Milliseconds until the next timer, undefined when there is none. */
  untilNext(): number | undefined {
    let next: number | undefined;
    for (const timer of this.#pending.values())
      next = Math.min(next ?? Number.POSITIVE_INFINITY, timer.dueMs);
    return next === undefined ? undefined : Math.max(0, next - this.#monotonicMs);
  }

  /** Moves time forward by `ms`, running every timer that falls due on the way. Synchronous. */
  advance(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (;;) {
      let due: Pending | undefined;
      for (const timer of this.#pending.values()) {
        if (timer.dueMs > end) continue;
        if (!due || timer.dueMs < due.dueMs || (timer.dueMs === due.dueMs && timer.id < due.id)) due = timer;
      }
      if (!due) break;
      this.#monotonicMs = Math.max(this.#monotonicMs, due.dueMs);
      if (due.periodMs === undefined) this.#pending.delete(due.id);
      else due.dueMs += due.periodMs;
      due.run();
    }
    this.#monotonicMs = end;
  }

  /** As `advance`, but lets promises settle (a few turns of the event loop) before each timer and at the end. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    await settle();
    for (;;) {
      const wait = this.untilNext();
      if (wait === undefined || this.#monotonicMs + wait > end) break;
      this.advance(wait);
      await settle();
    }
    this.advance(end - this.#monotonicMs);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((next) => setImmediate(next));
}
