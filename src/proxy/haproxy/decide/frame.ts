import type { RequestMatch } from '../../../apps/port-routing.js';
import { CHALLENGE_PATH } from '../../../certificates/bundle.js';
import { isIPv6 } from '../../../util/ip-address.js';
import type { Service } from '../../table.js';
import { isPlainName, word } from './escape.js';
import type { LayoutSettings } from './layout.js';
import { rawLines } from './raw-lines.js';
import type { RouteMaps } from './route-maps.js';
import { GUARDS_MAP, type PortTls, type TlsLayout } from './tls-layout.js';

/** Name of the frontend of virtual hosts, as the built-in load balancer calls it. */
export const VHOSTS = 'longrun_vhosts';
export const APP_IDS = 'longrun_app_ids';
const NOBODY = 'longrun_nobody';
/** The host that a request is for: lower case, without a port. */
export const HOST = 'req.fhdr(host),host_only,lower';
/** Workers of earlier configurations that may live beside the present one; the oldest makes room. */
export const MAX_FORMER_WORKERS = 8;
/** The longest that such a worker lives for the sake of its connections. */
export const HARD_STOP_MINUTES = 10;
export const MAP_FILES = {
  paths: 'paths.map',
  lower: 'lower.map',
  wild: 'wild.map',
  apps: 'apps.map',
  challenges: 'challenges.map',
} as const;

/** What of TLS concerns all ports. */
export type FrameTls = Pick<TlsLayout, 'https' | 'lists' | 'guarded'>;

/** A service port. */
export interface PortFrontend {
  readonly name: string;
  /** Of its service. */
  readonly key: string;
  readonly backend: string;
  /** `address:port`. */
  readonly place: string;
  readonly service: Service;
  /** What its labels say in HAProxy's language counts. */
  readonly raw?: true;
}

/** Everything before the service ports: what holds for all, and the frontends that choose by host or by app. */
export function frameText(settings: LayoutSettings, routes: RouteMaps, tls: FrameTls): string {
  const { threads, maxConnections, timeouts } = settings;
  return [
    [
      'global',
      `nbthread ${threads}`,
      `maxconn ${maxConnections}`,
      'no strict-limits',
      `hard-stop-after ${HARD_STOP_MINUTES}m`,
      `mworker-max-reloads ${MAX_FORMER_WORKERS}`,
      'ssl-default-bind-options ssl-min-ver TLSv1.2',
      // What one authority's word was taken for is never taken for another's: nothing is resumed.
      ...(tls.guarded ? ['tune.ssl.cachesize 0', 'ssl-default-bind-options no-tls-tickets'] : []),
    ].join('\n  '),
    [
      'defaults',
      'mode http',
      `timeout connect ${timeouts.connectMs}ms`,
      `timeout client ${timeouts.clientMs}ms`,
      `timeout server ${timeouts.serverMs}ms`,
      `timeout queue ${timeouts.queueMs}ms`,
      `timeout http-request ${timeouts.httpRequestMs}ms`,
      `timeout http-keep-alive ${timeouts.httpKeepAliveMs}ms`,
      `timeout tunnel ${timeouts.tunnelMs}ms`,
      `timeout client-fin ${timeouts.clientFinMs}ms`,
      `timeout server-fin ${timeouts.serverFinMs}ms`,
      'option redispatch 1',
      // A client's unused connection is answered once more by the worker of before, instead of being cut while it asks.
      'option idle-close-on-response',
      `maxconn ${maxConnections}`,
    ].join('\n  '),
    vhostFrontend(settings, routes, tls),
    ...appIdFrontend(settings),
    [
      `backend ${NOBODY}`,
      'http-request return status 404 content-type text/plain lf-string "no app serves this here\\n"',
    ].join('\n  '),
  ].join('\n\n');
}

function vhostFrontend(settings: LayoutSettings, { choices, lower, wild }: RouteMaps, tls: FrameTls): string {
  const lines = [
    `frontend ${VHOSTS}`,
    `bind ${placeOf(settings.lbAddress, settings.lbPort)}`,
    ...httpsLines(settings, tls),
    ...prefaceLines(settings),
    ...challengeLines,
    'http-request set-var(txn.path) path',
  ];
  const byPath = `concat(,txn.path),map_beg(${MAP_FILES.paths})`;
  // What no backend is called by, or nothing at all, is the default backend's. Each variable costs every request its time.
  if (lower.size + wild.length + choices.length === 0) {
    lines.push(`use_backend %[${HOST},${byPath}]`, `default_backend ${NOBODY}`);
    return lines.join('\n  ');
  }
  lines.push(
    `http-request set-var(txn.host) ${HOST}`,
    `http-request set-var(txn.route) var(txn.host),${byPath}`,
  );
  if (lower.size > 0) {
    // Of the two the longer beginning counts; the map of what ignores case is asked second, so only where the first knows nothing.
    lines.push(
      'http-request set-var(txn.lowpath) path,lower',
      `http-request set-var(txn.route) var(txn.host),concat(,txn.lowpath),map_beg(${MAP_FILES.lower}) unless { var(txn.route) -m found }`,
    );
  }
  if (wild.length > 0) {
    lines.push(
      `http-request set-var(txn.site) var(txn.host),map_end(${MAP_FILES.wild}) unless { var(txn.route) -m found }`,
      `http-request set-var(txn.route) var(txn.site),concat(,txn.path),map_beg(${MAP_FILES.paths}) if !{ var(txn.route) -m found } { var(txn.site) -m found }`,
    );
    if (lower.size > 0)
      lines.push(
        `http-request set-var(txn.route) var(txn.site),concat(,txn.lowpath),map_beg(${MAP_FILES.lower}) if !{ var(txn.route) -m found } { var(txn.site) -m found }`,
      );
  }
  for (const { route, candidates } of choices)
    for (const [index, { backend, match }] of candidates.entries()) {
      const conditions = conditionLines(`${route.slice(1)}_${index}`, match);
      lines.push(...conditions.lines);
      const rest = conditions.names.join(' ');
      lines.push(`use_backend ${backend} if { var(txn.route) -m str '${route}' } ${rest}`.trimEnd());
    }
  lines.push('use_backend %[var(txn.route)]', `default_backend ${NOBODY}`);
  return lines.join('\n  ');
}

/** The certificate authority that asks is answered before anything else may send it elsewhere. */
const challengeAnswer = `path,field(4,/),map_str(${MAP_FILES.challenges})`;
const challengeLines = [
  `http-request return status 200 content-type text/plain lf-string %[${challengeAnswer}] if { path_beg ${CHALLENGE_PATH} } { ${challengeAnswer} -m found }`,
];

/** The port for TLS, and whose certificates a connection was made with: the client's server name says it, as it chose the certificate. */
function httpsLines({ lbAddress, httpsPort }: LayoutSettings, { https, lists }: FrameTls): readonly string[] {
  if (https === undefined || httpsPort === undefined) return [];
  const lines = [`bind ${placeOf(lbAddress, httpsPort)} ssl crt-list ${https} alpn h2,http/1.1`];
  if (lists.has(GUARDS_MAP))
    lines.push(
      `http-request set-var(txn.guard) ssl_fc_sni,lower,map_str(${GUARDS_MAP})`,
      `http-request set-var(txn.guard) ssl_fc_sni,lower,regsub([^.]*,*),map_str(${GUARDS_MAP}) unless { var(txn.guard) -m found }`,
    );
  return lines;
}

function appIdFrontend(settings: LayoutSettings): readonly string[] {
  const { lbAddress, appIdPort } = settings;
  if (appIdPort === undefined) return [];
  const lines = [
    `frontend ${APP_IDS}`,
    `bind ${placeOf(lbAddress, appIdPort)}`,
    ...prefaceLines(settings),
    `http-request set-var(txn.route) req.fhdr(x-marathon-app-id),lower,map_str(${MAP_FILES.apps})`,
    'use_backend %[var(txn.route)] if { var(txn.route) -m found }',
    `default_backend ${NOBODY}`,
  ];
  return [lines.join('\n  ')];
}

/** A header's value counts as a whole and by the parts between its commas. */
function conditionLines(id: string, match: RequestMatch = {}): { lines: string[]; names: string[] } {
  const lines: string[] = [];
  const names: string[] = [];
  const add = (expressions: readonly string[], value: string): void => {
    const name = `choice_${id}_${names.length}`;
    names.push(name);
    for (const expression of expressions)
      lines.push(`acl ${name} ${expression} ${value === '*' ? '-m found' : `-m str -- ${word(value)}`}`);
  };
  for (const [name, value] of Object.entries(match.headers ?? {}))
    if (isPlainName(name)) add([`req.fhdr(${name})`, `req.hdr(${name})`], value);
    else names.push('FALSE');
  for (const [name, value] of Object.entries(match.cookies ?? {}))
    if (isPlainName(name)) add([`req.cook(${name})`], value);
    else names.push('FALSE');
  return { lines, names };
}

/** The text of a service port's frontend. */
export function portFrontendText(
  { name, backend, place, service, raw }: PortFrontend,
  settings: LayoutSettings,
  tls: PortTls | undefined,
): string {
  const { clientMs, clientFinMs, httpRequestMs, httpKeepAliveMs } = service.timeouts ?? {};
  const timeouts = {
    client: clientMs,
    'client-fin': clientFinMs,
    'http-request': httpRequestMs,
    'http-keep-alive': httpKeepAliveMs,
  };
  return [
    `frontend ${name}`,
    `mode ${service.mode}`,
    `bind ${place}${service.proxyProtocol?.accept ? ' accept-proxy' : ''}${tls ? ` ssl crt-list ${tls.list}${service.mode === 'http' ? ' alpn h2,http/1.1' : ''}` : ''}`,
    ...prefaceLines(settings),
    ...(tls?.guard !== undefined && service.mode === 'http'
      ? [`http-request set-var(txn.guard) str(${word(tls.guard)})`]
      : []),
    ...Object.entries(timeouts).flatMap(([which, ms]) =>
      ms === undefined ? [] : [`timeout ${which} ${ms}ms`],
    ),
    ...(raw ? rawLines(service.raw?.frontend, backend, service) : []),
    `default_backend ${backend}`,
  ].join('\n  ');
}

function prefaceLines({ acceptProxyFrom }: LayoutSettings): readonly string[] {
  if (acceptProxyFrom.length === 0) return [];
  return [
    `acl in_front src -- ${acceptProxyFrom.map(word).join(' ')}`,
    'tcp-request connection expect-proxy layer4 if in_front',
  ];
}

function placeOf(address: string, port: number): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
