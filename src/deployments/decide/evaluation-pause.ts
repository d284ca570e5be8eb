/** An app with at most so many instances is looked at again in the very turn in which one of them changes. */
export const PROMPT_INSTANCES = 100;
const INSTANCES_PER_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 250;

/**
 * How long an app rests after it was looked at, in milliseconds. One look costs time in proportion to its instances and
 * ten thousand launching ones change thousands of times a second: without the pause all time would go into looking.
 */
export function evaluationPauseMs(instances: number): number {
  if (instances <= PROMPT_INSTANCES) return 0;
  return Math.min(LONGEST_PAUSE_MS, Math.ceil(instances / INSTANCES_PER_PAUSE_MS));
}
