/** Entries over a limit that one new entry removes: a lowered limit is reached little by little. */
const DROPPED_AT_ONCE = 8;

export interface HistoryLimits {
  /** Most entries of one owner. */
  readonly perOwner: number;
  /** Most entries of all together. */
  readonly overall: number;
}

export interface Place<Owner extends string> {
  readonly owner: Owner;
  readonly seq: number;
}

/**
 * Which entries of a history are stored, by owner, without what they say.
 *
 * INVARIANTS
 * - Numbers grow, also over restarts as long as anything is left; the newest entry has the highest.
 * - Beyond a limit the oldest go, a few with every new one; neither adding nor evicting looks at more than those.
 */
export class HistoryIndex<Owner extends string> {
  readonly #owners = new Map<Owner, number[]>();
  /** In the order of their numbers. */
  readonly #all = new Map<number, Owner>();
  #newest = 0;

  constructor(private readonly limits: HistoryLimits) {}

  /** What is stored, in any order; once, before the first `add`. */
  load(places: Iterable<Place<Owner>>): void {
    for (const { owner, seq } of [...places].sort((a, b) => a.seq - b.seq)) this.#put(owner, seq);
  }

  get size(): number {
    return this.#all.size;
  }

  owners(): Iterable<Owner> {
    return this.#owners.keys();
  }

  get ownerCount(): number {
    return this.#owners.size;
  }

  /** The next number, for a new entry, and the places that it pushes out. */
  add(owner: Owner): { readonly seq: number; readonly evicted: readonly Place<Owner>[] } {
    const seq = this.#newest + 1;
    this.#put(owner, seq);
    const evicted: Place<Owner>[] = [];
    while (evicted.length < DROPPED_AT_ONCE) {
      const victim = this.#victim(owner);
      if (victim === undefined) break;
      this.drop(victim);
      evicted.push(victim);
    }
    return { seq, evicted };
  }

  has({ owner, seq }: Place<Owner>): boolean {
    return this.#all.get(seq) === owner;
  }

  drop({ owner, seq }: Place<Owner>): void {
    if (!this.#all.delete(seq)) return;
    const numbers = this.#owners.get(owner) ?? [];
    const index = numbers.indexOf(seq);
    if (index >= 0) numbers.splice(index, 1);
    if (numbers.length === 0) this.#owners.delete(owner);
  }

  /** Numbers of an owner's entries below `before` (all without it), newest first. */
  *newestFirst(owner: Owner, before: number | undefined): Generator<number> {
    const numbers = [...(this.#owners.get(owner) ?? [])];
    for (let index = numbers.length - 1; index >= 0; index--) {
      const seq = numbers[index];
      if (seq !== undefined && (before === undefined || seq < before)) yield seq;
    }
  }

  #put(owner: Owner, seq: number): void {
    const numbers = this.#owners.get(owner) ?? [];
    numbers.push(seq);
    this.#owners.set(owner, numbers);
    this.#all.set(seq, owner);
    this.#newest = Math.max(this.#newest, seq);
  }

  #victim(owner: Owner): Place<Owner> | undefined {
    const numbers = this.#owners.get(owner) ?? [];
    const [own] = numbers;
    if (own !== undefined && numbers.length > this.limits.perOwner) return { owner, seq: own };
    if (this.#all.size <= this.limits.overall) return undefined;
    const [oldest] = this.#all;
    return oldest === undefined ? undefined : { seq: oldest[0], owner: oldest[1] };
  }
}
