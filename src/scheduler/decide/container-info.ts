import type { App } from '../../apps/app.js';
import { appPorts, generatedPortPlace, hostPortPlace } from '../../apps/app-ports.js';
import { type Container, isSecretVolume, type Volume } from '../../apps/container.js';
import type { ContainerInfo, DockerInfo, PortMapping } from '../../embedded-mesos/protocol/v1.js';
import type { Secret } from '../../embedded-mesos/protocol/values.js';
import { secretPathOf } from '../../secrets/decide/secret-path.js';

/** The ports that a launch got. */
export interface AllocatedPorts {
  readonly hostPorts: readonly number[];
  readonly generatedPorts: readonly number[];
}

/** Where the task itself listens: its own port where it has one, else the one it was given. */
export function listeningPort(app: App, index: number, ports: AllocatedPorts): number | undefined {
  const containerPort = appPorts(app)[index]?.containerPort;
  if (containerPort) return containerPort;
  const generated = generatedPortPlace(app, index);
  if (generated !== undefined) return ports.generatedPorts[generated];
  const place = hostPortPlace(app, index);
  return place === undefined ? undefined : ports.hostPorts[place];
}

function mappings(app: App, ports: AllocatedPorts, network?: string): readonly PortMapping[] {
  return (app.container?.portMappings ?? []).flatMap((mapping, index) => {
    const place = hostPortPlace(app, index);
    const hostPort = place === undefined ? undefined : ports.hostPorts[place];
    const containerPort = listeningPort(app, index, ports);
    const elsewhere =
      network !== undefined && mapping.networkNames !== undefined && !mapping.networkNames.includes(network);
    if (hostPort === undefined || containerPort === undefined || elsewhere) return [];
    return mapping.protocol
      .split(',')
      .map((protocol) => ({ host_port: hostPort, container_port: containerPort, protocol }));
  });
}

type VolumeInfo = NonNullable<ContainerInfo['volumes']>[number];

function volumeInfo(volume: Volume, app: App): readonly VolumeInfo[] {
  const container_path = volume.containerPath;
  if ('hostPath' in volume) return [{ mode: volume.mode, container_path, host_path: volume.hostPath }];
  const source = isSecretVolume(volume) ? app.secrets?.[volume.secret]?.source : undefined;
  if (source === undefined) return [];
  const secret = { type: 'REFERENCE', reference: { name: secretPathOf(app.id, source) } } as const;
  return [{ mode: 'RO', container_path, source: { type: 'SECRET', secret } }];
}

/** Paths of the secrets whose files get new values while the task runs. */
export function refreshedSecrets({ id, container, secrets }: App): readonly string[] {
  const names = (container?.volumes ?? [])
    .filter(isSecretVolume)
    .flatMap(({ secret, refresh }) => (refresh ? [secret] : []));
  const sources = names.flatMap((name) => secrets?.[name]?.source ?? []);
  return [...new Set(sources.map((source) => secretPathOf(id, source)))];
}

function networkInfos(app: App, ports: AllocatedPorts): ContainerInfo['network_infos'] {
  const isEngine = app.container?.type === 'DOCKER';
  return app.networks.flatMap(({ mode, name, labels }) => {
    if (mode === 'host' || (mode === 'container/bridge' && isEngine)) return [];
    const entries = Object.entries(labels ?? {}).map(([key, value]) => ({ key, value }));
    const mapped = isEngine ? [] : mappings(app, ports, name);
    return [
      {
        ...(name === undefined ? {} : { name }),
        ...(entries.length === 0 ? {} : { labels: { labels: entries } }),
        ...(mapped.length === 0 ? {} : { port_mappings: mapped }),
      },
    ];
  });
}

const engineNetworks = { host: 'HOST', 'container/bridge': 'BRIDGE', container: 'USER' } as const;

function dockerInfo(app: App, taskId: string, ports: AllocatedPorts): DockerInfo | undefined {
  const docker = app.container?.docker;
  if (!docker) return undefined;
  const mapped = mappings(app, ports);
  return {
    image: docker.image,
    network: engineNetworks[app.networks[0]?.mode ?? 'host'],
    ...(mapped.length === 0 ? {} : { port_mappings: mapped }),
    privileged: docker.privileged,
    parameters: [...(docker.parameters ?? []), { key: 'label', value: `MESOS_TASK_ID=${taskId}` }],
    force_pull_image: docker.forcePullImage,
  };
}

/** The secret with the registry's login, as the agent is told of it. */
function pullSecret(app: App): { readonly config?: Secret } {
  const name = app.container?.docker?.pullConfig?.secret;
  const source = name === undefined ? undefined : app.secrets?.[name]?.source;
  if (source === undefined) return {};
  return { config: { type: 'REFERENCE', reference: { name: secretPathOf(app.id, source) } } };
}

function linuxInfo({ linuxInfo: asked }: Container): ContainerInfo['linux_info'] {
  if (!asked) return undefined;
  const { seccomp, ipcInfo } = asked;
  return {
    ...(seccomp && {
      seccomp: {
        ...(seccomp.profileName === undefined ? {} : { profile_name: seccomp.profileName }),
        unconfined: seccomp.unconfined,
      },
    }),
    ...(ipcInfo && { ipc_mode: ipcInfo.mode }),
    ...(ipcInfo?.shmSize === undefined ? {} : { shm_size: ipcInfo.shmSize }),
  };
}

/**
 * How a task is contained, as the master is told of it (Marathon reference 2.3, Mesos reference 5.10); undefined for a process
 * that asks for nothing of the kind.
 */
export function containerInfo(app: App, taskId: string, ports: AllocatedPorts): ContainerInfo | undefined {
  const { container, tty } = app;
  const volumes = (container?.volumes ?? []).flatMap((volume) => volumeInfo(volume, app));
  const networks = networkInfos(app, ports) ?? [];
  const docker = container?.type === 'DOCKER' ? dockerInfo(app, taskId, ports) : undefined;
  const image = container?.type === 'MESOS' ? container.docker : undefined;
  const linux = container && linuxInfo(container);
  const info: ContainerInfo = {
    type: docker ? 'DOCKER' : 'MESOS',
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(docker && { docker }),
    ...(image && {
      mesos: {
        image: {
          type: 'DOCKER',
          docker: { name: image.image, ...pullSecret(app) },
          cached: !image.forcePullImage,
        },
      },
    }),
    ...(networks.length === 0 ? {} : { network_infos: networks }),
    ...(linux && { linux_info: linux }),
    ...(tty ? { tty_info: {} } : {}),
  };
  return Object.keys(info).length === 1 ? undefined : info;
}
