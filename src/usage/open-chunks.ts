import {
  chunkOfSlot,
  type Resolution,
  type ResolutionName,
  resolutions,
  type SlotShare,
  shares,
} from './decide/resolution.js';
import { addToSlot, newChunk, noteRequest, type UsageChunk } from './decide/usage-chunk.js';

/** A chunk that may still be added to; the next look at a task reaches back less than this. */
const CLOSED_AFTER_MS = 60_000;
/** Chunks of one resolution that wait for a store that does not take them; beyond it the oldest are lost. */
const MAX_OPEN = 6;

/** One look at one instance. */
export interface InstanceUse {
  readonly seconds: number;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly throttled: number;
}

export interface OpenChunk {
  readonly resolution: Resolution;
  readonly index: number;
  readonly chunk: UsageChunk;
  /** It holds what was stored before, too. */
  complete: boolean;
  /** It holds what is not stored yet. */
  dirty: boolean;
}

/** What is being added to an app's use: at each resolution the chunk of now, at its turn the one before too. */
export class OpenChunks {
  readonly #open = new Map<ResolutionName, Map<number, OpenChunk>>();

  /** `request`: what one instance asks for. */
  add(use: InstanceUse, untilMs: number, request: { readonly cpus: number; readonly memMiB: number }): void {
    for (const resolution of resolutions)
      for (const share of shares(resolution, untilMs, use.seconds))
        this.#addShare(resolution, share, use, request);
  }

  #addShare(
    resolution: Resolution,
    { slot, seconds }: SlotShare,
    use: InstanceUse,
    request: { readonly cpus: number; readonly memMiB: number },
  ): void {
    const index = chunkOfSlot(resolution, slot);
    const open = this.#openChunk(resolution, index);
    const within = slot - index * resolution.chunkSlots;
    open.dirty = true;
    addToSlot(open.chunk, within, {
      instanceSeconds: seconds,
      cpuSeconds: use.cpus * seconds,
      memoryMiBSeconds: use.memoryMiB * seconds,
      throttledSeconds: use.throttled * seconds,
      peakCpus: use.cpus,
      peakMemoryMiB: use.memoryMiB,
    });
    noteRequest(open.chunk, within, request.cpus, request.memMiB);
  }

  #openChunk(resolution: Resolution, index: number): OpenChunk {
    const ofResolution = this.#open.get(resolution.name) ?? new Map<number, OpenChunk>();
    this.#open.set(resolution.name, ofResolution);
    const known = ofResolution.get(index);
    if (known) return known;
    const made: OpenChunk = {
      resolution,
      index,
      chunk: newChunk(resolution),
      complete: false,
      dirty: false,
    };
    ofResolution.set(index, made);
    const [oldest] = ofResolution.keys();
    if (ofResolution.size > MAX_OPEN && oldest !== undefined) ofResolution.delete(oldest);
    return made;
  }

  get(resolution: Resolution, index: number): OpenChunk | undefined {
    return this.#open.get(resolution.name)?.get(index);
  }

  *all(): Generator<OpenChunk> {
    for (const ofResolution of this.#open.values()) yield* ofResolution.values();
  }

  /** Lets go of what is stored and over. */
  close(nowMs: number): void {
    for (const ofResolution of this.#open.values()) {
      for (const [index, { resolution, dirty }] of ofResolution) {
        const endMs = (index + 1) * resolution.chunkSlots * resolution.slotSeconds * 1_000;
        if (!dirty && endMs + CLOSED_AFTER_MS < nowMs) ofResolution.delete(index);
      }
      if (ofResolution.size > 0) continue;
      for (const [name, each] of this.#open) if (each === ofResolution) this.#open.delete(name);
    }
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }
}
