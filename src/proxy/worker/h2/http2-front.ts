import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientFacts } from '../client-facts.js';
import type { DataPlane, Ingress } from '../data-plane.js';
import type { DeadlineQueue, Expiring } from '../deadlines.js';
import { MAX_FIELDS, MAX_HEAD_BYTES } from '../http/head-fields.js';
import { HttpSession } from '../http/http-session.js';
import { ClientStream } from './client-stream.js';

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR } = constants;

/** Streams of one connection at once. */
export const MAX_STREAMS = 128;
/** So many requests of one connection may be taken back by their client within this time; a connection that does more of it ends. */
export const MAX_RESETS = 200;
const RESETS_PERIOD_MS = 10_000;
const STREAM_WINDOW_BYTES = 256 * 1024;

/**
 * A client's connection that speaks HTTP/2: each stream is a request that an HttpSession answers, as if it had come over a
 * connection of HTTP/1.1.
 *
 * INVARIANTS
 * - Streams, resets, header lists and what waits per stream are bounded; who opens streams only to reset them is cut off.
 * - A connection without streams waits in the keep-alive queue and is told goodbye (GOAWAY) at its end, or when the worker retires.
 */
export class Http2Front implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  readonly #session: ServerHttp2Session;
  readonly #streams = new Set<HttpSession>();
  #resets = 0;
  #resetsSinceMs = 0;
  #over = false;

  constructor(
    readonly socket: Socket,
    private readonly ingress: Ingress,
    private readonly plane: DataPlane,
    private readonly onClosed: (front: Http2Front) => void,
    private readonly facts: ClientFacts,
  ) {
    this.#session = performServerHandshake(
      socket as Duplex as Socket,
      {
        maxSessionInvalidFrames: 100,
        maxSessionRejectedStreams: 100,
        maxHeaderListPairs: MAX_FIELDS,
        settings: {
          enablePush: false,
          maxConcurrentStreams: MAX_STREAMS,
          maxHeaderListSize: MAX_HEAD_BYTES,
          initialWindowSize: STREAM_WINDOW_BYTES,
        },
      } as Parameters<typeof performServerHandshake>[1],
    );
    const session = this.#session;
    session.on('stream', (stream, headers) => this.#opened(stream, headers));
    session.on('error', () => this.close());
    session.on('close', () => this.close());
    socket.on('error', () => this.close());
    this.#rest();
  }

  get idle(): boolean {
    return this.#streams.size === 0;
  }

  /** Lets streams end and takes no new ones. */
  retire(): void {
    if (!this.#session.closed && !this.#session.destroyed) this.#session.close();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.queue?.leave(this);
    for (const stream of [...this.#streams]) stream.close();
    if (!this.#session.destroyed) this.#session.destroy();
    this.socket.destroy();
    this.onClosed(this);
  }

  expired(): void {
    this.retire();
    this.ingress.deadlines.linger.wait(this);
    if (this.#session.closed && this.#streams.size === 0) this.close();
  }

  #opened(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const virtual = new ClientStream(stream, headers, this.socket.localAddress, this.socket.localPort);
    if (virtual.destroyed) return;
    this.queue?.leave(this);
    stream.on('close', () => {
      if (stream.rstCode !== NGHTTP2_NO_ERROR) this.#countReset();
    });
    const ended = (session: HttpSession): void => {
      this.#streams.delete(session);
      if (this.#over) return;
      if (this.plane.retiring) this.retire();
      if (this.#streams.size === 0) this.#rest();
    };
    this.#streams.add(new HttpSession(virtual.asSocket, this.ingress, this.plane, ended, this.facts));
  }

  #rest(): void {
    if (!this.#over) this.ingress.deadlines.httpKeepAlive.wait(this);
  }

  /** Requests that are begun only to be taken back cost us and our servers more than their sender (CVE-2023-44487). */
  #countReset(): void {
    const nowMs = this.plane.clock.monotonicMs();
    if (nowMs - this.#resetsSinceMs > RESETS_PERIOD_MS) {
      this.#resetsSinceMs = nowMs;
      this.#resets = 0;
    }
    this.#resets += 1;
    if (this.#resets <= MAX_RESETS || this.#over) return;
    this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
    this.close();
  }
}
