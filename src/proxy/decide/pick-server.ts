/** What the choice depends on. */
export interface Candidate {
  /** Left alone until then. */
  readonly ejectedUntilMs: number;
}

/**
 * Round robin from `start`: the index of the first candidate that is neither ejected nor tried. When there is none,
 * ejection is overlooked (a server that refused a moment ago is better than an error), then having been tried.
 * Undefined only without candidates.
 */
export function pickServer<T extends Candidate>(
  candidates: readonly T[],
  start: number,
  nowMs: number,
  tried: (candidate: T) => boolean,
): number | undefined {
  const count = candidates.length;
  let fallback: number | undefined;
  for (let step = 0; step < count; step++) {
    const index = (start + step) % count;
    const candidate = candidates[index];
    if (!candidate || tried(candidate)) continue;
    if (candidate.ejectedUntilMs <= nowMs) return index;
    fallback ??= index;
  }
  if (fallback !== undefined) return fallback;
  return count > 0 ? start % count : undefined;
}
