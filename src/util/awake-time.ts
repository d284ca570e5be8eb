import type { Clock, Timer } from './clock.js';

/**
 * Time that this process has lived through awake. A process that was stopped, or a machine that slept, has heard nobody and
 * may blame nobody: a gap between two looks at the clock counts for at most `longestGapMs`. Somebody must look at it more
 * often than that while all is well; a periodic timer of the owner does.
 */
export class AwakeTime {
  #sleptMs = 0;
  #lookedAtMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly longestGapMs: number,
  ) {
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** Milliseconds awake since an arbitrary start; never goes back. */
  nowMs(): number {
    const nowMs = this.clock.monotonicMs();
    this.#sleptMs += Math.max(0, nowMs - this.#lookedAtMs - this.longestGapMs);
    this.#lookedAtMs = nowMs;
    return nowMs - this.#sleptMs;
  }

  /** Runs `run` once after so much time awake. */
  after(delayMs: number, run: () => void): Timer {
    const dueMs = this.nowMs() + delayMs;
    let isCancelled = false;
    let timer = this.clock.after(delayMs, () => look());
    const look = (): void => {
      const leftMs = dueMs - this.nowMs();
      if (isCancelled) return;
      if (leftMs > 0) timer = this.clock.after(leftMs, look);
      else run();
    };
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}
