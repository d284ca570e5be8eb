/** Sandboxes are kept this long at most when there is room (Mesos's gc_delay) ... */
export const KEEP_MS = 7 * 24 * 3_600_000;
/** ... and no more than this many of them. */
export const KEEP_COUNT = 1_000;
/** This much of the disk is to stay free (Mesos's gc_disk_headroom). */
const HEADROOM = 0.1;

export interface AgedSandbox {
  readonly containerId: string;
  readonly endedAtMs: number;
}

/**
 * Which sandboxes to remove now: those older than `KEEP_MS x max(0, 1 - 0.1 - used)` (Mesos reference 5.5) and the oldest
 * beyond the newest `KEEP_COUNT`. `used`: the used fraction of the disk.
 */
export function sandboxesToRemove(
  sandboxes: readonly AgedSandbox[],
  used: number,
  nowMs: number,
): readonly string[] {
  const maxAgeMs = KEEP_MS * Math.max(0, 1 - HEADROOM - used);
  const newestFirst = [...sandboxes].sort((a, b) => b.endedAtMs - a.endedAtMs);
  return newestFirst
    .filter(({ endedAtMs }, rank) => rank >= KEEP_COUNT || nowMs - endedAtMs > maxAgeMs)
    .map(({ containerId }) => containerId);
}
