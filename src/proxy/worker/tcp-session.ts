import type { Socket } from 'node:net';
import type { Timer } from '../../util/clock.js';
import { mayRetry } from '../decide/retry.js';
import type { DataPlane, Ingress } from './data-plane.js';
import { NoRoute } from './data-plane.js';
import { UpstreamConnection, type UpstreamUser } from './http/upstream-connection.js';
import type { LiveServer } from './live-server.js';
import type { LiveService } from './live-service.js';
import { Tunnel } from './tunnel.js';

/** Pause before the same server is tried again. */
const SAME_SERVER_PAUSE_MS = 100;

/** One client connection of a service in tcp mode: joined to a server as it is. Nothing is read before that. */
export class TcpSession implements UpstreamUser {
  #service: LiveService | undefined;
  #server: LiveServer | undefined;
  #upstream: UpstreamConnection | undefined;
  #tunnel: Tunnel | undefined;
  #tried: LiveServer[] = [];
  #pause: Timer | undefined;
  #over = false;
  readonly #client: string;

  constructor(
    readonly socket: Socket,
    private readonly ingress: Ingress,
    private readonly plane: DataPlane,
    private readonly onClosed: (session: TcpSession) => void,
  ) {
    this.#client = socket.remoteAddress ?? '';
    ingress.counters.begin(plane.clock.monotonicMs());
    socket.pause();
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  /** A connection is in use for as long as it lasts. */
  get idle(): boolean {
    return false;
  }

  start(): void {
    const service = this.ingress.route('', '');
    if (service instanceof NoRoute) {
      this.close();
      return;
    }
    this.#service = service;
    service.counters.begin(this.plane.clock.monotonicMs());
    this.#attempt();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#pause?.cancel();
    this.#upstream?.destroy();
    this.#server?.end();
    this.#service?.counters.end();
    this.ingress.counters.end();
    this.socket.destroy();
    this.#tunnel?.destroy();
    this.onClosed(this);
  }

  connected(): void {
    const upstream = this.#upstream;
    const server = this.#server;
    const service = this.#service;
    if (this.#over || !upstream || !server || !service) return;
    this.#upstream = undefined;
    this.socket.removeAllListeners();
    const counted = [this.ingress.counters, server.counters, service.counters];
    this.#tunnel = new Tunnel(this.socket, upstream.detach(), this.plane, {
      toServer: (bytes) => {
        for (const counters of counted) counters.bin += bytes;
      },
      toClient: (bytes) => {
        for (const counters of counted) counters.bout += bytes;
      },
      ended: () => this.close(),
    });
  }

  connectFailed(): void {
    const server = this.#server;
    this.#upstream = undefined;
    this.#server = undefined;
    if (this.#over || !server) return;
    server.end();
    this.#tried.push(server);
    const service = this.#service;
    if (service) service.counters.econ += 1;
    if (!mayRetry({ tries: this.#tried.length, nothingSent: true, idempotent: false, replayable: true })) {
      this.close();
      return;
    }
    if (service) service.counters.wretr += 1;
    this.#attempt();
  }

  data(): void {
    // A server that speaks first is heard by the tunnel: the connection is handed over as soon as it is made.
  }

  ended(): void {
    this.close();
  }

  lost(): void {
    this.close();
  }

  drained(): void {
    // Nothing was written that could drain.
  }

  #attempt(): void {
    const nowMs = this.plane.clock.monotonicMs();
    const server = this.#service?.pick({ nowMs, tried: this.#tried, client: this.#client, target: '' });
    if (!server) {
      this.close();
      return;
    }
    this.#server = server;
    server.begin(nowMs);
    const connect = (): void => {
      this.#upstream = new UpstreamConnection(server, this.plane, this);
    };
    if (this.#tried.includes(server))
      this.#pause = this.plane.clock.after(SAME_SERVER_PAUSE_MS * this.#tried.length, connect);
    else connect();
  }
}
