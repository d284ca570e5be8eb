import { joined } from './hash.js';
import type { Candidate, Choice } from './pick-server.js';

/**
 * Rendezvous hashing: every candidate draws by the key and its own name, the highest wins. One that goes or comes moves only
 * its own share of the keys, whoever computes it and in whatever order; with shares, each wins in proportion to its own.
 *
 * `loadFactor` 0: no bound. Else nobody takes more than that many per cent of what his share of all that is under way would
 * be; the key goes to the next highest then (never less than one request each, so that there always is somebody).
 * O(n), but it touches little: `seeds` has the candidates' seeds side by side.
 */
export function byHash<T extends Candidate>(
  choice: Choice<T>,
  seeds: Uint32Array,
  key: number,
  loadFactor: number,
): number | undefined {
  if (loadFactor === 0) return highest(choice, seeds, key, Number.POSITIVE_INFINITY);
  const { candidates, may } = choice;
  let underWay = 1;
  let shares = 0;
  for (const candidate of candidates) {
    if (!may(candidate)) continue;
    underWay += candidate.inFlight;
    shares += candidate.share;
  }
  const perShare = (underWay * loadFactor) / (100 * shares);
  return highest(choice, seeds, key, perShare) ?? highest(choice, seeds, key, Number.POSITIVE_INFINITY);
}

function highest<T extends Candidate>(
  { candidates, even, may }: Choice<T>,
  seeds: Uint32Array,
  key: number,
  boundPerShare: number,
): number | undefined {
  let best: number | undefined;
  let bestScore = -1;
  for (let index = 0; index < seeds.length; index++) {
    const hash = joined(seeds[index] ?? 0, key);
    // With even shares the order of hashes is that of scores.
    if (even && hash <= bestScore) continue;
    const candidate = candidates[index];
    if (!candidate) continue;
    const score = even ? hash : scoreAbove(bestScore, hash, candidate.share);
    if (score <= bestScore || !may(candidate)) continue;
    if (candidate.inFlight >= Math.ceil(boundPerShare * candidate.share)) continue;
    best = index;
    bestScore = score;
  }
  return best;
}

/** share / -ln(u), with u in (0, 1) from the hash; -1 without taking the logarithm where it cannot be above `least`. */
function scoreAbove(least: number, hash: number, share: number): number {
  const u = (hash + 0.5) / 2 ** 32;
  // -ln(u) is never below 1 - u.
  return share <= least * (1 - u) ? -1 : share / -Math.log(u);
}
