import type { ContainerLimits, ContainerSpec } from '../containerizer.js';
import type { DockerPort, DockerSpec } from '../docker/docker-spec.js';
import { parameterOptions } from './docker-parameters.js';

export const INSTANCE_LABEL = 'longrun.instance';
const CONTAINER_LABEL = 'longrun.container';
const TASK_LABEL = 'longrun.task';
/** Where every image finds the sandbox, as with Mesos. */
export const SANDBOX_IN_IMAGE = '/mnt/mesos/sandbox';

const MIB = 1024 * 1024;
const CPU_PERIOD_MICROSECONDS = 100_000;
/** The kernel's smallest share and quota. */
const MIN_CPU_SHARES = 2;
const MIN_CPU_QUOTA = 1_000;
/** The engine refuses a smaller limit. */
const MIN_MEMORY_BYTES = 6 * MIB;
/** What the engine itself keeps of the output until it is read; the files that people read are ours. */
const ENGINE_LOG = { Type: 'json-file', Config: { 'max-size': '32m', 'max-file': '2' } } as const;

/** The name in the engine: the same for every try, so that it refuses a second copy. */
export const engineName = (id: string): string => `longrun-${id}`;

export interface LimitOptions {
  readonly CpuShares: number;
  readonly CpuPeriod: number;
  /** -1 = none. */
  readonly CpuQuota: number;
  /** Bytes; 0 = none. */
  readonly Memory: number;
  readonly MemoryReservation: number;
  /** Memory and swap together; the same as Memory: no swap. */
  readonly MemorySwap: number;
}

/** Limits in the engine's words: the request is share and reservation, the ceiling quota and hard limit. */
export function limitOptions({ cpus, memMiB, cpusLimit, memLimitMiB }: ContainerLimits): LimitOptions {
  const ceilingMiB = memLimitMiB ?? memMiB;
  const hard = Number.isFinite(ceilingMiB) ? Math.max(MIN_MEMORY_BYTES, Math.floor(ceilingMiB * MIB)) : 0;
  const quota =
    cpusLimit === undefined || !Number.isFinite(cpusLimit)
      ? -1
      : Math.max(MIN_CPU_QUOTA, Math.round(cpusLimit * CPU_PERIOD_MICROSECONDS));
  return {
    CpuShares: Math.max(MIN_CPU_SHARES, Math.round(cpus * 1024)),
    CpuPeriod: CPU_PERIOD_MICROSECONDS,
    CpuQuota: quota,
    Memory: hard,
    MemoryReservation: Math.max(MIN_MEMORY_BYTES, Math.floor(memMiB * MIB)),
    MemorySwap: hard === 0 ? -1 : hard,
  };
}

/** A shell command replaces the image's entry point; arguments go to it; neither leaves the image as it is. */
function commandOptions({ command }: ContainerSpec): Record<string, unknown> {
  if (command.shell && command.value !== '') return { Entrypoint: ['/bin/sh'], Cmd: ['-c', command.value] };
  return command.arguments.length > 0 ? { Cmd: [...command.arguments] } : {};
}

function networkMode(network: DockerSpec['network']): string {
  return network.kind === 'user' ? network.name : network.kind;
}

function portOptions(ports: readonly DockerPort[]): {
  exposed: Record<string, Record<string, never>>;
  bound: Record<string, { HostPort: string }[]>;
} {
  const exposed: Record<string, Record<string, never>> = {};
  const bound: Record<string, { HostPort: string }[]> = {};
  for (const { hostPort, containerPort, protocol } of ports) {
    const name = `${containerPort}/${protocol}`;
    exposed[name] = {};
    bound[name] = [...(bound[name] ?? []), { HostPort: String(hostPort) }];
  }
  return { exposed, bound };
}

export interface CreateFacts {
  /** Names the work dir; only containers with this label are ours. */
  readonly instanceId: string;
  readonly sandbox: string;
  /** For containers that ask for none of their own. */
  readonly pidsMax: number;
}

/** A path in the container; relative ones lie in the sandbox. */
const insidePath = (path: string): string => (path.startsWith('/') ? path : `${SANDBOX_IN_IMAGE}/${path}`);

/**
 * What the engine is asked to make (`POST /containers/create`). Parameters come before what we need ourselves: none of
 * them can take away a label, a limit or the log.
 */
export function createOptions(spec: ContainerSpec, docker: DockerSpec, facts: CreateFacts) {
  const extra = parameterOptions(docker.parameters);
  const { exposed, bound } = portOptions(docker.network.kind === 'host' ? [] : docker.portMappings);
  const extraBinds = (extra.host['Binds'] as readonly string[] | undefined) ?? [];
  const extraEnv = (extra.top['Env'] as readonly string[] | undefined) ?? [];
  const own = [
    `MESOS_SANDBOX=${SANDBOX_IN_IMAGE}`,
    `MESOS_DIRECTORY=${SANDBOX_IN_IMAGE}`,
    `MESOS_CONTAINER_NAME=${engineName(spec.id)}`,
  ];
  return {
    name: engineName(spec.id),
    Image: docker.image,
    ...extra.top,
    ...commandOptions(spec),
    Env: [
      ...own,
      ...extraEnv,
      ...spec.environment.map(({ name, value }) => `${name}=${value}`),
      `MESOS_CONTAINER_ID=${spec.id}`,
    ],
    ...(docker.user !== undefined && { User: docker.user }),
    ...(docker.tty && { Tty: true }),
    Labels: {
      ...extra.labels,
      [INSTANCE_LABEL]: facts.instanceId,
      [CONTAINER_LABEL]: spec.id,
      [TASK_LABEL]: docker.taskId,
    },
    ExposedPorts: exposed,
    HostConfig: {
      ...extra.host,
      ...limitOptions(spec.limits),
      PidsLimit: spec.limits.pids ?? facts.pidsMax,
      NetworkMode: networkMode(docker.network),
      PortBindings: bound,
      Privileged: docker.privileged,
      Binds: [
        ...extraBinds,
        ...docker.volumes.map(
          ({ hostPath, containerPath, readOnly }) =>
            `${hostPath}:${insidePath(containerPath)}:${readOnly ? 'ro' : 'rw'}`,
        ),
        `${facts.sandbox}:${SANDBOX_IN_IMAGE}:rw`,
      ],
      Mounts: (spec.mounts ?? []).map(({ source, target, readOnly }) => ({
        Type: 'bind' as const,
        Source: source,
        Target: insidePath(target),
        ReadOnly: readOnly,
      })),
      RestartPolicy: { Name: 'no' },
      LogConfig: ENGINE_LOG,
      AutoRemove: false,
    },
  };
}
