import type { RoutingTimeouts } from '../../../apps/port-routing.js';
import { isIPv6 } from '../../../util/ip-address.js';
import { finish, type Steps } from '../../../util/steps.js';
import type { RoutingTable, Server, Service } from '../../table.js';
import { type BackendContext, backendShape, sideSections } from './backend-shape.js';
import { NO_TLS, type TlsFacts, usableCertificates } from './certificates.js';
import { isMapKey } from './escape.js';
import { frameText, type PortFrontend, portFrontendText } from './frame.js';
import { type Pool, poolsOf } from './pools.js';
import { makeRoutes, type RouteMaps } from './route-maps.js';
import type { Occupant } from './slots.js';
import { makeTlsLayout, type TlsLayout } from './tls-layout.js';

/** Backends that are thought about at a time. */
const STEP = 100;

/** What the configuration is made of besides the table. */
export interface LayoutSettings {
  readonly lbAddress: string;
  readonly lbPort: number;
  /** Absent: requests that name their app in a header are not served. */
  readonly appIdPort?: number;
  /** For virtual hosts over TLS, once there is a certificate; absent: never. */
  readonly httpsPort?: number;
  /** HAProxy's language in labels goes into its configuration. */
  readonly rawLabels?: true;
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
  /** Services (by key) whose labels in HAProxy's language go into the configuration; absent: none. */
  readonly raw?: ReadonlySet<string>;
  /** Absent: there are no certificates. */
  readonly tls?: TlsFacts;
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
  /** Answers to ACME challenges, by token. */
  readonly challenges: ReadonlyMap<string, string>;
  readonly tls: Pick<TlsLayout, 'files' | 'lists'>;
  /** Service ports that are left out for lack of certificates, with the reason. */
  readonly withoutTls: Readonly<Record<number, string>>;
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
  yield;
  const frontends = portFrontends(pools, settings, facts);
  const known = facts.tls ?? NO_TLS;
  const tls = makeTlsLayout(pools.values(), frontends, known, servesHttps(settings, facts));
  const backends = new Map<string, WantedBackend>();
  for (const pool of pools.values()) {
    if (backends.size % STEP === 0) yield;
    backends.set(pool.name, wantedBackend(pool, facts, contextOf(pool, settings, tls, facts)));
  }
  yield;
  const withoutTls: Record<number, string> = {};
  const ports: { key: string; text: string }[] = [];
  for (const frontend of frontends) {
    const secured = tls.portTls(frontend.name);
    if (typeof secured === 'string') withoutTls[frontend.service.servicePort] = secured;
    else ports.push({ key: frontend.key, text: portFrontendText(frontend, settings, secured) });
  }
  return {
    head: frameText(settings, routes, tls),
    ports,
    backends,
    routes,
    challenges: new Map(
      Object.entries(known.challenges).filter(([token, answer]) => isMapKey(token) && isMapKey(answer)),
    ),
    tls: { files: tls.files, lists: tls.lists },
    withoutTls,
  };
}

/** Virtual hosts are served over TLS: there are certificates, and the port is free. */
export function servesHttps(
  { httpsPort, lbAddress }: LayoutSettings,
  { tls = NO_TLS, portRefused }: Pick<LayoutFacts, 'tls' | 'portRefused'>,
): boolean {
  return (
    httpsPort !== undefined &&
    usableCertificates(tls).length > 0 &&
    portRefused(httpsPort, lbAddress) === undefined
  );
}

function contextOf(
  { key, lead }: Pool,
  { httpsPort }: LayoutSettings,
  tls: TlsLayout,
  { raw }: LayoutFacts,
): BackendContext {
  const guards = tls.guardsFor(lead);
  return {
    ...(httpsPort !== undefined && { httpsPort }),
    ...(guards && { guards }),
    ...(raw?.has(key) && { raw: true }),
  };
}

interface MadeBackend {
  readonly shape: Shape;
  readonly members: readonly Service[];
  /** Of all their servers. */
  readonly addresses: readonly (string | undefined)[];
  readonly backend: WantedBackend;
}

/** Backends as last made, by their first service: those of which nothing changed are the same objects in the next layout. */
const madeBackends = new WeakMap<Service, MadeBackend>();

function wantedBackend(pool: Pool, facts: LayoutFacts, context: BackendContext): WantedBackend {
  const { key, name, lead, members } = pool;
  const shape = shapeOf(pool, context);
  const servers = members.flatMap((service) => service.servers);
  const addresses = servers.map(({ host }) => facts.addressOf(host));
  const known = madeBackends.get(lead);
  if (
    known?.shape === shape &&
    known.backend.key === key &&
    sameItems(known.members, members) &&
    sameItems(known.addresses, addresses)
  )
    return known.backend;
  const occupants = members.flatMap((service) =>
    service.servers.flatMap((server) => occupant(server, service, facts) ?? []),
  );
  const wanted = members.reduce((sum, service) => sum + (service.wanted ?? 0), 0);
  const { serverOptions } = shape;
  const backend = { name, key, shape: shape.shape, serverOptions, occupants, wanted };
  madeBackends.set(lead, { shape, members, addresses, backend });
  return backend;
}

function sameItems<Item>(one: readonly Item[], other: readonly Item[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

interface Shape {
  readonly name: string;
  readonly context: string;
  readonly shape: string;
  readonly serverOptions: string;
}

/** Sections as last made of a service: only services that change are other objects in the next table. */
const shapes = new WeakMap<Service, Shape>();

function shapeOf({ name, lead }: Pool, wanted: BackendContext): Shape {
  const known = shapes.get(lead);
  const context = JSON.stringify(wanted);
  if (known?.name === name && known.context === context) return known;
  const { text, serverOptions } = backendShape(name, lead, wanted);
  const made = { name, context, shape: [...sideSections(name, lead), text].join('\n\n'), serverOptions };
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
  for (const { name, key, lead, members } of pools.values())
    for (const service of members) {
      const address = service.bindAddress ?? settings.lbAddress;
      const place = `${isIPv6(address) ? `[${address}]` : address}:${service.servicePort}`;
      if (!service.bindPort || taken.has(place)) continue;
      if (facts.portRefused(service.servicePort, address) !== undefined) continue;
      taken.add(place);
      const raw = facts.raw?.has(key) && service === lead;
      frontends.push({
        name: `${name}_port_${service.servicePort}`,
        key,
        backend: name,
        place,
        service,
        ...(raw && { raw }),
      });
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
