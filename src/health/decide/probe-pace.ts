import type { ProbeTarget } from '../health.js';

export const EAGER_FIRST_MS = 50;
/** Targets that are known to work begin within this time, so that a thousand of them spread. */
export const FIRST_SPREAD_MS = 5_000;
/** Intervals vary by so much either way, so that targets do not fall into step. */
export const JITTER = 0.05;
/** An event loop that was this much late says nothing about others: its failed probes do not count. */
export const STALL_MS = 500;

/** How long until the first probe. `chance` is uniform in [0, 1). An eager target is probed at once. */
export function firstDelayMs(target: Pick<ProbeTarget, 'eager' | 'intervalMs'>, chance: number): number {
  return target.eager ? 0 : chance * Math.min(target.intervalMs, FIRST_SPREAD_MS);
}

/**
 * How long after a probe that took `elapsedMs` the next begins. Until its first success an eager target is probed again after
 * 50 ms, 100 ms, 200 ms ... up to the interval; afterwards at the interval, counted from the beginning of the probe, but never
 * two at a time. `misses`: probes so far without any success.
 */
export function nextDelayMs(
  target: Pick<ProbeTarget, 'eager' | 'intervalMs'>,
  state: {
    readonly succeeded: boolean;
    readonly misses: number;
    readonly elapsedMs: number;
    readonly chance: number;
  },
): number {
  const { succeeded, misses, elapsedMs, chance } = state;
  if (target.eager && !succeeded) {
    const eagerMs = EAGER_FIRST_MS * 2 ** Math.min(20, Math.max(0, misses - 1));
    if (eagerMs < target.intervalMs) return eagerMs;
  }
  return Math.max(0, target.intervalMs * (1 - JITTER + 2 * JITTER * chance) - elapsedMs);
}

/** The prober's own state while a probe ran. */
export interface LoopWatch {
  /** How late the probe's timeout fired; 0 when it did not. */
  readonly timeoutLateMs: number;
  /** How late the loop's heartbeat is now. */
  readonly beatLateMs: number;
  /** A stall was noticed after the probe had begun. */
  readonly stalledMeanwhile: boolean;
}

/** Whether a failed probe may have failed because the prober itself stood still. */
export function isOwnStall({ timeoutLateMs, beatLateMs, stalledMeanwhile }: LoopWatch): boolean {
  return stalledMeanwhile || timeoutLateMs > STALL_MS || beatLateMs > STALL_MS;
}
