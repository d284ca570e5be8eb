import type { BasicAuth, HeaderRules, Redirect, Rewrite } from '../../../apps/port-routing.js';
import type { Service } from '../../table.js';
import type { BackendContext } from './backend-shape.js';
import { format, isPlainName, literal, word } from './escape.js';
import { HOST, VHOSTS } from './frame.js';

/** What happens to requests of one service on their way, in the order of the built-in load balancer. */
export function httpRules(
  backend: string,
  { rules = {} }: Service,
  { httpsPort = 443, guards }: BackendContext,
): readonly string[] {
  const lines: string[] = [];
  if (rules.redirectToHttps) {
    const place = `https://%[${HOST}]${httpsPort === 443 ? '' : `:${httpsPort}`}%[pathq]`;
    lines.push(
      'acl over_tls ssl_fc',
      'acl over_tls req.fhdr(x-forwarded-proto) -m str https',
      `http-request redirect location ${place} code 301 if { fe_name -m str ${VHOSTS} } !over_tls`,
    );
  }
  lines.push(...clientLines(guards));
  if (rules.basicAuth) lines.push(...authLines(backend, rules.basicAuth));
  for (const [index, redirect] of (rules.redirects ?? []).entries())
    lines.push(...redirectLines(redirect, index));
  if (!rules.noForwardedHeaders) lines.push(...forwardedLines);
  if (rules.rewrite) lines.push(...rewriteLines(rules.rewrite));
  lines.push(...headerLines('http-request', rules.requestHeaders));
  lines.push(...headerLines('http-response', rules.responseHeaders));
  if (rules.hsts !== undefined)
    lines.push(`http-response set-header Strict-Transport-Security ${format(rules.hsts)} if { ssl_fc }`);
  return lines;
}

const clientFields = ['X-SSL-Client-Verify', 'X-SSL-Client-DN', 'X-SSL-Client-CN'];

/** Whoever must show a certificate has done so on behalf of this service, in this very connection; nobody else says that he has. */
function clientLines(guards: readonly string[] | undefined): readonly string[] {
  const lines = clientFields.map((name) => `http-request del-header ${name}`);
  if (guards === undefined) return lines;
  lines.push('http-request deny deny_status 403 if !{ ssl_fc }');
  if (guards.length === 0) return [...lines, 'http-request deny deny_status 421'];
  return [
    ...lines,
    `acl guarded var(txn.guard) -m str -- ${guards.map(word).join(' ')}`,
    'http-request deny deny_status 421 if !guarded || !{ ssl_c_used } || { ssl_fc_is_resumed }',
    'http-request set-header X-SSL-Client-Verify SUCCESS',
    'http-request set-header X-SSL-Client-DN %[ssl_c_s_dn(,0,rfc2253)]',
    // A name with line ends in it would be lines of the head.
    'http-request set-header X-SSL-Client-CN %[ssl_c_s_dn(CN),regsub([[:cntrl:]],,g)]',
  ];
}

const forwardedLines = [
  'option forwardfor',
  'http-request set-header X-Forwarded-Proto https if { ssl_fc }',
  'http-request set-header X-Forwarded-Proto http if !{ ssl_fc }',
  'http-request set-header X-Forwarded-Host %[req.fhdr(host)]',
  'http-request set-header X-Forwarded-Port %[dst_port]',
];

function authLines(backend: string, { realm }: BasicAuth): readonly string[] {
  return [`http-request auth realm ${word(realm)} unless { http_auth(${backend}_users) }`];
}

function redirectLines(redirect: Redirect, index: number): readonly string[] {
  const { path = '', exact, to, keepRest, status } = redirect;
  const asked = `asked_${index}`;
  const lines: string[] = [];
  const condition = path === '' && !exact ? '' : ` if ${asked}`;
  if (condition !== '') lines.push(`acl ${asked} path -m ${exact ? 'str' : 'beg'} -- ${word(path)}`);
  const redirectTo = (location: string, and = ''): string =>
    `http-request redirect location ${location} code ${status}${condition}${and === '' ? '' : `${condition === '' ? ' if' : ''} ${and}`}`;
  if (!keepRest) return [...lines, redirectTo(format(to))];
  const length = Buffer.byteLength(path);
  // A path must stay on this host: two slashes at its beginning would name another one.
  if (/^[/\\]+$/.test(to)) {
    lines.push(`acl backslash_${index} pathq -m sub -- ${word('\\')}`);
    lines.push(`http-request deny deny_status 400 if backslash_${index}`);
    return [...lines, redirectTo(`"/%[pathq,bytes(${length}),regsub(^/+,)]"`)];
  }
  if (!to.endsWith('/')) return [...lines, redirectTo(`${format(to)}%[pathq,bytes(${length})]`)];
  const slash = `slash_${index}`;
  lines.push(`acl ${slash} pathq,bytes(${length},1) -m str /`);
  return [
    ...lines,
    redirectTo(`${format(to)}%[pathq,bytes(${length + 1})]`, slash),
    redirectTo(`${format(to)}%[pathq,bytes(${length})]`, `!${slash}`),
  ];
}

/** Only whole segments count: `/api` is not the beginning of `/apis`. */
function rewriteLines({ from, to, restoreLocation }: Rewrite): readonly string[] {
  const stem = from.replace(/\/$/, '');
  const target = to.replace(/\/$/, '');
  const length = Buffer.byteLength(stem);
  const lines = [
    `acl rewritten path -m str -- ${word(stem === '' ? '/' : stem)}`,
    `acl rewritten path -m beg -- ${word(`${stem}/`)}`,
    'http-request set-var(txn.rewritten) bool(true) if rewritten',
    `http-request set-path ${format(target)}%[path,bytes(${length})] if { var(txn.rewritten) -m bool }`,
    'http-request set-path / if { var(txn.rewritten) -m bool } { path_len 0 }',
  ];
  if (restoreLocation && target !== '')
    lines.push(
      `http-response replace-header Location ${word(`^${literal(target)}([/?#].*)?$`)} ${format(stem === '' ? '/' : stem)}\\1`,
    );
  return lines;
}

/** These say where messages end and what belongs to one connection; no rule touches them. */
const ofTheConnection: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** HAProxy takes no empty format, but one that comes to nothing. */
function emptyHeader(which: string, name: string): string {
  return `${which} set-header ${name} %[str()]`;
}

function headerLines(which: string, { set = {}, remove = [] }: HeaderRules = {}): readonly string[] {
  const may = (name: string): boolean => isPlainName(name) && !ofTheConnection.has(name.toLowerCase());
  return [
    ...remove.filter(may).map((name) => `${which} del-header ${name}`),
    ...Object.entries(set).flatMap(([name, value]) =>
      may(name)
        ? [value === '' ? emptyHeader(which, name) : `${which} set-header ${name} ${format(value)}`]
        : [],
    ),
  ];
}
