/** What the choice of a server depends on. */
export interface Candidate {
  /** Above 0: how much more than others it gets. */
  readonly share: number;
  /** Requests, tunnels and connections under way. */
  readonly inFlight: number;
  /** From its name: stable over tables and the same in every proxy. */
  readonly hashSeed: number;
}

/** One choice. Nothing in it is kept. */
export interface Choice<T extends Candidate> {
  readonly candidates: readonly T[];
  /** All have the same share. */
  readonly even: boolean;
  /** Whose turn it is, among equals. */
  readonly start: number;
  readonly may: (candidate: T) => boolean;
}

/** Plain round robin: the first from `start` on that may. */
export function inTurn<T extends Candidate>({ candidates, start, may }: Choice<T>): number | undefined {
  const count = candidates.length;
  for (let step = 0; step < count; step++) {
    const index = start + step < count ? start + step : start + step - count;
    const candidate = candidates[index];
    if (candidate && may(candidate)) return index;
  }
  return undefined;
}

/** The first in the order of the table that may. */
export function first<T extends Candidate>({ candidates, may }: Choice<T>): number | undefined {
  const index = candidates.findIndex(may);
  return index < 0 ? undefined : index;
}

/** The one with the fewest under way for its share; in turn among equals. */
export function leastLoaded<T extends Candidate>({ candidates, start, may }: Choice<T>): number | undefined {
  const count = candidates.length;
  let best: number | undefined;
  let bestLoad = Number.POSITIVE_INFINITY;
  for (let step = 0; step < count; step++) {
    const index = start + step < count ? start + step : start + step - count;
    const candidate = candidates[index];
    if (!candidate) continue;
    const load = candidate.inFlight / candidate.share;
    if (load >= bestLoad || !may(candidate)) continue;
    best = index;
    bestLoad = load;
    if (load === 0) break;
  }
  return best;
}

/** Draws that hit someone who may not are repeated so often; then the rest is counted. */
const MAX_DRAWS = 16;

/**
 * Of two drawn by share, the one with fewer under way for its share. `sums[i]` is the sum of the shares up to and with i.
 * `random`: uniform in [0, 1).
 */
export function lighterOfTwo<T extends Candidate>(
  choice: Choice<T>,
  sums: readonly number[],
  random: () => number,
): number | undefined {
  const one = drawn(choice, sums, random);
  if (one === undefined) return undefined;
  const other = drawn(choice, sums, random) ?? one;
  const { candidates } = choice;
  return loadOf(candidates[other]) < loadOf(candidates[one]) ? other : one;
}

function loadOf(candidate: Candidate | undefined): number {
  return candidate ? candidate.inFlight / candidate.share : 0;
}

function drawn<T extends Candidate>(
  choice: Choice<T>,
  sums: readonly number[],
  random: () => number,
): number | undefined {
  const { candidates, even, may } = choice;
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const index = even
      ? Math.floor(random() * candidates.length)
      : indexOfSum(sums, random() * (sums.at(-1) ?? 0));
    const candidate = candidates[index];
    if (candidate && may(candidate)) return index;
  }
  return drawnAmongFew(choice, random);
}

/** When most may not go, those that may are looked for. */
function drawnAmongFew<T extends Candidate>(
  { candidates, may }: Choice<T>,
  random: () => number,
): number | undefined {
  let total = 0;
  let chosen: number | undefined;
  candidates.forEach((candidate, index) => {
    if (!may(candidate)) return;
    total += candidate.share;
    if (random() * total < candidate.share) chosen = index;
  });
  return chosen;
}

/** The first index whose sum is above `value`. */
function indexOfSum(sums: readonly number[], value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
