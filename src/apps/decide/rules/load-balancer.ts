import type { HeaderOptions, LoadBalancerOptions, PortOptions } from '../../load-balancer-options.js';
import { placeOfPort } from '../port-routing.js';
import {
  type Read,
  readBindAddress,
  readFieldName,
  readFieldValue,
  readHost,
  readLocation,
  readNetwork,
  readPasswordHash,
  readPathBeginning,
  readRealm,
  readUser,
} from '../routing/values.js';
import { type Finding, portsOf, type Rule } from './rule.js';

/** What only requests have: a port that is said to speak TCP cannot have any of it. */
const ofRequests = [
  'vhosts',
  'paths',
  'match',
  'sticky',
  'retries',
  'basicAuth',
  'redirects',
  'redirectToHttps',
  'hsts',
  'rewrite',
  'requestHeaders',
  'responseHeaders',
  'forwardedHeaders',
  'serverProtocol',
] as const satisfies readonly (keyof PortOptions)[];
const hashing: ReadonlySet<string> = new Set(['source', 'uri', 'header']);

/** Everything about `loadBalancer` that its shape cannot say. */
export const loadBalancer: Rule = function* (draft) {
  const options: LoadBalancerOptions | undefined = draft.loadBalancer;
  const ports = portsOf(draft).map((port) => ({ servicePort: 0, ...port }));
  yield* groupFindings(options?.groups, '/loadBalancer/groups');
  const places = new Set<number>();
  for (const [index, port] of options?.ports?.entries() ?? []) {
    const at = `/loadBalancer/ports(${index})`;
    const place = placeOfPort(ports, port);
    if (port.portName !== undefined && port.portIndex !== undefined)
      yield [`${at}/portIndex`, 'may not be set beside portName', 'contradiction', 'Give one of them.'];
    else if (place === undefined) yield noSuchPort(at, port, ports);
    else if (places.has(place))
      yield [at, `port ${place} is named twice`, 'duplicate', 'Say all of it in one place.'];
    if (place !== undefined) places.add(place);
    yield* portFindings(port, at);
  }
};

function noSuchPort(
  at: string,
  { portIndex, portName }: PortOptions,
  ports: readonly { readonly name?: string }[],
): Finding {
  const names = ports.flatMap(({ name }) => (name === undefined ? [] : [name]));
  return portName === undefined
    ? [
        `${at}/portIndex`,
        `there is no port ${portIndex ?? 0}`,
        'port',
        `The app has ${ports.length} ports, counted from 0.`,
      ]
    : [
        `${at}/portName`,
        `there is no port named ${portName}`,
        'port',
        `Named are: ${names.join(', ') || 'none'}.`,
      ];
}

function* portFindings(port: PortOptions, at: string): Iterable<Finding> {
  yield* modeFindings(port, at);
  yield* groupFindings(port.groups, `${at}/groups`);
  yield* each(port.vhosts, `${at}/vhosts`, readHost);
  yield* each(port.paths, `${at}/paths`, readPathBeginning);
  yield* each(port.allow, `${at}/allow`, readNetwork);
  yield* each(port.deny, `${at}/deny`, readNetwork);
  yield* one(port.bindAddress, `${at}/bindAddress`, readBindAddress);
  yield* matchFindings(port.match, `${at}/match`);
  yield* balanceFindings(port.balance, `${at}/balance`);
  yield* limitFindings(port, at);
  yield* authFindings(port.basicAuth, `${at}/basicAuth`);
  yield* addressFindings(port, at);
  yield* headerFindings(port.requestHeaders, `${at}/requestHeaders`);
  yield* headerFindings(port.responseHeaders, `${at}/responseHeaders`);
}

function* modeFindings(port: PortOptions, at: string): Iterable<Finding> {
  if (port.mode !== 'tcp') return;
  for (const name of ofRequests)
    if (port[name] !== undefined && port[name] !== false)
      yield [
        `${at}/${name}`,
        'may not be set in mode tcp',
        'contradiction',
        'Leave `mode` out, or set it to http.',
      ];
  const algorithm = port.balance?.algorithm;
  if (algorithm === 'uri' || algorithm === 'header')
    yield [
      `${at}/balance/algorithm`,
      `${algorithm} needs mode http`,
      'contradiction',
      'For example source, or leastconn.',
    ];
}

function* groupFindings(groups: readonly string[] | undefined, at: string): Iterable<Finding> {
  for (const [index, group] of groups?.entries() ?? [])
    if (/[\s,]/.test(group))
      yield [`${at}(${index})`, 'may have no blanks and commas', 'group', 'One group per element.'];
}

function* matchFindings(match: PortOptions['match'], at: string): Iterable<Finding> {
  for (const [name, value] of Object.entries(match?.headers ?? {})) {
    yield* one(name, `${at}/headers/${name}`, readFieldName);
    yield* one(value, `${at}/headers/${name}`, readFieldValue);
  }
  for (const [name, value] of Object.entries(match?.cookies ?? {})) {
    const path = `${at}/cookies/${name}`;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      yield [path, 'is no name of a cookie', 'cookie', 'Letters and digits.'];
    else if (!/^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(value))
      yield [
        path,
        'is no value that a cookie can have',
        'cookie',
        'Without blanks, quotes, commas and semicolons.',
      ];
  }
}

function* balanceFindings(balance: PortOptions['balance'], at: string): Iterable<Finding> {
  if (!balance) return;
  const { algorithm = 'roundrobin', header, hashBalanceFactor } = balance;
  if (algorithm === 'header' && header === undefined)
    yield [
      `${at}/header`,
      'must be set with the algorithm header',
      'contradiction',
      'The name of the header to hash.',
    ];
  if (algorithm !== 'header' && header !== undefined)
    yield [
      `${at}/header`,
      'counts only with the algorithm header',
      'contradiction',
      'Set `algorithm` to header.',
    ];
  if (header !== undefined) yield* one(header, `${at}/header`, readFieldName);
  if (hashBalanceFactor === undefined || hashBalanceFactor === 0) return;
  const path = `${at}/hashBalanceFactor`;
  if (!hashing.has(algorithm))
    yield [
      path,
      'counts only with source, uri and header',
      'contradiction',
      'The other algorithms hash nothing.',
    ];
  else if (hashBalanceFactor <= 100)
    yield [
      path,
      `got ${hashBalanceFactor}, expected 0 or more than 100`,
      'balance',
      'In per cent of the mean load; 150 is usual.',
    ];
}

function* limitFindings({ limits, ejection }: PortOptions, at: string): Iterable<Finding> {
  const { burst, requestsPerSecond, requestsPerSecondPerClient, queueLength, connectionsPerServer } =
    limits ?? {};
  if (burst !== undefined && requestsPerSecond === undefined && requestsPerSecondPerClient === undefined)
    yield [
      `${at}/limits/burst`,
      'counts only with a rate',
      'contradiction',
      'Set requestsPerSecond or requestsPerSecondPerClient.',
    ];
  if (queueLength !== undefined && connectionsPerServer === undefined)
    yield [
      `${at}/limits/queueLength`,
      'counts only with connectionsPerServer',
      'contradiction',
      'Without it nothing waits.',
    ];
  const { baseSeconds, longestSeconds } = ejection ?? {};
  if (baseSeconds !== undefined && longestSeconds !== undefined && baseSeconds > longestSeconds)
    yield [
      `${at}/ejection/longestSeconds`,
      'must be at least baseSeconds',
      'contradiction',
      'It bounds what doubles each time.',
    ];
}

function* authFindings(auth: PortOptions['basicAuth'], at: string): Iterable<Finding> {
  if (!auth) return;
  yield* one(auth.realm, `${at}/realm`, readRealm);
  for (const [user, hash] of Object.entries(auth.users)) {
    yield* one(user, `${at}/users`, readUser);
    yield* one(hash, `${at}/users/${user}`, readPasswordHash);
  }
}

/** Redirections and rewriting. */
function* addressFindings({ redirects, rewrite }: PortOptions, at: string): Iterable<Finding> {
  for (const [index, redirect] of redirects?.entries() ?? []) {
    const here = `${at}/redirects(${index})`;
    yield* one(redirect.path, `${here}/path`, readPathBeginning);
    yield* one(redirect.to, `${here}/to`, readLocation);
    if (redirect.exact === true && redirect.path === undefined)
      yield [`${here}/exact`, 'counts only with path', 'contradiction', 'Say which path.'];
    if (isLoop(redirect))
      yield [`${here}/to`, 'leads to itself', 'loop', 'A path that the redirection itself does not match.'];
  }
  yield* one(rewrite?.from, `${at}/rewrite/from`, readPathBeginning);
  yield* one(rewrite?.to, `${at}/rewrite/to`, readPathBeginning);
}

/** Whether what it leads to on the same host is redirected again, for ever. */
function isLoop({ path = '/', exact, to }: NonNullable<PortOptions['redirects']>[number]): boolean {
  if (!to.startsWith('/') || to.startsWith('//')) return false;
  return exact === true ? to === path : to.startsWith(path);
}

function* headerFindings(headers: HeaderOptions | undefined, at: string): Iterable<Finding> {
  for (const [name, value] of Object.entries(headers?.set ?? {})) {
    yield* one(name, `${at}/set/${name}`, readFieldName);
    yield* one(value, `${at}/set/${name}`, readFieldValue);
  }
  yield* each(headers?.remove, `${at}/remove`, readFieldName);
}

function* each(
  texts: readonly string[] | undefined,
  at: string,
  read: (text: string) => Read<unknown>,
): Iterable<Finding> {
  for (const [index, text] of texts?.entries() ?? []) yield* one(text, `${at}(${index})`, read);
}

function* one(
  text: string | undefined,
  at: string,
  read: (text: string) => Read<unknown>,
): Iterable<Finding> {
  const found = text === undefined ? undefined : read(text);
  if (found && !('value' in found)) yield [at, found.problem, 'load-balancer', found.hint];
}
