/** What Marathon's `/metrics` shows of a histogram; all zero without values. */
export interface Distribution {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  readonly p50: number;
  readonly p75: number;
  readonly p95: number;
  readonly p98: number;
  readonly p99: number;
  readonly p999: number;
  readonly stddev: number;
}

/**
 * Distribution of a sample, in any order. Quantiles interpolate between neighbours (type 6 of Hyndman and Fan, 1996, which
 * Dropwizard uses); `stddev` is the sample's.
 */
export function distributionOf(sample: readonly number[] | Float64Array): Distribution {
  const sorted = Float64Array.from(sample).sort();
  const size = sorted.length;
  let sum = 0;
  for (const value of sorted) sum += value;
  const mean = size > 0 ? sum / size : 0;
  let squares = 0;
  for (const value of sorted) squares += (value - mean) ** 2;
  return {
    min: sorted[0] ?? 0,
    mean,
    max: sorted[size - 1] ?? 0,
    p50: quantile(sorted, 0.5),
    p75: quantile(sorted, 0.75),
    p95: quantile(sorted, 0.95),
    p98: quantile(sorted, 0.98),
    p99: quantile(sorted, 0.99),
    p999: quantile(sorted, 0.999),
    stddev: size > 1 ? Math.sqrt(squares / (size - 1)) : 0,
  };
}

function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length + 1);
  const below = Math.floor(position);
  if (below < 1) return sorted[0] ?? 0;
  const low = sorted[Math.min(below, sorted.length) - 1] ?? 0;
  const high = sorted[Math.min(below, sorted.length - 1)] ?? low;
  return low + (position - below) * (high - low);
}
