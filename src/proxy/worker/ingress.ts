import { createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../../logging/log.js';
import { Counters } from './counters.js';
import { type DataPlane, type Ingress, NoRoute } from './data-plane.js';
import { errorPage } from './http/error-page.js';
import { HttpSession } from './http/http-session.js';
import type { LiveService } from './live-service.js';
import type { Routes } from './routes.js';
import { TcpSession } from './tcp-session.js';

/** HAProxy's and marathon-lb's name for the vhost frontend. */
export const VHOST_FRONTEND = 'marathon_http_in';

/** A connection of a client, whatever it speaks. */
export interface Session {
  readonly socket: Socket;
  readonly idle: boolean;
  close(): void;
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
    readonly name: string,
    readonly port: number,
    /** Undefined: the vhost port. */
    readonly key: string | undefined,
    private readonly routes: Routes,
    private readonly sessions: Sessions,
    private readonly plane: DataPlane,
    private readonly log: Log,
  ) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false }, (socket) =>
      this.#accept(socket),
    );
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

  route(host: string, target: string): LiveService | NoRoute {
    if (this.key === undefined) return this.routes.byVhost(host, target);
    return (
      this.routes.service(this.key) ?? new NoRoute(503, `service port ${this.port} is not served any more`)
    );
  }

  #accept(socket: Socket): void {
    const http = this.mode === 'http';
    if (this.sessions.full) {
      this.counters.dcon += 1;
      socket.on('error', () => socket.destroy());
      if (http)
        socket.end(
          errorPage(503, 'the load balancer holds as many connections as it may', { close: true }),
          () => socket.destroy(),
        );
      else socket.destroy();
      return;
    }
    if (http) {
      this.sessions.add(new HttpSession(socket, this, this.plane, this.sessions.remove));
      return;
    }
    const session = new TcpSession(socket, this, this.plane, this.sessions.remove);
    this.sessions.add(session);
    session.start();
  }
}
