import type { RoutingTimeouts } from '../../../apps/port-routing.js';
import { isIPv6 } from '../../../util/ip-address.js';
import { finish, type Steps } from '../../../util/steps.js';
import type { RoutingTable, Server, Service } from '../../table.js';
import { backendShape, sideSections } from './backend-shape.js';
import { frameText, type PortFrontend, portFrontendText } from './frame.js';
import { type Pool, poolsOf } from './pools.js';
import { makeRoutes, type RouteMaps } from './route-maps.js';
import type { Occupant } from './slots.js';

/** Backends that are thought about at a time. */
const STEP = 100;

/** What the configuration is made of besides the table. */
export interface LayoutSettings {
  readonly lbAddress: string;
  readonly lbPort: number;
  /** Absent: requests that name their app in a header are not served. */
  readonly appIdPort?: number;
  readonly threads: number;
  readonly maxConnections: number;
  readonly timeouts: Required<RoutingTimeouts>;
  /** Blocks of addresses whose connections begin with a PROXY header. */
  readonly acceptProxyFrom: readonly string[];
}

/** What is known of the outside world. */
export interface LayoutFacts {
  /** The IP address of a host; undefined: not known (yet), its servers are left out. */
  addressOf(host: string): string | undefined;
  /** Why this service port is left out; undefined: it is served. */
  portRefused(port: number, address: string): string | undefined;
  /** Services (by key) whose configuration HAProxy does not take. */
  readonly refused: ReadonlySet<string>;
}

export interface WantedBackend {
  readonly name: string;
  /** Key of the service that it is made for. */
  readonly key: string;
  /** The text of its section without the servers. */
  readonly shape: string;
  /** What stands on every server line behind address and weight. */
  readonly serverOptions: string;
  readonly occupants: readonly Occupant[];
  /** Instances that slots are kept for, also while fewer are there. */
  readonly wanted: number;
}

/** What HAProxy is to serve, made of a table. */
export interface Layout {
  /** Everything but service ports and backends. */
  readonly head: string;
  readonly ports: readonly { readonly key: string; readonly text: string }[];
  readonly backends: ReadonlyMap<string, WantedBackend>;
  readonly routes: RouteMaps;
}

export function makeLayout(
  services: RoutingTable['services'],
  settings: LayoutSettings,
  facts: LayoutFacts,
): Layout {
  return finish(layoutInSteps(services, settings, facts));
}

/** The same, a few services at a time: neither of them may change between the steps. */
export function* layoutInSteps(
  services: RoutingTable['services'],
  settings: LayoutSettings,
  facts: LayoutFacts,
): Steps<Layout> {
  const served = Object.fromEntries(
    Object.entries(services).filter(([key, { udp }]) => udp !== 'only' && !facts.refused.has(key)),
  );
  const byService = poolsOf(served);
  const pools = new Map([...byService.values()].map((pool) => [pool.name, pool]));
  yield;
  const routes = makeRoutes(served, byService);
  const backends = new Map<string, WantedBackend>();
  for (const pool of pools.values()) {
    if (backends.size % STEP === 0) yield;
    backends.set(pool.name, wantedBackend(pool, facts));
  }
  yield;
  const ports = portFrontends(pools, settings, facts).map((frontend) => ({
    key: frontend.key,
    text: portFrontendText(frontend, settings),
  }));
  return { head: frameText(settings, routes), ports, backends, routes };
}

function wantedBackend(pool: Pool, facts: LayoutFacts): WantedBackend {
  const { shape, serverOptions } = shapeOf(pool);
  const occupants = pool.members.flatMap((service) =>
    service.servers.flatMap((server) => occupant(server, service, facts) ?? []),
  );
  const wanted = pool.members.reduce((sum, service) => sum + (service.wanted ?? 0), 0);
  return { name: pool.name, key: pool.key, shape, serverOptions, occupants, wanted };
}

interface Shape {
  readonly name: string;
  readonly shape: string;
  readonly serverOptions: string;
}

/** Sections as last made of a service: only services that change are other objects in the next table. */
const shapes = new WeakMap<Service, Shape>();

function shapeOf({ name, lead }: Pool): Shape {
  const known = shapes.get(lead);
  if (known?.name === name) return known;
  const { text, serverOptions } = backendShape(name, lead);
  const made = { name, shape: [...sideSections(name, lead), text].join('\n\n'), serverOptions };
  shapes.set(lead, made);
  return made;
}

function occupant(server: Server, service: Service, facts: LayoutFacts): Occupant | undefined {
  const address = facts.addressOf(server.host);
  if (address === undefined) return undefined;
  return {
    taskId: server.taskId,
    name: server.name,
    address,
    port: server.port,
    weight: server.weight ?? service.weight ?? 1,
    disabled: server.disabled === true,
  };
}

function portFrontends(
  pools: ReadonlyMap<string, Pool>,
  settings: LayoutSettings,
  facts: LayoutFacts,
): readonly PortFrontend[] {
  const taken = new Set<string>();
  const frontends: PortFrontend[] = [];
  for (const { name, key, members } of pools.values())
    for (const service of members) {
      const address = service.bindAddress ?? settings.lbAddress;
      const place = `${isIPv6(address) ? `[${address}]` : address}:${service.servicePort}`;
      if (!service.bindPort || taken.has(place)) continue;
      if (facts.portRefused(service.servicePort, address) !== undefined) continue;
      taken.add(place);
      frontends.push({ name: `${name}_port_${service.servicePort}`, key, backend: name, place, service });
    }
  return frontends;
}

/** Service ports that the table wants bound: as port and address. */
export function wantedPorts(
  services: RoutingTable['services'],
  lbAddress: string,
): readonly { readonly port: number; readonly address: string }[] {
  return Object.values(services)
    .filter(({ bindPort, udp }) => bindPort && udp !== 'only')
    .map(({ servicePort: port, bindAddress: address = lbAddress }) => ({ port, address }));
}
