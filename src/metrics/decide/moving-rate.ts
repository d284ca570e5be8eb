/** Events are averaged in steps of five seconds, as load averages are (UNIX load average; Dropwizard meters). */
export const TICK_MS = 5_000;

const WINDOW_MINUTES = [1, 5, 15] as const;

/** Exponentially weighted event rates, per second. `uncounted` came since the last tick. */
export interface MovingRate {
  readonly count: number;
  readonly startedMs: number;
  readonly lastTickMs: number;
  readonly uncounted: number;
  /** Over 1, 5 and 15 minutes; undefined before the first tick. */
  readonly rates: readonly [m1: number, m5: number, m15: number] | undefined;
}

export function newRate(nowMs: number): MovingRate {
  return { count: 0, startedMs: nowMs, lastTickMs: nowMs, uncounted: 0, rates: undefined };
}

/**
 * The rate as of `nowMs` (monotonic). All ticks that passed are made up for in one go: the first takes the events counted
 * since, the others only decay, so that nothing needs a timer.
 */
export function tickTo(rate: MovingRate, nowMs: number): MovingRate {
  const ticks = Math.floor((nowMs - rate.lastTickMs) / TICK_MS);
  if (ticks <= 0) return rate;
  const instant = rate.uncounted / (TICK_MS / 1000);
  const after = WINDOW_MINUTES.map((minutes, index) => {
    const alpha = 1 - Math.exp(-TICK_MS / 60_000 / minutes);
    const before = rate.rates?.[index];
    const first = before === undefined ? instant : before + alpha * (instant - before);
    return first * (1 - alpha) ** (ticks - 1);
  });
  return {
    ...rate,
    lastTickMs: rate.lastTickMs + ticks * TICK_MS,
    uncounted: 0,
    rates: [after[0] ?? 0, after[1] ?? 0, after[2] ?? 0],
  };
}

export function markRate(rate: MovingRate, nowMs: number, by: number): MovingRate {
  const ticked = tickTo(rate, nowMs);
  return { ...ticked, count: ticked.count + by, uncounted: ticked.uncounted + by };
}

/** What Marathon's `/metrics` shows of a meter, rates in events per second. */
export interface RateSnapshot {
  readonly count: number;
  readonly m1_rate: number;
  readonly m5_rate: number;
  readonly m15_rate: number;
  readonly mean_rate: number;
}

export function rateSnapshot(rate: MovingRate, nowMs: number): RateSnapshot {
  const { count, rates, startedMs } = tickTo(rate, nowMs);
  const elapsedSeconds = (nowMs - startedMs) / 1000;
  return {
    count,
    m1_rate: rates?.[0] ?? 0,
    m5_rate: rates?.[1] ?? 0,
    m15_rate: rates?.[2] ?? 0,
    mean_rate: count > 0 && elapsedSeconds > 0 ? count / elapsedSeconds : 0,
  };
}
