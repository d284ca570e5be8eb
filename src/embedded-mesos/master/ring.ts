/** Keeps the newest `limit` values, oldest first. */
export class Ring<T> {
  #values: T[] = [];
  #from = 0;

  constructor(private readonly limit: number) {}

  get size(): number {
    return this.#values.length - this.#from;
  }

  push(value: T): void {
    this.#values.push(value);
    if (this.size > this.limit) this.#from++;
    if (this.#from > this.limit) {
      this.#values = this.#values.slice(this.#from);
      this.#from = 0;
    }
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = this.#from; i < this.#values.length; i++) yield this.#values[i] as T;
  }

  find(matches: (value: T) => boolean): T | undefined {
    for (const value of this) if (matches(value)) return value;
    return undefined;
  }
}
