import type { Clock, Timer } from '../util/clock.js';

interface Due {
  readonly key: string;
  readonly atMs: number;
  readonly run: () => void;
}

/** Any number of named deadlines over one timer: a binary heap, with replaced and cleared ones skipped when they surface. */
export class Deadlines {
  readonly #heap: Due[] = [];
  readonly #current = new Map<string, Due>();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.#current.size;
  }

  /** Runs `run` in `inMs`; an earlier deadline of the same key is forgotten. */
  set(key: string, inMs: number, run: () => void): void {
    if (this.#stopped) return;
    const due: Due = { key, atMs: this.clock.monotonicMs() + Math.max(0, inMs), run };
    this.#current.set(key, due);
    this.#push(due);
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#current.size) this.#rebuild();
    this.#arm();
  }

  clear(key: string): void {
    this.#current.delete(key);
  }

  has(key: string): boolean {
    return this.#current.has(key);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#current.clear();
    this.#heap.length = 0;
  }

  #arm(): void {
    const next = this.#heap[0];
    if (!next || next.atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = next.atMs;
    this.#timer = this.clock.after(next.atMs - this.clock.monotonicMs(), () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.clock.monotonicMs();
    for (let due = this.#heap[0]; due && due.atMs <= nowMs; due = this.#heap[0]) {
      this.#pop();
      if (this.#current.get(due.key) !== due) continue;
      this.#current.delete(due.key);
      due.run();
      if (this.#stopped) return;
    }
    this.#arm();
  }

  #rebuild(): void {
    const live = [...this.#current.values()];
    this.#heap.length = 0;
    for (const due of live) this.#push(due);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(due);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (!above || above.atMs <= due.atMs) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (!left) break;
      if (right && right.atMs < left.atMs) child += 1;
      const smaller = child === 2 * index + 1 ? left : right;
      if (!smaller || smaller.atMs >= last.atMs) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }
}
