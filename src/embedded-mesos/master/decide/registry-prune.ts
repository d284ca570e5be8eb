/** Mesos's figures (Mesos reference 4.3). */
export const REGISTRY_MAX_AGE_MS = 14 * 24 * 3_600_000;
export const REGISTRY_MAX_COUNT = 102_400;

export interface FormerAgent {
  readonly agentId: string;
  readonly sinceMs: number;
}

/** Which unreachable and gone agents the registry may forget: those too old, and the oldest beyond the greatest number. */
export function forgettable(
  former: readonly FormerAgent[],
  nowMs: number,
  maxAgeMs = REGISTRY_MAX_AGE_MS,
  maxCount = REGISTRY_MAX_COUNT,
): readonly string[] {
  const byAge = [...former].sort((a, b) => b.sinceMs - a.sinceMs);
  return byAge
    .filter(({ sinceMs }, index) => index >= maxCount || nowMs - sinceMs > maxAgeMs)
    .map(({ agentId }) => agentId);
}
