import { LATENCY_BUCKETS, sparse } from '../../stats/latency-buckets.js';
import type { TrafficSums } from '../../stats/traffic-report.js';

/** What was counted since the server was last told. */
export class Unreported {
  requests = 0;
  errors = 0;
  readonly #buckets = new Uint32Array(LATENCY_BUCKETS);

  /** `bucket` below 0: the duration is none that counts. */
  add(isError: boolean, bucket: number): void {
    this.requests += 1;
    if (isError) this.errors += 1;
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  absorb(other: Unreported): void {
    this.requests += other.requests;
    this.errors += other.errors;
    for (let i = 0; i < LATENCY_BUCKETS; i++)
      this.#buckets[i] = (this.#buckets[i] ?? 0) + (other.#buckets[i] ?? 0);
  }

  /** What there is, which is forgotten; undefined: nothing. */
  take(): TrafficSums | undefined {
    if (this.requests === 0) return undefined;
    const sums = { requests: this.requests, errors: this.errors, buckets: sparse(this.#buckets) };
    this.requests = 0;
    this.errors = 0;
    this.#buckets.fill(0);
    return sums;
  }
}
