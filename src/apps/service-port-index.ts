import { assert } from '../util/assert.js';

/** Inclusive on both ends. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Which service ports the apps use, kept incrementally: a count per port (explicit ports may be shared) and one bit per
 * port of the range, so that finding a free one looks at no app and at 32 ports at a time.
 *
 * INVARIANT: the bit of a port of the range is set exactly while its count is not 0.
 */
export class ServicePortIndex {
  readonly #uses = new Map<number, number>();
  readonly #usedBits: Uint32Array;

  constructor(readonly range: PortRange) {
    this.#usedBits = new Uint32Array(Math.ceil((range.max - range.min + 1) / 32));
  }

  add(ports: Iterable<number>): void {
    for (const port of ports) {
      if (port === 0) continue;
      this.#uses.set(port, (this.#uses.get(port) ?? 0) + 1);
      this.#mark(port, true);
    }
  }

  remove(ports: Iterable<number>): void {
    for (const port of ports) {
      if (port === 0) continue;
      const uses = this.#uses.get(port) ?? 0;
      assert(uses > 0, `service port ${port} is released but was not in use`);
      if (uses > 1) this.#uses.set(port, uses - 1);
      else {
        this.#uses.delete(port);
        this.#mark(port, false);
      }
    }
  }

  /** The lowest free port of the range at or above `from`, undefined when there is none. */
  lowestFree(from: number): number | undefined {
    for (let at = Math.max(0, from - this.range.min); at <= this.range.max - this.range.min; ) {
      const word = at >>> 5;
      const free = ~(this.#usedBits[word] ?? 0) & (-1 << (at & 31));
      if (free !== 0) {
        const port = this.range.min + word * 32 + (31 - Math.clz32(free & -free));
        return port <= this.range.max ? port : undefined;
      }
      at = (word + 1) * 32;
    }
    return undefined;
  }

  /** Starts choosing ports for one request; what it takes is in nobody's way until the request is applied. */
  choose(): ServicePortChoice {
    return new ServicePortChoice(this);
  }

  #mark(port: number, used: boolean): void {
    const offset = port - this.range.min;
    if (offset < 0 || port > this.range.max) return;
    const word = offset >>> 5;
    const bit = 1 << (offset & 31);
    const before = this.#usedBits[word] ?? 0;
    this.#usedBits[word] = used ? before | bit : before & ~bit;
  }
}

/** The ports one request takes; several apps of it never get the same. */
export class ServicePortChoice {
  readonly #taken = new Set<number>();
  #next: number;

  constructor(private readonly index: ServicePortIndex) {
    this.#next = index.range.min;
  }

  get range(): PortRange {
    return this.index.range;
  }

  /** Ports that the request itself names: never given to another app of it. */
  reserve(ports: Iterable<number>): void {
    for (const port of ports) if (port !== 0) this.#taken.add(port);
  }

  /** The lowest free port of the range, undefined when there is none left. */
  nextFree(): number | undefined {
    for (;;) {
      const port = this.index.lowestFree(this.#next);
      if (port === undefined) return undefined;
      this.#next = port + 1;
      if (!this.#taken.has(port)) return port;
    }
  }
}
