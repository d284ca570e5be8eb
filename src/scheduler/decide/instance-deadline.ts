import type { AppRecord } from '../../apps/app.js';
import { timestampMs } from '../../util/timestamp.js';
import type { Instance } from '../instance.js';

export interface LaunchLimits {
  readonly launchConfirmTimeoutMs: number;
  readonly launchTimeoutMs: number;
}

/** What an absence leads to. `spanMs`: how long it may last in all, as the app says. */
interface AwayDeadline {
  readonly kind: 'inactive' | 'expunge';
  readonly inMs: number;
  readonly spanMs: number;
}

/** What time alone will do to an instance, and in how many milliseconds from now. */
export type InstanceDeadline = { readonly kind: 'overdue'; readonly inMs: number } | AwayDeadline;

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
      if (strategy === undefined) return { kind: 'expunge', inMs: 0, spanMs: 0 };
      if (strategy === 'disabled') return undefined;
      const sinceMs = timestampMs(instance.unreachableSince ?? instance.since);
      const kind = instance.condition === 'Unreachable' ? 'inactive' : 'expunge';
      const seconds = kind === 'inactive' ? strategy.inactiveAfterSeconds : strategy.expungeAfterSeconds;
      const spanMs = seconds * 1_000;
      return { kind, inMs: remainingMs(spanMs, sinceMs, nowWallMs), spanMs };
    }
    default:
      return undefined;
  }
}

/**
 * Whether a deadline that has come still stands, by what would be set now: the app may say something else since. Only spans are
 * compared: it was waited for on the monotonic clock, and a wall clock that was set back must not lengthen that.
 */
export function stillStands(come: AwayDeadline, now: InstanceDeadline | undefined): boolean {
  return now !== undefined && now.kind !== 'overdue' && now.kind === come.kind && now.spanMs <= come.spanMs;
}
