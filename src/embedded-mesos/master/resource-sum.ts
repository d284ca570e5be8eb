import { coalesce } from '../protocol/ranges.js';
import { rangesText } from '../protocol/resource-text.js';
import { type Resources, toMilli } from '../protocol/resources.js';
import type { Range } from '../protocol/values.js';

/** What every summary shows, in the order of a real master's. */
const ALWAYS = ['disk', 'mem', 'gpus', 'cpus'] as const;

/** So many ranges more than at the last joining are joined again. */
const RANGES_TO_JOIN = 1_024;

/**
 * Sums up the resources of many tasks for people to read: scalars as whole thousandths, ranges joined in batches.
 * Adding fifty thousand tasks one `Resources` to the other would join their ports fifty thousand times.
 */
export class ResourceSum {
  readonly #milli = new Map<string, number>();
  #ranges: Range[] = [];
  #rangesToJoin = RANGES_TO_JOIN;

  add(resources: Resources): void {
    for (const [name, amount] of resources.scalars())
      this.#milli.set(name, (this.#milli.get(name) ?? 0) + toMilli(amount));
    this.#addRanges(resources.ranges('ports'));
  }

  addAll(other: ResourceSum): void {
    for (const [name, milli] of other.#milli) this.#milli.set(name, (this.#milli.get(name) ?? 0) + milli);
    this.#addRanges(other.#ranges);
  }

  /** Joined now and then: tasks of many agents use the same ports. */
  #addRanges(ranges: readonly Range[]): void {
    for (const range of ranges) this.#ranges.push(range);
    if (this.#ranges.length < this.#rangesToJoin) return;
    this.#ranges = [...coalesce(this.#ranges)];
    this.#rangesToJoin = 2 * this.#ranges.length + RANGES_TO_JOIN;
  }

  /** Amounts of scalars by name; only those that there are. */
  scalars(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#milli].map(([name, milli]) => [name, milli / 1_000]));
  }

  /** `{disk, mem, gpus, cpus}` always, other scalars by name, ports as text when there are any. */
  summary(): Readonly<Record<string, unknown>> {
    const summary: Record<string, unknown> = Object.fromEntries(ALWAYS.map((name) => [name, 0]));
    Object.assign(summary, this.scalars());
    if (this.#ranges.length > 0) summary['ports'] = rangesText(coalesce(this.#ranges));
    return summary;
  }
}
