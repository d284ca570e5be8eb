import type { App } from '../../apps/app.js';
import type { Balance } from '../table.js';

/** What the labels of one port say (marathon-lb's names: `HAPROXY_{n}_VHOST` and so on). */
export interface PortLabels {
  readonly enabled: boolean;
  /** Lower case, without blanks, in the order given, each once. */
  readonly vhosts: readonly string[];
  readonly port?: number;
  readonly mode?: 'tcp' | 'http';
  /** `HAPROXY_{n}_GROUP`, else `HAPROXY_GROUP`. */
  readonly groups: readonly string[];
  /** Beginnings of paths, each with its `/`; none: all paths. In lower case with `ignorePathCase`. */
  readonly paths: readonly string[];
  readonly ignorePathCase: boolean;
  readonly balance?: Balance;
  readonly sticky: boolean;
}

const falseWords: ReadonlySet<string> = new Set(['false', 'f', 'no', 'n', 'off', '0']);
const trueWords: ReadonlySet<string> = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const balances: ReadonlySet<string> = new Set([
  'roundrobin',
  'leastconn',
  'random',
  'first',
  'source',
  'uri',
]);
const pathBeginning = /^\/[!-~]{0,1023}$/;
const hostName = /^(\*\.)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/;

/** True when any label addresses the load balancer. */
export function hasLoadBalancerLabel(app: App): boolean {
  for (const name in app.labels) if (name.startsWith('HAPROXY_')) return true;
  return false;
}

/** Reads the labels of port `index`. Malformed values count as absent: a label never breaks a table. */
export function portLabels(app: App, index: number): PortLabels {
  const label = (name: string): string | undefined => app.labels[`HAPROXY_${index}_${name}`];
  const port = Number(label('PORT'));
  const mode = label('MODE')?.trim().toLowerCase();
  const vhosts = words(label('VHOST')?.toLowerCase()).filter(
    (host) => host.length <= 253 && hostName.test(host),
  );
  const algorithm = (label('BALANCE') ?? '').trim().toLowerCase();
  return {
    enabled: !falseWords.has((label('ENABLED') ?? 'true').trim().toLowerCase()),
    vhosts: [...new Set(vhosts)],
    ...(Number.isInteger(port) && port >= 1 && port <= 65_535 ? { port } : {}),
    ...(mode === 'tcp' || mode === 'http' ? { mode } : {}),
    groups: words(label('GROUP') ?? app.labels['HAPROXY_GROUP']),
    ...pathsOf(label('PATH')),
    ...(balances.has(algorithm) ? { balance: algorithm as Balance } : {}),
    sticky: trueWords.has((label('STICKY') ?? '').trim().toLowerCase()),
  };
}

/** Whether a load balancer of `own` groups serves a port of `groups`: `*` takes all, as in marathon-lb. */
export function servesGroup(own: readonly string[], groups: readonly string[]): boolean {
  return own.includes('*') || groups.some((group) => own.includes(group));
}

/** As `path_beg` of HAProxy: beginnings separated by blanks, `-i` before them for either case. */
function pathsOf(text: string | undefined): Pick<PortLabels, 'paths' | 'ignorePathCase'> {
  const given = (text ?? '').split(/\s+/).filter((word) => word !== '');
  const ignorePathCase = given[0] === '-i';
  const paths = (ignorePathCase ? given.slice(1) : given)
    .filter((path) => pathBeginning.test(path))
    .map((path) => (ignorePathCase ? path.toLowerCase() : path));
  return { paths: [...new Set(paths)], ignorePathCase };
}

function words(text: string | undefined): string[] {
  return (text ?? '')
    .split(/[\s,]+/)
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
