import type { ClientFacts, TlsFacts } from '../client-facts.js';
import type { Ingress } from '../data-plane.js';
import type { HeadFields } from './head-fields.js';
import type { RequestHead } from './request-head.js';

/** X-Forwarded-For (appended to), -Proto, -Host and -Port (ours alone: a client's word for them is not believed). */
export function forwardedFields(fields: HeadFields, client: ClientFacts, ingress: Ingress): string {
  const chain =
    fields.forwardedFor === undefined ? client.address : `${fields.forwardedFor}, ${client.address}`;
  const host = fields.host ? `X-Forwarded-Host: ${fields.host}\r\n` : '';
  const proto = client.tls || ingress.tls ? 'https' : 'http';
  const port = client.destination?.port ?? ingress.port;
  const certificate = client.tls?.clientSubject === undefined ? '' : certificateFields(client.tls);
  return `X-Forwarded-For: ${chain}\r\nX-Forwarded-Proto: ${proto}\r\n${host}X-Forwarded-Port: ${port}\r\n${certificate}`;
}

/** Whose certificate was shown and verified; nobody else can say so (readFields drops what clients say by these names). */
function certificateFields({ clientSubject = '', clientName = '' }: TlsFacts): string {
  return `X-SSL-Client-Verify: SUCCESS\r\nX-SSL-Client-DN: ${clientSubject}\r\nX-SSL-Client-CN: ${clientName}\r\n`;
}

/** The head that servers are sent: HTTP/1.1, hop-by-hop fields gone, one unambiguous length, Host as the client sent it. */
export function upstreamHead(head: RequestHead, forwarded: string): string {
  const { fields } = head;
  let text = `${head.method} ${head.target} HTTP/1.1\r\n${fields.forward}`;
  if (fields.host === undefined) text += 'Host: \r\n';
  if (fields.chunked) text += 'Transfer-Encoding: chunked\r\n';
  else if (fields.contentLength >= 0) text += `Content-Length: ${fields.contentLength}\r\n`;
  if (fields.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${fields.upgrade}\r\n`;
  return `${text}${forwarded}\r\n`;
}
