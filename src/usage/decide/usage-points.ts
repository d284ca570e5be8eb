import type { Resolution } from './resolution.js';
import { requestIn, slotUse, type UsageChunk } from './usage-chunk.js';

/** How an app fared in one slot; a slot in which nothing of it was seen has no point. */
export interface UsagePoint {
  /** When the slot begins. */
  readonly atMs: number;
  /** On average. */
  readonly instances: number;
  /** Of all instances together, on average. */
  readonly cpus: number;
  readonly memMiB: number;
  /** Of the instance that used most. */
  readonly peakCpus: number;
  readonly peakMemMiB: number;
  /** Share of the time in which a quota held them back. */
  readonly throttled: number;
  /** What those instances asked for together. */
  readonly requestedCpus: number;
  readonly requestedMemMiB: number;
}

/** The points of one chunk from `fromMs` on and before `toMs`, oldest first; `index`: the chunk's number from the Unix epoch. */
export function pointsOf(
  resolution: Resolution,
  index: number,
  chunk: UsageChunk,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): readonly UsagePoint[] {
  const { slotSeconds, chunkSlots } = resolution;
  const points: UsagePoint[] = [];
  for (let slot = 0; slot < chunkSlots; slot++) {
    const atMs = (index * chunkSlots + slot) * slotSeconds * 1_000;
    const use = slotUse(chunk, slot);
    if (use.instanceSeconds === 0 || atMs + slotSeconds * 1_000 <= fromMs || atMs >= toMs) continue;
    const instances = use.instanceSeconds / slotSeconds;
    const asked = requestIn(chunk, slot);
    points.push({
      atMs,
      instances: rounded(instances, 2),
      cpus: rounded(use.cpuSeconds / slotSeconds, 4),
      memMiB: rounded(use.memoryMiBSeconds / slotSeconds, 2),
      peakCpus: rounded(use.peakCpus, 4),
      peakMemMiB: rounded(use.peakMemoryMiB, 2),
      throttled: rounded(Math.min(1, use.throttledSeconds / use.instanceSeconds), 3),
      requestedCpus: rounded((asked?.cpus ?? 0) * instances, 3),
      requestedMemMiB: rounded((asked?.memMiB ?? 0) * instances, 1),
    });
  }
  return points;
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
