import type { AppId, AppRecord } from '../../app.js';
import type { PortOptions } from '../../load-balancer-options.js';
import type { PortRouting } from '../../port-routing.js';
import { canonicalJson } from '../canonical-json.js';
import { type ServedPort, servedPorts } from '../served-ports.js';

/** With whom a port shares hosts and service ports. */
export type Sharing = Pick<PortRouting, 'groups' | 'deploymentGroup'>;

/** What one app wants for itself of what there is once: a service port, or a host with a beginning of a path. */
export interface RouteClaim {
  /** Equal keys are the same thing. */
  readonly key: string;
  /** The same in words. */
  readonly what: string;
  readonly sharing: Sharing;
  readonly kind: 'host' | 'port';
  readonly portIndex: number;
}

/** An app that claims the same. */
export interface Claimant {
  readonly appId: AppId;
  readonly sharing: Sharing;
}

const ALL = ['*'];

/**
 * Whether some load balancer serves both and they do not serve as one: they have a group in common, where none is the group of
 * load balancers that serve everything.
 */
export function meet(a: Sharing, b: Sharing): boolean {
  if (a.deploymentGroup !== undefined && a.deploymentGroup === b.deploymentGroup) return false;
  const [left, right] = [groupsOf(a), groupsOf(b)];
  return left.some((group) => right.includes(group));
}

const groupsOf = ({ groups }: Sharing): readonly string[] => (groups.length > 0 ? groups : ALL);

const NONE: readonly RouteClaim[] = [];
const known = new WeakMap<AppRecord, readonly RouteClaim[]>();

/** Everything that an app claims. A service port that its own tasks demand of their host is none: it is never bound. */
export function routeClaims(record: AppRecord): readonly RouteClaim[] {
  const found = known.get(record);
  if (found) return found;
  const claims = servedPorts(record).flatMap((port) => [...portClaims(port), ...hostClaims(port)]);
  known.set(record, claims.length > 0 ? claims : NONE);
  return claims;
}

function* portClaims(port: ServedPort): Iterable<RouteClaim> {
  const { servicePort, protocol, isDemanded } = port;
  if (isDemanded) return;
  const claim = { sharing: sharingOf(port), kind: 'port', portIndex: port.portIndex } as const;
  if (protocol !== 'udp') yield { key: `tcp ${servicePort}`, what: `service port ${servicePort}`, ...claim };
  if (protocol !== 'tcp')
    yield { key: `udp ${servicePort}`, what: `service port ${servicePort} (UDP)`, ...claim };
}

function* hostClaims(port: ServedPort): Iterable<RouteClaim> {
  const { mode, routing } = port;
  if (mode !== 'http') return;
  const claim = { sharing: sharingOf(port), kind: 'host', portIndex: port.portIndex } as const;
  const match = routing.match ? ` with ${canonicalJson(routing.match)}` : '';
  for (const host of routing.vhosts)
    for (const beginning of routing.paths.length > 0 ? routing.paths : [''])
      yield { key: `host ${host} ${beginning}${match}`, what: `${host}${beginning}${match}`, ...claim };
}

function sharingOf({ routing: { groups, deploymentGroup } }: ServedPort): Sharing {
  return { groups, ...(deploymentGroup === undefined ? {} : { deploymentGroup }) };
}

/** Where the definition says it: a path for findings. */
export function claimPath(record: AppRecord, { kind, portIndex }: RouteClaim): string {
  const { app } = record;
  const typed = typedPlace(
    record,
    portIndex,
    (options) => (kind === 'port' ? options.port : options.vhosts) !== undefined,
  );
  if (typed !== undefined) return `${typed}/${kind === 'port' ? 'port' : 'vhosts'}`;
  if (kind === 'host') return `/labels/HAPROXY_${portIndex}_VHOST`;
  if ((app.labels[`HAPROXY_${portIndex}_PORT`] ?? '').trim() !== '')
    return `/labels/HAPROXY_${portIndex}_PORT`;
  return app.container?.portMappings
    ? `/container/portMappings(${portIndex})/servicePort`
    : `/portDefinitions(${portIndex})/port`;
}

/** Where the typed object speaks of a port, if it says what is asked about. */
function typedPlace(
  { app }: AppRecord,
  portIndex: number,
  says: (options: PortOptions) => boolean,
): string | undefined {
  const names = app.container?.portMappings ?? app.portDefinitions;
  const place = app.loadBalancer?.ports?.findIndex(
    (options) =>
      says(options) &&
      (options.portName === undefined
        ? options.portIndex === portIndex
        : names[portIndex]?.name === options.portName),
  );
  return place === undefined || place < 0 ? undefined : `/loadBalancer/ports(${place})`;
}
