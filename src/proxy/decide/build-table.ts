import type { App, AppRecord, HealthCheck } from '../../apps/app.js';
import { appPorts, portCount } from '../../apps/app-ports.js';
import type { AgentId, Instance, TaskId } from '../../scheduler/instance.js';
import { endpointOf } from '../../scheduler/instance-endpoint.js';
import type { Server, Service } from '../table.js';
import { serverName } from './names.js';
import { hasLoadBalancerLabel, type PortLabels, portLabels, servesGroup } from './port-labels.js';

/** How long requests in flight may take by default when an instance is taken out. */
export const HTTP_DRAIN_MS = 30_000;
export const TCP_DRAIN_MS = 10_000;

/** What the table depends on besides the app and its instances. */
export interface BuildSettings {
  /** Groups this load balancer belongs to; `*` serves every app. */
  readonly groups: readonly string[];
  /** Boot id of an agent's host, undefined while unknown. */
  bootId(agentId: AgentId): string | undefined;
  /** Tasks that get nothing new any more, whatever their instance looks like. */
  readonly unrouted: ReadonlySet<TaskId>;
  /** Why the service port shall not be bound; undefined when it may. */
  bindRefusal(servicePort: number): string | undefined;
}

/** A service and, when its port is left alone, why. */
export interface BuiltService {
  readonly service: Service;
  readonly notBound?: string;
}

/** Only apps whose author showed that they are meant to be reached are served: own ports, a health check or a label. */
export function isServed(record: AppRecord): boolean {
  const { app } = record;
  if (portCount(app) === 0) return false;
  return record.explicitPorts || app.healthChecks.length > 0 || hasLoadBalancerLabel(app);
}

/** The services of one app, in the order of its ports; a second port with the same service port is left out. */
export function buildServices(
  record: AppRecord,
  instances: readonly Instance[],
  settings: BuildSettings,
): readonly BuiltService[] {
  if (!isServed(record)) return [];
  const { app } = record;
  const routable = instances.filter((instance) => isRoutable(app, instance, settings.unrouted));
  const built: BuiltService[] = [];
  const taken = new Set<number>();
  appPorts(app).forEach((definition, portIndex) => {
    const labels = portLabels(app, portIndex);
    const servicePort = labels.port ?? definition.servicePort;
    if (definition.protocol === 'udp' || !labels.enabled || servicePort === 0 || taken.has(servicePort))
      return;
    if (!servesGroup(settings.groups, labels.groups)) return;
    taken.add(servicePort);
    const mode = modeOf(app, portIndex);
    const notBound = settings.bindRefusal(servicePort);
    built.push({
      service: {
        appId: app.id,
        portIndex,
        servicePort,
        mode,
        vhosts: mode === 'http' ? labels.vhosts : [],
        ...(mode === 'http' && labels.paths.length > 0 ? { paths: labels.paths } : {}),
        ...(mode === 'http' && labels.paths.length > 0 && labels.ignorePathCase
          ? { ignorePathCase: true }
          : {}),
        ...balanceOf(labels, mode),
        ...(mode === 'http' && labels.sticky ? { sticky: true } : {}),
        bindPort: notBound === undefined,
        drainMs: drainMs(app, mode),
        servers: serversOf(app, routable, portIndex, settings),
      },
      ...(notBound === undefined ? {} : { notBound }),
    });
  });
  return built;
}

/** A path can be hashed only where there is one. */
function balanceOf({ balance }: PortLabels, mode: Service['mode']): Pick<Service, 'balance'> {
  if (balance === undefined || balance === 'roundrobin' || (balance === 'uri' && mode === 'tcp')) return {};
  return { balance };
}

/** How long requests in flight may take when an instance of this app is taken out, over all its ports. */
export function drainLimitMs(built: readonly BuiltService[]): number {
  return built.reduce((longest, { service }) => Math.max(longest, service.drainMs), 0);
}

/** The same for an app of whose services nothing is known but its definition. */
export function drainLimitOf(app: App): number {
  const limits = appPorts(app).flatMap(({ protocol }, portIndex) =>
    protocol === 'udp' ? [] : [drainMs(app, modeOf(app, portIndex))],
  );
  return limits.length > 0 ? Math.max(...limits) : drainMs(app, 'tcp');
}

function modeOf(app: App, portIndex: number): 'tcp' | 'http' {
  const labels = portLabels(app, portIndex);
  return labels.mode ?? (labels.vhosts.length > 0 || hasHttpCheck(app, portIndex) ? 'http' : 'tcp');
}

/**
 * May new requests go there? Wanted and running, not being taken out, and proven: by its health checks, or without any by
 * its first TCP connect; and by its readiness check when it has one.
 */
export function isRoutable(app: App, instance: Instance, unrouted: ReadonlySet<TaskId>): boolean {
  const { task, health } = instance;
  if (instance.goal !== 'Running' || instance.condition !== 'Running' || instance.takingOut) return false;
  if (!task || unrouted.has(task.id) || health?.taskId !== task.id) return false;
  if (app.readinessChecks.length > 0 && health.ready !== true) return false;
  return app.healthChecks.length > 0 ? health.healthy === true : health.portOpen === true;
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
    });
  }
  return servers.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.taskId < b.taskId ? -1 : 1));
}

/** Then the addresses of a task are its agent's; otherwise they are its container's own, which host ports are not at. */
function isOnHostNetwork({ networks }: App): boolean {
  return networks.every(({ mode }) => mode === 'host');
}

/** A plain HTTP check proves that the port speaks HTTP; one over TLS proves that only its owner can read it. */
function hasHttpCheck(app: App, portIndex: number): boolean {
  return app.healthChecks.some((check) => check.protocol === 'HTTP' && checksPort(check, portIndex));
}

function checksPort(check: HealthCheck, portIndex: number): boolean {
  return check.port !== undefined || (check.portIndex ?? 0) === portIndex;
}

function drainMs(app: App, mode: 'tcp' | 'http'): number {
  const asked = app.loadBalancer?.drainSeconds;
  if (asked !== undefined) return asked * 1_000;
  return mode === 'http' ? HTTP_DRAIN_MS : TCP_DRAIN_MS;
}
