/** How finely use is remembered, and for how long. */
export interface Resolution {
  readonly name: '10s' | '1m' | '15m';
  readonly slotSeconds: number;
  /** Slots that are stored in one record. */
  readonly chunkSlots: number;
  readonly keptSeconds: number;
}

/** Finest first. All three together take at most 100 KB of an app (see `usage-chunk.ts`). */
export const resolutions: readonly Resolution[] = [
  { name: '10s', slotSeconds: 10, chunkSlots: 60, keptSeconds: 3_600 },
  { name: '1m', slotSeconds: 60, chunkSlots: 60, keptSeconds: 86_400 },
  { name: '15m', slotSeconds: 900, chunkSlots: 96, keptSeconds: 30 * 86_400 },
];

export type ResolutionName = Resolution['name'];

export function resolutionNamed(name: string): Resolution | undefined {
  return resolutions.find((each) => each.name === name);
}

/** The finest that still remembers `fromMs`; the coarsest for what nobody remembers any more. */
export function finestReaching(fromMs: number, nowMs: number): Resolution {
  const reaching = resolutions.find(({ keptSeconds }) => fromMs >= nowMs - keptSeconds * 1_000);
  return reaching ?? (resolutions[resolutions.length - 1] as Resolution);
}

/** The slot (counted from the Unix epoch) that a moment falls into. */
export function slotAt({ slotSeconds }: Resolution, atMs: number): number {
  return Math.floor(atMs / (slotSeconds * 1_000));
}

export function chunkOfSlot({ chunkSlots }: Resolution, slot: number): number {
  return Math.floor(slot / chunkSlots);
}

/** The oldest chunk that holds anything worth keeping. */
export function oldestKept(resolution: Resolution, nowMs: number): number {
  return chunkOfSlot(resolution, slotAt(resolution, nowMs - resolution.keptSeconds * 1_000));
}

export interface SlotShare {
  readonly slot: number;
  readonly seconds: number;
}

/** How the `seconds` up to `untilMs` fall on slots; the shares add up to `seconds`. */
export function shares(resolution: Resolution, untilMs: number, seconds: number): readonly SlotShare[] {
  const fromMs = untilMs - seconds * 1_000;
  const first = slotAt(resolution, fromMs);
  const last = slotAt(resolution, untilMs);
  if (first === last) return [{ slot: first, seconds }];
  const slotMs = resolution.slotSeconds * 1_000;
  const found: SlotShare[] = [];
  for (let slot = first; slot <= last; slot++) {
    const overlapMs = Math.min(untilMs, (slot + 1) * slotMs) - Math.max(fromMs, slot * slotMs);
    if (overlapMs > 0) found.push({ slot, seconds: overlapMs / 1_000 });
  }
  return found;
}
