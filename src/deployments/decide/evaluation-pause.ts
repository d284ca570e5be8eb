/** Whoever looks at no more than this is asked again in the very turn in which something changes. */
export const PROMPT_LOOKS = 100;
const LOOKS_PER_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 250;

/**
 * How long an app rests after it was looked at, in milliseconds. A look at its cohorts costs next to nothing; one that went over
 * its instances one by one and led to nothing (a deployment that is held) would be repeated with each of their changes, and
 * without the pause all time would go into looking.
 */
export function evaluationPauseMs(lookedAt: number): number {
  if (lookedAt <= PROMPT_LOOKS) return 0;
  return Math.min(LONGEST_PAUSE_MS, Math.ceil(lookedAt / LOOKS_PER_PAUSE_MS));
}
