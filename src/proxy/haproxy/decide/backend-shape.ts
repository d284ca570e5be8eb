import { STICKY_COOKIE } from '../../decide/sticky-cookie.js';
import type { Service } from '../../table.js';
import { format, isPlainName, word } from './escape.js';
import { httpRules } from './http-rules.js';
import { rawLines, rawWords } from './raw-lines.js';

/** Attempts after the first, and what for besides connections that could not be made, as in the built-in load balancer. */
const DEFAULT_RETRIES = 2;
const DEFAULT_REASONS = ['empty-response'];
/** With this the cookie names an instance by its address, the same in every load balancer and after every reload. */
const COOKIE_KEY = 'longrun';

/** What a backend's rules depend on besides its service. */
export interface BackendContext {
  /** Where clients are sent that must use TLS; absent: to the usual port. */
  readonly httpsPort?: number;
  /** Clients must have shown a certificate on behalf of one of these guards; absent: they need none. */
  readonly guards?: readonly string[];
  /** What its labels say in HAProxy's language counts. */
  readonly raw?: true;
}

/** A backend's section without its servers, and what stands on each server line. */
export function backendShape(
  name: string,
  service: Service,
  context: BackendContext,
): { readonly text: string; readonly serverOptions: string } {
  const lines = [
    `backend ${name}`,
    `mode ${service.mode}`,
    ...balanceLines(service),
    ...timeoutLines(service),
  ];
  lines.push(...accessLines(service), ...limitLines(service, name));
  lines.push(`retries ${service.retry?.retries ?? DEFAULT_RETRIES}`);
  if (service.mode === 'http')
    lines.push(...retryLines(service), ...stickyLines(service), ...httpRules(name, service, context));
  if (!context.raw) return { text: lines.join('\n  '), serverOptions: serverOptions(service) };
  lines.push(...rawLines(service.raw?.backend, name, service));
  const words = [serverOptions(service), ...rawWords(service.raw?.server, name, service)];
  return { text: lines.join('\n  '), serverOptions: words.join(' ').trim() };
}

/** Sections beside the backend that it needs: its users, and tables of rates. */
export function sideSections(name: string, service: Service): readonly string[] {
  const sections: string[] = [];
  const { basicAuth } = service.rules ?? {};
  if (basicAuth) {
    const users = Object.entries(basicAuth.users).map(([user, hash]) =>
      hash.startsWith('{plain}')
        ? `user ${word(user)} insecure-password ${word(hash.slice('{plain}'.length))}`
        : `user ${word(user)} password ${word(hash)}`,
    );
    sections.push([`userlist ${name}_users`, ...users].join('\n  '));
  }
  return sections;
}

function balanceLines({ balance = 'roundrobin', balanceHeader, hashBalanceFactor }: Service): string[] {
  const byHeader = balance === 'header' && balanceHeader !== undefined && isPlainName(balanceHeader);
  const algorithm = byHeader ? `hdr(${balanceHeader})` : balance === 'header' ? 'roundrobin' : balance;
  const lines = [`balance ${algorithm}`];
  if (byHeader || balance === 'source' || balance === 'uri') {
    lines.push('hash-type consistent');
    if (hashBalanceFactor)
      lines.push(`hash-balance-factor ${Math.min(65_535, Math.max(101, hashBalanceFactor))}`);
  }
  return lines;
}

/** Those of clients belong to frontends. */
function timeoutLines({ timeouts = {} }: Service): string[] {
  const named = {
    connect: timeouts.connectMs,
    server: timeouts.serverMs,
    queue: timeouts.queueMs,
    tunnel: timeouts.tunnelMs,
    'server-fin': timeouts.serverFinMs,
  };
  return Object.entries(named).flatMap(([name, ms]) => (ms === undefined ? [] : [`timeout ${name} ${ms}ms`]));
}

/** `deny` counts before `allow`. */
function accessLines({ access, mode }: Service): string[] {
  const refuse = mode === 'http' ? 'http-request deny deny_status 403' : 'tcp-request content reject';
  const lines: string[] = [];
  const { deny = [], allow = [] } = access ?? {};
  if (deny.length > 0) lines.push(`acl denied src -- ${deny.map(word).join(' ')}`, `${refuse} if denied`);
  if (allow.length > 0)
    lines.push(`acl allowed src -- ${allow.map(word).join(' ')}`, `${refuse} if !allowed`);
  return lines;
}

function limitLines({ limits, mode }: Service, name: string): string[] {
  if (!limits) return [];
  const { requestsPerSecond, requestsPerSecondPerClient, burst = 0, requestsUnderWay } = limits;
  const lines: string[] = [];
  const refuse = (status: number): string =>
    mode === 'http' ? `http-request deny deny_status ${status}` : 'tcp-request content reject';
  const track = mode === 'http' ? 'http-request track-sc' : 'tcp-request content track-sc';
  if (requestsUnderWay !== undefined) lines.push(`${refuse(503)} if { be_conn gt ${requestsUnderWay} }`);
  if (requestsPerSecondPerClient !== undefined) {
    const most = requestsPerSecondPerClient + burst;
    lines.push('stick-table type ipv6 size 100k expire 10s store gpc0_rate(1s)');
    lines.push(`${track}0 src`, `${refuse(429)} if { sc0_inc_gpc0 gt 0 } { sc0_gpc0_rate gt ${most} }`);
  }
  if (requestsPerSecond !== undefined)
    lines.push(`${refuse(429)} if { be_sess_rate(${name}) gt ${requestsPerSecond + burst} }`);
  return lines;
}

/** What may not be repeated is not: HAProxy itself would. */
function retryLines({ retry }: Service): string[] {
  const reasons = retry?.on ?? DEFAULT_REASONS;
  return [
    `retry-on conn-failure ${reasons.join(' ')}`.trim(),
    'http-request disable-l7-retry unless { method GET HEAD PUT DELETE OPTIONS TRACE }',
  ];
}

function stickyLines({ sticky }: Service): string[] {
  if (!sticky) return [];
  return [
    `cookie ${STICKY_COOKIE} insert indirect nocache httponly dynamic`,
    `dynamic-cookie-key ${format(COOKIE_KEY)}`,
  ];
}

function serverOptions(service: Service): string {
  const { limits, slowStartMs, proxyProtocol, serverProtocol, ejection, mode } = service;
  const words: string[] = [];
  if (limits?.connectionsPerServer !== undefined) words.push(`maxconn ${limits.connectionsPerServer}`);
  if (limits?.queueLength !== undefined) words.push(`maxqueue ${Math.max(1, limits.queueLength)}`);
  if (slowStartMs) words.push(`slowstart ${slowStartMs}ms`);
  if (proxyProtocol?.send === 'v1') words.push('send-proxy');
  if (proxyProtocol?.send === 'v2') words.push('send-proxy-v2');
  if (serverProtocol === 'h2c') words.push('proto h2');
  if (ejection?.failures) {
    const layer = mode === 'http' ? 'layer7' : 'layer4';
    words.push(`check inter ${ejection.baseMs ?? 5_000}ms fall 1000 rise 1`);
    words.push(`observe ${layer} error-limit ${ejection.failures} on-error mark-down`);
  }
  return words.join(' ');
}
