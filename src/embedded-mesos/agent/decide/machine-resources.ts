import type { Resource } from '../../protocol/v1.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** What the machine (or the container that the agent runs in) has. */
export interface MachineFacts {
  readonly cpus: number;
  readonly memBytes: number;
  /** Size of the file system of the work dir. */
  readonly diskBytes: number;
}

/** What to offer of it, as Mesos does: some is left to the host (Mesos reference 5.1). */
export function detectedResources({ cpus, memBytes, diskBytes }: MachineFacts): readonly Resource[] {
  const mem = memBytes >= 2 * GIB ? memBytes - GIB : memBytes / 2;
  const disk = diskBytes >= 10 * GIB ? diskBytes - 5 * GIB : diskBytes / 2;
  return [
    { name: 'cpus', type: 'SCALAR', scalar: { value: Math.round(cpus * 1000) / 1000 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: Math.floor(mem / MIB) } },
    { name: 'disk', type: 'SCALAR', scalar: { value: Math.floor(disk / MIB) } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 32_000 }] } },
  ];
}

/** The declared resources, and the detected ones of every name that is not declared. */
export function agentResources(
  declared: readonly Resource[],
  detected: readonly Resource[],
): readonly Resource[] {
  const names = new Set(declared.map(({ name }) => name));
  return [...declared, ...detected.filter(({ name }) => !names.has(name))];
}

/** The lowest of what the host has and what its cgroups allow; absent or absurd limits (0, beyond the host) do not count. */
export function constrained(host: number, limits: readonly (number | undefined)[]): number {
  return limits.reduce<number>(
    (least, limit) => (limit !== undefined && limit > 0 && limit < least ? limit : least),
    host,
  );
}
