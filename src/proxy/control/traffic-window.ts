import { addSparse, LATENCY_BUCKETS } from '../stats/latency-buckets.js';
import type { TrafficSums } from '../stats/traffic-report.js';

/** Traffic is remembered in slots of so long, so many of them with the present one: the last minute, or nearly. */
export const SLOT_MS = 10_000;
export const SLOTS = 6;
export const WINDOW_MS = SLOTS * SLOT_MS;

interface Slot {
  /** Number of its time. */
  number: number;
  requests: number;
  errors: number;
  readonly buckets: Uint32Array;
}

/** What was counted in a window. */
export interface WindowSums {
  readonly requests: number;
  readonly errors: number;
  readonly buckets: ArrayLike<number>;
}

/** How much time a window covers at a moment: the whole slots before and what has passed of the present one. */
export function coveredMs(nowMs: number): number {
  return nowMs - (Math.floor(nowMs / SLOT_MS) - SLOTS + 1) * SLOT_MS;
}

/** What proxies counted in the last minute, of one version or one instance. Slots are made when they are needed. */
export class TrafficWindow {
  readonly #slots: (Slot | undefined)[] = [];
  lastMs = 0;

  add({ requests, errors, buckets }: TrafficSums, nowMs: number): void {
    this.lastMs = nowMs;
    const slot = this.#slotAt(Math.floor(nowMs / SLOT_MS));
    slot.requests += requests;
    slot.errors += errors;
    addSparse(slot.buckets, buckets);
  }

  sums(nowMs: number): WindowSums {
    const present = Math.floor(nowMs / SLOT_MS);
    const buckets = new Float64Array(LATENCY_BUCKETS);
    let requests = 0;
    let errors = 0;
    for (const slot of this.#slots) {
      if (slot === undefined || slot.number <= present - SLOTS) continue;
      requests += slot.requests;
      errors += slot.errors;
      slot.buckets.forEach((count, i) => {
        buckets[i] = (buckets[i] ?? 0) + count;
      });
    }
    return { requests, errors, buckets };
  }

  #slotAt(number: number): Slot {
    const known = this.#slots[number % SLOTS];
    if (known?.number === number) return known;
    const slot = known ?? { number, requests: 0, errors: 0, buckets: new Uint32Array(LATENCY_BUCKETS) };
    slot.number = number;
    slot.requests = 0;
    slot.errors = 0;
    slot.buckets.fill(0);
    this.#slots[number % SLOTS] = slot;
    return slot;
  }
}
