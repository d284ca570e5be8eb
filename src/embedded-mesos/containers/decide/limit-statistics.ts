import type { ContainerLimits, ResourceStatistics } from '../containerizer.js';

const MIB = 1024 * 1024;

/**
 * What a container asked for and what holds it, as Mesos tells them: `soft` is the request; a limit of infinity is what the
 * host has; processors without a limit of their own have none (Mesos reference 5.12).
 */
export function limitStatistics(
  { cpus, cpusLimit, memMiB, memLimitMiB, diskMiB }: ContainerLimits,
  host: { readonly cpus: number; readonly memBytes: number },
): Omit<ResourceStatistics, 'timestamp'> {
  const memoryMiB = memLimitMiB ?? memMiB;
  return {
    cpus_soft_limit: cpus,
    ...(cpusLimit !== undefined && { cpus_limit: Number.isFinite(cpusLimit) ? cpusLimit : host.cpus }),
    mem_soft_limit_bytes: memMiB * MIB,
    mem_limit_bytes: Number.isFinite(memoryMiB) ? memoryMiB * MIB : host.memBytes,
    ...(diskMiB !== undefined && { disk_limit_bytes: diskMiB * MIB }),
  };
}
