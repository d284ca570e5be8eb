import type { Timestamp } from '../util/timestamp.js';

/** What is kept of something deleted. */
export interface Tombstone {
  readonly kind: 'app' | 'group';
  readonly path: string;
  /** The first moment known of it. */
  readonly from: Timestamp;
  /** When it was deleted. */
  readonly until: Timestamp;
  /** Stored records that it keeps. */
  readonly weight: number;
}

/** Most records kept of deleted apps and groups; beyond it the oldest tombstones go, needed or not. */
export const MAX_BURIED_RECORDS = 20_000;
/** Tombstones that are looked at per batch of changes: more than a batch adds on average. */
const LOOKS = 8;
/** Most that one batch gives up because there are too many. */
const MAX_EVICTED = 512;

/** Every tombstone, oldest deletion first, and which of them may go. */
export class Tombstones {
  readonly #all = new Map<string, Tombstone>();
  #weight = 0;
  #cursor: Iterator<Tombstone> = this.#all.values();

  get(kind: Tombstone['kind'], path: string): Tombstone | undefined {
    return this.#all.get(keyOf(kind, path));
  }

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<Tombstone> {
    return this.#all.values();
  }

  /** Deletions come in the order of their time. */
  add(tombstone: Tombstone): void {
    this.remove(tombstone.kind, tombstone.path);
    this.#all.set(keyOf(tombstone.kind, tombstone.path), tombstone);
    this.#weight += tombstone.weight;
  }

  remove(kind: Tombstone['kind'], path: string): void {
    const key = keyOf(kind, path);
    this.#weight -= this.#all.get(key)?.weight ?? 0;
    this.#all.delete(key);
  }

  /** The next few in turn that nothing needs any more. */
  unneeded(isNeeded: (tombstone: Tombstone) => boolean): readonly Tombstone[] {
    const found: Tombstone[] = [];
    for (let looks = 0; looks < Math.min(LOOKS, this.#all.size); looks++) {
      let next = this.#cursor.next();
      if (next.done) {
        this.#cursor = this.#all.values();
        next = this.#cursor.next();
      }
      if (!next.done && !isNeeded(next.value)) found.push(next.value);
    }
    return found;
  }

  /** The oldest ones, as many as there are too many. */
  tooMany(): readonly Tombstone[] {
    const evicted: Tombstone[] = [];
    let weight = this.#weight;
    for (const tombstone of this.#all.values()) {
      if (weight <= MAX_BURIED_RECORDS || evicted.length >= MAX_EVICTED) break;
      evicted.push(tombstone);
      weight -= tombstone.weight;
    }
    return evicted;
  }
}

function keyOf(kind: Tombstone['kind'], path: string): string {
  return `${kind} ${path}`;
}
