import type { TaskId } from '../../../scheduler/instance.js';

/** An instance in a slot of a backend. */
export interface Occupant {
  readonly taskId: TaskId;
  /** HAProxy's server name as marathon-lb makes it; the slot itself is named by its number. */
  readonly name: string;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** It gets nothing new, though it is there. */
  readonly disabled: boolean;
}

/** A server line of a backend: free, taken, or left by an instance that something may still be in flight to. */
export type Slot =
  | { readonly state: 'free' }
  | { readonly state: 'taken' | 'leaving'; readonly by: Occupant };

export const FREE: Slot = { state: 'free' };
const LEAST_SLOTS = 4;

/** How many slots a backend gets: a power of two with room for a deployment that doubles it. */
export function slotCount(servers: number): number {
  let slots = LEAST_SLOTS;
  while (slots < servers * 2) slots *= 2;
  return slots;
}

/** The slots, and as many free ones that those who have none find room, also when these come again one by one. */
export function grown(slots: readonly Slot[], lacking: number): readonly Slot[] {
  let count = Math.max(LEAST_SLOTS, slots.length);
  while (count < slots.length + lacking) count *= 2;
  return [...slots, ...Array.from({ length: count - slots.length }, () => FREE)];
}

/** HAProxy's name of the slot with this index. */
export function slotName(index: number): string {
  return `s${index + 1}`;
}

export function slotIndex(name: string): number {
  return /^s\d+$/.test(name) ? Number(name.slice(1)) - 1 : -1;
}

/** What is to be done to one slot, and how it is then. */
export interface SlotChange {
  readonly index: number;
  readonly before: Slot;
  readonly after: Slot;
}

/**
 * Puts the wanted instances into slots: whoever has one keeps it, others get free ones, whose slot is wanted no more is leaving.
 * `lacking`: instances that there was no slot for.
 */
export function assignSlots(
  slots: readonly Slot[],
  wanted: readonly Occupant[],
): { readonly changes: readonly SlotChange[]; readonly lacking: number } {
  const missing = new Map(wanted.map((each) => [placeOf(each), each]));
  const changes: SlotChange[] = [];
  const free: number[] = [];
  for (const [index, before] of slots.entries()) {
    if (before.state === 'free') {
      free.push(index);
      continue;
    }
    const place = placeOf(before.by);
    const still = missing.get(place);
    missing.delete(place);
    const after: Slot = still ? { state: 'taken', by: still } : { state: 'leaving', by: before.by };
    if (after.state !== before.state || !sameOccupant(after.by, before.by))
      changes.push({ index, before, after });
  }
  // Those that leave go first: they must get nothing new from now on.
  changes.sort((a, b) => Number(b.after.state === 'leaving') - Number(a.after.state === 'leaving'));
  let lacking = 0;
  for (const by of missing.values()) {
    const index = free.shift();
    if (index === undefined) lacking += 1;
    else changes.push({ index, before: FREE, after: { state: 'taken', by } });
  }
  return { changes, lacking };
}

/** The slots of a configuration made anew: nobody is leaving in it; whoever had a slot keeps its number. */
export function freshSlots(
  before: readonly Slot[],
  wanted: readonly Occupant[],
  least: number,
): readonly Slot[] {
  const count = slotCount(Math.max(wanted.length, least));
  const slots: Slot[] = Array.from({ length: count }, () => FREE);
  const waiting = new Map(wanted.map((each) => [placeOf(each), each]));
  for (const [index, slot] of before.entries()) {
    if (slot.state === 'free' || index >= count) continue;
    const still = waiting.get(placeOf(slot.by));
    if (!still) continue;
    slots[index] = { state: 'taken', by: still };
    waiting.delete(placeOf(slot.by));
  }
  let next = 0;
  for (const by of waiting.values()) {
    while (slots[next]?.state !== 'free') next += 1;
    slots[next] = { state: 'taken', by };
  }
  return slots;
}

/** The same process at the same address. */
function placeOf({ taskId, address, port }: Occupant): string {
  return `${taskId} ${address} ${port}`;
}

function sameOccupant(a: Occupant, b: Occupant): boolean {
  return placeOf(a) === placeOf(b) && a.weight === b.weight && a.disabled === b.disabled;
}
