import type { AppRecord } from '../../apps/app.js';
import { timestampMs } from '../../util/timestamp.js';
import type { Instance } from '../instance.js';

export interface LaunchLimits {
  readonly launchConfirmTimeoutMs: number;
  readonly launchTimeoutMs: number;
}

/** What time alone will do to an instance, and in how many milliseconds from now. */
export type InstanceDeadline =
  | { readonly kind: 'overdue'; readonly inMs: number }
  | { readonly kind: 'inactive'; readonly inMs: number }
  | { readonly kind: 'expunge'; readonly inMs: number };

/** Between 0 and the whole span: a wall clock that jumped can shorten a wait, never lengthen it. */
function remainingMs(spanMs: number, sinceWallMs: number, nowWallMs: number): number {
  return Math.min(spanMs, Math.max(0, spanMs - (nowWallMs - sinceWallMs)));
}

/**
 * The next deadline of an instance (Marathon reference 7.5, 7.6), measured from now on the monotonic clock; `nowWallMs` only tells
 * how much of an absence had passed before a restart. Launches are given their whole time again after a restart.
 */
export function nextDeadline(
  instance: Instance,
  record: AppRecord | undefined,
  nowWallMs: number,
  limits: LaunchLimits,
): InstanceDeadline | undefined {
  switch (instance.condition) {
    case 'Provisioned':
      return instance.takingOut ? undefined : { kind: 'overdue', inMs: limits.launchConfirmTimeoutMs };
    case 'Staging':
    case 'Starting':
      return instance.takingOut ? undefined : { kind: 'overdue', inMs: limits.launchTimeoutMs };
    case 'Unreachable':
    case 'UnreachableInactive': {
      const strategy = record?.app.unreachableStrategy;
      if (strategy === undefined) return { kind: 'expunge', inMs: 0 };
      if (strategy === 'disabled') return undefined;
      const sinceMs = timestampMs(instance.unreachableSince ?? instance.since);
      const kind = instance.condition === 'Unreachable' ? 'inactive' : 'expunge';
      const seconds = kind === 'inactive' ? strategy.inactiveAfterSeconds : strategy.expungeAfterSeconds;
      return { kind, inMs: remainingMs(seconds * 1_000, sinceMs, nowWallMs) };
    }
    default:
      return undefined;
  }
}
