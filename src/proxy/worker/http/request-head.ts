import { isTarget, skipToken } from './characters.js';
import { type HeadFields, HeadRefused, readFields } from './head-fields.js';

/** A request's head, checked and taken apart. */
export interface RequestHead {
  readonly method: string;
  /** Origin form (`/path?query`), or `*` for OPTIONS. */
  readonly target: string;
  /** 0 or 1: the minor version of HTTP/1.x. */
  readonly minor: 0 | 1;
  readonly fields: HeadFields;
  /** Host without its port, lower case; empty when the client sent none (HTTP/1.0). */
  readonly hostName: string;
  /** Repeating it has no other effect than sending it once (RFC 9110 9.2.2). */
  readonly idempotent: boolean;
}

const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
const MAX_METHOD_LENGTH = 32;
const MAX_HOST_NAME = 255;
const MAX_PORT_DIGITS = 5;
/** reg-name, IPv4 or bracketed IPv6, with an optional port. */
const hostPattern = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~!$&'()*+;=%-]{0,255})(:\d{0,5})?$/;

/**
 * Reads a request head. `text` is latin1 and ends with the empty line's CRLF CRLF. Throws HeadRefused with the status to
 * answer: 400, 417, 431, 501, 505.
 */
export function readRequestHead(text: string): RequestHead {
  const lineEnd = text.indexOf('\r\n');
  const methodEnd = skipToken(text, 0, lineEnd);
  if (methodEnd === 0 || methodEnd > MAX_METHOD_LENGTH || text.charCodeAt(methodEnd) !== 0x20) {
    throw new HeadRefused('malformed request line');
  }
  const targetEnd = text.indexOf(' ', methodEnd + 1);
  if (targetEnd < 0 || targetEnd > lineEnd || !isTarget(text, methodEnd + 1, targetEnd)) {
    throw new HeadRefused('malformed request target');
  }
  const minor = readVersion(text, targetEnd + 1, lineEnd);
  const method = text.slice(0, methodEnd);
  if (method === 'CONNECT') throw new HeadRefused('CONNECT is not served here', 501);
  const fields = readFields(text, lineEnd + 2, text.length - 2, 'request');
  if (minor === 0) {
    if (fields.chunked) throw new HeadRefused('a chunked body in HTTP/1.0');
    fields.expect = undefined;
  } else if (fields.host === undefined) {
    throw new HeadRefused('no Host header');
  }
  if (fields.expect !== undefined && fields.expect !== '100-continue')
    throw new HeadRefused('an expectation nobody here can meet', 417);
  const target = readTarget(text.slice(methodEnd + 1, targetEnd), method, fields);
  return {
    method,
    target,
    minor,
    fields,
    hostName: hostNameOf(fields.host ?? ''),
    idempotent: idempotentMethods.has(method),
  };
}

function readVersion(text: string, start: number, end: number): 0 | 1 {
  const version = text.slice(start, end);
  if (version === 'HTTP/1.1') return 1;
  if (version === 'HTTP/1.0') return 0;
  if (/^HTTP\/\d\.\d$/.test(version))
    throw new HeadRefused('only HTTP/1.1 and HTTP/1.0 are spoken here', 505);
  throw new HeadRefused('malformed HTTP version');
}

/** Origin form stays; absolute form must name the very host of the Host header and becomes origin form. */
function readTarget(target: string, method: string, fields: HeadFields): string {
  if (target.charCodeAt(0) === 0x2f) return target;
  if (target === '*' && method === 'OPTIONS') return target;
  const absolute = /^(https?):\/\/([^/?#]+)(\/[^#]*|\?[^#]*)?$/i.exec(target);
  if (!absolute) throw new HeadRefused('malformed request target');
  const authority = absolute[2]?.toLowerCase() ?? '';
  const usual = absolute[1]?.toLowerCase() === 'https' ? ':443' : ':80';
  if (fields.host !== undefined && without(usual, fields.host.toLowerCase()) !== without(usual, authority)) {
    throw new HeadRefused('the request target and the Host header disagree');
  }
  const path = absolute[3] ?? '/';
  return path.startsWith('/') ? path : `/${path}`;
}

/** A scheme's usual port need not be said. */
function without(port: string, authority: string): string {
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}

function hostNameOf(host: string): string {
  const end = endOfSimpleName(host);
  if (end >= 0) return withoutDot(end === host.length ? host : host.slice(0, end));
  if (!hostPattern.test(host)) throw new HeadRefused('malformed Host header');
  const colon = host.endsWith(']') ? -1 : host.lastIndexOf(':');
  return withoutDot((colon < 0 ? host : host.slice(0, colon)).toLowerCase());
}

/** Where a name of small letters, digits, dots and dashes ends that is all of the host, or all but its port; -1: it is another one. */
function endOfSimpleName(host: string): number {
  let at = 0;
  for (; at < host.length; at++) {
    const code = host.charCodeAt(at);
    if (!((code >= 0x61 && code <= 0x7a) || (code >= 0x2d && code <= 0x39 && code !== 0x2f))) break;
  }
  if (at === host.length) return at;
  const digits = host.length - at - 1;
  if (host.charCodeAt(at) !== 0x3a || at > MAX_HOST_NAME || digits > MAX_PORT_DIGITS) return -1;
  for (let digit = at + 1; digit < host.length; digit++) {
    const code = host.charCodeAt(digit);
    if (code < 0x30 || code > 0x39) return -1;
  }
  return at;
}

/** `web.example.` is the same host as `web.example`. */
function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
