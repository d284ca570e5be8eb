import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import type { DataPlane } from '../data-plane.js';
import type { DeadlineQueue, DeadlineSet, Expiring } from '../deadlines.js';
import { openServerStream } from '../h2/server-socket.js';
import { type LiveServer, MAX_IDLE_PER_SERVER } from '../live-server.js';

/** Whoever has the connection for the time being. Exactly one of `connectFailed` and `lost` ends its use, unless it let go. */
export interface UpstreamUser {
  connected(): void;
  /** No connection came about: nothing was sent. */
  connectFailed(reason: string): void;
  /** `chunk` is lent: its bytes are others' when this returns. */
  data(chunk: Buffer): void;
  /** The server sends no more. */
  ended(): void;
  /** The connection broke. */
  lost(reason: string): void;
  /** It was the server's turn for too long. */
  silent(): void;
  drained(): void;
}

/** Why no connection came about, when it took too long. */
export const CONNECT_TIMED_OUT = 'no connection within the time limit';

/** What an error of our own host (not of the server) is called: no reason to leave the server alone. */
const ownErrors: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/**
 * What came from a server is read into here and told at once, so that one buffer does for all connections: one for each read would
 * cost more than all else that is done with a small answer.
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** One connection to a server; used by one exchange at a time, kept for the next. */
export class UpstreamConnection implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  readonly socket: Socket;
  isConnected = false;
  /** Requests that it carried before the present one. */
  carried = 0;
  idleSinceMs = 0;
  #user: UpstreamUser | undefined;
  #over = false;
  /** The socket is somebody else's, who listens to its events. */
  #taken = false;
  readonly #startedMs: number;

  constructor(
    readonly server: LiveServer,
    private readonly plane: DataPlane,
    user: UpstreamUser,
    private deadlines: DeadlineSet,
    /** Sent before anything else; it speaks of one client, so that the connection is not kept for others. */
    private readonly preface?: Buffer,
  ) {
    this.#user = user;
    this.#startedMs = plane.clock.monotonicMs();
    const { host, port } = server.server;
    const http2 = server.owner?.service.serverProtocol === 'h2c';
    const socket = http2 ? openServerStream(server, plane, preface) : connect(this.#options(host, port));
    this.socket = socket;
    deadlines.connect.wait(this);
    socket.on('connect', () => this.#onConnect());
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#user?.drained());
    socket.on('end', () => {
      if (this.#user) this.#user.ended();
      else this.destroy();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#failed(error.code ?? error.message));
    socket.on('close', () => this.#failed('the connection was closed'));
  }

  /** An unused connection of this server that may carry the next request; the most recently used one, not older than `maxIdleMs`. */
  static idle(
    server: LiveServer,
    user: UpstreamUser,
    deadlines: DeadlineSet,
    maxIdleMs: number,
    nowMs: number,
  ): UpstreamConnection | undefined {
    const connection = server.idle.at(-1);
    if (!connection || nowMs - connection.idleSinceMs > maxIdleMs) return undefined;
    server.idle.pop();
    connection.deadlines = deadlines;
    connection.queue?.leave(connection);
    connection.#user = user;
    connection.carried += 1;
    server.counters.reuse += 1;
    return connection;
  }

  /** Whether it is the server's turn: from now on its silence is measured, or not. */
  expect(due: boolean): void {
    if (this.#over) return;
    if (due) this.deadlines.server.wait(this);
    else this.queue?.leave(this);
  }

  /** The exchange is over and the connection is in order: keep it for the next, if there is room. */
  release(): void {
    this.#user = undefined;
    if (
      this.#over ||
      this.preface !== undefined ||
      this.server.leaving ||
      this.plane.retiring ||
      this.server.idle.length >= MAX_IDLE_PER_SERVER
    ) {
      this.destroy();
      return;
    }
    this.idleSinceMs = this.plane.clock.monotonicMs();
    this.server.idle.push(this);
    this.deadlines.upstreamIdle.wait(this);
    if (this.socket.isPaused()) this.socket.resume();
  }

  /** The user needs it no more and nobody else shall have it. */
  destroy(): void {
    this.#user = undefined;
    this.#forget();
    this.socket.destroy();
  }

  /** Hands the socket over for good (a tunnel): its events are the taker's. */
  detach(): Socket {
    this.#user = undefined;
    this.#taken = true;
    this.#forget();
    this.socket.removeAllListeners();
    return this.socket;
  }

  expired(): void {
    if (!this.isConnected) this.#failed(CONNECT_TIMED_OUT);
    else if (this.#user) this.#user.silent();
    else this.destroy();
  }

  #options(host: string, port: number): TcpNetConnectOpts {
    const options: TcpNetConnectOpts = { host, port, noDelay: true, allowHalfOpen: true };
    // In tcp mode the bytes are passed on as they are, each piece in a buffer of its own.
    if (this.server.owner?.service.mode === 'tcp') return options;
    const callback = (bytes: number): boolean => {
      const chunk = readBuffer.subarray(0, bytes);
      if (this.#taken) this.socket.emit('data', Buffer.from(chunk));
      else this.#received(chunk);
      return true;
    };
    return { ...options, onread: { buffer: readBuffer, callback } };
  }

  #received(chunk: Buffer): void {
    if (this.#user) this.#user.data(chunk);
    else this.destroy();
  }

  #onConnect(): void {
    this.isConnected = true;
    this.queue?.leave(this);
    this.server.accepted();
    this.server.counters.connect += 1;
    this.server.counters.connectTime.add(this.plane.clock.monotonicMs() - this.#startedMs);
    if (this.preface && this.server.owner?.service.serverProtocol !== 'h2c') this.socket.write(this.preface);
    this.#user?.connected();
  }

  #failed(reason: string): void {
    if (this.#over) return;
    const user = this.#user;
    this.#user = undefined;
    this.#forget();
    this.socket.destroy();
    if (this.isConnected) {
      user?.lost(reason);
    } else {
      if (!ownErrors.has(reason)) this.server.refused(this.plane.clock.monotonicMs());
      user?.connectFailed(reason);
    }
  }

  #forget(): void {
    this.#over = true;
    this.queue?.leave(this);
    const at = this.server.idle.indexOf(this);
    if (at >= 0) this.server.idle.splice(at, 1);
  }
}
