import type { Resolution } from './resolution.js';
import { fromCode, LARGE, SMALL, toCode } from './short-float.js';

/** The sums and peaks of one slot. */
export interface SlotUse {
  /** Over all instances. Two instances for a whole slot of 10 s: 20. */
  readonly instanceSeconds: number;
  readonly cpuSeconds: number;
  readonly memoryMiBSeconds: number;
  /** Instance seconds that were held back by a quota. */
  readonly throttledSeconds: number;
  /** Of the instance that used most: processors over some 10 s, memory at a look. */
  readonly peakCpus: number;
  readonly peakMemoryMiB: number;
}

/** What an instance asked for from a slot on. */
export interface RequestFrom {
  /** Within the chunk. */
  readonly slot: number;
  readonly cpus: number;
  readonly memMiB: number;
}

/** Consecutive slots of one app: `FIELDS` numbers each, in the order of `SlotUse`. */
export interface UsageChunk {
  readonly sums: Float32Array;
  /** In the order of their slots. */
  readonly requests: RequestFrom[];
}

/** A chunk as it is stored. */
export interface StoredChunk {
  /** Base64 of `SLOT_BYTES` per slot; empty slots at the end are left out. */
  readonly slots: string;
  readonly requests: readonly (readonly [slot: number, cpus: number, memMiB: number])[];
}

const FIELDS = 6;
/** Three sums of three bytes, a share of one, two peaks of two. */
export const SLOT_BYTES = 14;
/** Changes of the request that one chunk remembers; of more, the last one wins. */
const MAX_REQUESTS = 4;

export function newChunk({ chunkSlots }: Resolution): UsageChunk {
  return { sums: new Float32Array(chunkSlots * FIELDS), requests: [] };
}

/** Adds to one slot: sums are added up, of peaks the higher counts. */
export function addToSlot({ sums }: UsageChunk, slot: number, use: SlotUse): void {
  const at = slot * FIELDS;
  sums[at] = (sums[at] ?? 0) + use.instanceSeconds;
  sums[at + 1] = (sums[at + 1] ?? 0) + use.cpuSeconds;
  sums[at + 2] = (sums[at + 2] ?? 0) + use.memoryMiBSeconds;
  sums[at + 3] = (sums[at + 3] ?? 0) + use.throttledSeconds;
  sums[at + 4] = Math.max(sums[at + 4] ?? 0, use.peakCpus);
  sums[at + 5] = Math.max(sums[at + 5] ?? 0, use.peakMemoryMiB);
}

export function slotUse({ sums }: UsageChunk, slot: number): SlotUse {
  const at = slot * FIELDS;
  return {
    instanceSeconds: sums[at] ?? 0,
    cpuSeconds: sums[at + 1] ?? 0,
    memoryMiBSeconds: sums[at + 2] ?? 0,
    throttledSeconds: sums[at + 3] ?? 0,
    peakCpus: sums[at + 4] ?? 0,
    peakMemoryMiB: sums[at + 5] ?? 0,
  };
}

/** Remembers what is asked for from this slot on, when it is something else than before. */
export function noteRequest({ requests }: UsageChunk, slot: number, cpus: number, memMiB: number): void {
  const last = requests.at(-1);
  if (last && last.cpus === cpus && last.memMiB === memMiB) return;
  if (last && (last.slot >= slot || requests.length >= MAX_REQUESTS)) requests.pop();
  requests.push({ slot, cpus, memMiB });
}

/** What was asked for in a slot. */
export function requestIn({ requests }: UsageChunk, slot: number): RequestFrom | undefined {
  return requests.findLast((each) => each.slot <= slot) ?? requests[0];
}

/** Adds everything of another chunk of the same slots. */
export function mergeChunk(into: UsageChunk, from: UsageChunk): void {
  for (let slot = 0; slot * FIELDS < into.sums.length; slot++) addToSlot(into, slot, slotUse(from, slot));
  const all = [...from.requests, ...into.requests].sort((a, b) => a.slot - b.slot);
  into.requests.length = 0;
  for (const { slot, cpus, memMiB } of all) noteRequest(into, slot, cpus, memMiB);
}

/** A chunk as it is stored: sums lose less than 3 parts in a million, peaks less than 3 in ten thousand. */
export function encodeChunk(chunk: UsageChunk): StoredChunk {
  let used = chunk.sums.length / FIELDS;
  while (used > 0 && (chunk.sums[(used - 1) * FIELDS] ?? 0) === 0) used--;
  const bytes = Buffer.alloc(used * SLOT_BYTES);
  for (let slot = 0; slot < used; slot++) {
    const use = slotUse(chunk, slot);
    if (use.instanceSeconds === 0) continue;
    const at = slot * SLOT_BYTES;
    const share = use.instanceSeconds > 0 ? Math.min(1, use.throttledSeconds / use.instanceSeconds) : 0;
    bytes.writeUIntBE(toCode(LARGE, use.instanceSeconds), at, 3);
    bytes.writeUIntBE(toCode(LARGE, use.cpuSeconds), at + 3, 3);
    bytes.writeUIntBE(toCode(LARGE, use.memoryMiBSeconds), at + 6, 3);
    bytes.writeUInt8(Math.round(share * 255), at + 9);
    bytes.writeUInt16BE(toCode(SMALL, use.peakCpus), at + 10);
    bytes.writeUInt16BE(toCode(SMALL, use.peakMemoryMiB), at + 12);
  }
  return {
    slots: bytes.toString('base64'),
    requests: chunk.requests.map(({ slot, cpus, memMiB }) => [slot, cpus, memMiB]),
  };
}

export function decodeChunk(resolution: Resolution, stored: StoredChunk): UsageChunk {
  const chunk = newChunk(resolution);
  const bytes = Buffer.from(stored.slots, 'base64');
  const used = Math.min(resolution.chunkSlots, Math.floor(bytes.length / SLOT_BYTES));
  for (let slot = 0; slot < used; slot++) {
    const at = slot * SLOT_BYTES;
    const instanceSeconds = fromCode(LARGE, bytes.readUIntBE(at, 3));
    addToSlot(chunk, slot, {
      instanceSeconds,
      cpuSeconds: fromCode(LARGE, bytes.readUIntBE(at + 3, 3)),
      memoryMiBSeconds: fromCode(LARGE, bytes.readUIntBE(at + 6, 3)),
      throttledSeconds: (bytes.readUInt8(at + 9) / 255) * instanceSeconds,
      peakCpus: fromCode(SMALL, bytes.readUInt16BE(at + 10)),
      peakMemoryMiB: fromCode(SMALL, bytes.readUInt16BE(at + 12)),
    });
  }
  for (const [slot, cpus, memMiB] of stored.requests) noteRequest(chunk, slot, cpus, memMiB);
  return chunk;
}
