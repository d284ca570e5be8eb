import { LATENCY_BUCKETS, quantileMs } from './latency-buckets.js';
import type { RecentStats, VersionStats } from './proxy-stats.js';

/** Quantiles in milliseconds; absent without any sample. */
export interface Quantiles {
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
}

export interface RecentSums {
  readonly requests: number;
  readonly errors: number;
  readonly quantiles: Quantiles;
}

/** What all versions did lately, together. */
export function recentOfAll(versions: readonly VersionStats[] = []): RecentSums {
  const [only] = versions;
  if (versions.length === 1 && only) return recentSums(only.recent);
  const buckets = new Float64Array(LATENCY_BUCKETS);
  let requests = 0;
  let errors = 0;
  for (const { recent } of versions) {
    requests += recent.requests;
    errors += recent.errors;
    if (recent.requests > 0)
      for (let i = 0; i < LATENCY_BUCKETS; i++) buckets[i] = (buckets[i] ?? 0) + (recent.buckets[i] ?? 0);
  }
  return { requests, errors, quantiles: quantiles(buckets) };
}

export function recentSums({ requests, errors, buckets }: RecentStats): RecentSums {
  return { requests, errors, quantiles: requests === 0 ? {} : quantiles(buckets) };
}

export function quantiles(buckets: ArrayLike<number>): Quantiles {
  const p50 = quantileMs(buckets, 0.5);
  const p95 = quantileMs(buckets, 0.95);
  const p99 = quantileMs(buckets, 0.99);
  if (p50 === undefined || p95 === undefined || p99 === undefined) return {};
  return { p50, p95, p99 };
}
