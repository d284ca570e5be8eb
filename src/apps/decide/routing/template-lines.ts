import type { Redirect, RetryRules, RoutingTimeouts } from '../../port-routing.js';
import { readPortLabel } from './port-labels.js';
import { foldParts, type RoutingPart } from './routing-part.js';
import { readServerOptions } from './server-options.js';
import { wordsOfLine } from './template-words.js';
import { readFieldName, readFieldValue, readLocation, readSpanMs, readWhole } from './values.js';

/** What a template of HAProxy's language says that has a typed meaning, and its lines that have none. */
export interface TemplateRead {
  readonly part: RoutingPart;
  readonly unheeded: readonly string[];
}

type LineReader = (words: readonly string[]) => RoutingPart | undefined;

const timeouts: Readonly<Record<string, keyof RoutingTimeouts>> = {
  connect: 'connectMs',
  client: 'clientMs',
  server: 'serverMs',
  queue: 'queueMs',
  tunnel: 'tunnelMs',
  'http-request': 'httpRequestMs',
  'http-keep-alive': 'httpKeepAliveMs',
  'client-fin': 'clientFinMs',
  'server-fin': 'serverFinMs',
};

/** Options that say what the load balancer does anyway, or that only matter inside HAProxy. */
const idleOptions: ReadonlySet<string> = new Set(
  (
    'redispatch httplog tcplog dontlognull dontlog-normal http-server-close http-keep-alive httpclose tcpka clitcpka ' +
    'srvtcpka forceclose prefer-last-server http-pretend-keepalive contstats nolinger splice-auto log-health-checks'
  ).split(' '),
);
/** Lines of marathon-lb's own templates whose effect is there without them, and what health checks of longrun's own replace. */
const idleLines: readonly RegExp[] = [
  /^http-request (set|add)-header X-Forwarded-Port %\[dst_port\]$/i,
  /^http-request (set|add)-header X-Forwarded-Proto https if \{ ssl_fc \}$/i,
  /^cookie (mesosphere_server_id|\S+) insert( indirect| nocache| httponly)*( dynamic)?$/,
  /^(option (httpchk|tcp-check|ssl-hello-chk)|http-check|tcp-check|timeout check)\b/,
  /^log global$/,
  /^default-server\s*$/,
];

const RETRY_ON: ReadonlySet<string> = new Set(['empty-response', 'response-timeout', '502', '503', '504']);

const readers: Readonly<Record<string, LineReader>> = {
  timeout: ([, name = '', span = '', ...more]) => {
    const member = timeouts[name];
    const read = readSpanMs(span);
    return member && 'value' in read && more.length === 0
      ? { timeouts: { [member]: read.value } }
      : undefined;
  },
  option: ([, name = '', ...more]) =>
    idleOptions.has(name) || (name === 'forwardfor' && more.length === 0) ? {} : undefined,
  no: ([, option, name = '']) => {
    if (option !== 'option') return undefined;
    if (name === 'forwardfor') return { rules: { noForwardedHeaders: true } };
    return idleOptions.has(name) && name !== 'redispatch' ? {} : undefined;
  },
  balance: ([, ...words]) => {
    const read = readPortLabel('BALANCE', words.join(' '));
    return read?.unheeded === undefined ? read?.value : undefined;
  },
  'hash-balance-factor': ([, factor = '']) => {
    const read = readWhole(factor, 0, 65_535);
    return 'value' in read ? { hashBalanceFactor: read.value } : undefined;
  },
  retries: ([, count = '']) => {
    const read = readWhole(count, 0, 10);
    return 'value' in read ? { retry: { retries: read.value } } : undefined;
  },
  'retry-on': ([, ...words]) => {
    const on = words.filter((word) => word !== 'conn-failure');
    return on.every((word) => RETRY_ON.has(word))
      ? { retry: { on: on as NonNullable<RetryRules['on']> } }
      : undefined;
  },
  redirect: redirectOf,
  'http-request': (words) => fieldRule(words, 'requestHeaders'),
  'http-response': (words) => fieldRule(words, 'responseHeaders'),
  reqadd: ([, text = '', ...more]) => (more.length === 0 ? addedField(text, 'requestHeaders') : undefined),
  rspadd: ([, text = '', ...more]) => (more.length === 0 ? addedField(text, 'responseHeaders') : undefined),
  reqidel: ([, text = '', ...more]) => (more.length === 0 ? removedField(text, 'requestHeaders') : undefined),
  rspidel: ([, text = '', ...more]) =>
    more.length === 0 ? removedField(text, 'responseHeaders') : undefined,
  'default-server': ([, ...options]) => wholly(readServerOptions(options)),
};

/** The lines of a template label, each with a typed meaning or told as unheeded. A line of placeholders only says the default. */
export function readTemplate(text: string): TemplateRead {
  const parts: RoutingPart[] = [];
  const unheeded: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    const words = wordsOfLine(line);
    if (words?.length === 0 || isIdle(line)) continue;
    const part = words && !line.includes('{') ? readers[words[0] ?? '']?.(words) : undefined;
    if (part) parts.push(part);
    else unheeded.push(line);
  }
  return { part: foldParts(parts), unheeded };
}

function isIdle(line: string): boolean {
  if (idleLines.some((pattern) => pattern.test(line))) return true;
  return (
    /^(bind|mode|balance|use_backend|backend|frontend|listen|server)\b/.test(line) && isDefaultLine(line)
  );
}

/** Nothing but what marathon-lb's own template has there: its placeholders. */
function isDefaultLine(line: string): boolean {
  return /^\w+(\s+|[^\s{}]*\{\w+\}|:)*$/.test(line) && /\{\w+\}/.test(line);
}

function redirectOf([, kind = '', to = '', ...more]: readonly string[]): RoutingPart | undefined {
  const options = more.join(' ');
  const [, code, condition] = /^(?:code (30[12378]))? ?(.*)$/.exec(options) ?? [];
  if (kind === 'scheme' && to === 'https' && /^(if !\{ ssl_fc \})?$/.test(condition ?? ''))
    return { rules: { redirectToHttps: true } };
  const place = readLocation(to);
  if (!('value' in place) || condition !== '' || to.includes('%')) return undefined;
  const status = Number(code ?? 302) as Redirect['status'];
  if (kind === 'location') return { rules: { redirects: [{ to, status }] } };
  const whole = to.endsWith('/') ? to : `${to}/`;
  return kind === 'prefix'
    ? { rules: { redirects: [{ path: '/', to: whole, keepRest: true, status }] } }
    : undefined;
}

type Side = 'requestHeaders' | 'responseHeaders';

function fieldRule(
  [, verb = '', name = '', ...values]: readonly string[],
  side: Side,
): RoutingPart | undefined {
  if (verb === 'redirect')
    return side === 'requestHeaders' ? redirectOf(['redirect', name, ...values]) : undefined;
  if (verb === 'del-header' && values.length === 0) return removed(name, side);
  if ((verb !== 'set-header' && verb !== 'add-header') || values.length !== 1) return undefined;
  const [value = ''] = values;
  // A single % begins something that is worked out for each message.
  return /%(?!%)/.test(value.replaceAll('%%', '')) ? undefined : set(name, value.replaceAll('%%', '%'), side);
}

/** `Name: value`, as the keywords that HAProxy has dropped since took it. */
function addedField(text: string, side: Side): RoutingPart | undefined {
  const [, name = '', value = ''] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? [];
  return name === '' ? undefined : set(name, value, side);
}

function removedField(text: string, side: Side): RoutingPart | undefined {
  const [, name = ''] = /^\^([A-Za-z0-9-]+):(?:\.\*)?$/.exec(text) ?? [];
  return name === '' ? undefined : removed(name, side);
}

function set(given: string, text: string, side: Side): RoutingPart | undefined {
  const name = readFieldName(given);
  const value = readFieldValue(text);
  if (!('value' in name) || !('value' in value)) return undefined;
  if (name.value === 'strict-transport-security') return { rules: { hsts: value.value } };
  return { rules: { [side]: { set: { [name.value]: value.value } } } };
}

function removed(given: string, side: Side): RoutingPart | undefined {
  const name = readFieldName(given);
  return 'value' in name ? { rules: { [side]: { remove: [name.value] } } } : undefined;
}

function wholly({ part, unheeded }: ReturnType<typeof readServerOptions>): RoutingPart | undefined {
  return unheeded.length === 0 ? part : undefined;
}
