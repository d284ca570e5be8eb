/** Items sorted natively at once: well below a millisecond. */
const RUN = 1_024;
/** Items merged before the loop gets a turn. */
const MERGED_PER_TURN = 8_192;

/**
 * Sorts by a number, ascending and stable, in turns of about a millisecond: yields an empty piece wherever other work may
 * have its turn. Fifty thousand tasks sorted in one go would hold the event loop for tens of milliseconds.
 */
export function* sortInSlices<T>(
  items: readonly T[],
  by: (item: T) => number,
): Generator<string, readonly T[]> {
  let runs: T[][] = [];
  for (let from = 0; from < items.length; from += RUN) {
    runs.push(items.slice(from, from + RUN).sort((a, b) => by(a) - by(b)));
    yield '';
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const [left = [], right = []] = [runs[index], runs[index + 1]];
      merged.push(yield* merge(left, right, by));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<T>(left: readonly T[], right: readonly T[], by: (item: T) => number): Generator<string, T[]> {
  const merged: T[] = [];
  let [fromLeft, fromRight] = [0, 0];
  while (fromLeft < left.length || fromRight < right.length) {
    const a = left[fromLeft];
    const b = right[fromRight];
    if (b === undefined || (a !== undefined && by(a) <= by(b))) {
      merged.push(a as T);
      fromLeft++;
    } else {
      merged.push(b);
      fromRight++;
    }
    if (merged.length % MERGED_PER_TURN === 0) yield '';
  }
  return merged;
}
