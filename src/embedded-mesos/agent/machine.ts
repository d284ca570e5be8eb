import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, networkInterfaces, totalmem } from 'node:os';
import { constrained, type MachineFacts } from './decide/machine-resources.js';

/** What this machine has, or what the container allows that the agent runs in. `workDir`: whose disk counts. */
export async function machineFacts(workDir: string): Promise<MachineFacts> {
  const { blocks, bsize } = await statfs(workDir);
  return {
    cpus: constrained(availableParallelism(), [quotaOfVersion2(), quotaOfVersion1()]),
    memBytes: constrained(totalmem(), [process.constrainedMemory()]),
    diskBytes: blocks * bsize,
  };
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Cpus that cpu.max of our own group allows, if it is limited. In a container its group is the root of what it sees. */
function quotaOfVersion2(): number | undefined {
  const own = /^0::(.*)$/m.exec(text('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  const [quota, period] = (
    text(`/sys/fs/cgroup${own}/cpu.max`) ??
    text('/sys/fs/cgroup/cpu.max') ??
    ''
  ).split(' ');
  return quota && quota !== 'max' && period ? Number(quota) / Number(period) : undefined;
}

function quotaOfVersion1(): number | undefined {
  const own = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(text('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  for (const group of [`/sys/fs/cgroup/cpu${own}`, '/sys/fs/cgroup/cpu']) {
    const quota = Number(text(`${group}/cpu.cfs_quota_us`) ?? -1);
    const period = Number(text(`${group}/cpu.cfs_period_us`) ?? 0);
    if (quota > 0 && period > 0) return quota / period;
  }
  return undefined;
}

const wildcards = new Set(['0.0.0.0', '::', '']);

/** Whether an address stands for all of the host's. */
export function isWildcard(address: string): boolean {
  return wildcards.has(address);
}

/** Every address of this host. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

/** The address under which tasks on the host's network are reached: the one listened on, else the first real one. */
export function taskAddress(address: string): string {
  if (address === 'localhost') return '127.0.0.1';
  if (!isWildcard(address)) return address;
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const real =
    all.find(({ internal, family }) => !internal && family === 'IPv4') ??
    all.find(({ internal }) => !internal);
  return real?.address ?? '127.0.0.1';
}
