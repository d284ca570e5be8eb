import type { HealthCheck } from '../../apps/app.js';
import type { HealthCheckResult } from '../../scheduler/instance.js';
import { type Timestamp, timestamp, timestampMs } from '../../util/timestamp.js';

/** One probe of one health check of a running task, and what was known before. */
export interface ProbeSituation {
  readonly check: HealthCheck;
  readonly before: HealthCheckResult | undefined;
  readonly ok: boolean;
  readonly cause?: string | undefined;
  readonly now: Timestamp;
  /** How long the task has been Running, monotonic. */
  readonly runningForMs: number;
  /** Since the last failure that counted, monotonic; undefined when there was none. */
  readonly sinceFailureMs?: number | undefined;
}

export interface Verdict {
  /** The very `before` when the probe changes nothing. */
  readonly after: HealthCheckResult | undefined;
  readonly failureCounted: boolean;
  /** The check became alive, or was and is not any more. */
  readonly aliveChanged: boolean;
  /** Why the task has had its chance and shall be replaced; undefined: it shall not. */
  readonly giveUp?: string;
}

/** Marathon's first tick comes this soon at the latest; no failure before half of it counts. */
const FIRST_TICK_MS = 5_000;

/**
 * What a probe says about a check. Marathon's rules for checks run by the scheduler, with these differences:
 * - the kill comes with failure number `maxConsecutiveFailures`, as its documentation says (its code takes one more);
 *   0 never kills;
 * - we probe more often than the interval until the first success. So that nobody is given up sooner for that, failures count
 *   at the pace of the interval only: one that follows a counted one within half an interval is ignored.
 * A failure before the first success is ignored during the grace period, which runs from the moment the task is Running.
 */
export function judgeProbe(situation: ProbeSituation): Verdict {
  const { before, check, now } = situation;
  if (situation.ok) {
    const success = laterThan(now, before?.lastFailure);
    const after: HealthCheckResult = {
      ...before,
      alive: true,
      consecutiveFailures: 0,
      firstSuccess: before?.firstSuccess ?? success,
      lastSuccess: success,
    };
    return { after, failureCounted: false, aliveChanged: before?.alive !== true };
  }
  if (isIgnored(situation)) return { after: before, failureCounted: false, aliveChanged: false };
  const cause = situation.cause ?? 'unknown';
  const consecutiveFailures = (before?.consecutiveFailures ?? 0) + 1;
  const after: HealthCheckResult = {
    ...before,
    alive: false,
    consecutiveFailures,
    lastFailure: laterThan(now, before?.lastSuccess),
    lastFailureCause: cause,
  };
  const { maxConsecutiveFailures: max } = check;
  return {
    after,
    failureCounted: true,
    aliveChanged: before?.alive === true,
    ...(max > 0 && consecutiveFailures >= max ? { giveUp: cause } : {}),
  };
}

function isIgnored({ check, before, runningForMs, sinceFailureMs }: ProbeSituation): boolean {
  const intervalMs = check.intervalSeconds * 1000;
  if (sinceFailureMs !== undefined && sinceFailureMs < intervalMs / 2) return true;
  if (before?.firstSuccess !== undefined) return false;
  return runningForMs < Math.max(check.gracePeriodSeconds * 1000, Math.min(intervalMs, FIRST_TICK_MS) / 2);
}

/** `now`, or just behind `other` when the wall clock was set back: the later of the two timestamps tells who is alive. */
export function laterThan(now: Timestamp, other: Timestamp | undefined): Timestamp {
  return other !== undefined && timestampMs(other) >= timestampMs(now)
    ? timestamp(timestampMs(other) + 1)
    : now;
}
