import type { Socket } from 'node:net';
import type { Counters } from '../counters.js';
import type { DataPlane, Ingress } from '../data-plane.js';
import { NoRoute, PAUSE_ABOVE_BYTES } from '../data-plane.js';
import type { DeadlineQueue, Expiring } from '../deadlines.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';
import { Tunnel } from '../tunnel.js';
import { errorPage } from './error-page.js';
import { ChunksBroken, Exchange, type ExchangeClient } from './exchange.js';
import { HeadRefused, MAX_HEAD_BYTES } from './head-fields.js';
import { type RequestHead, readRequestHead } from './request-head.js';
import { forwardedFields, upstreamHead } from './upstream-head.js';

const HEAD_END = Buffer.from('\r\n\r\n');
/** Empty lines before a request that are overlooked (RFC 9112 2.2). */
const MAX_LEADING_EMPTY_LINES = 2;

/**
 * One client connection: reads requests one after another and has each answered by an Exchange.
 *
 * INVARIANTS
 * - At most one exchange at a time; bytes of the next request wait (reading pauses) until its answer is out.
 * - The connection waits in exactly one deadline queue until it is closed or a tunnel has taken it over.
 * - After a head or body whose end is uncertain nothing more is read from this client.
 */
export class HttpSession implements Expiring, ExchangeClient {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  #pending: Buffer | undefined;
  #searched = 0;
  #exchange: Exchange | undefined;
  #service: LiveService | undefined;
  #headOnly = false;
  /** The client of the present request expects the connection to stay. */
  #staysOpen = false;
  #advancing = false;
  #closing = false;
  #tunnelled = false;
  #clientEnded = false;
  #over = false;
  readonly #address: string;

  constructor(
    readonly socket: Socket,
    private readonly ingress: Ingress,
    private readonly plane: DataPlane,
    private readonly onClosed: (session: HttpSession) => void,
  ) {
    this.#address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    ingress.counters.begin(plane.clock.monotonicMs());
    plane.deadlines.requestHead.wait(this);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => {
      this.#exchange?.clientDrained();
      if (!this.#exchange) this.#advance();
    });
    socket.on('end', () => this.#ended());
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  /** Nothing was asked since the last answer. */
  get idle(): boolean {
    return !this.#exchange && !this.#tunnelled && this.#pending === undefined;
  }

  close(): void {
    if (this.#over || this.#tunnelled) return;
    this.#over = true;
    this.queue?.leave(this);
    this.#exchange?.clientLost();
    this.#exchange = undefined;
    this.#pending = undefined;
    this.socket.destroy();
    this.ingress.counters.end();
    this.onClosed(this);
  }

  expired(): void {
    if (this.#exchange) {
      this.moved();
      this.#exchange.silent();
    } else if (this.#pending !== undefined && !this.#closing) {
      this.#refuse(408, 'the request head did not come in time');
    } else {
      this.close();
    }
  }

  get counters(): Counters {
    return this.ingress.counters;
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    if (this.#pending === undefined) this.socket.resume();
  }

  moved(): void {
    if (!this.#over && !this.#tunnelled) this.plane.deadlines.exchange.wait(this);
  }

  finished(keepAlive: boolean): void {
    this.#exchange = undefined;
    if (this.#over) return;
    if (!keepAlive || (this.#clientEnded && this.#pending === undefined)) {
      this.#hangUp();
      return;
    }
    if (this.#pending !== undefined) {
      this.#advance();
      return;
    }
    this.plane.deadlines.keepAlive.wait(this);
    if (this.socket.isPaused()) this.socket.resume();
  }

  refuse(status: number, reason: string): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (this.#over) return;
    // What is left of an unread body cannot be told from the next request.
    this.#answer(status, reason, this.#staysOpen && exchange?.requestEnded === true && status !== 408);
  }

  get address(): string {
    return this.#address;
  }

  cut(): void {
    this.#exchange = undefined;
    if (this.#over) return;
    this.socket.resetAndDestroy();
    this.close();
  }

  tunnel(upstream: Socket, head: string, first: Buffer, server: LiveServer): void {
    const { socket, ingress, plane } = this;
    const service = this.#service;
    const early = this.#pending;
    this.queue?.leave(this);
    this.#exchange = undefined;
    this.#pending = undefined;
    this.#tunnelled = true;
    socket.removeAllListeners();
    socket.write(head, 'latin1');
    if (first.length > 0) socket.write(first);
    if (early) upstream.write(early);
    const ended = (): void => {
      server.end();
      service?.counters.end();
      ingress.counters.end();
      this.#over = true;
      this.onClosed(this);
    };
    new Tunnel(socket, upstream, plane, {
      toServer: (bytes) => {
        ingress.counters.bin += bytes;
        server.counters.bin += bytes;
      },
      toClient: (bytes) => {
        ingress.counters.bout += bytes;
        server.counters.bout += bytes;
      },
      ended,
    });
  }

  #received(chunk: Buffer): void {
    this.ingress.counters.bin += chunk.length;
    if (this.#closing) return;
    const exchange = this.#exchange;
    if (!exchange) {
      this.#pending = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
      this.#advance();
      return;
    }
    this.moved();
    if (exchange.requestEnded) this.#keepForLater(chunk);
    else this.#body(exchange, chunk);
  }

  #body(exchange: Exchange, chunk: Buffer): void {
    let end: number;
    try {
      end = exchange.fromClient(chunk);
    } catch (error) {
      if (!(error instanceof ChunksBroken)) throw error;
      const { responseStarted } = exchange;
      exchange.clientLost();
      this.#exchange = undefined;
      if (responseStarted) this.cut();
      else this.#refuse(400, error.message);
      return;
    }
    if (end < chunk.length) this.#keepForLater(chunk.subarray(end));
  }

  #keepForLater(bytes: Buffer): void {
    this.#pending = this.#pending ? Buffer.concat([this.#pending, bytes]) : bytes;
    this.socket.pause();
  }

  /** Reads requests from what is pending, until one needs more bytes or waits for its answer. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    while (
      this.#pending !== undefined &&
      !this.#exchange &&
      !this.#closing &&
      !this.#over &&
      !this.#tunnelled
    ) {
      if (this.socket.writableLength > PAUSE_ABOVE_BYTES) {
        this.socket.pause();
        break;
      }
      if (!this.#readRequest(this.#pending)) break;
    }
    this.#advancing = false;
  }

  /** False: the head is not whole yet. */
  #readRequest(bytes: Buffer): boolean {
    let start = 0;
    while (start < 2 * MAX_LEADING_EMPTY_LINES && bytes[start] === 0x0d && bytes[start + 1] === 0x0a)
      start += 2;
    const end = bytes.indexOf(HEAD_END, Math.max(start, this.#searched - 3));
    if (end < 0 ? bytes.length - start > MAX_HEAD_BYTES : end - start > MAX_HEAD_BYTES) {
      this.#refuse(431, `the request head is longer than ${MAX_HEAD_BYTES} bytes`);
      return false;
    }
    if (end < 0) {
      this.#searched = bytes.length;
      if (this.#clientEnded) this.close();
      else {
        if (this.queue !== this.plane.deadlines.requestHead) this.plane.deadlines.requestHead.wait(this);
        if (this.socket.isPaused()) this.socket.resume();
      }
      return false;
    }
    this.#searched = 0;
    this.#pending = end + 4 < bytes.length ? bytes.subarray(end + 4) : undefined;
    try {
      this.#begin(readRequestHead(bytes.toString('latin1', start, end + 4)));
    } catch (error) {
      if (!(error instanceof HeadRefused)) throw error;
      this.#refuse(error.status, error.message);
      return false;
    }
    return true;
  }

  #begin(head: RequestHead): void {
    const { ingress, plane } = this;
    ingress.counters.request(plane.clock.monotonicMs());
    const { fields } = head;
    const keepAlive = head.minor === 1 ? !fields.close : fields.keepAlive;
    this.#headOnly = head.method === 'HEAD';
    this.#staysOpen = head.minor === 1 && keepAlive;
    const bodiless = !fields.chunked && fields.contentLength <= 0;
    if (!bodiless || head.method !== 'GET') fields.upgrade = undefined;
    const service = ingress.route(head.hostName, head.target);
    if (service instanceof NoRoute) {
      this.#answer(service.status, service.reason, this.#staysOpen && bodiless);
      return;
    }
    this.#service = service;
    const forwarded = forwardedFields(fields, this.#address, ingress.port);
    const exchange = new Exchange(plane, this, head, service, upstreamHead(head, forwarded), keepAlive);
    this.#exchange = exchange;
    this.moved();
    const rest = this.#pending;
    this.#pending = undefined;
    if (rest) {
      if (exchange.requestEnded) this.#keepForLater(rest);
      else this.#body(exchange, rest);
    }
    if (this.#exchange === exchange) exchange.start();
  }

  #refuse(status: number, reason: string): void {
    this.ingress.counters.ereq += 1;
    this.#headOnly = false;
    this.#answer(status, reason, false);
  }

  #answer(status: number, reason: string, keepAlive: boolean): void {
    const close = !keepAlive || this.plane.retiring;
    const page = errorPage(status, reason, { close, head: this.#headOnly });
    this.ingress.counters.bout += page.length;
    this.ingress.counters.response(status);
    this.socket.write(page, 'latin1');
    this.finished(!close);
  }

  /** Sends out what is written, reads and drops what still comes (a reset would take the answer with it), then closes. */
  #hangUp(): void {
    this.#closing = true;
    this.#pending = undefined;
    this.socket.end();
    this.socket.resume();
    this.plane.deadlines.linger.wait(this);
  }

  #ended(): void {
    this.#clientEnded = true;
    const exchange = this.#exchange;
    if (exchange && !exchange.requestEnded) this.close();
    else if (!exchange && !this.#closing) this.#hangUp();
    else if (this.#closing && this.socket.writableFinished) this.close();
  }
}
