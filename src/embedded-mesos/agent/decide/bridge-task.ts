import type { ContainerSpec } from '../../containers/containerizer.js';
import type { TaskInfo } from '../../protocol/v1.js';
import { hasImage } from './docker-task.js';

/** The names under which a scheduler may ask for the network of this agent; without a name it is meant too. */
const BRIDGE_NAMES: readonly string[] = ['mesos-bridge'];
const protocols: readonly string[] = ['tcp', 'udp'];

/** Why a plain process cannot have the networks it asks for, as a sentence; undefined when it can, or asks for none. */
export function bridgeFault(task: TaskInfo): string | undefined {
  if (hasImage(task)) return undefined;
  const infos = task.container?.network_infos ?? [];
  if (infos.length > 1) return 'A task without an image has one network at most on this agent';
  const name = infos[0]?.name;
  if (name !== undefined && !BRIDGE_NAMES.includes(name))
    return `This agent has no network named ${JSON.stringify(name)} for tasks without an image`;
  const odd = infos[0]?.port_mappings?.find(({ protocol = 'tcp' }) => !protocols.includes(protocol));
  if (odd) return `This agent maps ports of tcp and udp, not of ${odd.protocol}`;
  const given = task.resources
    .filter((resource) => resource.name === 'ports')
    .flatMap(({ ranges }) => ranges?.range ?? []);
  const stray = infos[0]?.port_mappings?.find(
    ({ host_port: port }) => !given.some(({ begin, end }) => begin <= port && port <= end),
  );
  return stray && `Host port ${stray.host_port} of a port mapping is not among the task’s ports`;
}

/** The network of its own that a plain process asks for; undefined: the host's. */
export function bridgeOf(task: TaskInfo): ContainerSpec['bridge'] {
  const info = hasImage(task) ? undefined : task.container?.network_infos?.[0];
  if (!info) return undefined;
  return {
    portMappings: (info.port_mappings ?? []).map(({ host_port, container_port, protocol }) => ({
      hostPort: host_port,
      containerPort: container_port,
      protocols: [protocol === 'udp' ? 'udp' : 'tcp'],
    })),
  };
}
