import type { Resources } from '../../protocol/resources.js';
import type { Filters } from '../../protocol/v1.js';

/** Mesos's default when a call says nothing (Mesos reference 1.7.1). */
export const DEFAULT_REFUSE_MS = 5_000;
/** 365 days. */
export const MAX_REFUSE_MS = 31_536_000_000;
/**
 * No refusal is shorter: a scheduler that declines "for 0 seconds" would otherwise be offered the same at once, for ever.
 * Mesos has its allocation interval of 1 s in this place.
 */
export const MIN_REFUSE_MS = 1_000;

/** How long a refusal holds; 0 when the caller asked for none (`refuse_seconds: 0`). */
export function refuseMs(filters: Filters | undefined): number {
  const seconds = filters?.refuse_seconds;
  if (seconds === undefined || !Number.isFinite(seconds) || seconds < 0) {
    return seconds === Number.POSITIVE_INFINITY ? MAX_REFUSE_MS : DEFAULT_REFUSE_MS;
  }
  if (seconds === 0) return 0;
  return Math.min(MAX_REFUSE_MS, Math.max(MIN_REFUSE_MS, seconds * 1000));
}

/** Whether an offer of `offered` is what somebody refused: only offers that hold something more, or other, pass. */
export function isRefused(refused: readonly Resources[], offered: Resources): boolean {
  return refused.some((resources) => resources.contains(offered));
}
