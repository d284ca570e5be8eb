import type { CarriedRouting, PortRouting } from '../../apps/port-routing.js';
import type { Service } from '../table.js';

type Carried = CarriedRouting & Pick<Service, 'vhosts' | 'groups' | 'paths' | 'ignorePathCase' | 'sticky'>;

/** Members that mean the same for connections and for requests. */
const ofBoth = [
  'deploymentGroup',
  'weight',
  'slowStartMs',
  'access',
  'timeouts',
  'ejection',
  'limits',
  'proxyProtocol',
  'tls',
  'raw',
  'bindAddress',
  'hashBalanceFactor',
] as const satisfies readonly (keyof CarriedRouting)[];
/** Those that only requests have. */
const ofHttp = [
  'match',
  'rules',
  'retry',
  'serverProtocol',
] as const satisfies readonly (keyof CarriedRouting)[];

/** What the table tells of a port's routing; what its mode does not know is left out. */
export function carriedRouting(routing: PortRouting, mode: Service['mode']): Carried {
  const names: readonly (keyof CarriedRouting)[] = mode === 'http' ? [...ofBoth, ...ofHttp] : ofBoth;
  const carried = Object.fromEntries(
    names.flatMap((name) => (routing[name] === undefined ? [] : [[name, routing[name]]])),
  );
  return {
    ...carried,
    ...(routing.groups.length > 0 ? { groups: routing.groups } : {}),
    ...balanceOf(routing, mode),
    ...httpOnly(routing, mode),
  };
}

/** A path or a header can be hashed only where there is one. */
function balanceOf(
  { balance, balanceHeader }: PortRouting,
  mode: Service['mode'],
): Pick<CarriedRouting, 'balance' | 'balanceHeader'> {
  if (!balance || balance === 'roundrobin') return {};
  if (mode === 'tcp' && (balance === 'uri' || balance === 'header')) return {};
  if (balance !== 'header') return { balance };
  return balanceHeader === undefined ? {} : { balance, balanceHeader };
}

function httpOnly(
  { vhosts, paths, ignorePathCase, sticky }: PortRouting,
  mode: Service['mode'],
): Pick<Carried, 'vhosts' | 'paths' | 'ignorePathCase' | 'sticky'> {
  if (mode === 'tcp') return { vhosts: [] };
  return {
    vhosts,
    ...(paths.length > 0 ? { paths } : {}),
    ...(paths.length > 0 && ignorePathCase ? { ignorePathCase: true } : {}),
    ...(sticky ? { sticky: true } : {}),
  };
}
