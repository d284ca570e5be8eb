import type { Balance } from '../table.js';
import { type Candidate, type Choice, first, inTurn, leastLoaded, lighterOfTwo } from './pick-server.js';
import { byHash } from './rendezvous.js';

/** A choice with everything that some algorithm looks at. */
export interface Balancing<T extends Candidate> extends Choice<T> {
  /** `sums[i]`: the sum of the shares up to and with i; needed by `random` with uneven shares. */
  readonly sums: readonly number[];
  /** The candidates' hash seeds, side by side. */
  readonly seeds: Uint32Array;
  /** Hash of what the hash algorithms are given: the client's address, the path, a header. Undefined: there is none. */
  readonly key: number | undefined;
  /** A hashed candidate may have so many per cent of its part of the load; 0: no bound. */
  readonly loadFactor: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Requests go in turn: by `roundrobin`, and by `header` where a request has not got that header, as HAProxy does. */
export function isInTurn(algorithm: Balance, key: number | undefined): boolean {
  if (algorithm === 'roundrobin') return true;
  return key === undefined && (algorithm === 'header' || algorithm === 'uri' || algorithm === 'source');
}

/**
 * The index of the candidate for the next request, by HAProxy's algorithms: `roundrobin` (here with even shares only: uneven
 * ones have WeightedTurns), `leastconn` (fewest under way for its share), `random` (of two drawn, that with fewer), `first`
 * (the first that may), `source`, `uri` and `header` (hashing). Undefined: none may.
 */
export function balance<T extends Candidate>(algorithm: Balance, choice: Balancing<T>): number | undefined {
  switch (algorithm) {
    case 'roundrobin':
      return inTurn(choice);
    case 'leastconn':
      return leastLoaded(choice);
    case 'random':
      return lighterOfTwo(choice, choice.sums, choice.random);
    case 'first':
      return first(choice);
    case 'source':
    case 'uri':
    case 'header':
      if (choice.key === undefined) return inTurn(choice);
      return byHash(choice, choice.seeds, choice.key, choice.loadFactor);
  }
}
