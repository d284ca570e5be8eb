import type { Socket } from 'node:net';
import { type ClientFacts, clientFacts } from '../client-facts.js';
import type { Counters } from '../counters.js';
import { type DataPlane, type Ingress, NoRoute, PAUSE_ABOVE_BYTES } from '../data-plane.js';
import type { DeadlineQueue, DeadlineSet, Expiring } from '../deadlines.js';
import { type EndCause, ExchangeRecord } from '../exchange-record.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';
import { guardedRoute } from '../tls/guarded-route.js';
import { ChunksBroken } from './chunked-body.js';
import { type ErrorCode, errorPage, type PageOptions } from './error-page.js';
import { Exchange } from './exchange.js';
import type { ExchangeClient } from './exchange-client.js';
import { HeadRefused } from './head-fields.js';
import type { RequestHead } from './request-head.js';
import { RequestReader } from './request-reader.js';
import { failurePage, insteadPage, isSecure, requestFacts, ruledHead } from './rules/ruled-request.js';
import type { OwnAnswer, ServiceRules } from './rules/service-rules.js';
import { joinTunnel } from './session-tunnel.js';
import { forwardedFields, upstreamHead } from './upstream-head.js';

/**
 * One client connection: reads requests one after another and has each answered by an Exchange.
 *
 * INVARIANTS
 * - At most one exchange at a time; bytes of the next request wait (reading pauses) until its answer is out.
 * - Between exchanges the connection waits in one deadline queue; during one, while it is the client's turn.
 * - After a head or body whose end is uncertain nothing more is read from this client.
 * - Each request has one record, which ends once.
 */
export class HttpSession implements Expiring, ExchangeClient {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  readonly #reader = new RequestReader();
  readonly facts: ClientFacts;
  #deadlines: DeadlineSet;
  #exchange: Exchange | undefined;
  #record: ExchangeRecord | undefined;
  #service: LiveService | undefined;
  #headOnly = false;
  /** The client of the present request expects the connection to stay. */
  #staysOpen = false;
  #advancing = false;
  #closing = false;
  #tunnelled = false;
  /** A password is being checked. */
  #judging = false;
  #clientEnded = false;
  /** What the client had not taken of what was written, when its present wait began. */
  #unsent = 0;
  #over = false;

  constructor(
    readonly socket: Socket,
    private readonly ingress: Ingress,
    private readonly plane: DataPlane,
    private readonly onClosed: (session: HttpSession) => void,
    facts: ClientFacts = clientFacts(socket),
  ) {
    this.facts = facts;
    this.#deadlines = ingress.deadlines;
    ingress.counters.begin(plane.clock.monotonicMs());
    this.#deadlines.httpRequest.wait(this);
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
    return !this.#exchange && !this.#tunnelled && !this.#judging && this.#reader.empty;
  }

  close(): void {
    if (this.#over || this.#tunnelled) return;
    this.#over = true;
    this.queue?.leave(this);
    this.#exchange?.clientLost();
    this.#exchange = undefined;
    this.#endRecord('C');
    this.#reader.take();
    this.plane.turnWrites.release(this.socket);
    this.socket.destroy();
    this.ingress.counters.end();
    this.onClosed(this);
  }

  expired(): void {
    if (this.#stillTakes()) this.#awaitMore();
    else if (this.#exchange) this.#exchange.clientSilent();
    else if (!this.#reader.empty && !this.#closing)
      this.#refuse(408, 'the request head did not come in time', 'c');
    else this.close();
  }

  get secure(): boolean {
    return isSecure(this.facts, this.ingress);
  }

  get counters(): Counters {
    return this.ingress.counters;
  }

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    if (this.#reader.empty) this.socket.resume();
  }

  expect(due: boolean): void {
    if (this.#over || this.#tunnelled) return;
    if (due) this.#awaitClient();
    else this.queue?.leave(this);
  }

  #awaitClient(): void {
    this.#unsent = this.socket.writableLength;
    this.#deadlines.client.wait(this);
  }

  /** Slow is not silent: whoever still takes what was written may do so for as long as it moves. */
  #stillTakes(): boolean {
    const { writableLength } = this.socket;
    return writableLength > 0 ? writableLength !== this.#unsent : this.#unsent > 0;
  }

  #awaitMore(): void {
    if (this.#exchange || this.socket.writableLength > 0) this.#awaitClient();
    else if (this.#reader.empty || this.#closing) this.#rest();
    else this.#awaitHead();
  }

  /** Nothing more is on its way. */
  #rest(): void {
    const { httpKeepAlive, linger } = this.#deadlines;
    this.#unsent = 0;
    (this.#closing ? linger : httpKeepAlive).wait(this);
  }

  #awaitHead(): void {
    this.#unsent = 0;
    this.#deadlines.httpRequest.wait(this);
  }

  finished(keepAlive: boolean): void {
    this.#exchange = undefined;
    this.#endRecord();
    if (this.#over) return;
    if (!keepAlive || (this.#clientEnded && this.#reader.empty)) {
      this.#hangUp();
      return;
    }
    if (!this.#reader.empty) {
      this.#advance();
      return;
    }
    this.#rest();
    if (this.socket.isPaused()) this.socket.resume();
  }

  refuse(status: number, reason: string, code?: ErrorCode): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (this.#over) return;
    // What is left of an unread body cannot be told from the next request.
    const keepAlive = this.#staysOpen && exchange?.requestEnded === true && status !== 408;
    this.#answer(status, reason, keepAlive, failurePage(this.#service, status, code, this.secure));
  }

  cut(delimited: boolean): void {
    this.#exchange = undefined;
    this.#endRecord();
    if (this.#over) return;
    if (delimited) {
      this.#hangUp();
      return;
    }
    this.plane.turnWrites.release(this.socket);
    this.socket.resetAndDestroy();
    this.close();
  }

  tunnel(upstream: Socket, head: string, first: Buffer, server: LiveServer): void {
    const { socket, plane } = this;
    const service = this.#service;
    const record = this.#record;
    if (!service || !record) throw new Error('a tunnel needs a request before it');
    const early = this.#reader.take();
    this.queue?.leave(this);
    this.#exchange = undefined;
    this.#tunnelled = true;
    const { counters: frontend } = this.ingress;
    const deadlines = this.#deadlines;
    const joining = {
      client: socket,
      upstream,
      head,
      first,
      early,
      frontend,
      service,
      server,
      record,
      deadlines,
    };
    joinTunnel(joining, plane, () => {
      this.#over = true;
      this.#endRecord();
      this.onClosed(this);
    });
  }

  #received(chunk: Buffer): void {
    this.ingress.counters.bin += chunk.length;
    if (this.#closing) return;
    const exchange = this.#exchange;
    if (!exchange) {
      this.#record ??= this.#newRecord();
      this.#reader.add(chunk);
      this.#advance();
    } else if (exchange.requestEnded) {
      this.#keepForLater(chunk);
    } else {
      this.#body(exchange, chunk);
    }
  }

  #newRecord(): ExchangeRecord {
    return new ExchangeRecord('http', this.ingress, this.facts, this.plane.clock.monotonicMs());
  }

  #endRecord(cause: EndCause = '-'): void {
    const record = this.#record;
    if (!record) return;
    this.#record = undefined;
    if (cause !== '-') record.broke(cause);
    record.endedMs = this.plane.clock.monotonicMs();
    this.plane.exchangeEnded?.(record);
  }

  #body(exchange: Exchange, chunk: Buffer): void {
    let end: number;
    try {
      end = exchange.fromClient(chunk);
    } catch (error) {
      if (!(error instanceof ChunksBroken)) throw error;
      const { responseStarted } = exchange;
      this.#record?.broke('P');
      exchange.clientLost();
      this.#exchange = undefined;
      if (responseStarted) this.cut(false);
      else this.#refuse(400, error.message);
      return;
    }
    if (end < chunk.length) this.#keepForLater(chunk.subarray(end));
  }

  #keepForLater(bytes: Buffer): void {
    this.#reader.add(bytes);
    this.socket.pause();
  }

  get #mayBegin(): boolean {
    return !this.#exchange && !this.#judging && !this.#closing && !this.#over && !this.#tunnelled;
  }

  /** Reads requests from what is pending, until one needs more bytes or waits for its answer. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    while (!this.#reader.empty && this.#mayBegin) {
      if (this.socket.writableLength > PAUSE_ABOVE_BYTES) {
        this.socket.pause();
        this.#awaitClient();
        break;
      }
      if (!this.#readRequest()) break;
    }
    this.#advancing = false;
  }

  /** False: the head is not whole yet, or refused. */
  #readRequest(): boolean {
    this.#record ??= this.#newRecord();
    let head: RequestHead | undefined;
    try {
      head = this.#reader.next();
      if (head) this.#begin(head, this.#record);
    } catch (error) {
      if (!(error instanceof HeadRefused)) throw error;
      this.#refuse(error.status, error.message);
      return false;
    }
    if (head) return true;
    if (this.#clientEnded) {
      this.close();
    } else {
      if (this.queue !== this.#deadlines.httpRequest) this.#awaitHead();
      if (this.socket.isPaused()) this.socket.resume();
    }
    return false;
  }

  #begin(head: RequestHead, record: ExchangeRecord): void {
    const { ingress, plane } = this;
    const { fields } = head;
    record.head = head;
    record.headMs = plane.clock.monotonicMs();
    ingress.counters.request(record.headMs);
    this.#headOnly = head.method === 'HEAD';
    this.#staysOpen = head.minor === 1 && !fields.close;
    const bodiless = !fields.chunked && fields.contentLength <= 0;
    if (!bodiless || head.method !== 'GET') fields.upgrade = undefined;
    const service = guardedRoute(ingress, plane, head, this.facts);
    if (service instanceof NoRoute) {
      record.broke('P');
      this.#answer(service.status, service.reason, this.#staysOpen && bodiless, {
        code: service.code,
        ...service.page,
      });
      return;
    }
    record.service = service;
    this.#service = service;
    this.#deadlines = plane.deadlines.of(service.service.timeouts);
    if (service.rules === undefined) this.#forward(head, service, record);
    else this.#judge(service.rules, head, service, record);
  }

  /** Rules may answer instead of a server; nothing more is read while they think. */
  #judge(rules: ServiceRules, head: RequestHead, service: LiveService, record: ExchangeRecord): void {
    const { passwords, httpsPort } = this.plane;
    const verdict = rules.judge(requestFacts(head, this.facts, this.ingress), passwords, httpsPort);
    const act = (answer: OwnAnswer | undefined): void => {
      if (answer === undefined) this.#forward(head, service, record, rules);
      else this.#instead(answer, head, record, rules);
    };
    if (!(verdict instanceof Promise)) {
      act(verdict);
      return;
    }
    this.#judging = true;
    this.queue?.leave(this);
    this.socket.pause();
    void verdict.then((answer) => {
      this.#judging = false;
      if (this.#over || this.#closing) return;
      act(answer);
      this.#advance();
    });
  }

  #instead(answer: OwnAnswer, head: RequestHead, record: ExchangeRecord, rules?: ServiceRules): void {
    const bodiless = !head.fields.chunked && head.fields.contentLength <= 0;
    record.broke(answer.status < 400 ? 'L' : 'P');
    const page = insteadPage(answer, rules, this.secure);
    this.#answer(answer.status, answer.reason, this.#staysOpen && bodiless, page);
  }

  #forward(head: RequestHead, service: LiveService, record: ExchangeRecord, rules?: ServiceRules): void {
    const refusal = service.admit(this.facts.address, record.headMs);
    if (refusal) {
      this.#instead(refusal, head, record, rules);
      return;
    }
    const keepAlive = head.minor === 1 ? !head.fields.close : head.fields.keepAlive;
    const toServer = rules
      ? ruledHead(rules, head, this.facts, this.ingress)
      : upstreamHead(head, forwardedFields(head.fields, this.facts, this.ingress));
    const exchange = new Exchange(this.plane, this, head, service, toServer, keepAlive, record);
    this.#exchange = exchange;
    const rest = this.#reader.take();
    if (rest) {
      if (exchange.requestEnded) this.#keepForLater(rest);
      else this.#body(exchange, rest);
    }
    if (this.#exchange !== exchange) return;
    if (this.#clientEnded && exchange.endsWithClient) {
      this.close();
      return;
    }
    exchange.start();
    // It was held back while an earlier request had its turn, or a password was checked.
    if (this.#exchange === exchange && !exchange.holdsClient && this.socket.isPaused()) this.resumeReading();
  }

  /** Of a request that cannot be read (`P`) or did not come (`c`): the connection ends with the answer. */
  #refuse(status: number, reason: string, cause: EndCause = 'P'): void {
    this.ingress.counters.ereq += 1;
    this.#record?.broke(cause);
    this.#headOnly = false;
    this.#answer(status, reason, false);
  }

  #answer(status: number, reason: string, keepAlive: boolean, more?: Partial<PageOptions>): void {
    const close = !keepAlive || this.plane.retiring;
    const lines = this.#record?.head?.fields.forward ?? '';
    const page = errorPage(status, reason, { close, head: this.#headOnly, lines, ...more });
    if (this.#record) {
      this.#record.status = status;
      this.#record.bytesOut += page.length;
    }
    this.ingress.counters.bout += page.length;
    this.ingress.counters.response(status);
    this.socket.write(page, 'latin1');
    this.finished(!close);
  }

  /** Sends out what is written, reads and drops what still comes (a reset would take the answer with it), then closes. */
  #hangUp(): void {
    this.#closing = true;
    this.#reader.take();
    this.socket.end(() => {
      if (this.#clientEnded) this.close();
      else if (!this.#over) this.#rest();
    });
    this.socket.resume();
    this.#rest();
  }

  #ended(): void {
    this.#clientEnded = true;
    // Its request is whole: it is answered when the password is checked.
    if (this.#judging) return;
    const exchange = this.#exchange;
    if (exchange?.endsWithClient) this.close();
    else if (!exchange && !this.#closing && !this.#reader.empty)
      this.#refuse(400, 'the request ended within its head', 'C');
    else if (!exchange && !this.#closing) this.#hangUp();
    else if (this.#closing && this.socket.writableFinished) this.close();
  }
}
