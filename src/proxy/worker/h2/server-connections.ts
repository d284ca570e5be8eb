import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect as connectHttp2,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect } from 'node:net';
import type { Clock, Timer } from '../../../util/clock.js';
import { MAX_HEAD_BYTES } from '../http/head-fields.js';

/** Connections to one server at once; with all of them full, streams wait inside the last. */
export const MAX_CONNECTIONS_PER_SERVER = 8;
/** Until the server says how many it takes. */
const USUAL_STREAMS = 100;
const STREAM_WINDOW_BYTES = 256 * 1024;

interface Connection {
  readonly session: ClientHttp2Session;
  connected: boolean;
  streams: number;
  /** Takes no new streams: the server said goodbye, or it broke. */
  leaving: boolean;
  idle: Timer | undefined;
}

/** Where a server is, and what is sent first on a connection to it. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly preface?: Buffer;
}

/**
 * The HTTP/2 connections (without TLS, known in advance) to one server, shared by the requests that are sent to it.
 *
 * INVARIANTS
 * - A connection whose server said goodbye carries nothing new; what it carries goes on to its end.
 * - A connection without streams is closed after `idleMs`, or at once when the server left the table.
 */
export class ServerConnections {
  readonly #connections = new Set<Connection>();
  readonly #waiting = new Set<{ readonly ok: () => void; readonly fail: (error: Error) => void }>();
  #leaving = false;

  constructor(
    private readonly address: ServerAddress,
    private readonly idleMs: number,
    private readonly clock: Clock,
  ) {}

  /** Calls back (never at once) when a stream can be opened, or why none can. */
  ready(ok: () => void, fail: (error: Error) => void): void {
    const room = this.#withRoom();
    if (room?.connected) {
      queueMicrotask(ok);
      return;
    }
    this.#waiting.add({ ok, fail });
    if (!room) this.#open();
  }

  /** Opens a stream. Call when told `ready`. */
  request(headers: OutgoingHttpHeaders, options: ClientSessionRequestOptions): ClientHttp2Stream {
    const connection = this.#withRoom() ?? this.#open();
    connection.idle?.cancel();
    connection.idle = undefined;
    connection.streams += 1;
    const stream = connection.session.request(headers, options);
    stream.on('close', () => {
      connection.streams -= 1;
      if (connection.streams === 0) this.#rest(connection);
    });
    return stream;
  }

  /** The server left the table: streams go on, nothing new follows. */
  leave(): void {
    this.#leaving = true;
    for (const connection of [...this.#connections]) if (connection.streams === 0) this.#end(connection);
  }

  get size(): number {
    return this.#connections.size;
  }

  #withRoom(): Connection | undefined {
    let fullest: Connection | undefined;
    for (const connection of this.#connections) {
      if (connection.leaving) continue;
      const most = connection.session.remoteSettings?.maxConcurrentStreams ?? USUAL_STREAMS;
      if (connection.streams < most) return connection;
      fullest = connection;
    }
    return this.#connections.size >= MAX_CONNECTIONS_PER_SERVER ? fullest : undefined;
  }

  #open(): Connection {
    const { host, port, preface } = this.address;
    const socket = connect({ host, port, noDelay: true });
    if (preface) socket.write(preface);
    const session = connectHttp2(`http://${host.includes(':') ? `[${host}]` : host}:${port}`, {
      createConnection: () => socket,
      maxSessionMemory: 64,
      maxHeaderListPairs: 200,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: MAX_HEAD_BYTES,
      },
    });
    const connection: Connection = { session, connected: false, streams: 0, leaving: false, idle: undefined };
    this.#connections.add(connection);
    session.on('connect', () => {
      connection.connected = true;
      this.#rest(connection);
      for (const waiting of [...this.#waiting]) {
        this.#waiting.delete(waiting);
        waiting.ok();
      }
    });
    session.on('goaway', () => this.#part(connection));
    session.on('error', (error) => this.#broke(connection, error));
    session.on('close', () => this.#broke(connection, new Error('the connection was closed')));
    return connection;
  }

  /** Nothing under way: it is kept for a while. */
  #rest(connection: Connection): void {
    if (this.#leaving || connection.leaving) {
      this.#end(connection);
      return;
    }
    connection.idle?.cancel();
    connection.idle = this.clock.after(this.idleMs, () => this.#end(connection));
  }

  #part(connection: Connection): void {
    connection.leaving = true;
    this.#connections.delete(connection);
    connection.idle?.cancel();
    if (connection.streams === 0) this.#end(connection);
  }

  #end(connection: Connection): void {
    if (connection.streams > 0) return;
    this.#connections.delete(connection);
    connection.leaving = true;
    connection.idle?.cancel();
    if (!connection.session.closed) connection.session.close();
  }

  #broke(connection: Connection, error: Error): void {
    this.#connections.delete(connection);
    connection.leaving = true;
    connection.idle?.cancel();
    if (!connection.session.destroyed) connection.session.destroy(error, constants.NGHTTP2_NO_ERROR);
    if (connection.connected) return;
    for (const waiting of [...this.#waiting]) {
      this.#waiting.delete(waiting);
      waiting.fail(error);
    }
  }
}
