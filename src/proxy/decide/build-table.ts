import type { App, AppRecord } from '../../apps/app.js';
import { appPorts } from '../../apps/app-ports.js';
import { servesGroup } from '../../apps/decide/port-routing.js';
import { portMode, type ServedPort, servedPorts } from '../../apps/decide/served-ports.js';
import { isServing } from '../../health/decide/instance-health.js';
import type { AgentId, Instance, TaskId } from '../../scheduler/instance.js';
import { endpointOf } from '../../scheduler/instance-endpoint.js';
import type { Server, Service } from '../table.js';
import { carriedRouting } from './carried-routing.js';
import { serverName } from './names.js';

/** How long requests in flight may take by default when an instance is taken out. */
export const HTTP_DRAIN_MS = 30_000;
export const TCP_DRAIN_MS = 10_000;

/** What the table depends on besides the app and its instances. */
export interface BuildSettings {
  /** Groups that load balancers belong to; `*` serves every app. */
  readonly groups: readonly string[];
  /** Boot id of an agent's host, undefined while unknown. */
  bootId(agentId: AgentId): string | undefined;
  /** Tasks that get nothing new any more, whatever their instance looks like. */
  readonly unrouted: ReadonlySet<TaskId>;
  /** Tasks that their deployment group is moving away from. */
  readonly disabled?: ReadonlySet<TaskId>;
  /** Why the service port shall not be bound; undefined when it may. */
  bindRefusal(port: ServedPort): string | undefined;
}

/** A service and, when its port is left alone, why. */
export interface BuiltService {
  readonly service: Service;
  readonly notBound?: string;
}

/** The services of one app, in the order of its ports; a second port with the same service port is left out. */
export function buildServices(
  record: AppRecord,
  instances: readonly Instance[],
  settings: BuildSettings,
): readonly BuiltService[] {
  const { app } = record;
  const ports = servedPorts(record).filter(({ routing }) => servesGroup(settings.groups, routing.groups));
  if (ports.length === 0) return [];
  const routable = instances.filter((instance) =>
    isRoutable(app, instance, settings.unrouted, record.launchHash),
  );
  return ports.map((port): BuiltService => {
    const { portIndex, servicePort, mode, routing } = port;
    const notBound = settings.bindRefusal(port);
    return {
      service: {
        appId: app.id,
        portIndex,
        servicePort,
        mode,
        ...(port.protocol === 'tcp' ? {} : { udp: port.protocol === 'udp' ? 'only' : 'too' }),
        ...carriedRouting(routing, mode),
        bindPort: notBound === undefined,
        drainMs: drainMs(app, mode),
        servers: serversOf(app, routable, portIndex, settings),
        wanted: app.instances,
      },
      ...(notBound === undefined ? {} : { notBound }),
    };
  });
}

/** How long requests in flight may take when an instance of this app is taken out, over all its ports. */
export function drainLimitMs(built: readonly BuiltService[]): number {
  return built.reduce((longest, { service }) => Math.max(longest, service.drainMs), 0);
}

/** The same for an app of whose services nothing is known but its definition. */
export function drainLimitOf(app: App): number {
  const limits = appPorts(app).map((_, portIndex) => drainMs(app, portMode(app, portIndex)));
  return limits.length > 0 ? Math.max(...limits) : drainMs(app, 'tcp');
}

/**
 * May new requests go there? Wanted and running, not being taken out, and proven: by its health checks, or without any by
 * its first TCP connect; and by its readiness check when it has one. A task of another definition than that of `launchHash` has
 * other checks: by which of the two it was proven is told by its health, so that it serves on while a deployment adds or removes
 * checks.
 */
export function isRoutable(
  app: App,
  instance: Instance,
  unrouted: ReadonlySet<TaskId>,
  launchHash = instance.launchHash,
): boolean {
  const { task, health } = instance;
  if (instance.goal !== 'Running' || instance.condition !== 'Running' || instance.takingOut) return false;
  if (!task || unrouted.has(task.id) || health?.taskId !== task.id) return false;
  if (app.readinessChecks.length > 0 && health.ready !== true) return false;
  if (instance.launchHash !== launchHash && isServing(health)) return health.healthy !== false;
  if (app.healthChecks.length > 0) return health.healthy === true;
  return health.portOpen === true || hasOnlyDatagrams(app);
}

/** Nobody can tell from outside whether a port that only takes datagrams is open. */
function hasOnlyDatagrams(app: App): boolean {
  const ports = appPorts(app);
  return ports.length > 0 && ports.every(({ protocol }) => protocol === 'udp');
}

function serversOf(
  app: App,
  routable: readonly Instance[],
  portIndex: number,
  settings: BuildSettings,
): readonly Server[] {
  const servers: Server[] = [];
  for (const { task } of routable) {
    const endpoint = task && endpointOf(app, task, portIndex);
    if (!endpoint || endpoint.port === 0) continue;
    const { port } = endpoint;
    const host = isOnHostNetwork(app) ? (task.ipAddresses[0]?.ipAddress ?? endpoint.host) : endpoint.host;
    servers.push({
      name: serverName(task.hostname, host, port),
      taskId: task.id,
      host,
      port,
      bootId: settings.bootId(task.agentId) ?? '',
      version: task.runSpecVersion,
      ...(settings.disabled?.has(task.id) ? { disabled: true } : {}),
    });
  }
  return servers.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.taskId < b.taskId ? -1 : 1));
}

/** Then the addresses of a task are its agent's; otherwise they are its container's own, which host ports are not at. */
function isOnHostNetwork({ networks }: App): boolean {
  return networks.every(({ mode }) => mode === 'host');
}

function drainMs(app: App, mode: 'tcp' | 'http'): number {
  const asked = app.loadBalancer?.drainSeconds;
  if (asked !== undefined) return asked * 1_000;
  return mode === 'http' ? HTTP_DRAIN_MS : TCP_DRAIN_MS;
}
