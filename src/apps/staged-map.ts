/**
 * Values that are prepared but not yet durable, per key in the order in which they were staged. They end in that order
 * (`settle`) or the other way round (`takeBack`).
 */
export class StagedMap<Key, Value> {
  readonly #staged = new Map<Key, Value[]>();

  push(key: Key, value: Value): void {
    const values = this.#staged.get(key);
    if (values) values.push(value);
    else this.#staged.set(key, [value]);
  }

  /** What was staged last; undefined when nothing is. */
  newest(key: Key): Value | undefined {
    return this.#staged.get(key)?.at(-1);
  }

  has(key: Key): boolean {
    return this.#staged.has(key);
  }

  find(key: Key, test: (value: Value) => boolean): Value | undefined {
    return this.#staged.get(key)?.find(test);
  }

  /** Takes out what was staged first. */
  settle(key: Key): Value | undefined {
    return this.#take(key, (values) => values.shift());
  }

  /** Takes out what was staged last. */
  takeBack(key: Key): Value | undefined {
    return this.#take(key, (values) => values.pop());
  }

  #take(key: Key, take: (values: Value[]) => Value | undefined): Value | undefined {
    const values = this.#staged.get(key);
    if (!values) return undefined;
    const taken = take(values);
    if (values.length === 0) this.#staged.delete(key);
    return taken;
  }
}
