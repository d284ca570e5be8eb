import type { ContainerLimits } from '../containerizer.js';

const MIB = 1024 * 1024;
/** Mesos never sets less memory than this. */
export const LEAST_MEM_MIB = 32;
/** The scheduler period of cpu ceilings. */
const CFS_PERIOD_US = 100_000;
const LEAST_QUOTA_US = 1_000;

/** One file of a cgroup and what to write there. */
export interface CgroupWrite {
  readonly controller: 'cpu' | 'memory' | 'pids';
  readonly file: string;
  readonly value: string;
  /** The file does not exist on every kernel; then it is left out. */
  readonly optional?: true;
}

/** The memory that may be used at most, in bytes; undefined = no limit. */
export function hardMemoryBytes(limits: ContainerLimits): number | undefined {
  const mib = limits.memLimitMiB ?? limits.memMiB;
  return Number.isFinite(mib) ? Math.floor(Math.max(mib, LEAST_MEM_MIB) * MIB) : undefined;
}

function softMemoryBytes(limits: ContainerLimits): number {
  return Math.floor(Math.max(limits.memMiB, LEAST_MEM_MIB) * MIB);
}

function quotaUs(cpusLimit: number | undefined): number | undefined {
  if (cpusLimit === undefined || !Number.isFinite(cpusLimit)) return undefined;
  return Math.max(Math.floor(CFS_PERIOD_US * cpusLimit), LEAST_QUOTA_US);
}

/** cpu.shares of so many cpus: 1024 each, at least 2 (Mesos cgroups/cpu). */
export function cpuShares(cpus: number): number {
  return Math.max(Math.floor(1024 * cpus), 2);
}

/** cpu.weight of so many cpus: 100 each, within the kernel's 1 to 10000 (Mesos cgroups2/cpu). */
export function cpuWeight(cpus: number): number {
  return Math.min(Math.max(Math.floor(100 * cpus), 1), 10_000);
}

const swappiness: CgroupWrite = {
  controller: 'memory',
  file: 'memory.swappiness',
  value: '0',
  optional: true,
};

/**
 * What to write for a container in version 1 hierarchies, in order. `memsw` after `limit` when made new, before it when
 * raised: the kernel refuses memsw < limit at any moment.
 */
export function version1Writes(
  limits: ContainerLimits,
  pidsMax: number,
  made: 'new' | 'raised',
): readonly CgroupWrite[] {
  const hard = String(hardMemoryBytes(limits) ?? -1);
  const quota = quotaUs(limits.cpusLimit);
  const quotaWrite: CgroupWrite = {
    controller: 'cpu',
    file: 'cpu.cfs_quota_us',
    value: String(quota ?? -1),
    optional: true,
  };
  const limit: CgroupWrite = { controller: 'memory', file: 'memory.limit_in_bytes', value: hard };
  const withSwap: CgroupWrite = {
    controller: 'memory',
    file: 'memory.memsw.limit_in_bytes',
    value: hard,
    optional: true,
  };
  return [
    { controller: 'cpu', file: 'cpu.shares', value: String(cpuShares(limits.cpus)) },
    ...(made === 'new' && quota === undefined ? [] : [quotaWrite]),
    {
      controller: 'memory',
      file: 'memory.soft_limit_in_bytes',
      value: String(softMemoryBytes(limits)),
      optional: true,
    },
    ...(made === 'new' ? [limit, withSwap] : [withSwap, limit]),
    // Where swap is not counted it can at least be made the last resort.
    ...(made === 'new' && hard !== '-1' ? [swappiness] : []),
    { controller: 'pids', file: 'pids.max', value: String(limits.pids ?? pidsMax) },
  ];
}

/** What to write for a container in the version 2 hierarchy. */
export function version2Writes(limits: ContainerLimits, pidsMax: number): readonly CgroupWrite[] {
  const quota = quotaUs(limits.cpusLimit);
  return [
    { controller: 'cpu', file: 'cpu.weight', value: String(cpuWeight(limits.cpus)) },
    { controller: 'cpu', file: 'cpu.max', value: `${quota ?? 'max'} ${CFS_PERIOD_US}`, optional: true },
    { controller: 'memory', file: 'memory.low', value: String(softMemoryBytes(limits)), optional: true },
    { controller: 'memory', file: 'memory.max', value: String(hardMemoryBytes(limits) ?? 'max') },
    {
      controller: 'memory',
      file: 'memory.swap.max',
      value: hardMemoryBytes(limits) === undefined ? 'max' : '0',
      optional: true,
    },
    { controller: 'memory', file: 'memory.oom.group', value: '1', optional: true },
    { controller: 'pids', file: 'pids.max', value: String(limits.pids ?? pidsMax) },
  ];
}

/** Whether new limits raise the hard memory limit: it is never lowered under a running task. */
export function raisesMemory(currentBytes: number, limits: ContainerLimits): boolean {
  const wanted = hardMemoryBytes(limits);
  return wanted === undefined || wanted > currentBytes;
}

/** The limits that hold after `wanted` was asked of a running container that has `current`. */
export function updatedLimits(current: ContainerLimits, wanted: ContainerLimits): ContainerLimits {
  if (raisesMemory(hardMemoryBytes(current) ?? Number.POSITIVE_INFINITY, wanted)) return wanted;
  const { memMiB, memLimitMiB } = current;
  const { memLimitMiB: _lower, ...others } = wanted;
  return { ...others, memMiB: wanted.memMiB, memLimitMiB: memLimitMiB ?? memMiB };
}
