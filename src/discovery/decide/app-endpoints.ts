import type { App, AppRecord } from '../../apps/app.js';
import { type AppPort, appPorts } from '../../apps/app-ports.js';
import { isServed } from '../../apps/decide/served-ports.js';
import { isRoutable } from '../../proxy/decide/build-table.js';
import type { Instance, InstanceTask } from '../../scheduler/instance.js';
import { endpointOf } from '../../scheduler/instance-endpoint.js';
import type { Endpoint, EndpointPort } from '../endpoint.js';

const nobody: ReadonlySet<never> = new Set();

/**
 * The instances that others may be told of: for an app that the load balancer serves or that has checks, those which get
 * requests; for any other, those that run. `addressOf` gives the address of an agent's host name; an instance whose address
 * is not known yet is left out. `known` is looked into, and written to, for endpoints that need not be made again.
 */
export function appEndpoints(
  record: AppRecord,
  instances: readonly Instance[],
  addressOf: (hostname: string) => string | undefined,
  known: KnownEndpoints = new Map(),
): readonly Endpoint[] {
  const { app } = record;
  const isProven = isServed(record) || app.healthChecks.length > 0 || app.readinessChecks.length > 0;
  const endpoints: Endpoint[] = [];
  for (const instance of instances) {
    const { task } = instance;
    if (!task || !(isProven ? isRoutable(app, instance, nobody, record.launchHash) : runs(instance)))
      continue;
    const agentIp = addressOf(task.hostname);
    if (agentIp === undefined) continue;
    const same = known.get(task.id);
    if (same?.app === app && same.task === task && same.endpoint.agentIp === agentIp) {
      endpoints.push(same.endpoint);
      continue;
    }
    const ip = ownAddress(app, task) ?? agentIp;
    const made = { taskId: task.id, agentId: task.agentId, ip, agentIp, ports: portsOf(app, task) };
    const endpoint = same && JSON.stringify(same.endpoint) === JSON.stringify(made) ? same.endpoint : made;
    known.set(task.id, { app, task, endpoint });
    endpoints.push(endpoint);
  }
  return endpoints;
}

/** What was made before, by task, and of what: most of a large app stays as it is. */
export type KnownEndpoints = Map<
  string,
  { readonly app: App; readonly task: InstanceTask; readonly endpoint: Endpoint }
>;

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
