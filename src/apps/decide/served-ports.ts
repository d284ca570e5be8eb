import type { App, AppRecord, HealthCheck } from '../app.js';
import { appPorts, portCount } from '../app-ports.js';
import type { PortRouting } from '../port-routing.js';
import { appRouting, asksForLoadBalancer, type RoutedApp } from './port-routing.js';

/** A port of an app that load balancers serve. */
export interface ServedPort {
  readonly portIndex: number;
  readonly servicePort: number;
  readonly protocol: 'tcp' | 'udp' | 'udp,tcp';
  readonly mode: 'tcp' | 'http';
  readonly routing: PortRouting;
  /** The tasks themselves demand the service port of their host: it is theirs, not the load balancer's. */
  readonly isDemanded: boolean;
}

/** Only apps whose author showed that they are meant to be reached are served: own ports, a health check or a label. */
export function isServed(record: AppRecord): boolean {
  const { app } = record;
  if (portCount(app) === 0) return false;
  return record.explicitPorts || app.healthChecks.length > 0 || asksForLoadBalancer(app);
}

/** The served ports of an app, in the order of its ports; a second port with the same service port is left out. */
export function servedPorts(record: AppRecord): readonly ServedPort[] {
  if (!isServed(record)) return [];
  const { app } = record;
  const definitions = appPorts(app);
  const { ports } = appRouting(app);
  const taken = new Set<number>();
  return definitions.flatMap(({ servicePort: defined, protocol }, portIndex) => {
    const routing = ports[portIndex];
    const servicePort = routing?.port ?? defined;
    if (!routing?.enabled || servicePort === 0 || taken.has(servicePort)) return [];
    taken.add(servicePort);
    const isDemanded = definitions.some(({ hostPort }) => hostPort === servicePort);
    return [{ portIndex, servicePort, protocol, mode: portMode(app, portIndex), routing, isDemanded }];
  });
}

/**
 * What a port speaks: what is said of it, else http when it has a virtual host, a rule that only HTTP knows, or an HTTP
 * health check.
 */
export function portMode(app: RoutedApp & Pick<App, 'healthChecks'>, portIndex: number): 'tcp' | 'http' {
  const routing = appRouting(app).ports[portIndex];
  if (routing?.mode) return routing.mode;
  const checked = routing?.healthCheckPortIndex ?? portIndex;
  return (routing?.vhosts.length ?? 0) > 0 || hasHttpCheck(app, checked) ? 'http' : 'tcp';
}

/** A plain HTTP check proves that the port speaks HTTP; one over TLS proves that only its owner can read it. */
function hasHttpCheck(app: Pick<App, 'healthChecks'>, portIndex: number): boolean {
  return app.healthChecks.some((check) => check.protocol === 'HTTP' && checksPort(check, portIndex));
}

function checksPort(check: HealthCheck, portIndex: number): boolean {
  return check.port !== undefined || (check.portIndex ?? 0) === portIndex;
}
