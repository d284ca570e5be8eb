import type { Socket } from 'node:net';
import type { Log } from '../../logging/log.js';
import { type ClientFacts, clientFacts } from './client-facts.js';
import type { DataPlane, Ingress } from './data-plane.js';
import { Http2Front } from './h2/http2-front.js';
import { VersionSniff } from './h2/version-sniff.js';
import { HttpSession } from './http/http-session.js';
import type { Sessions } from './ingress.js';
import { TcpSession } from './tcp-session.js';
import type { TlsTerms } from './tls/certificate-shelf.js';
import { TlsHandshake } from './tls/tls-handshake.js';

/** A way in, with what its connections share. */
export interface Way {
  readonly ingress: Ingress;
  readonly mode: 'tcp' | 'http';
  /** A client may begin with HTTP/2 at once, without TLS. */
  readonly mayBeHttp2: boolean;
  readonly plane: DataPlane;
  readonly sessions: Sessions;
  readonly log: Log;
}

/** Speaks TLS with a client, then as `beginSession`. */
export function beginSecure(
  way: Way,
  socket: Socket,
  terms: (serverName: string) => TlsTerms | undefined,
  facts: ClientFacts = clientFacts(socket),
): void {
  const { ingress, sessions, log } = way;
  const handshake = new TlsHandshake(socket, {
    deadlines: ingress.deadlines,
    terms,
    secured: ({ socket: secure, facts: tls, speaks }) => {
      sessions.remove(handshake);
      beginSession({ ...way, mayBeHttp2: false }, secure, { ...facts, tls }, speaks);
    },
    failed: (reason) => {
      sessions.remove(handshake);
      ingress.counters.ereq += 1;
      log.debug('a TLS handshake failed', { port: ingress.port, peer: facts.address, reason });
    },
  });
  sessions.add(handshake);
  if (socket.isPaused()) socket.resume();
}

/** What a connection that may speak is taken for: HTTP/1.1, HTTP/2, or bytes. */
export function beginSession(
  way: Way,
  socket: Socket,
  facts?: ClientFacts,
  speaks: 'h2' | 'http/1.1' | undefined = way.mayBeHttp2 ? undefined : 'http/1.1',
): void {
  const { ingress, plane, sessions } = way;
  if (way.mode === 'tcp') {
    const session = new TcpSession(socket, ingress, plane, sessions.remove, facts);
    sessions.add(session);
    session.start();
  } else if (speaks === 'h2') {
    const whose = { ...(facts ?? clientFacts(socket)), isHttp2: true } as const;
    sessions.add(new Http2Front(socket, ingress, plane, sessions.remove, whose));
  } else if (speaks === 'http/1.1') {
    sessions.add(new HttpSession(socket, ingress, plane, sessions.remove, facts));
    if (socket.isPaused()) socket.resume();
  } else {
    const sniff = new VersionSniff(socket, ingress.deadlines.httpRequest, {
      told: (version) => {
        sessions.remove(sniff);
        beginSession(way, socket, facts, version);
      },
      gone: () => sessions.remove(sniff),
    });
    sessions.add(sniff);
    if (socket.isPaused()) socket.resume();
  }
}
