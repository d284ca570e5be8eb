import { createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../../logging/log.js';
import { beginSecure, beginSession } from './begin-session.js';
import type { ClientFacts } from './client-facts.js';
import { Counters } from './counters.js';
import { type DataPlane, type Ingress, NoRoute } from './data-plane.js';
import type { DeadlineSet } from './deadlines.js';
import { errorPage } from './http/error-page.js';
import type { LiveService } from './live-service.js';
import { expectsPreface, ProxyPreface } from './proxy-preface.js';
import type { Routes } from './routes.js';
import type { TlsTerms } from './tls/certificate-shelf.js';
import { serviceTerms } from './tls/service-terms.js';

/** HAProxy's and marathon-lb's name for the vhost frontend. */
export const VHOST_FRONTEND = 'marathon_http_in';

/** A connection of a client, whatever it speaks. */
export interface Session {
  readonly socket: Socket;
  readonly idle: boolean;
  close(): void;
  retire?(): void;
}

/** All connections of this worker's clients; bounded. */
export class Sessions {
  readonly #all = new Set<Session>();

  constructor(readonly max: number) {}

  get size(): number {
    return this.#all.size;
  }

  get full(): boolean {
    return this.#all.size >= this.max;
  }

  add(session: Session): void {
    this.#all.add(session);
  }

  readonly remove = (session: Session): void => {
    this.#all.delete(session);
  };

  /** Those that can say so tell their clients that nothing more is taken on this connection. */
  retireAll(): void {
    for (const session of [...this.#all]) session.retire?.();
  }

  closeAll(): void {
    for (const session of [...this.#all]) session.close();
  }
}

/** What a port is opened with: a socket bound by the parent (its handle), or in tests an address of one's own. */
export type Bound = { readonly handle: object } | { readonly host: string; readonly port: number };

/** Connections that may wait in the kernel until we take them. */
const BACKLOG = 4_096;

/** A port that clients connect to: the vhost port (no `key`) or the service port of one service. */
export class IngressPort implements Ingress {
  readonly counters = new Counters();
  readonly #server: Server;

  constructor(
    public name: string,
    readonly port: number,
    /** Undefined: the vhost port. Another service may take a service port over. */
    public key: string | undefined,
    protected readonly routes: Routes,
    private readonly sessions: Sessions,
    protected readonly plane: DataPlane,
    private readonly log: Log,
  ) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false }, (socket) =>
      this.#accept(socket),
    );
  }

  get deadlines(): DeadlineSet {
    const own = this.key === undefined ? undefined : this.routes.service(this.key)?.service.timeouts;
    return this.plane.deadlines.of(own);
  }

  get mode(): 'tcp' | 'http' {
    return this.key === undefined ? 'http' : (this.routes.service(this.key)?.service.mode ?? 'tcp');
  }

  /** Accepts from now on. Rejects when the socket cannot listen. */
  open(bound: Bound): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const listening = (): void => {
        this.#server.removeListener('error', reject);
        this.#server.on('error', (error) =>
          this.log.error('a listening socket failed', { port: this.port, error: error.message }),
        );
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? address.port : this.port);
      };
      if ('handle' in bound) this.#server.listen(bound.handle, BACKLOG, listening);
      else this.#server.listen({ host: bound.host, port: bound.port, backlog: BACKLOG }, listening);
    });
  }

  /** Accepts no more; connections that are there go on. */
  close(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Services are found by virtual host here. */
  get byVhost(): boolean {
    return this.key === undefined;
  }

  route(host: string, target: string, lines?: string): LiveService | NoRoute {
    if (this.key === undefined) return this.routes.byVhost(host, target, lines);
    return (
      this.routes.service(this.key) ??
      new NoRoute(503, `service port ${this.port} is not served any more`, 'not-served')
    );
  }

  #accept(socket: Socket): void {
    const http = this.mode === 'http';
    if (this.sessions.full) {
      this.counters.dcon += 1;
      socket.on('error', () => socket.destroy());
      if (http)
        socket.end(
          errorPage(503, 'the load balancer holds as many connections as it may', {
            close: true,
            code: 'too-busy',
          }),
          () => socket.destroy(),
        );
      else socket.destroy();
      return;
    }
    if (expectsPreface(this.#service, this.plane, socket)) this.#readPreface(socket);
    else this.#begin(socket);
  }

  get #service(): LiveService | undefined {
    return this.key === undefined ? undefined : this.routes.service(this.key);
  }

  #readPreface(socket: Socket): void {
    const preface = new ProxyPreface(socket, this.deadlines.httpRequest, {
      read: (facts) => {
        this.sessions.remove(preface);
        this.#begin(socket, facts);
      },
      failed: (reason) => {
        this.sessions.remove(preface);
        if (reason === undefined) return;
        this.counters.ereq += 1;
        this.log.debug('a connection is refused', { port: this.port, peer: socket.remoteAddress, reason });
      },
    });
    this.sessions.add(preface);
  }

  /** TLS is spoken here. */
  protected get secures(): boolean {
    return this.#service?.service.tls !== undefined;
  }

  /** With what TLS is spoken to a client that asks for this name; undefined: not at all. */
  protected terms(serverName: string): TlsTerms | undefined {
    const tls = this.#service?.service.tls;
    return tls && serviceTerms(this.plane.certificates, serverName, tls, this.mode === 'http');
  }

  #begin(socket: Socket, facts?: ClientFacts): void {
    const { mode, plane, sessions, log } = this;
    const mayBeHttp2 = this.#service?.service.serverProtocol === 'h2c';
    const way = { ingress: this, mode, mayBeHttp2, plane, sessions, log };
    if (this.secures) beginSecure(way, socket, (serverName) => this.terms(serverName), facts);
    else beginSession(way, socket, facts);
  }
}
