import type { Balance } from '../../port-routing.js';
import type { RoutingPart } from './routing-part.js';
import {
  type Read,
  readBindAddress,
  readFlag,
  readHost,
  readLocation,
  readNetwork,
  readPasswordHash,
  readPathBeginning,
  readRealm,
  readUser,
  readWhole,
  shown,
  wordsOf,
} from './values.js';

/** What one label says. Of a list, what can be read counts even beside a `problem`. */
export interface LabelRead {
  readonly value?: RoutingPart;
  readonly problem?: string;
  readonly hint?: string;
  /** Of it, or about it, what has no effect here. */
  readonly unheeded?: string;
}

type LabelReader = (text: string) => LabelRead;

/** What marathon-lb sends with `HAPROXY_{n}_USE_HSTS`. */
export const DEFAULT_HSTS = 'max-age=15768000';
/** Most values of one label. */
const MAX_VALUES = 1_000;

const balances: ReadonlyMap<string, Balance> = new Map<string, Balance>([
  ['roundrobin', 'roundrobin'],
  ['static-rr', 'roundrobin'],
  ['leastconn', 'leastconn'],
  ['random', 'random'],
  ['first', 'first'],
  ['source', 'source'],
  ['uri', 'uri'],
]);
/** Algorithms that HAProxy has and nothing here does. */
const otherBalances: ReadonlySet<string> = new Set(['url_param', 'rdp-cookie', 'hash']);

/**
 * The labels of a port by what follows `HAPROXY_{n}_`. Blank values never reach a reader: they count as absent, as for
 * marathon-lb.
 */
const readers: Readonly<Record<string, LabelReader>> = {
  ENABLED: (text) => mapped(readFlag(text), (enabled) => ({ enabled })),
  VHOST: (text) => listed(bounded(text), readHost, (vhosts) => ({ vhosts })),
  PATH: pathsOf,
  PORT: (text) => mapped(readWhole(text, 1, 65_535), (port) => ({ port })),
  MODE: modeOf,
  GROUP: (text) => ({ value: { groups: wordsOf(text) } }),
  BALANCE: balanceOf,
  STICKY: (text) => mapped(readFlag(text), (sticky) => ({ sticky })),
  REDIRECT_TO_HTTPS: (text) =>
    mapped(readFlag(text), (wanted) => (wanted ? { rules: { redirectToHttps: true } } : {})),
  USE_HSTS: (text) => mapped(readFlag(text), (wanted) => (wanted ? { rules: { hsts: DEFAULT_HSTS } } : {})),
  SSL_CERT: (text) => ({ value: { tls: { certificates: text.split(',').map(trim).filter(Boolean) } } }),
  BIND_ADDR: (text) => mapped(readBindAddress(text), (bindAddress) => ({ bindAddress })),
  BIND_OPTIONS: bindOptionsOf,
  AUTH: authOf,
  BACKEND_WEIGHT: (text) => mapped(readWhole(text, -1_000_000, 1_000_000), () => ({})),
  BACKEND_NETWORK_ALLOWED_ACL: (text) =>
    listed(bounded(text), readNetwork, (allow) => ({ access: { allow } })),
  BACKEND_HEALTHCHECK_PORT_INDEX: (text) =>
    mapped(readWhole(text, 0, 999), (healthCheckPortIndex) => ({ healthCheckPortIndex })),
  HTTP_BACKEND_PROXYPASS_PATH: (text) =>
    mapped(readPathBeginning(text.trim()), (from) => ({ rules: { rewrite: { from, to: '/' } } })),
  HTTP_BACKEND_REVPROXY_PATH: (text) => mapped(readPathBeginning(text.trim()), () => ({})),
  HTTP_BACKEND_REDIR: (text) =>
    mapped(readLocation(text.trim()), (to) => ({
      rules: { redirects: [{ path: '/', exact: true, to, status: 301 }] },
    })),
};

/** Names of the labels that count, without `HAPROXY_{n}_`. */
export const portLabelNames: readonly string[] = Object.keys(readers);

/** Reads one label; `name` is what follows `HAPROXY_{n}_`. Undefined: it is none of these. */
export function readPortLabel(name: string, text: string): LabelRead | undefined {
  return Object.hasOwn(readers, name) ? readers[name]?.(text) : undefined;
}

const trim = (text: string): string => text.trim();

function mapped<T>(read: Read<T>, part: (value: T) => RoutingPart): LabelRead {
  return 'value' in read ? { value: part(read.value) } : read;
}

/** What can be read of a list, and what is wrong with the first element that cannot. */
function listed(
  words: readonly string[],
  read: (word: string) => Read<string>,
  part: (values: readonly string[]) => RoutingPart,
): LabelRead {
  const reads = words.map(read);
  const values = [...new Set(reads.flatMap((each) => ('value' in each ? [each.value] : [])))];
  const wrong = reads.find((each) => 'problem' in each);
  return { ...(values.length > 0 ? { value: part(values) } : {}), ...wrong };
}

function bounded(text: string): readonly string[] {
  return wordsOf(text).slice(0, MAX_VALUES);
}

/** As `path_beg` of HAProxy: beginnings separated by blanks, `-i` before them for either case. */
function pathsOf(text: string): LabelRead {
  const given = text.trim().split(/\s+/);
  const ignorePathCase = given[0] === '-i';
  return listed(
    (ignorePathCase ? given.slice(1) : given).slice(0, MAX_VALUES),
    readPathBeginning,
    (paths) => ({
      paths: ignorePathCase ? [...new Set(paths.map((path) => path.toLowerCase()))] : paths,
      ignorePathCase,
    }),
  );
}

function modeOf(text: string): LabelRead {
  const mode = text.trim().toLowerCase();
  if (mode === 'http' || mode === 'tcp') return { value: { mode } };
  return {
    problem: `got ${shown(text)}, expected http or tcp`,
    hint: 'Leave it out: a port with a virtual host speaks http.',
  };
}

/** HAProxy's `balance`, arguments included: `hdr(X-User)`, `random(2)`, `uri depth 3`. */
function balanceOf(text: string): LabelRead {
  const [word = '', ...more] = text.trim().split(/\s+/);
  const header = /^hdr\(([^)]+)\)$/i.exec(word)?.[1];
  if (header !== undefined) return { value: { balance: 'header', balanceHeader: header.toLowerCase() } };
  const name = word.toLowerCase().replace(/\(\d*\)$/, '');
  const balance = balances.get(name);
  if (balance) {
    const value = { balance };
    return more.length === 0
      ? { value }
      : { value, unheeded: `in part: the arguments ${shown(more.join(' '))} are left out` };
  }
  if (otherBalances.has(name.replace(/\(.*$/, '')))
    return { value: {}, unheeded: `the algorithm ${name} is not known here; roundrobin is used` };
  return {
    problem: `got ${shown(text)}, expected one of ${[...balances.keys()].join(', ')}, hdr(NAME)`,
    hint: 'docs/labels.md says what each does.',
  };
}

/** Of HAProxy's options of `bind` those that have a meaning here. */
function bindOptionsOf(text: string): LabelRead {
  const words = text.trim().split(/\s+/);
  const certificates: string[] = [];
  const clientAuthorities: string[] = [];
  const left: string[] = [];
  let accept = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const next = words[at + 1];
    if (word === 'accept-proxy') accept = true;
    else if (word === 'crt' && next !== undefined) certificates.push(next);
    else if (word === 'ca-file' && next !== undefined) clientAuthorities.push(next);
    else if (word !== 'ssl' && !(word === 'verify' && next === 'required')) left.push(word);
    if (['crt', 'ca-file', 'verify'].includes(word)) at += 1;
  }
  const tls = {
    ...(certificates.length > 0 ? { certificates } : {}),
    ...(clientAuthorities.length > 0 ? { clientAuthorities } : {}),
  };
  const value: RoutingPart = {
    ...(accept ? { proxyProtocol: { accept: true } } : {}),
    ...(Object.keys(tls).length > 0 ? { tls } : {}),
  };
  return left.length === 0
    ? { value }
    : { value, unheeded: `in part: ${shown(left.join(' '))} has no effect` };
}

/** `realm:user:hash`. */
function authOf(text: string): LabelRead {
  const [realm, user, ...rest] = text.trim().split(':');
  if (realm === undefined || user === undefined || rest.length === 0)
    return { problem: 'expected realm:user:hash', hint: 'The hash is what `openssl passwd -6` writes.' };
  const read = [readRealm(realm), readUser(user), readPasswordHash(rest.join(':'))] as const;
  for (const each of read) if ('problem' in each) return each;
  return { value: { rules: { basicAuth: { realm, users: { [user]: rest.join(':') } } } } };
}
