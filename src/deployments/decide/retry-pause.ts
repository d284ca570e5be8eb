/** Pauses between attempts to write a deployment's progress (Marathon reference 5.3): 5 s, doubling, at most 60 s. */
export const FIRST_RETRY_MS = 5_000;
export const LAST_RETRY_MS = 60_000;
/** Share by which a pause is spread either way, so that many deployments do not retry in step. */
export const RETRY_JITTER = 0.2;

/** `attempt` from 1; `roll` uniform in [0, 1). */
export function retryPauseMs(attempt: number, roll: number): number {
  const pause = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(pause * (1 - RETRY_JITTER + 2 * RETRY_JITTER * roll));
}
