interface Turn<T> {
  readonly item: T;
  weight: number;
  /** When it is due, in the turns' own time: one unit is a round in which an item of weight 1 is due once. */
  due: number;
  /** Of equals, the first goes first. */
  order: number;
}

/**
 * Smooth weighted round robin: whatever is due first goes next and is due again 1/weight later, so that the heavy are spread
 * between the light (weights 5, 1, 1 give a a a b c a a). A choice is O(log n), also with
 * weights that are no whole numbers. Those that may not go keep their place: when they may again they go at once, but only once.
 */
export class WeightedTurns<T> {
  #heap: Turn<T>[] = [];
  readonly #of = new Map<T, Turn<T>>();
  #now = 0;

  /** Who takes part, each with a weight above 0; whoever did before keeps his place. O(n). */
  arrange(entries: readonly (readonly [item: T, weight: number])[]): void {
    const before = new Map(this.#of);
    this.#of.clear();
    entries.forEach(([item, weight], order) => {
      const known = before.get(item);
      const due = known
        ? this.#now + (Math.max(0, known.due - this.#now) * known.weight) / weight
        : // Half a turn ahead, so that a light item comes in the middle of the heavy one's turns.
          this.#now + 0.5 / weight;
      this.#of.set(item, { item, weight, due, order });
    });
    this.#heap = [...this.#of.values()].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** The next that may go. Undefined: none may. */
  next(may: (item: T) => boolean): T | undefined {
    const passed: Turn<T>[] = [];
    let chosen: T | undefined;
    for (let first = this.#heap[0]; first; first = this.#heap[0]) {
      if (may(first.item)) {
        chosen = first.item;
        this.#now = Math.max(this.#now, first.due);
        first.due = this.#now + 1 / first.weight;
        this.#sink(0);
        break;
      }
      passed.push(first);
      this.#takeFirst();
    }
    for (const turn of passed) this.#add(turn);
    return chosen;
  }

  #takeFirst(): void {
    const last = this.#heap.pop();
    if (last && this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
  }

  #add(turn: Turn<T>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(turn);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || !isBefore(turn, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = turn;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const turn = heap[from];
    if (!turn) return;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      const left = heap[below];
      if (!left) break;
      let least = left;
      const right = heap[below + 1];
      if (right && isBefore(right, left)) {
        least = right;
        below += 1;
      }
      if (!isBefore(least, turn)) break;
      heap[at] = least;
      at = below;
    }
    heap[at] = turn;
  }
}

function isBefore<T>(a: Turn<T>, b: Turn<T>): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
