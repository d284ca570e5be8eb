import type { App, AppRecord, HealthCheck } from '../../apps/app.js';
import { appPorts } from '../../apps/app-ports.js';
import { asksForLoadBalancer } from '../../apps/decide/port-routing.js';
import type { Instance, InstanceHealth, InstanceTask } from '../../scheduler/instance.js';
import { type Endpoint, endpointOf, hostOf } from '../../scheduler/instance-endpoint.js';
import type { ProbeTarget } from '../health.js';

/** The first connect to an app without checks is tried ever more slowly, up to this interval. */
export const PORT_INTERVAL_MS = 5_000;
export const PORT_TIMEOUT_MS = 5_000;

/** Something to probe, and what its results are about: `index` is that of the health check. */
export interface WantedProbe {
  readonly kind: 'health' | 'ready' | 'port';
  readonly index: number;
  readonly target: ProbeTarget;
}

/**
 * What needs probing on an instance right now: its health checks while it runs, its readiness check until it once was ready
 * (the load balancer waits for that also when no deployment does), and, for an app that the load balancer serves without
 * checks, its first port until it once accepted a connection. Nothing once it is being killed. A check whose port the task
 * does not have is left out.
 */
export function wantedProbes(
  instance: Instance,
  record: AppRecord,
  health: InstanceHealth,
): readonly WantedProbe[] {
  const { task } = instance;
  if (!task || instance.condition !== 'Running' || instance.takingOut?.phase === 'killing') return [];
  const { app } = record;
  const probes = app.healthChecks.flatMap((check, index) => healthProbe(task, app, check, index, health));
  if (health.ready !== true) probes.push(...readinessProbe(task, app));
  if (app.healthChecks.length === 0 && health.portOpen !== true && isServedWithoutChecks(record)) {
    probes.push(...portProbe(task, app));
  }
  return probes;
}

/** Whether two targets are probed alike, so that nothing needs to change; `eager` matters only at the beginning. */
export function probesAlike(a: ProbeTarget, b: ProbeTarget): boolean {
  return JSON.stringify({ ...a, eager: false }) === JSON.stringify({ ...b, eager: false });
}

/**
 * Whether the tasks of two definitions that launch the same are probed alike. A change of their number, or of a label that is
 * not the load balancer's, is nothing to those who run.
 */
export function probedAlike(a: AppRecord, b: AppRecord): boolean {
  return a === b || JSON.stringify(probingOf(a)) === JSON.stringify(probingOf(b));
}

function probingOf(record: AppRecord): unknown {
  const { healthChecks, readinessChecks } = record.app;
  return [healthChecks, readinessChecks, appPorts(record.app), isServedWithoutChecks(record)];
}

/** The path with its leading `/`, which Marathon adds where it is missing. */
export function probePath(path: string | undefined): string {
  if (path === undefined || path === '') return '/';
  return path.startsWith('/') ? path : `/${path}`;
}

/** The load balancer serves apps with ports of their author's choice, or with one of its labels or its typed object. */
function isServedWithoutChecks({ app, explicitPorts }: AppRecord): boolean {
  return explicitPorts || asksForLoadBalancer(app);
}

/** Where a check goes: to a port that it names by its number, else to one of the app's own. */
function checkedEndpoint(
  task: InstanceTask,
  app: App,
  { port, portIndex }: Pick<HealthCheck, 'port' | 'portIndex'>,
): Pick<Endpoint, 'host' | 'port'> | undefined {
  if (port === undefined) return endpointOf(app, task, portIndex ?? 0);
  const host = hostOf(app, task);
  return host === undefined ? undefined : { host, port };
}

function healthProbe(
  task: InstanceTask,
  app: App,
  check: HealthCheck,
  index: number,
  health: InstanceHealth,
): WantedProbe[] {
  const { protocol } = check;
  // The agent carries out the others, and reports what it finds.
  if (protocol !== 'HTTP' && protocol !== 'HTTPS' && protocol !== 'TCP') return [];
  const endpoint = checkedEndpoint(task, app, check);
  if (!endpoint) return [];
  const target: ProbeTarget = {
    key: `${task.id}#health-${index}`,
    protocol,
    host: endpoint.host,
    port: endpoint.port,
    path: probePath(check.path),
    intervalMs: check.intervalSeconds * 1000,
    timeoutMs: check.timeoutSeconds * 1000,
    ...(check.ignoreHttp1xx === undefined ? {} : { ignoreHttp1xx: check.ignoreHttp1xx }),
    eager: health.results[index]?.firstSuccess === undefined,
  };
  return [{ kind: 'health', index, target }];
}

function readinessProbe(task: InstanceTask, app: App): WantedProbe[] {
  const [check] = app.readinessChecks;
  if (!check) return [];
  const index = appPorts(app).findIndex(({ name }) => name === check.portName);
  const endpoint = endpointOf(app, task, index);
  if (!endpoint) return [];
  const target: ProbeTarget = {
    key: `${task.id}#ready`,
    protocol: check.protocol,
    host: endpoint.host,
    port: endpoint.port,
    path: probePath(check.path),
    intervalMs: check.intervalSeconds * 1000,
    timeoutMs: check.timeoutSeconds * 1000,
    successStatuses: check.httpStatusCodesForReady,
    keepResponse: check.preserveLastResponse,
    eager: true,
  };
  return [{ kind: 'ready', index: 0, target }];
}

function portProbe(task: InstanceTask, app: App): WantedProbe[] {
  const index = appPorts(app).findIndex(({ protocol }) => protocol !== 'udp');
  const endpoint = endpointOf(app, task, index);
  if (!endpoint) return [];
  const target: ProbeTarget = {
    key: `${task.id}#port`,
    protocol: 'TCP',
    host: endpoint.host,
    port: endpoint.port,
    path: '/',
    intervalMs: PORT_INTERVAL_MS,
    timeoutMs: PORT_TIMEOUT_MS,
    eager: true,
  };
  return [{ kind: 'port', index: 0, target }];
}
