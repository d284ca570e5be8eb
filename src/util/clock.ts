/** A pending timer; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * All that a room may know about time. `wallMs` may jump (it stamps what people read), `monotonicMs` never does
 * (it measures durations and deadlines). Timers never keep the process alive by themselves.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump either way. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Runs `run` once, `delayMs` from now on the monotonic clock. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs `run` every `periodMs` until cancelled. */
  every(periodMs: number, run: () => void): Timer;
}

/** The real clock. */
export class SystemClock implements Clock {
  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const handle = setTimeout(run, Math.min(Math.max(0, delayMs), 2 ** 31 - 1));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }

  every(periodMs: number, run: () => void): Timer {
    const handle = setInterval(run, periodMs);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  }
}
