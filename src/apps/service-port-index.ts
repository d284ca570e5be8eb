import { assert } from '../util/assert.js';

/** Inclusive on both ends. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Which service ports the apps use, kept incrementally: a count per port (explicit ports may be shared) and the lowest
 * port of the range that may be free, so that assigning never scans the apps.
 *
 * INVARIANT: every port of the range below `#lowestMaybeFree` is in use.
 */
export class ServicePortIndex {
  readonly #uses = new Map<number, number>();
  #lowestMaybeFree: number;

  constructor(readonly range: PortRange) {
    this.#lowestMaybeFree = range.min;
  }

  add(ports: Iterable<number>): void {
    for (const port of ports) if (port !== 0) this.#uses.set(port, (this.#uses.get(port) ?? 0) + 1);
  }

  remove(ports: Iterable<number>): void {
    for (const port of ports) {
      if (port === 0) continue;
      const uses = this.#uses.get(port) ?? 0;
      assert(uses > 0, `service port ${port} is released but was not in use`);
      if (uses > 1) this.#uses.set(port, uses - 1);
      else {
        this.#uses.delete(port);
        if (port >= this.range.min && port < this.#lowestMaybeFree) this.#lowestMaybeFree = port;
      }
    }
  }

  isFree(port: number): boolean {
    return !this.#uses.has(port);
  }

  /** Starts choosing ports for one request; what it takes is in nobody's way until the request is applied. */
  choose(): ServicePortChoice {
    while (this.#lowestMaybeFree <= this.range.max && !this.isFree(this.#lowestMaybeFree)) this.#lowestMaybeFree++;
    return new ServicePortChoice(this, this.#lowestMaybeFree);
  }
}

/** The ports one request takes; several apps of it never get the same. */
export class ServicePortChoice {
  readonly #taken = new Set<number>();
  #next: number;

  constructor(
    private readonly index: ServicePortIndex,
    from: number,
  ) {
    this.#next = from;
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
    for (; this.#next <= this.range.max; this.#next++) {
      if (this.index.isFree(this.#next) && !this.#taken.has(this.#next)) {
        this.#taken.add(this.#next);
        return this.#next++;
      }
    }
    return undefined;
  }
}
