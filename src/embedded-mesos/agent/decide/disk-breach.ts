import type { Resource } from '../../protocol/v1.js';
import type { Outcome } from './status.js';

const MIB = 1024 * 1024;

/** MiB of disk that a task asked for; undefined: it asked for none, and its sandbox is only measured. */
export function diskLimitMiB(resources: readonly Resource[]): number | undefined {
  const sum = resources.reduce(
    (total, { name, scalar }) => (name === 'disk' ? total + (scalar?.value ?? 0) : total),
    0,
  );
  return sum > 0 ? sum : undefined;
}

/** What a sandbox takes, as it was measured. */
export interface MeasuredSandbox {
  readonly bytes: number;
  readonly incomplete?: 'too deep' | 'too many entries';
}

/** Whether a task took more of the disk than it may, and how it fails for that (Mesos reference 5.11, disk/du). */
export function diskBreach({ bytes, incomplete }: MeasuredSandbox, limitMiB: number): Outcome | undefined {
  const usedMiB = bytes / MIB;
  if (usedMiB <= limitMiB && incomplete === undefined) return undefined;
  const why =
    incomplete === undefined
      ? ''
      : incomplete === 'too deep'
        ? '; its sandbox is too deep to be measured'
        : '; its sandbox has too many files to be measured';
  const shown = (mib: number): string => `${Math.ceil(mib * 10) / 10}MB`;
  return {
    state: 'TASK_FAILED',
    reason: 'REASON_CONTAINER_LIMITATION_DISK',
    message: `Disk usage (${shown(usedMiB)}) exceeds quota (${shown(limitMiB)})${why}`,
    limitation: { resources: [{ name: 'disk', type: 'SCALAR', scalar: { value: usedMiB } }] },
  };
}
