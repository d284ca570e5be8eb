import type { Clock, Timer } from '../util/clock.js';

/** Items looked at in one turn of the event loop. */
export const SWEEP_SLICE = 200;

/**
 * Looks at many items a slice a turn, the first slice at once. A sweep that begins under the key of one under way takes its
 * place; items are as they were when it began, so `look` has to pass over those that are gone.
 */
export class Sweeps<Key, Item> {
  readonly #under = new Map<Key, Timer>();

  constructor(
    private readonly clock: Clock,
    private readonly look: (item: Item) => void,
  ) {}

  begin(key: Key, items: Iterable<Item>): void {
    this.#under.get(key)?.cancel();
    this.#under.delete(key);
    this.#slice(key, [...items], 0);
  }

  stop(): void {
    for (const timer of this.#under.values()) timer.cancel();
    this.#under.clear();
  }

  #slice(key: Key, items: readonly Item[], from: number): void {
    const until = Math.min(items.length, from + SWEEP_SLICE);
    for (const item of items.slice(from, until)) this.look(item);
    if (until >= items.length) {
      this.#under.delete(key);
      return;
    }
    this.#under.set(
      key,
      this.clock.after(0, () => this.#slice(key, items, until)),
    );
  }
}
