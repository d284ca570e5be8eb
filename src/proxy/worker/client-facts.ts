import type { Socket } from 'node:net';

/** What TLS told of a client. */
export interface TlsFacts {
  /** The name that it asked for (SNI), lower case; empty: none. */
  readonly serverName: string;
  /** `TLSv1.3`, and the cipher's name. */
  readonly protocol: string;
  readonly cipher: string;
  /** Of a certificate that was shown and verified: its subject in one line. */
  readonly clientSubject?: string;
  /** Its common name, and the names of the authorities by which it was verified. */
  readonly clientName?: string;
  readonly clientAuthorities?: readonly string[];
}

/** Who a connection is from, and over what. Addresses without a port, IPv4 plainly. */
export interface ClientFacts {
  readonly address: string;
  readonly port: number;
  /** Where the client connected to, when another load balancer told that (PROXY protocol). */
  readonly destination?: { readonly address: string; readonly port: number };
  readonly tls?: TlsFacts;
  /** It speaks HTTP/2; what the rest of the worker reads is HTTP/1.1 made of that. */
  readonly isHttp2?: true;
}

/** An IPv4 address in IPv6's clothes is shown plainly. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

/** What the connection itself says. */
export function clientFacts(socket: Socket): ClientFacts {
  return { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
}
