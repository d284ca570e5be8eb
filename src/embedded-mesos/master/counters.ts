/** The master's counters by the names that Mesos's `/metrics/snapshot` gives them (Mesos reference 3.10). */
export class Counters {
  readonly #values = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  entries(): IterableIterator<[string, number]> {
    return this.#values.entries();
  }
}
