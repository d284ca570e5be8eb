import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceStatistics } from '../containerizer.js';
import { countedInVersion1, countedInVersion2 } from '../decide/cgroup-statistics.js';
import { pidsBelow } from '../isolation/cgroup-files.js';

/** A container's folder in each hierarchy that matters; a missing one is not counted. */
export interface Version1Groups {
  readonly cpu?: string | undefined;
  readonly cpuacct?: string | undefined;
  readonly memory?: string | undefined;
  readonly pids?: string | undefined;
  readonly blkio?: string | undefined;
}

/** Where a container's counters are. */
export type CountedGroups =
  | { readonly version: 1; readonly folders: Version1Groups }
  | { readonly version: 2; readonly folder: string };

/** Larger than any of the files: each is made whole at the first read. */
const buffer = Buffer.allocUnsafe(32 * 1024);

/** A kernel file's text, undefined when it is not there. Half the price of readFileSync, which asks for sizes and reads twice. */
function kernelText(path: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, buffer.length, 0));
  } catch {
    // Its group went between the two calls.
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

let pressure: boolean | undefined;

/** Whether this kernel keeps pressure stall information: it may have been built, or booted, without. */
function hasPressure(): boolean {
  pressure ??= existsSync('/proc/pressure');
  return pressure;
}

/**
 * The one reader of a container's counters, whoever made its groups: some eight small kernel files, 0.1 to 0.2 ms.
 * `timestamp`: seconds since the Unix epoch. `processes`: when the caller has counted them already.
 */
export function readGroups(groups: CountedGroups, timestamp: number, processes?: number): ResourceStatistics {
  if (groups.version === 2) {
    const { folder } = groups;
    const text = (file: string): string | undefined => kernelText(join(folder, file));
    return {
      timestamp,
      processes: processes ?? pidsBelow(folder).length,
      ...countedInVersion2({
        cpuStat: text('cpu.stat'),
        memoryStat: text('memory.stat'),
        memoryCurrent: text('memory.current'),
        memoryPeak: text('memory.peak'),
        swapCurrent: text('memory.swap.current'),
        pidsCurrent: text('pids.current'),
        ioStat: text('io.stat'),
        ...(hasPressure() && {
          cpuPressure: text('cpu.pressure'),
          memoryPressure: text('memory.pressure'),
          ioPressure: text('io.pressure'),
        }),
      }),
    };
  }
  const { folders } = groups;
  const text = (folder: string | undefined, file: string): string | undefined =>
    folder === undefined ? undefined : kernelText(join(folder, file));
  const io = (file: string): string | undefined =>
    text(folders.blkio, `${file}_recursive`) ?? text(folders.blkio, file);
  const anyFolder = folders.pids ?? folders.memory ?? folders.cpu ?? folders.cpuacct;
  return {
    timestamp,
    processes: processes ?? (anyFolder === undefined ? 0 : pidsBelow(anyFolder).length),
    ...countedInVersion1({
      cpuacctStat: text(folders.cpuacct, 'cpuacct.stat'),
      cpuStat: text(folders.cpu, 'cpu.stat'),
      memoryStat: text(folders.memory, 'memory.stat'),
      memoryUsage: text(folders.memory, 'memory.usage_in_bytes'),
      memoryPeak: text(folders.memory, 'memory.max_usage_in_bytes'),
      pidsCurrent: text(folders.pids, 'pids.current'),
      ioBytes: io('blkio.throttle.io_service_bytes'),
      ioOperations: io('blkio.throttle.io_serviced'),
    }),
  };
}
