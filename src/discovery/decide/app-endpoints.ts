import type { App, AppRecord } from '../../apps/app.js';
import { type AppPort, appPorts } from '../../apps/app-ports.js';
import { isRoutable, isServed } from '../../proxy/decide/build-table.js';
import type { Instance, InstanceTask } from '../../scheduler/instance.js';
import { endpointOf } from '../../scheduler/instance-endpoint.js';
import type { AppEndpoints, Endpoint, EndpointPort } from '../endpoint.js';

const nobody: ReadonlySet<never> = new Set();

/**
 * The instances that others may be told of: for an app that the load balancer serves or that has checks, those which get
 * requests; for any other, those that run. `addressOf` gives the address of an agent's host name; an instance whose address
 * is not known yet is left out.
 */
export function appEndpoints(
  record: AppRecord,
  instances: readonly Instance[],
  addressOf: (hostname: string) => string | undefined,
): AppEndpoints {
  const { app } = record;
  const isProven = isServed(record) || app.healthChecks.length > 0 || app.readinessChecks.length > 0;
  const endpoints = instances.flatMap((instance): Endpoint[] => {
    const usable = isProven ? isRoutable(app, instance, nobody) : runs(instance);
    const { task } = instance;
    const agentIp = usable && task ? addressOf(task.hostname) : undefined;
    if (!task || agentIp === undefined) return [];
    const ip = ownAddress(app, task) ?? agentIp;
    return [{ taskId: task.id, agentId: task.agentId, ip, agentIp, ports: portsOf(app, task) }];
  });
  return { appId: app.id, endpoints };
}

function runs({ goal, condition, takingOut }: Instance): boolean {
  return goal === 'Running' && condition === 'Running' && takingOut === undefined;
}

/** Of a container with an address of its own that others can reach. */
function ownAddress(app: App, task: InstanceTask): string | undefined {
  const own = app.networks.some(({ mode }) => mode === 'container');
  return own ? task.ipAddresses[0]?.ipAddress : undefined;
}

function portsOf(app: App, task: InstanceTask): readonly EndpointPort[] {
  return appPorts(app).flatMap((port, index) => {
    const number = endpointOf(app, task, index)?.port;
    if (number === undefined) return [];
    return protocolsOf(port).map((protocol) => ({
      number,
      protocol,
      ...(port.name === undefined ? {} : { name: port.name }),
    }));
  });
}

function protocolsOf({ protocol }: AppPort): readonly ('tcp' | 'udp')[] {
  return protocol === 'udp,tcp' ? ['udp', 'tcp'] : [protocol];
}
