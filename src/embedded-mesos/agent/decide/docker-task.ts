import type { DockerPort, DockerSpec } from '../../containers/docker/docker-spec.js';
import type { ContainerInfo, PortMapping, TaskInfo } from '../../protocol/v1.js';

/** Whether a task runs from an image. Images of Mesos's own containerizer are the same images, and the engine runs them too. */
export function hasImage({ container }: Pick<TaskInfo, 'container'>): boolean {
  return container?.type === 'DOCKER' || container?.mesos?.image !== undefined;
}

/** What the Docker engine is to run for a task; undefined for one without image. */
export function dockerSpecOf(task: TaskInfo): DockerSpec | undefined {
  const { container, command } = task;
  if (!container || !hasImage(task)) return undefined;
  const { docker, mesos } = container;
  const common = {
    taskId: task.task_id.value,
    network: networkOf(container),
    portMappings: portMappingsOf(container).map(dockerPort),
    volumes: [],
    ...(container.tty_info !== undefined && { tty: true }),
    ...(command?.user !== undefined && { user: command.user }),
  };
  const linux = linuxParameters(container);
  if (docker) {
    const { image, force_pull_image: force, privileged, parameters } = docker;
    return {
      ...common,
      image,
      forcePullImage: force ?? false,
      privileged: privileged ?? false,
      parameters: [...(parameters ?? []), ...linux],
    };
  }
  return {
    ...common,
    image: mesos?.image?.docker?.name ?? '',
    forcePullImage: mesos?.image?.cached === false,
    privileged: false,
    parameters: linux,
  };
}

function networkOf({ docker, network_infos: infos }: ContainerInfo): DockerSpec['network'] {
  const name = infos?.[0]?.name;
  const kind = docker ? (docker.network ?? 'HOST') : infos?.length ? (name ? 'USER' : 'BRIDGE') : 'HOST';
  if (kind === 'USER') return { kind: 'user', name: name ?? '' };
  return { kind: kind === 'BRIDGE' ? 'bridge' : kind === 'NONE' ? 'none' : 'host' };
}

function portMappingsOf({ docker, network_infos: infos }: ContainerInfo): readonly PortMapping[] {
  return docker ? (docker.port_mappings ?? []) : (infos?.[0]?.port_mappings ?? []);
}

function dockerPort({ host_port, container_port, protocol }: PortMapping): DockerPort {
  return {
    hostPort: host_port,
    containerPort: container_port,
    protocol: protocol?.toLowerCase() === 'udp' ? 'udp' : 'tcp',
  };
}

/** What Mesos says as Linux particulars, as flags of `docker run`: the agent's rules for those apply to it. */
function linuxParameters({ linux_info: linux, hostname }: ContainerInfo): DockerSpec['parameters'] {
  return [
    ...(hostname === undefined ? [] : [{ key: 'hostname', value: hostname }]),
    ...(linux?.ipc_mode === 'PRIVATE' ? [{ key: 'ipc', value: 'private' }] : []),
    ...(linux?.ipc_mode === 'SHARE_PARENT' ? [{ key: 'ipc', value: 'host' }] : []),
    ...(linux?.shm_size === undefined ? [] : [{ key: 'shm-size', value: `${linux.shm_size}m` }]),
    ...(linux?.seccomp?.unconfined ? [{ key: 'security-opt', value: 'seccomp=unconfined' }] : []),
  ];
}

/** Why the engine cannot run a task, if it cannot: things that Mesos's messages can say and the engine has no word for. */
export function dockerTaskProblem(task: TaskInfo): string | undefined {
  const { container } = task;
  const spec = dockerSpecOf(task);
  if (!container || !spec) return undefined;
  if (spec.image === '') return 'The container names no image that the Docker engine knows';
  if ((container.network_infos?.length ?? 0) > 1)
    return 'A container of the Docker engine has one network only';
  if (spec.network.kind === 'user' && spec.network.name === '')
    return 'A network of the operator’s own needs its name';
  if (container.linux_info?.seccomp?.profile_name !== undefined)
    return 'Seccomp profiles by name are not known to the Docker engine of this agent';
  if (container.docker?.volume_driver !== undefined) return volumeText;
  const foreign = container.volumes?.some(({ image, source }) => image !== undefined || isNamed(source));
  if (foreign) return volumeText;
  const given = (task.resources ?? [])
    .filter(({ name }) => name === 'ports')
    .flatMap(({ ranges }) => ranges?.range ?? []);
  const stray = spec.portMappings.find(
    ({ hostPort }) => !given.some(({ begin, end }) => begin <= hostPort && hostPort <= end),
  );
  return stray && `Host port ${stray.hostPort} of a port mapping is not among the task’s ports`;
}

const volumeText = 'Named volumes and volume drivers of the Docker engine are not supported; host paths are';

type VolumeSource = NonNullable<NonNullable<ContainerInfo['volumes']>[number]['source']>;

function isNamed(source: VolumeSource | undefined): boolean {
  return source?.type === 'DOCKER_VOLUME' || source?.type === 'CSI_VOLUME';
}
