import type { Socket } from 'node:net';
import type { Timer } from '../../../util/clock.js';
import { mayRetry } from '../../decide/retry.js';
import { stickyCookieOf, stickyFields } from '../../decide/sticky-cookie.js';
import type { Counters } from '../counters.js';
import { type DataPlane, PAUSE_ABOVE_BYTES } from '../data-plane.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';
import { ChunksBroken } from './chunked-body.js';
import { MAX_REPLAY_BYTES, RequestBody } from './request-body.js';
import type { RequestHead } from './request-head.js';
import { ResponseReader, type ResponseSink } from './response-reader.js';
import { UpstreamConnection, type UpstreamUser } from './upstream-connection.js';

/** The client's side of an exchange. */
export interface ExchangeClient {
  /** Its socket takes the answer. */
  readonly socket: Socket;
  /** The client's, without its port. */
  readonly address: string;
  /** Of the frontend that it came in by. */
  readonly counters: Counters;
  pauseReading(): void;
  resumeReading(): void;
  /** Something moved: the silence begins anew. */
  moved(): void;
  /** The answer is out. `keepAlive`: the connection may carry another request. */
  finished(keepAlive: boolean): void;
  /** Answer with an error page; nothing of an answer was sent so far. */
  refuse(status: number, reason: string): void;
  /** The answer broke off: the client must see that, so its connection is cut. */
  cut(): void;
  /** The server agreed to another protocol: `head` goes to the client, then both sides are joined. */
  tunnel(upstream: Socket, head: string, first: Buffer, server: LiveServer): void;
}

/** A connection that rested longer than this is not trusted with a request that cannot be repeated. */
const MAX_IDLE_UNREPEATABLE_MS = 1_000;
/** Pause before the same server is tried again. */
const SAME_SERVER_PAUSE_MS = 100;

/** One request and its answer, over as many attempts as it may take. */
export class Exchange implements UpstreamUser, ResponseSink {
  readonly #body: RequestBody;
  readonly #reader: ResponseReader;
  readonly #startedMs: number;
  #tried: LiveServer[] = [];
  #tries = 0;
  #server: LiveServer | undefined;
  #upstream: UpstreamConnection | undefined;
  #headSent = false;
  #pause: Timer | undefined;
  #over = false;
  /** Of a sticky service: which server the client wants to come back to. */
  readonly #cookie: string | undefined;

  constructor(
    private readonly plane: DataPlane,
    private readonly client: ExchangeClient,
    private readonly head: RequestHead,
    private readonly service: LiveService,
    /** What servers are sent: request line and fields, with the closing empty line. */
    private readonly upstreamHead: string,
    clientKeepAlive: boolean,
  ) {
    this.#startedMs = plane.clock.monotonicMs();
    this.#body = new RequestBody(head.fields);
    this.#reader = new ResponseReader(head, clientKeepAlive, this);
    this.#cookie = service.service.sticky === undefined ? undefined : stickyCookieOf(head.fields.forward);
    service.counters.begin(this.#startedMs);
    service.counters.request(this.#startedMs);
    service.counters.bin += upstreamHead.length;
  }

  /** False while more of the request's body is due. */
  get requestEnded(): boolean {
    return this.#body.ended;
  }

  /** ResponseSink: a client of a sticky service that has no cookie for this server gets one. */
  get ownFields(): string {
    const server = this.#server;
    if (this.service.service.sticky === undefined || !server || server.stickyId === this.#cookie) return '';
    return stickyFields(server.stickyId);
  }

  get responseStarted(): boolean {
    return this.#reader.started;
  }

  get retiring(): boolean {
    return this.plane.retiring;
  }

  get target(): Socket {
    return this.client.socket;
  }

  start(): void {
    this.#attempt(false);
  }

  /** Body bytes from the client. Returns how many of them belong to this request. Throws ChunksBroken. */
  fromClient(chunk: Buffer): number {
    const end = this.#body.read(chunk);
    const piece = end === chunk.length ? chunk : chunk.subarray(0, end);
    this.service.counters.bin += end;
    if (this.#over || end === 0) return end;
    if (this.#server) this.#server.counters.bin += end;
    this.#body.keep(piece);
    const upstream = this.#upstream;
    if (this.#headSent && upstream) {
      upstream.socket.write(piece);
      this.#body.sent(this.head.idempotent && !this.#reader.started);
      if (upstream.socket.writableLength > PAUSE_ABOVE_BYTES) this.client.pauseReading();
    } else if (this.#body.keptBytes > MAX_REPLAY_BYTES) {
      this.client.pauseReading();
    }
    return end;
  }

  /** The client is gone. */
  clientLost(): void {
    if (this.#over) return;
    this.service.counters.cliAborts += 1;
    this.#end(false);
  }

  /** The client's socket has room again. */
  clientDrained(): void {
    this.#upstream?.socket.resume();
  }

  /** Neither side moved for too long. */
  silent(): void {
    if (this.#over) return;
    if (this.#reader.started) {
      this.#breakOff('silence');
    } else if (!this.#body.ended && this.#headSent) {
      this.#fail(408, 'the request body did not come in time');
    } else {
      this.#fail(504, `${this.service.service.appId} did not answer in time`);
    }
  }

  connected(): void {
    this.client.moved();
    this.#send();
  }

  connectFailed(reason: string): void {
    this.#attemptFailed(true, reason);
  }

  data(chunk: Buffer): void {
    this.client.moved();
    this.client.counters.bout += chunk.length;
    this.service.counters.bout += chunk.length;
    if (this.#server) this.#server.counters.bout += chunk.length;
    if (!this.#reader.started) this.#body.sent(false);
    this.#reader.push(chunk);
    const upstream = this.#upstream;
    if (upstream && this.client.socket.writableLength > PAUSE_ABOVE_BYTES) upstream.socket.pause();
  }

  ended(): void {
    if (this.#reader.endsWithConnection) this.responseDone(false, 0);
    else this.lost('the server closed the connection');
  }

  lost(reason: string): void {
    if (this.#over) return;
    if (this.#reader.started) this.#breakOff(reason);
    else this.#attemptFailed(false, reason);
  }

  drained(): void {
    this.client.resumeReading();
  }

  /** ResponseSink: a final head was read and is about to be sent. */
  responseHead(status: number): void {
    const elapsed = this.plane.clock.monotonicMs() - this.#startedMs;
    this.client.counters.response(status);
    this.service.counters.response(status);
    this.service.counters.responseTime.add(elapsed);
    this.#server?.counters.response(status);
    this.#server?.counters.responseTime.add(elapsed);
  }

  /** ResponseSink: the last byte was passed on. */
  responseDone(reusable: boolean, extraBytes: number): void {
    const keepAlive = this.#reader.keepAlive && this.#body.ended;
    this.#end(reusable && this.#body.ended && extraBytes === 0);
    this.client.finished(keepAlive);
  }

  /** ResponseSink: the server's answer makes no sense. */
  responseBroken(reason: string): void {
    this.#countServerError();
    if (this.#reader.started) {
      this.#end(false);
      this.client.cut();
    } else {
      this.#fail(502, `${this.service.service.appId} gave a malformed answer: ${reason}`);
    }
  }

  /** ResponseSink: 101, the server speaks another protocol from now on. */
  switched(head: string, first: Buffer): void {
    const upstream = this.#upstream;
    const server = this.#server;
    if (!upstream || !server) return;
    this.#upstream = undefined;
    this.#server = undefined;
    this.#over = true;
    // The tunnel goes on counting for the server and the service; its end ends both.
    this.client.tunnel(upstream.detach(), head, first, server);
  }

  #attempt(fresh: boolean): void {
    const nowMs = this.plane.clock.monotonicMs();
    const server = this.service.pick({
      nowMs,
      tried: this.#tried,
      client: this.client.address,
      target: this.head.target,
      ...(this.#cookie !== undefined && { cookie: this.#cookie }),
    });
    if (!server) {
      this.#fail(503, `no server of ${this.service.service.appId} is up`);
      return;
    }
    this.#tries += 1;
    const again = this.#tried.includes(server);
    if (this.#tries > 1 && !again) {
      this.service.counters.wredis += 1;
      server.counters.wredis += 1;
    }
    this.#server = server;
    server.begin(nowMs);
    server.counters.request(nowMs);
    if (again && server.ejectedUntilMs > nowMs) {
      this.#pause = this.plane.clock.after(SAME_SERVER_PAUSE_MS * (this.#tries - 1), () =>
        this.#connect(server, true),
      );
    } else {
      this.#connect(server, fresh);
    }
  }

  #connect(server: LiveServer, fresh: boolean): void {
    this.#pause = undefined;
    const nowMs = this.plane.clock.monotonicMs();
    const maxIdleMs = this.head.idempotent ? Number.POSITIVE_INFINITY : MAX_IDLE_UNREPEATABLE_MS;
    const idle = fresh ? undefined : UpstreamConnection.idle(server, this, maxIdleMs, nowMs);
    if (idle) {
      this.service.counters.reuse += 1;
      this.#upstream = idle;
      this.#send();
      return;
    }
    this.service.counters.connect += 1;
    this.#upstream = new UpstreamConnection(server, this.plane, this);
  }

  #send(): void {
    const upstream = this.#upstream;
    if (!upstream || this.#over) return;
    const { socket } = upstream;
    const pieces = this.#body.kept;
    this.#headSent = true;
    if (this.#server) this.#server.counters.bin += this.upstreamHead.length;
    if (pieces.length === 0) {
      socket.write(this.upstreamHead, 'latin1');
    } else {
      socket.cork();
      socket.write(this.upstreamHead, 'latin1');
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
      this.#body.sent(this.head.idempotent);
    }
    if (socket.writableLength <= PAUSE_ABOVE_BYTES) this.client.resumeReading();
  }

  #attemptFailed(nothingSent: boolean, reason: string): void {
    if (this.#over) return;
    const server = this.#server;
    this.#letGo(false);
    this.#headSent = false;
    const { idempotent } = this.head;
    if (server) {
      if (nothingSent) this.service.counters.econ += 1;
      if (mayRetry({ tries: this.#tries, nothingSent, idempotent, replayable: this.#body.replayable })) {
        this.service.counters.wretr += 1;
        server.counters.wretr += 1;
        this.#tried.push(server);
        this.#reader.reset();
        this.#attempt(true);
        return;
      }
    }
    if (nothingSent) {
      this.#fail(503, `no server of ${this.service.service.appId} takes connections (${reason})`);
    } else {
      this.#countServerError(server);
      this.#fail(
        502,
        `the server of ${this.service.service.appId} broke the connection before it answered (${reason})`,
      );
    }
  }

  #countServerError(server = this.#server): void {
    this.service.counters.eresp += 1;
    if (server) server.counters.eresp += 1;
  }

  #breakOff(reason: string): void {
    this.#countServerError();
    this.service.counters.srvAborts += reason === 'silence' ? 0 : 1;
    this.#end(false);
    this.client.cut();
  }

  #fail(status: number, reason: string): void {
    this.service.counters.response(status);
    this.#end(false);
    this.client.refuse(status, reason);
  }

  #end(reusable: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#pause?.cancel();
    this.#letGo(reusable);
    this.service.counters.totalTime.add(this.plane.clock.monotonicMs() - this.#startedMs);
    this.service.counters.end();
  }

  #letGo(reusable: boolean): void {
    const upstream = this.#upstream;
    const server = this.#server;
    this.#upstream = undefined;
    this.#server = undefined;
    if (upstream) {
      if (reusable) upstream.release();
      else upstream.destroy();
    }
    server?.end();
  }
}

export { ChunksBroken };
