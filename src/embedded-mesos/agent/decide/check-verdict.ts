import { assertNever } from '../../../util/assert.js';
import type { CheckStatusInfo } from '../../protocol/v1.js';
import type { CheckProbe, HealthPlan } from './check-plan.js';

/** What came of one attempt. */
export type AttemptResult =
  | { readonly type: 'exited'; readonly code: number }
  | { readonly type: 'killed'; readonly signal: string }
  | { readonly type: 'answered'; readonly statusCode: number }
  | { readonly type: 'connected' }
  /** Nobody listens there. As the following. */
  | { readonly type: 'refused'; readonly why: string }
  /** Nothing came of it: no answer in time, it could not be run. As a sentence without an end. */
  | { readonly type: 'failed'; readonly why: string }
  /** It was not carried out, for no fault of the task: who keeps its container (a Docker engine) is out of reach. Counts neither way. */
  | { readonly type: 'impossible' };

/** What came of an attempt that was carried out. */
export type AttemptOutcome = Exclude<AttemptResult, { readonly type: 'impossible' }>;

/** What is known of a task's health. */
export interface HealthTrack {
  /** Failures in a row that counted. */
  readonly failures: number;
  /** Undefined: no attempt has counted yet. */
  readonly healthy: boolean | undefined;
}

export interface HealthVerdict {
  readonly track: HealthTrack;
  /** Whether it is told: every failure that counts, the first success, and the first after a failure. */
  readonly tell: boolean;
  /** The task has had its chances. */
  readonly kill: boolean;
}

/** Why an attempt of a health check failed; undefined: it succeeded. HTTP succeeds with 200 to 399 whatever `statuses` says, as in Mesos. */
export function failureOf(result: AttemptOutcome): string | undefined {
  switch (result.type) {
    case 'exited':
      return result.code === 0 ? undefined : `the command exited with status ${result.code}`;
    case 'killed':
      return `the command was terminated by ${result.signal}`;
    case 'answered':
      return result.statusCode >= 200 && result.statusCode < 400
        ? undefined
        : `the answer had the status ${result.statusCode}`;
    case 'connected':
      return undefined;
    case 'refused':
    case 'failed':
      return result.why;
    default:
      return assertNever(result, 'result of a check');
  }
}

/**
 * One attempt of a health check (Mesos reference 2.10). Failures before the first attempt that counted are ignored in the grace
 * period; then `maxFailures` in a row end the task, 0 and 1 both at the first. `sinceBeginMs`: how long it is checked.
 */
export function judgeHealth(
  plan: Pick<HealthPlan, 'maxFailures' | 'graceMs'>,
  track: HealthTrack,
  success: boolean,
  sinceBeginMs: number,
): HealthVerdict {
  if (success) return { track: { failures: 0, healthy: true }, tell: track.healthy !== true, kill: false };
  if (track.healthy === undefined && sinceBeginMs <= plan.graceMs) return { track, tell: false, kill: false };
  const failures = track.failures + 1;
  return { track: { failures, healthy: false }, tell: true, kill: failures >= plan.maxFailures };
}

/** An attempt of a check as it is told: the raw value; an empty one when there is none. */
export function checkStatusOf(probe: CheckProbe, result: AttemptOutcome): CheckStatusInfo {
  const { type } = probe;
  switch (type) {
    case 'COMMAND':
      return { type, command: result.type === 'exited' ? { exit_code: result.code } : {} };
    case 'HTTP':
      return { type, http: result.type === 'answered' ? { status_code: result.statusCode } : {} };
    case 'TCP':
      return { type, tcp: result.type === 'failed' ? {} : { succeeded: result.type === 'connected' } };
    default:
      return assertNever(type, 'type of a check');
  }
}

/** Whether two results are the same: a check is told only when its result changes. */
export function sameCheckStatus(a: CheckStatusInfo | undefined, b: CheckStatusInfo): boolean {
  return (
    a?.type === b.type &&
    a?.command?.exit_code === b.command?.exit_code &&
    a?.http?.status_code === b.http?.status_code &&
    a?.tcp?.succeeded === b.tcp?.succeeded
  );
}
