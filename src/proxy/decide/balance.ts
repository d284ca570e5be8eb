import type { Balance } from '../table.js';
import { type Candidate, pickServer } from './pick-server.js';

/** What algorithms other than round robin look at. */
export interface Balanced extends Candidate {
  /** Stable over tables and the same in every proxy. */
  readonly hashName: string;
  /** Requests, tunnels and connections under way. */
  readonly inFlight: number;
}

export interface Choice<T> {
  readonly candidates: readonly T[];
  /** Where round robin goes on. */
  readonly start: number;
  readonly nowMs: number;
  readonly tried: (candidate: T) => boolean;
  /** What the hash algorithms are given: the client's address, or the path. */
  readonly hashed: string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A server may have so many times the mean of requests under way before a hash looks further (bounded load). */
const LOAD_BOUND = 1.5;

/**
 * The index of the server for the next request, by HAProxy's algorithms: `roundrobin`, `leastconn` (fewest under way, in
 * turn among equals), `random` (of two drawn, that with fewer), `first` (the first that may), `source` and `uri` (rendezvous
 * hashing: a server that goes or comes moves only its own share; none takes more than half as much again as the mean).
 * Ejected and tried servers are left alone while there are others. Undefined only without candidates.
 */
export function balance<T extends Balanced>(algorithm: Balance, choice: Choice<T>): number | undefined {
  if (algorithm === 'roundrobin') return roundRobin(choice);
  const usable = usableOf(choice);
  // Nothing is left but what failed already: in turn, as ever.
  if (usable.length === 0) return roundRobin(choice);
  switch (algorithm) {
    case 'leastconn':
      return fewest(choice, usable);
    case 'random':
      return lighter(choice, drawn(usable, choice), drawn(usable, choice));
    case 'first':
      return usable[0];
    case 'source':
    case 'uri':
      return byHash(choice, usable);
  }
}

function roundRobin<T extends Balanced>({ candidates, start, nowMs, tried }: Choice<T>): number | undefined {
  return pickServer(candidates, start, nowMs, tried);
}

function usableOf<T extends Balanced>({ candidates, nowMs, tried }: Choice<T>): readonly number[] {
  const usable: number[] = [];
  candidates.forEach((candidate, index) => {
    if (!tried(candidate) && candidate.ejectedUntilMs <= nowMs) usable.push(index);
  });
  return usable;
}

function drawn<T>(usable: readonly number[], { random }: Choice<T>): number {
  return usable[Math.floor(random() * usable.length)] ?? 0;
}

function lighter<T extends Balanced>({ candidates }: Choice<T>, one: number, other: number): number {
  return (candidates[other]?.inFlight ?? 0) < (candidates[one]?.inFlight ?? 0) ? other : one;
}

function fewest<T extends Balanced>(
  { candidates, start }: Choice<T>,
  among: readonly number[],
): number | undefined {
  const count = candidates.length;
  const turn = (index: number): number => (index - start + count) % count;
  let best: number | undefined;
  for (const index of among) {
    const load = candidates[index]?.inFlight ?? 0;
    const least = best === undefined ? Number.POSITIVE_INFINITY : (candidates[best]?.inFlight ?? 0);
    if (load < least || (load === least && best !== undefined && turn(index) < turn(best))) best = index;
  }
  return best;
}

function byHash<T extends Balanced>(
  { candidates, hashed }: Choice<T>,
  usable: readonly number[],
): number | undefined {
  let total = 1;
  for (const index of usable) total += candidates[index]?.inFlight ?? 0;
  const bound = Math.ceil((LOAD_BOUND * total) / usable.length);
  let best: number | undefined;
  let bestScore = -1;
  let fallback: number | undefined;
  let fallbackScore = -1;
  for (const index of usable) {
    const candidate = candidates[index];
    if (!candidate) continue;
    const score = hash32(`${candidate.hashName} ${hashed}`);
    if (score > fallbackScore) {
      fallback = index;
      fallbackScore = score;
    }
    if (candidate.inFlight < bound && score > bestScore) {
      best = index;
      bestScore = score;
    }
  }
  return best ?? fallback;
}

/** FNV-1a with a final mix (of MurmurHash3), since the last letters alone may differ: 0 to 2^32 - 1. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
