/**
 * Adds to an agent's silence what this process has lived through awake. A process that was stopped, or a machine that
 * slept, has heard nobody and may blame nobody: a step counts for at most two periods (architecture rule 11).
 */
export function addSilence(silentMs: number, elapsedMs: number, periodMs: number): number {
  return silentMs + Math.min(Math.max(0, elapsedMs), 2 * periodMs);
}
