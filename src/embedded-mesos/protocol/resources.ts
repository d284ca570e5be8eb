import { coalesce, rangesContain, subtractRanges, uniteRanges } from './ranges.js';
import type { DiskInfo, ReservationInfo, Resource } from './resource.js';
import type { Range } from './values.js';

/**
 * Sums of resources: an immutable value that is added, subtracted and compared.
 *
 * INVARIANTS
 * - Scalars are whole thousandths inside (Mesos's fixed point with three decimals), so sums never drift.
 * - Two resources merge only when everything but their amount is equal: name, type, reservations, disk, revocable, shared,
 *   provider (Mesos reference, appendix C). The allocation role is no part of it: an offer has one for all it holds.
 * - Nothing empty is kept: `cpus:0` is the same as no cpus. Ranges are sorted and joined, sets have no duplicates.
 */
export class Resources {
  static readonly none = new Resources(new Map());
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  /** Sums up a list in wire form, of either reservation format. */
  static of(list: readonly Resource[]): Resources {
    const entries = new Map<string, Entry>();
    for (const resource of list) {
      const entry = entryOf(resource);
      const known = entries.get(entry.key);
      const sum = known ? { ...known, amount: addAmounts(known.amount, entry.amount) } : entry;
      if (!isNothing(sum.amount)) entries.set(entry.key, sum);
    }
    return entries.size === 0 ? Resources.none : new Resources(entries);
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  plus(other: Resources): Resources {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const entries = new Map(this.#entries);
    for (const entry of other.#entries.values()) {
      const known = entries.get(entry.key);
      const sum = known
        ? { key: known.key, base: known.base, amount: addAmounts(known.amount, entry.amount) }
        : entry;
      entries.set(sum.key, sum);
    }
    return new Resources(entries);
  }

  /** What is left when `other` is taken away; never below nothing. Ask `contains` first where more would be an error. */
  minus(other: Resources): Resources {
    if (other.isEmpty || this.isEmpty) return this;
    const entries = new Map(this.#entries);
    for (const entry of other.#entries.values()) {
      const known = entries.get(entry.key);
      if (!known) continue;
      // The very same amount, as when an offer comes back: ports of a busy agent are hundreds of ranges.
      const amount = known.amount === entry.amount ? undefined : subtractAmounts(known.amount, entry.amount);
      if (amount === undefined || isNothing(amount)) entries.delete(entry.key);
      else entries.set(known.key, { key: known.key, base: known.base, amount });
    }
    return entries.size === 0 ? Resources.none : new Resources(entries);
  }

  /** Whether `other` can be taken away from this in full. */
  contains(other: Resources): boolean {
    for (const entry of other.#entries.values()) {
      const known = this.#entries.get(entry.key);
      if (known?.amount === entry.amount) continue;
      if (!known || !amountContains(known.amount, entry.amount)) return false;
    }
    return true;
  }

  equals(other: Resources): boolean {
    return this.contains(other) && other.contains(this);
  }

  /** Only what `keep` says yes to; it sees the resource without its amount. */
  filter(keep: (resource: Resource) => boolean): Resources {
    const kept = new Map([...this.#entries].filter(([, entry]) => keep(entry.base)));
    if (kept.size === this.#entries.size) return this;
    return kept.size === 0 ? Resources.none : new Resources(kept);
  }

  /** Total of a scalar over all reservations; 0 when absent. */
  scalar(name: string): number {
    let milli = 0;
    for (const { base, amount } of this.#entries.values()) {
      if (base.name === name && amount.type === 'SCALAR') milli += amount.milli;
    }
    return milli / 1000;
  }

  /** Totals of all scalars by name. */
  scalars(): ReadonlyMap<string, number> {
    const totals = new Map<string, number>();
    for (const { base, amount } of this.#entries.values()) {
      if (amount.type === 'SCALAR') totals.set(base.name, (totals.get(base.name) ?? 0) + amount.milli);
    }
    for (const [name, milli] of totals) totals.set(name, milli / 1000);
    return totals;
  }

  /** All ranges of that name, joined. */
  ranges(name: string): readonly Range[] {
    let all: readonly Range[] = [];
    for (const { base, amount } of this.#entries.values()) {
      if (base.name === name && amount.type === 'RANGES') all = uniteRanges(all, amount.ranges);
    }
    return all;
  }

  /** In wire form: reservations as a list, without the old `role`; with `allocation_info` when a role is given. */
  toList(allocationRole?: string): Resource[] {
    const list: Resource[] = [];
    for (const { base, amount } of this.#entries.values()) {
      const resource = { ...base, ...amountFields(amount) };
      list.push(
        allocationRole === undefined ? resource : { ...resource, allocation_info: { role: allocationRole } },
      );
    }
    return list;
  }
}

type Amount =
  | { readonly type: 'SCALAR'; readonly milli: number }
  | { readonly type: 'RANGES'; readonly ranges: readonly Range[] }
  | { readonly type: 'SET'; readonly items: ReadonlySet<string> };

interface Entry {
  readonly key: string;
  /** The resource without amount and allocation, reservations in the new form. */
  readonly base: Resource;
  readonly amount: Amount;
}

/** Rounds to Mesos's three decimals. */
export function toMilli(value: number): number {
  return Math.round(value * 1000);
}

function entryOf(resource: Resource): Entry {
  const amount = amountOf(resource);
  const plainRole = resource.role === undefined || resource.role === '*';
  const isPlain =
    plainRole &&
    !resource.reservations?.length &&
    !resource.disk &&
    !resource.revocable &&
    !resource.shared &&
    !resource.provider_id;
  if (isPlain) {
    const { key, base } = plainKind(resource.type, resource.name);
    return { key, base, amount };
  }
  const base = baseOf(resource);
  return { key: `${resource.type} ${resource.name} ${particulars(base, amount)}`, base, amount };
}

type Kind = Pick<Entry, 'key' | 'base'>;
/** Unreserved kinds met before: their keys are compared and hashed once. Names come from outside, so not without bound. */
const plainKinds = {
  SCALAR: new Map<string, Kind>(),
  RANGES: new Map<string, Kind>(),
  SET: new Map<string, Kind>(),
};
const MAX_PLAIN_KINDS = 1_000;

function plainKind(type: Resource['type'], name: string): Kind {
  const known = plainKinds[type].get(name);
  if (known) return known;
  const kind = { key: `${type} ${name}`, base: { name, type } };
  if (plainKinds[type].size < MAX_PLAIN_KINDS) plainKinds[type].set(name, kind);
  return kind;
}

function baseOf(resource: Resource): Resource {
  const reservations = reservationsOf(resource);
  return {
    name: resource.name,
    type: resource.type,
    ...(resource.provider_id ? { provider_id: resource.provider_id } : {}),
    ...(reservations.length > 0 ? { reservations } : {}),
    ...(resource.disk ? { disk: resource.disk } : {}),
    ...(resource.revocable ? { revocable: resource.revocable } : {}),
    ...(resource.shared ? { shared: resource.shared } : {}),
  };
}

/** The reservations of a resource in either format, least refined first; empty when unreserved. */
export function reservationsOf(resource: Resource): readonly ReservationInfo[] {
  if (resource.reservations?.length) return resource.reservations;
  if (resource.role === undefined || resource.role === '*') return [];
  if (!resource.reservation) return [{ type: 'STATIC', role: resource.role }];
  return [{ type: 'DYNAMIC', role: resource.role, ...resource.reservation }];
}

/** To whom a resource is reserved; undefined when to nobody. */
export function reservedRole(resource: Resource): string | undefined {
  return reservationsOf(resource).at(-1)?.role;
}

function particulars(base: Resource, amount: Amount): string {
  return JSON.stringify([
    base.provider_id?.value,
    base.reservations?.map(({ type, role, principal, labels }) => [type, role, principal, labels?.labels]),
    base.disk ? diskIdentity(base.disk, amount) : undefined,
    base.revocable !== undefined,
    base.shared !== undefined,
  ]);
}

/** Volumes and mounted disks are indivisible: another size is another resource. */
function diskIdentity(disk: DiskInfo, amount: Amount): unknown {
  const whole =
    disk.persistence !== undefined || disk.source?.type === 'MOUNT' || disk.source?.type === 'BLOCK';
  return [
    disk.persistence?.id,
    disk.persistence?.principal,
    disk.volume?.container_path,
    disk.volume?.mode,
    disk.source?.type,
    disk.source?.path?.root,
    disk.source?.mount?.root,
    disk.source?.id,
    disk.source?.profile,
    disk.source?.vendor,
    whole && amount.type === 'SCALAR' ? amount.milli : undefined,
  ];
}

function amountOf(resource: Resource): Amount {
  switch (resource.type) {
    case 'SCALAR':
      return { type: 'SCALAR', milli: toMilli(resource.scalar?.value ?? 0) };
    case 'RANGES':
      return { type: 'RANGES', ranges: coalesce(resource.ranges?.range ?? []) };
    case 'SET':
      return { type: 'SET', items: new Set(resource.set?.item ?? []) };
  }
}

function amountFields(amount: Amount): Pick<Resource, 'scalar' | 'ranges' | 'set'> {
  switch (amount.type) {
    case 'SCALAR':
      return { scalar: { value: amount.milli / 1000 } };
    case 'RANGES':
      return { ranges: { range: amount.ranges } };
    case 'SET':
      return { set: { item: [...amount.items].sort() } };
  }
}

function isNothing(amount: Amount): boolean {
  switch (amount.type) {
    case 'SCALAR':
      return amount.milli <= 0;
    case 'RANGES':
      return amount.ranges.length === 0;
    case 'SET':
      return amount.items.size === 0;
  }
}

function addAmounts(a: Amount, b: Amount): Amount {
  if (a.type === 'SCALAR' && b.type === 'SCALAR') return { type: 'SCALAR', milli: a.milli + b.milli };
  if (a.type === 'RANGES' && b.type === 'RANGES')
    return { type: 'RANGES', ranges: uniteRanges(a.ranges, b.ranges) };
  if (a.type === 'SET' && b.type === 'SET') return { type: 'SET', items: new Set([...a.items, ...b.items]) };
  return a;
}

function subtractAmounts(a: Amount, b: Amount): Amount {
  if (a.type === 'SCALAR' && b.type === 'SCALAR')
    return { type: 'SCALAR', milli: Math.max(0, a.milli - b.milli) };
  if (a.type === 'RANGES' && b.type === 'RANGES')
    return { type: 'RANGES', ranges: subtractRanges(a.ranges, b.ranges) };
  if (a.type === 'SET' && b.type === 'SET') {
    return { type: 'SET', items: new Set([...a.items].filter((item) => !b.items.has(item))) };
  }
  return a;
}

function amountContains(a: Amount, b: Amount): boolean {
  if (a.type === 'SCALAR' && b.type === 'SCALAR') return b.milli <= a.milli;
  if (a.type === 'RANGES' && b.type === 'RANGES') return rangesContain(a.ranges, b.ranges);
  if (a.type === 'SET' && b.type === 'SET') return [...b.items].every((item) => a.items.has(item));
  return false;
}
