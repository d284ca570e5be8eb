import { LATENCY_BUCKETS } from '../../stats/latency-buckets.js';
import type { RecentStats } from '../../stats/proxy-stats.js';

/** Requests are remembered for one to two of these. */
export const RECENT_PERIOD_MS = 30_000;

class Period {
  requests = 0;
  errors = 0;
  readonly buckets = new Uint32Array(LATENCY_BUCKETS);

  clear(): void {
    this.requests = 0;
    this.errors = 0;
    this.buckets.fill(0);
  }
}

/** How requests went lately: the present half minute and the one before it. O(1) per request. */
export class RecentRequests {
  #current = new Period();
  #before = new Period();
  #number = 0;

  /** `bucket` below 0: how long it took says nothing. */
  add(isError: boolean, bucket: number, nowMs: number): void {
    this.#turn(nowMs);
    const current = this.#current;
    current.requests += 1;
    if (isError) current.errors += 1;
    if (bucket >= 0) current.buckets[bucket] = (current.buckets[bucket] ?? 0) + 1;
  }

  stats(nowMs: number): RecentStats {
    this.#turn(nowMs);
    const [current, before] = [this.#current, this.#before];
    return {
      requests: current.requests + before.requests,
      errors: current.errors + before.errors,
      buckets: Array.from(current.buckets, (count, i) => count + (before.buckets[i] ?? 0)),
    };
  }

  #turn(nowMs: number): void {
    const number = Math.floor(nowMs / RECENT_PERIOD_MS);
    if (number === this.#number) return;
    const before = this.#before;
    this.#before = this.#current;
    this.#current = before;
    before.clear();
    if (number !== this.#number + 1) this.#before.clear();
    this.#number = number;
  }
}
