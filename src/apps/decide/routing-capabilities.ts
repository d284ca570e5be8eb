import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { App } from '../app.js';
import { type AppPort, appPorts } from '../app-ports.js';
import type { PortRouting } from '../port-routing.js';
import { placeOfPort, portRouting, type RoutedApp } from './port-routing.js';
import { portMode } from './served-ports.js';

/** One thing that a load balancer cannot do. */
export interface CannotRoute {
  /** Of PortRouting: `limits.burst`. */
  readonly member: string;
  /** Why not, and what to do instead. */
  readonly why: string;
}

/** What the load balancer in use cannot do of how a port is routed; nothing where it can do all of it. */
export type RoutingCapabilities = (port: {
  readonly routing: PortRouting;
  readonly mode: 'tcp' | 'http';
  readonly protocol: AppPort['protocol'];
}) => Iterable<CannotRoute>;

type JudgedApp = RoutedApp & Pick<App, 'healthChecks'>;

/**
 * Refuses what the load balancer in use cannot do: better told than ignored. What `before` asked for already is let be. Throws
 * CatalogError `unsupported` that names each thing.
 */
export function refuseUnroutable(
  draft: JudgedApp,
  before: JudgedApp | undefined,
  cannot: RoutingCapabilities,
  placed: (path: string) => string,
): void {
  const known = new Set(before ? [...unroutable(before, cannot)].map(({ key }) => key) : []);
  const found = [...unroutable(draft, cannot)].filter(({ key }) => !known.has(key));
  if (found.length === 0) return;
  const details = found.map(
    ({ path, member, why }): ErrorDetail => ({
      path: placed(path),
      errors: [`${member} is not supported by this load balancer`],
      code: 'unsupported',
      hint: why,
    }),
  );
  throw new CatalogError('unsupported', { what: found.map(({ member }) => member).join(', ') }, details);
}

function* unroutable(
  app: JudgedApp,
  cannot: RoutingCapabilities,
): Iterable<CannotRoute & { readonly key: string; readonly path: string }> {
  const ports = appPorts(app);
  for (const [index, { protocol }] of ports.entries()) {
    const routing = portRouting(app, index);
    if (!routing.enabled) continue;
    const path = wherePort(app, ports, index);
    for (const each of cannot({ routing, mode: portMode(app, index), protocol }))
      yield { ...each, path, key: `${index} ${each.member}` };
  }
}

/** Where a port is spoken of: in the typed object, by its labels, or where it is defined. */
function wherePort(app: JudgedApp, ports: readonly AppPort[], index: number): string {
  const place = app.loadBalancer?.ports?.findIndex((options) => placeOfPort(ports, options) === index) ?? -1;
  if (place >= 0) return `/loadBalancer/ports(${place})`;
  if (Object.keys(app.labels).some((label) => label.startsWith(`HAPROXY_${index}_`))) return '/labels';
  return app.container?.portMappings ? `/container/portMappings(${index})` : `/portDefinitions(${index})`;
}
