import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';

/** What HTTP/2 has no use for, or says otherwise (RFC 9113 8.2.2). */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
  'host',
]);

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/;
const target = /^(?:\/[\x21-\x7e\x80-\xff]*|\*)$/;
const authority = /^[\x21-\x7e]{1,512}$/;
/** Names that a line may begin with; values without line ends. */
const fieldName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** A request of HTTP/2 as the head of an HTTP/1.1 request, or why there is none. */
export type HeadText =
  | { readonly text: string; readonly chunked: boolean }
  | { readonly problem: string; readonly status: 400 | 501 };

/**
 * The HTTP/1.1 head (latin1, with its closing empty line) of an HTTP/2 request. `bodiless`: the stream ended with its headers.
 * Nothing that could be read as a second line, field or request gets through, whatever the HTTP/2 library lets pass.
 */
export function requestHeadText(headers: IncomingHttpHeaders, bodiless: boolean): HeadText {
  const method = headers[':method'] ?? '';
  if (method === 'CONNECT') return { problem: 'CONNECT is not served here', status: 501 };
  const path = headers[':path'] ?? '';
  if (!token.test(method) || !target.test(path)) return { problem: 'malformed request', status: 400 };
  const host = headers[':authority'] ?? headers.host;
  if (host === undefined || !authority.test(host)) return { problem: 'no host', status: 400 };
  if (headers.host !== undefined && headers.host.toLowerCase() !== host.toLowerCase())
    return { problem: ':authority and host disagree', status: 400 };
  const chunked = !bodiless && headers['content-length'] === undefined;
  // The stream ends with the answer; its connection is none of what speaks HTTP/1.1 here.
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n`;
  if (chunked) text += 'Transfer-Encoding: chunked\r\n';
  const lines = fieldLines(headers, '; ');
  if (lines === undefined) return { problem: 'malformed header', status: 400 };
  return { text: `${text}${lines}\r\n`, chunked };
}

/** The status line and fields that an HTTP/2 answer has in HTTP/1.1, without what says how its body ends; undefined: it has none. */
export function responseHeadText(headers: IncomingHttpHeaders, status: number): string | undefined {
  const lines = fieldLines(headers, ', ');
  return lines === undefined ? undefined : `HTTP/1.1 ${status} \r\n${lines}`;
}

/** Fields as lines, each with its CRLF; undefined: one of them cannot be a line. */
export function fieldLines(headers: IncomingHttpHeaders, cookieSeparator = '; '): string | undefined {
  let lines = '';
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || hopByHop.has(name) || value === undefined) continue;
    if (!fieldName.test(name)) return undefined;
    const values = Array.isArray(value) ? value : [value];
    const shown = name === 'cookie' ? [values.join(cookieSeparator)] : values;
    for (const each of shown) {
      if (!fieldValue.test(each)) return undefined;
      lines += `${name}: ${each}\r\n`;
    }
  }
  return lines;
}

/** Lines (each with its CRLF) as HTTP/2 fields: names in lower case, repeated ones together, hop-by-hop ones left out. */
export function fieldsOfLines(lines: string): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {};
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (hopByHop.has(name) || name.startsWith(':')) continue;
    const known = fields[name];
    if (known === undefined) fields[name] = name === 'set-cookie' ? [value] : value;
    else if (Array.isArray(known)) known.push(value);
    else fields[name] = `${known}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return fields;
}

export interface Http2Request {
  readonly headers: OutgoingHttpHeaders;
  readonly method: string;
  /** Bytes of the body that follow; `chunked`: as many as its chunks say. */
  readonly length: number | 'chunked';
}

/** An HTTP/1.1 request head that the load balancer wrote itself (latin1, with its closing empty line), for a server that speaks HTTP/2. */
export function requestFields(head: string): Http2Request {
  const lineEnd = head.indexOf('\r\n');
  const [method = 'GET', path = '/'] = head.slice(0, lineEnd).split(' ');
  const lines = head.slice(lineEnd + 2);
  const host = /^host:[ \t]*(.*?)[ \t]*\r$/im.exec(lines)?.[1] ?? '';
  const fields = fieldsOfLines(lines);
  const chunked = /^transfer-encoding:/im.test(lines);
  const length = Number(fields['content-length'] ?? 0);
  return {
    // Trailers are passed on by this load balancer, which gRPC servers want to be told.
    headers: {
      ':method': method,
      ':path': path,
      ':scheme': 'http',
      ':authority': host,
      ...fields,
      te: 'trailers',
    },
    method,
    length: chunked ? 'chunked' : length,
  };
}
