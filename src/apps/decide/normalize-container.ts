import type { AppInput } from '../app-input.js';
import type {
  Container,
  DockerImage,
  ExternalVolume,
  ExternalVolumeOption,
  LinuxInfo,
  PersistentVolume,
  PortMapping,
  Volume,
} from '../container.js';
import { distinct, optional, textMembers, unlessEmpty, withoutNulls } from './members.js';

type ContainerInput = NonNullable<AppInput['container']>;
type PortMappingInput = NonNullable<ContainerInput['portMappings']>[number];
type DockerInput = NonNullable<ContainerInput['docker']>;
type ExternalInput = NonNullable<VolumeInput['external']>;
export type VolumeInput = NonNullable<ContainerInput['volumes']>[number];
export type NetworkMode = 'host' | 'container/bridge' | 'container';

/** The single mapping of a container that says nothing about ports. */
const DEFAULT_MAPPING: PortMappingInput = { name: 'default' };

/**
 * A container with every default filled in (Marathon reference 2.3 and 2.5, steps 6, 10 and 11). Without host networking
 * there is always one, since something must hold the port mappings. `input` has no deprecated forms any more.
 */
export function normalizeContainer(
  input: ContainerInput | null | undefined,
  mode: NetworkMode,
): Container | undefined {
  const given = input ?? (mode === 'host' ? undefined : { type: 'MESOS' as const });
  if (!given) return undefined;
  const type = given.type ?? 'DOCKER';
  return {
    type,
    ...optional('docker', given.docker && dockerImage(given.docker, type)),
    volumes: (given.volumes ?? []).flatMap(volume),
    ...optional(
      'portMappings',
      mode === 'host'
        ? undefined
        : (given.portMappings ?? [DEFAULT_MAPPING]).map((mapping) => portMapping(mapping, mode)),
    ),
    ...optional('linuxInfo', linuxInfo(given.linuxInfo)),
  };
}

/** What only the Docker engine knows is dropped for the other containerizer, and the other way round it is a mistake. */
function dockerImage(input: DockerInput, type: Container['type']): DockerImage {
  const forEngine = type === 'DOCKER';
  const parameters = (input.parameters ?? []).map(({ key, value }) => ({ key, value }));
  return {
    image: input.image,
    forcePullImage: input.forcePullImage ?? false,
    privileged: forEngine && (input.privileged ?? false),
    ...optional('parameters', forEngine ? unlessEmpty(parameters) : undefined),
    ...optional('pullConfig', input.pullConfig && { secret: input.pullConfig.secret }),
  };
}

function portMapping(input: PortMappingInput, mode: NetworkMode): PortMapping {
  return {
    containerPort: input.containerPort ?? 0,
    ...optional('hostPort', input.hostPort ?? (mode === 'container/bridge' ? 0 : undefined)),
    servicePort: input.servicePort ?? 0,
    protocol: input.protocol ?? 'tcp',
    ...optional('name', input.name),
    ...optional('labels', unlessEmpty(textMembers(input.labels))),
    ...optional('networkNames', unlessEmpty(distinct(input.networkNames ?? []))),
  };
}

/** Nothing for a volume of no kind, or of several: a rule refuses it. */
function volume(input: VolumeInput): readonly Volume[] {
  const { containerPath, hostPath, persistent, external, secret, refresh } = input;
  const mode = input.mode ?? 'RW';
  if (persistent) return [{ containerPath, mode, persistent: persistentPart(persistent) }];
  if (external) return [{ containerPath, mode, external: externalPart(external) }];
  if (secret) return [{ containerPath, secret, ...(refresh ? { refresh: true as const } : {}) }];
  return hostPath ? [{ containerPath, hostPath, mode }] : [];
}

/** Also of pods. */
export function persistentPart(
  input: NonNullable<VolumeInput['persistent']>,
): PersistentVolume['persistent'] {
  return {
    size: input.size,
    type: input.type ?? (input.profileName ? 'mount' : 'root'),
    ...optional('maxSize', input.maxSize),
    ...optional('profileName', input.profileName),
    ...optional(
      'constraints',
      unlessEmpty(
        (input.constraints ?? []).map((parts) =>
          parts.map((part, index) => (index === 1 ? part.toUpperCase() : part)),
        ),
      ),
    ),
  };
}

function externalPart(input: ExternalInput): ExternalVolume['external'] {
  return {
    provider: input.provider === 'csi' ? 'csi' : 'dvdi',
    ...optional('name', input.name),
    ...optional('size', input.size),
    shared: input.shared ?? false,
    ...optional('options', unlessEmpty(externalOptions(input.options))),
  };
}

function externalOptions(
  input: ExternalInput['options'],
): Readonly<Record<string, ExternalVolumeOption>> | undefined {
  if (!input) return undefined;
  return Object.fromEntries(
    Object.entries(withoutNulls(input)).map(([name, value]) => [
      name,
      (typeof value === 'object' && value !== null ? withoutNulls(value) : value) as ExternalVolumeOption,
    ]),
  );
}

/** Also of pods. */
export function linuxInfo(input: ContainerInput['linuxInfo']): LinuxInfo | undefined {
  return unlessEmpty<LinuxInfo>({
    ...optional(
      'seccomp',
      input?.seccomp && {
        ...optional('profileName', input.seccomp.profileName),
        unconfined: input.seccomp.unconfined ?? false,
      },
    ),
    ...optional(
      'ipcInfo',
      input?.ipcInfo && { mode: input.ipcInfo.mode, ...optional('shmSize', input.ipcInfo.shmSize) },
    ),
  });
}
