/** First pause before an unacknowledged update is sent again, and the longest (Mesos reference 1.8). */
export const FIRST_RETRY_MS = 10_000;
export const LONGEST_RETRY_MS = 600_000;

/** The pause after the `attempt`-th sending (from 1). */
export function retryAfterMs(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 30), LONGEST_RETRY_MS);
}
