/** So many per second, and so many at once above that. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Without a word on bursts, one second's worth may come at once. */
export function rateOf(perSecond: number, burst: number | undefined): Rate {
  return { perSecond, burst: burst ?? Math.max(1, Math.floor(perSecond)) };
}

/**
 * A token bucket as one number: when it is full again (0: it is). Taking a token moves that moment 1/rate further; it may lie
 * `burst` tokens ahead of now, besides the one that is taken. Returns the moment after the taking, or undefined: not yet.
 */
export function taken(fullAtMs: number, nowMs: number, { perSecond, burst }: Rate): number | undefined {
  const perTokenMs = 1_000 / perSecond;
  const from = Math.max(fullAtMs, nowMs);
  // A millionth of a token is forgiven: sums of fractions are not exact.
  if (from - nowMs > burst * perTokenMs + perTokenMs / 1e6) return undefined;
  return from + perTokenMs;
}

/** Milliseconds until a token can be had. */
export function untilTokenMs(fullAtMs: number, nowMs: number, { perSecond, burst }: Rate): number {
  return Math.max(0, fullAtMs - nowMs - (burst * 1_000) / perSecond);
}

/** One worker's part of a rate that all of them share; a burst is at least nothing. */
export function shareOfRate({ perSecond, burst }: Rate, workers: number): Rate {
  return { perSecond: perSecond / workers, burst: Math.floor(burst / workers) };
}

/** One worker's part of a number that all of them share: at least 1. */
export function shareOfNumber(all: number, workers: number): number {
  return Math.max(1, Math.floor(all / workers));
}
