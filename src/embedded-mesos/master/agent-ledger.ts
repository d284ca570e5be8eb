import { assert } from '../../util/assert.js';
import { Resources } from '../protocol/resources.js';

/**
 * The resources of one agent: what it has, what tasks use, what offers hold.
 *
 * INVARIANTS
 * - Nothing is granted that is not free: every offer and every launch is checked against what is left (I7).
 * - Only what an agent reports by itself (tasks found at its return, a smaller total) can exceed the total; then nothing
 *   of that kind is free until enough of it has ended.
 */
export class AgentLedger {
  #total: Resources;
  #used = Resources.none;
  #offered = Resources.none;
  /** What tasks leave of the total. */
  #unused: Resources | undefined;
  #free: Resources | undefined;

  constructor(total: Resources) {
    this.#total = total;
  }

  get total(): Resources {
    return this.#total;
  }

  get used(): Resources {
    return this.#used;
  }

  get offered(): Resources {
    return this.#offered;
  }

  /** What can be offered now. */
  get free(): Resources {
    this.#unused ??= this.#total.minus(this.#used);
    this.#free ??= this.#unused.minus(this.#offered);
    return this.#free;
  }

  setTotal(total: Resources): void {
    this.#total = total;
    this.#usedChanged();
  }

  offer(resources: Resources): void {
    assert(this.free.contains(resources), 'I7: an offer holds more than is free on its agent');
    this.#offered = this.#offered.plus(resources);
    this.#free = undefined;
  }

  /** An offer is over: its resources are free again. */
  unoffer(resources: Resources): void {
    assert(this.#offered.contains(resources), 'I9: an offer is taken back twice');
    this.#offered = this.#offered.minus(resources);
    this.#free = undefined;
  }

  /** A launch. */
  use(resources: Resources): void {
    assert(this.free.contains(resources), 'I7: a launch takes more than is free on its agent');
    this.#used = this.#used.plus(resources);
    this.#usedChanged();
  }

  /** A task that the agent itself says it has. */
  adopt(resources: Resources): void {
    this.#used = this.#used.plus(resources);
    this.#usedChanged();
  }

  release(resources: Resources): void {
    this.#used = this.#used.minus(resources);
    this.#usedChanged();
  }

  #usedChanged(): void {
    this.#unused = undefined;
    this.#free = undefined;
  }
}
