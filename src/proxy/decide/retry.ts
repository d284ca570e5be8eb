import type { RetryRules } from '../../apps/port-routing.js';

/** Attempts after the first, where the service does not say. */
export const DEFAULT_RETRIES = 2;

/** How an attempt failed: no connection came about, or what RetryRules.on names. */
export type Failure = 'connection' | NamedFailure;

type NamedFailure = NonNullable<RetryRules['on']>[number];

/** What is known when an attempt fails before anything of an answer was passed on. */
export interface FailedAttempt {
  /** 1 for the first. */
  readonly tries: number;
  readonly failure: Failure;
  /** The connection had carried an earlier request. */
  readonly reused: boolean;
  readonly idempotent: boolean;
  /** All of the body that was sent is still at hand. */
  readonly replayable: boolean;
}

/**
 * Whether to try again. Without a connection nothing was sent: always. Otherwise the server may have acted on the request, so
 * only what may be repeated (RFC 9110 9.2.2) and can be, for the reasons that the service names. A kept connection that
 * breaks before the answer is usually one that the server was just closing: that is always a reason.
 */
export function mayRetry(attempt: FailedAttempt, rules: RetryRules = {}): boolean {
  const { tries, failure, reused, idempotent, replayable } = attempt;
  if (tries > (rules.retries ?? DEFAULT_RETRIES) || !replayable) return false;
  if (failure === 'connection') return true;
  if (!idempotent) return false;
  return (failure === 'empty-response' && reused) || (rules.on ?? defaultReasons).includes(failure);
}

const defaultReasons: NonNullable<RetryRules['on']> = ['empty-response'];

/** Whether the next attempt may ask a server for work that was already asked for, which the service's retry budget bounds. */
export function spendsBudget(failure: Failure): boolean {
  return failure !== 'connection';
}

/** The failure that an answer with this status is, when services may count it as one. */
export function failureOf(status: number): NamedFailure | undefined {
  return status === 502 ? '502' : status === 503 ? '503' : status === 504 ? '504' : undefined;
}
