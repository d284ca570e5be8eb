import type { Socket } from 'node:net';
import type { Failure } from '../../decide/retry.js';
import { stickyCookieOf, stickyFields } from '../../decide/sticky-cookie.js';
import { Attempts, type AttemptsUser, type NoServer } from '../attempts.js';
import { type DataPlane, PAUSE_ABOVE_BYTES } from '../data-plane.js';
import type { EndCause, ExchangeRecord } from '../exchange-record.js';
import type { LiveService } from '../live-service.js';
import { prefaceFor } from '../proxy-preface.js';
import type { ErrorCode } from './error-page.js';
import type { ExchangeClient } from './exchange-client.js';
import { ExchangeCounts } from './exchange-counts.js';
import { MAX_REPLAY_BYTES, RequestBody } from './request-body.js';
import type { RequestHead } from './request-head.js';
import { ResponseReader, type ResponseSink } from './response-reader.js';
import { Turns } from './turns.js';
import { CONNECT_TIMED_OUT, type UpstreamConnection } from './upstream-connection.js';

/** One request and its answer, over as many attempts as it may take. */
export class Exchange implements AttemptsUser, ResponseSink {
  readonly #body: RequestBody;
  readonly #reader: ResponseReader;
  readonly #attempts: Attempts;
  readonly #turns: Turns;
  readonly #counts: ExchangeCounts;
  /** The connection that has been sent the head. */
  #sentTo: UpstreamConnection | undefined;
  /** Something of an answer has come, if only a part of its head. */
  #answerBegun = false;
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
    private readonly record: ExchangeRecord,
  ) {
    const { fields } = head;
    this.#body = new RequestBody(fields);
    this.#turns = new Turns(client, fields.expect !== undefined);
    this.#counts = new ExchangeCounts(client.counters, service, record);
    this.#reader = new ResponseReader(head, clientKeepAlive, this);
    this.#cookie = service.service.sticky === undefined ? undefined : stickyCookieOf(fields.forward);
    const preface = prefaceFor(service.service, client.facts, client.socket);
    this.#attempts = new Attempts(plane, service, this, {
      client: client.facts.address,
      target: head.target,
      lines: fields.forward,
      cookie: this.#cookie,
      idempotent: head.idempotent,
      keepsConnections: preface === undefined,
      ...(preface && { preface }),
      deadlines: plane.deadlines.of(service.service.timeouts),
      record,
    });
    record.phase = 'C';
    this.#counts.begin(upstreamHead.length);
  }

  /** False while more of the request's body is due. */
  get requestEnded(): boolean {
    return this.#body.ended;
  }

  /** ResponseSink: a client of a sticky service that has no cookie for this server gets one. */
  get ownFields(): string {
    const { server } = this.#attempts;
    if (this.service.service.sticky === undefined || !server || server.stickyId === this.#cookie) return '';
    return stickyFields(server.stickyId);
  }

  /** ResponseSink */
  linesToClient(lines: string): string {
    const { rules } = this.service;
    if (rules === undefined) return lines;
    return rules.responseLines(lines, this.client.secure, this.head.fields.host ?? '');
  }

  /** Nobody wants it any more when the client ends its stream: in the middle of a body, or while it waits (HAProxy's abortonclose). */
  get endsWithClient(): boolean {
    return !this.#body.ended || this.#attempts.waiting;
  }

  /** The client may not send more for now. */
  get holdsClient(): boolean {
    return this.#turns.clientPaused;
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

  /** ResponseSink */
  write(text: string): void {
    this.plane.turnWrites.write(this.client.socket, text);
  }

  start(): void {
    this.#watch();
    this.#attempts.begin();
  }

  /** Body bytes from the client. Returns how many of them belong to this request. Throws ChunksBroken. */
  fromClient(chunk: Buffer): number {
    const end = this.#body.read(chunk);
    const piece = end === chunk.length ? chunk : chunk.subarray(0, end);
    const { upstream, server } = this.#attempts;
    this.#counts.fromClient(end, server);
    if (this.#over || end === 0) return end;
    this.#turns.spoke();
    this.#body.keep(piece);
    if (upstream && this.#sentTo === upstream) {
      upstream.socket.write(piece);
      this.#body.sent(this.head.idempotent && !this.#reader.started);
      if (upstream.socket.writableLength > PAUSE_ABOVE_BYTES) this.#turns.pauseClient();
    } else if (this.#body.keptBytes > MAX_REPLAY_BYTES) {
      this.#turns.pauseClient();
    }
    this.#watch();
    return end;
  }

  /** The client is gone. */
  clientLost(): void {
    if (this.#over) return;
    this.service.counters.cliAborts += 1;
    this.record.broke('C');
    this.#end(false);
  }

  /** The client's socket has room again. */
  clientDrained(): void {
    this.#turns.resumeServer(this.#attempts.upstream);
    this.#watch();
  }

  /** It was the client's turn for too long: its body stopped, or it does not take its answer. */
  clientSilent(): void {
    if (this.#over) return;
    this.record.phase = 'D';
    if (this.#reader.started) this.#breakOff('c');
    else this.#fail(408, 'the request body did not come in time', 'c');
  }

  connected(): void {
    this.record.connectedMs = this.plane.clock.monotonicMs();
    this.#send();
  }

  connectFailed(reason: string): void {
    this.#attemptFailed('connection', reason);
  }

  noServer(why: NoServer): void {
    if (why === 'queue-timeout') this.#fail(503, `no server of ${this.#app} had room in time`, 's', why);
    else if (why === 'queue-full') this.#fail(503, `too many wait for a server of ${this.#app}`, 'S', why);
    else this.#fail(503, `no server of ${this.#app} is up`, 'S');
  }

  queued(): void {
    this.#watch();
  }

  data(chunk: Buffer): void {
    const { upstream, server } = this.#attempts;
    this.#counts.fromServer(chunk.length, server);
    this.#answerBegun = true;
    this.#reader.push(chunk);
    if (this.#over || !upstream || this.#attempts.upstream !== upstream) return;
    this.#turns.spoke();
    if (this.client.socket.writableLength > PAUSE_ABOVE_BYTES) this.#turns.pauseServer(upstream);
    this.#watch();
  }

  ended(): void {
    if (this.#reader.endsWithConnection) this.responseDone(false, 0);
    else this.lost('the server closed the connection');
  }

  lost(reason: string): void {
    if (this.#over) return;
    if (this.#reader.started) this.#breakOff('S');
    else if (this.#answerBegun) this.#broken(reason);
    else this.#attemptFailed('empty-response', reason);
  }

  /** It was the server's turn for too long. */
  silent(): void {
    if (this.#over) return;
    if (this.#reader.started) this.#breakOff('s');
    else if (this.#answerBegun) this.#unanswered();
    else this.#attemptFailed('response-timeout', 'silence');
  }

  drained(): void {
    this.#turns.resumeClient();
    this.#watch();
  }

  /** ResponseSink: true: this answer is not passed on, another server is asked. */
  triesElsewhere(status: number): boolean {
    const { server } = this.#attempts;
    if (status < 502 || !this.#attempts.retryAnswered(status, this.#body.replayable)) return false;
    this.#counts.serverError(server);
    return true;
  }

  /** ResponseSink: a final head was read and is about to be sent. */
  responseHead(status: number): void {
    this.#body.sent(false);
    this.#counts.answered(status, this.#attempts.server, this.plane.clock.monotonicMs());
  }

  /** ResponseSink: the last byte was passed on. */
  responseDone(reusable: boolean, extraBytes: number): void {
    const keepAlive = this.#reader.keepAlive && this.#body.ended;
    this.record.phase = '-';
    this.#end(reusable && this.#body.ended && extraBytes === 0);
    this.client.finished(keepAlive);
  }

  /** ResponseSink: the server's answer makes no sense. */
  responseBroken(reason: string): void {
    if (this.#reader.started) this.#breakOff('S');
    else {
      this.#attempts.answerBroke();
      this.#counts.serverError(this.#attempts.server);
      this.#fail(502, `${this.#app} gave a malformed answer: ${reason}`, 'P');
    }
  }

  /** ResponseSink: 101, the server speaks another protocol from now on. */
  switched(head: string, first: Buffer): void {
    const taken = this.#attempts.detach();
    if (!taken) return;
    this.#over = true;
    // The tunnel goes on counting for the server and the service; its end ends both.
    this.client.tunnel(taken.socket, head, first, taken.server);
  }

  #send(): void {
    const { upstream, server } = this.#attempts;
    if (!upstream || this.#over) return;
    const { socket } = upstream;
    const pieces = this.#body.kept;
    this.#sentTo = upstream;
    this.#answerBegun = false;
    this.#reader.reset();
    this.record.phase = 'H';
    if (server) server.counters.bin += this.upstreamHead.length;
    this.plane.turnWrites.write(socket, this.upstreamHead);
    if (pieces.length > 0) {
      for (const piece of pieces) socket.write(piece);
      this.#body.sent(this.head.idempotent);
    }
    if (this.#turns.clientPaused && socket.writableLength <= PAUSE_ABOVE_BYTES) this.#turns.resumeClient();
    this.#watch();
  }

  get #app(): string {
    return this.service.service.appId;
  }

  #watch(): void {
    if (this.#over) return;
    const { upstream } = this.#attempts;
    this.#turns.watch({
      requestEnded: this.#body.ended,
      responseStarted: this.#reader.started,
      upstream: this.#sentTo === upstream ? upstream : undefined,
    });
  }

  #attemptFailed(failure: Failure, reason: string): void {
    if (this.#over) return;
    const { server } = this.#attempts;
    if (this.#attempts.retry(failure, this.#body.replayable)) return;
    if (failure === 'response-timeout') this.#unanswered();
    else if (failure === 'empty-response') this.#broken(reason, server);
    else {
      const cause = reason === CONNECT_TIMED_OUT ? 's' : 'S';
      this.#fail(503, `no server of ${this.#app} takes connections (${reason})`, cause, 'connect-failed');
    }
  }

  #unanswered(): void {
    this.#attempts.answerBroke();
    this.#fail(504, `${this.#app} did not answer in time`, 's');
  }

  #broken(reason: string, server = this.#attempts.server): void {
    this.#attempts.answerBroke();
    this.#counts.serverError(server);
    const what = `the server of ${this.#app} broke the connection before it answered (${reason})`;
    this.#fail(502, what, 'S', 'server-broke');
  }

  #breakOff(cause: EndCause): void {
    if (cause !== 'c') this.#counts.serverError(this.#attempts.server);
    if (cause === 'S') this.service.counters.srvAborts += 1;
    this.record.broke(cause);
    this.#end(false);
    this.client.cut(this.#reader.delimited);
  }

  #fail(status: number, reason: string, cause: EndCause, code?: ErrorCode): void {
    this.service.counters.response(status);
    this.record.broke(cause);
    this.#end(false);
    this.client.refuse(status, reason, code);
  }

  #end(reusable: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#attempts.letGo(reusable);
    this.#counts.end(this.plane.clock.monotonicMs());
  }
}
