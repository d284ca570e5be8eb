/** A request is tried on at most so many connections. */
export const MAX_TRIES = 3;

/** What is known when an attempt to have a request answered fails before the first byte of the answer. */
export interface FailedAttempt {
  /** 1 for the first. */
  readonly tries: number;
  /** The connection was never made: nothing was sent. */
  readonly nothingSent: boolean;
  readonly idempotent: boolean;
  /** All of the body that was sent is still at hand. */
  readonly replayable: boolean;
}

/**
 * Whether to try again. Nothing sent: always. Something sent: only what may be repeated (RFC 9110 9.2.2) and can be, since
 * the server may have acted on it.
 */
export function mayRetry(attempt: FailedAttempt): boolean {
  if (attempt.tries >= MAX_TRIES || !attempt.replayable) return false;
  return attempt.nothingSent || attempt.idempotent;
}
