import type { HeaderOptions, PortOptions, RedirectOptions } from '../../load-balancer-options.js';
import type { HeaderRules, HttpRules, Redirect, RoutingTimeouts } from '../../port-routing.js';
import { optional, unlessEmpty } from '../members.js';
import type { RoutingPart } from './routing-part.js';

/** What the typed object says about a port, in the load balancer's own terms: milliseconds, lower case, no defaults. */
export function typedPart(options: PortOptions): RoutingPart {
  const { balance, ejection, limits, proxyProtocol, tls, match, retries, groups } = options;
  return {
    ...optional('enabled', options.enabled),
    ...optional('mode', options.mode ?? (speaksHttp(options) ? 'http' : undefined)),
    ...optional('port', options.port),
    ...optional('groups', groups),
    ...optional('vhosts', options.vhosts?.map(lower)),
    ...pathsOf(options),
    ...optional(
      'match',
      match &&
        unlessEmpty({
          ...optional('headers', match.headers && lowerNames(match.headers)),
          ...optional('cookies', match.cookies),
        }),
    ),
    ...optional('balance', balance?.algorithm),
    ...optional('balanceHeader', balance?.header?.toLowerCase()),
    ...optional('hashBalanceFactor', balance?.hashBalanceFactor),
    ...optional('sticky', options.sticky),
    ...optional('weight', options.weight),
    ...optional('slowStartMs', inMs(options.slowStartSeconds)),
    ...optional('rules', unlessEmpty(rulesOf(options))),
    ...optional(
      'access',
      unlessEmpty({ ...optional('allow', options.allow), ...optional('deny', options.deny) }),
    ),
    ...optional('timeouts', unlessEmpty(timeoutsOf(options.timeouts))),
    ...optional(
      'retry',
      retries && unlessEmpty({ ...optional('retries', retries.count), ...optional('on', retries.on) }),
    ),
    ...optional(
      'ejection',
      ejection &&
        unlessEmpty({
          ...optional('failures', ejection.failures),
          ...optional('baseMs', inMs(ejection.baseSeconds)),
          ...optional('longestMs', inMs(ejection.longestSeconds)),
          ...optional('panicThreshold', ejection.panicThreshold),
        }),
    ),
    ...optional('limits', unlessEmpty(limits)),
    ...optional(
      'proxyProtocol',
      proxyProtocol &&
        unlessEmpty({
          ...(proxyProtocol.accept === true ? { accept: true as const } : {}),
          ...optional('send', proxyProtocol.send),
        }),
    ),
    ...(options.serverProtocol === 'h2c' ? { serverProtocol: 'h2c' as const } : {}),
    ...optional('tls', unlessEmpty(tls)),
    ...optional('bindAddress', options.bindAddress === '*' ? '0.0.0.0' : options.bindAddress),
  };
}

/** Whether it asks for what only HTTP knows. */
function speaksHttp({
  vhosts,
  match,
  basicAuth,
  rewrite,
  redirects,
  hsts,
  ...options
}: PortOptions): boolean {
  const { requestHeaders, responseHeaders, serverProtocol, redirectToHttps } = options;
  const asked =
    vhosts ?? match ?? basicAuth ?? rewrite ?? redirects ?? hsts ?? requestHeaders ?? responseHeaders;
  return asked !== undefined || serverProtocol !== undefined || redirectToHttps === true;
}

const lower = (text: string): string => text.toLowerCase();

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : Math.ceil(seconds * 1_000);
}

function lowerNames(members: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name.toLowerCase(), value]));
}

function pathsOf({ paths, ignorePathCase }: PortOptions): RoutingPart {
  return {
    ...optional('paths', ignorePathCase === true ? paths?.map(lower) : paths),
    ...optional('ignorePathCase', ignorePathCase),
  };
}

function rulesOf(options: PortOptions): HttpRules {
  const { redirects, hsts, rewrite } = options;
  return {
    ...(options.redirectToHttps === true ? { redirectToHttps: true } : {}),
    ...optional('hsts', hsts && hstsValue(hsts)),
    ...optional('redirects', unlessEmpty(redirects?.map(redirectOf))),
    ...optional(
      'rewrite',
      rewrite && {
        from: rewrite.from,
        to: rewrite.to,
        ...(rewrite.restoreLocation === true ? { restoreLocation: true as const } : {}),
      },
    ),
    ...optional('requestHeaders', headersOf(options.requestHeaders)),
    ...optional('responseHeaders', headersOf(options.responseHeaders)),
    ...optional('basicAuth', options.basicAuth),
    ...(options.forwardedHeaders === false ? { noForwardedHeaders: true } : {}),
  };
}

function hstsValue({ maxAgeSeconds, includeSubdomains, preload }: NonNullable<PortOptions['hsts']>): string {
  const words = [
    `max-age=${maxAgeSeconds}`,
    ...(includeSubdomains === true ? ['includeSubDomains'] : []),
    ...(preload === true ? ['preload'] : []),
  ];
  return words.join('; ');
}

function redirectOf({ path, exact, to, keepRest, status = 302 }: RedirectOptions): Redirect {
  return {
    ...optional('path', path),
    ...(exact === true ? { exact: true } : {}),
    to,
    ...(keepRest === true ? { keepRest: true } : {}),
    status,
  };
}

function headersOf(options: HeaderOptions | undefined): HeaderRules | undefined {
  if (!options) return undefined;
  return unlessEmpty({
    ...optional('set', options.set && lowerNames(options.set)),
    ...optional('remove', options.remove?.map(lower)),
  });
}

function timeoutsOf(options: PortOptions['timeouts']): RoutingTimeouts {
  const members = Object.entries(options ?? {}).map(([name, seconds]) => [
    name.replace(/Seconds$/, 'Ms'),
    inMs(seconds as number),
  ]);
  return Object.fromEntries(members) as RoutingTimeouts;
}
