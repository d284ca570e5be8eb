/** Pause before what was given out is made anew, so that it does not compete with the launch that took it. */
export const REFILL_MS = 20;
/** Few: at most so much of what there is to be. */
const FEW = 1 / 6;
/** So many are made in one turn of the event loop. */
export const MAKE_AT_ONCE = 4;
/** How long making one may take before it is given up. */
export const MAKE_LIMIT_MS = 10_000;
/** Pauses after containers that could not be made: from the first to the longest, doubling. */
export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 60_000;

/** What is known when it is to be decided how many containers to make in advance. */
export interface StockFacts {
  /** How many there are to be. */
  readonly size: number;
  /** How many are made or being made. */
  readonly stock: number;
  /** Launches that wait for their turn: while there are more than a pool's worth, making ahead only takes time from them. */
  readonly queued: number;
  /** How many in a row could not be made. */
  readonly failures: number;
  readonly sinceFailureMs: number;
}

/** Whether making anew waits: for launches that are under way, and that it would take time from, unless few are left. */
export function rests({
  size,
  stock,
  starting,
}: Pick<StockFacts, 'size' | 'stock'> & {
  /** Launches whose programs have not started. */
  readonly starting: number;
}): boolean {
  return starting > 0 && stock > size * FEW;
}

/** How many containers to ask for now. After a failure: none for a while, then one to see whether it goes. */
export function toMake({ size, stock, queued, failures, sinceFailureMs }: StockFacts): number {
  const missing = Math.max(size - stock, 0);
  if (missing === 0 || queued > size) return 0;
  if (failures === 0) return missing;
  return sinceFailureMs >= pauseAfter(failures) ? 1 : 0;
}

/** The pause after so many failures in a row (at least one). */
export function pauseAfter(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20), LONGEST_PAUSE_MS);
}
