/**
 * Buckets for durations: four per doubling, from a sixteenth of a millisecond to a minute, so that a quantile is at most a
 * quarter off. Every fourth edge is a power of two of milliseconds; those are shown to Prometheus.
 */
const STEPS_PER_MS = 64;
const SUB_BITS = 2;
const SUBS = 1 << SUB_BITS;
/** Octaves of steps: 4 steps (1/16 ms) to 2^22 steps (65.536 s). */
const FIRST_OCTAVE = 2;
const END_OCTAVE = 22;

/** The first for all that is quicker, the last for all that is slower. */
export const LATENCY_BUCKETS = (END_OCTAVE - FIRST_OCTAVE) * SUBS + 2;
const MAX_STEPS = 2 ** END_OCTAVE;

/** Index of the bucket of a duration in milliseconds. */
export function latencyBucket(ms: number): number {
  const steps = ms * STEPS_PER_MS;
  if (!(steps >= SUBS)) return 0;
  if (steps >= MAX_STEPS) return LATENCY_BUCKETS - 1;
  const whole = steps | 0;
  const octave = 31 - Math.clz32(whole);
  return 1 + ((octave - FIRST_OCTAVE) << SUB_BITS) + ((whole >> (octave - SUB_BITS)) & (SUBS - 1));
}

/** Where a bucket ends, in milliseconds; Infinity for the last. */
export function bucketEndMs(index: number): number {
  if (index >= LATENCY_BUCKETS - 1) return Number.POSITIVE_INFINITY;
  if (index <= 0) return SUBS / STEPS_PER_MS;
  const octave = ((index - 1) >> SUB_BITS) + FIRST_OCTAVE;
  const sub = (index - 1) & (SUBS - 1);
  return (2 ** (octave - SUB_BITS) * (SUBS + sub + 1)) / STEPS_PER_MS;
}

/** The edges that Prometheus is told, in seconds, without `+Inf`: 0.0625 ms, 0.125 ms, ... 65.536 s. */
export const octaveEdgesS: readonly number[] = Array.from(
  { length: END_OCTAVE - FIRST_OCTAVE + 1 },
  (_, i) => 2 ** (i + FIRST_OCTAVE) / STEPS_PER_MS / 1_000,
);

/** Index into `octaveEdgesS` of the first edge that is not below a bucket's end; its length for the last bucket. */
export function octaveOf(bucket: number): number {
  return (bucket + SUBS - 1) >> SUB_BITS;
}

/** How often each bucket was met, by its index. */
export type LatencyCounts = ArrayLike<number>;

/**
 * A quantile in milliseconds (`share` in 0..1), taken evenly within its bucket; undefined without any sample. What is beyond the
 * last edge is that edge.
 */
export function quantileMs(counts: LatencyCounts, share: number): number | undefined {
  let all = 0;
  for (let i = 0; i < counts.length; i++) all += counts[i] ?? 0;
  if (all === 0) return undefined;
  const wanted = share * all;
  let below = 0;
  for (let i = 0; i < counts.length; i++) {
    const here = counts[i] ?? 0;
    if (here > 0 && below + here >= wanted) {
      const from = i === 0 ? 0 : bucketEndMs(i - 1);
      const to = bucketEndMs(i);
      return to === Number.POSITIVE_INFINITY ? from : from + ((wanted - below) / here) * (to - from);
    }
    below += here;
  }
  return bucketEndMs(LATENCY_BUCKETS - 2);
}

/** Non-empty buckets as `[index, count, index, count, ...]`, as they go over a line. */
export function sparse(counts: LatencyCounts): readonly number[] {
  const pairs: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    const here = counts[i] ?? 0;
    if (here > 0) pairs.push(i, here);
  }
  return pairs;
}

/** Adds what `sparse` made; pairs that make no sense are left out. */
export function addSparse(into: Uint32Array | Float64Array, pairs: readonly number[]): void {
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const index = pairs[i] ?? -1;
    if (Number.isInteger(index) && index >= 0 && index < into.length)
      into[index] = (into[index] ?? 0) + (pairs[i + 1] ?? 0);
  }
}
