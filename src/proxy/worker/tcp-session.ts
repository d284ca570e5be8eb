import type { Socket } from 'node:net';
import { Attempts, type AttemptsUser, type NoServer } from './attempts.js';
import { type ClientFacts, clientFacts } from './client-facts.js';
import type { DataPlane, Ingress } from './data-plane.js';
import { NoRoute } from './data-plane.js';
import { type EndCause, ExchangeRecord } from './exchange-record.js';
import { CONNECT_TIMED_OUT } from './http/upstream-connection.js';
import type { LiveService } from './live-service.js';
import { prefaceFor } from './proxy-preface.js';
import { Tunnel } from './tunnel.js';

/** One client connection of a service in tcp mode: joined to a server as it is. Nothing is read before that. */
export class TcpSession implements AttemptsUser {
  readonly #record: ExchangeRecord;
  #service: LiveService | undefined;
  #attempts: Attempts | undefined;
  #tunnel: Tunnel | undefined;
  #over = false;

  constructor(
    readonly socket: Socket,
    private readonly ingress: Ingress,
    private readonly plane: DataPlane,
    private readonly onClosed: (session: TcpSession) => void,
    private readonly facts: ClientFacts = clientFacts(socket),
  ) {
    const nowMs = plane.clock.monotonicMs();
    this.#record = new ExchangeRecord('tcp', ingress, facts, nowMs);
    this.#record.headMs = nowMs;
    ingress.counters.begin(nowMs);
    socket.pause();
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
  }

  /** A connection is in use for as long as it lasts. */
  get idle(): boolean {
    return false;
  }

  start(): void {
    const { plane } = this;
    const service = this.ingress.route('', '');
    if (service instanceof NoRoute) {
      this.#finish('P');
      return;
    }
    if (service.rules?.admits(this.facts.address) === false) {
      this.#finish('P');
      return;
    }
    const record = this.#record;
    record.service = service;
    if (service.admit(this.facts.address, record.startedMs)) {
      this.#finish('P');
      return;
    }
    this.#service = service;
    record.phase = 'C';
    service.counters.begin(record.startedMs);
    const preface = prefaceFor(service.service, this.facts, this.socket);
    this.#attempts = new Attempts(plane, service, this, {
      client: this.facts.address,
      target: '',
      idempotent: false,
      keepsConnections: false,
      ...(preface && { preface }),
      deadlines: plane.deadlines.of(service.service.timeouts),
      record,
    });
    this.#attempts.begin();
  }

  close(): void {
    this.#finish(this.plane.retiring ? 'K' : 'C');
  }

  connected(): void {
    const taken = this.#over ? undefined : this.#attempts?.detach();
    const service = this.#service;
    if (!taken || !service) return;
    const { server, socket: upstream } = taken;
    const record = this.#record;
    record.connectedMs = this.plane.clock.monotonicMs();
    record.phase = 'D';
    this.socket.removeAllListeners();
    const counted = [this.ingress.counters, server.counters, service.counters];
    const deadlines = this.plane.deadlines.of(service.service.timeouts);
    this.#tunnel = new Tunnel(this.socket, upstream, deadlines, {
      toServer: (bytes) => {
        for (const counters of counted) counters.bin += bytes;
        record.bytesIn += bytes;
      },
      toClient: (bytes) => {
        for (const counters of counted) counters.bout += bytes;
        record.bytesOut += bytes;
      },
      ended: (cause) => {
        server.end();
        if (cause === '-') record.phase = '-';
        this.#finish(cause);
      },
    });
  }

  connectFailed(reason: string): void {
    if (this.#over || this.#attempts?.retry('connection', true)) return;
    this.#finish(reason === CONNECT_TIMED_OUT ? 's' : 'S');
  }

  noServer(why: NoServer): void {
    this.#finish(why === 'queue-timeout' ? 's' : 'S');
  }

  queued(): void {
    // Nothing is read from the client before it is joined to a server.
  }

  data(): void {
    // A server that speaks first is heard by the tunnel: the connection is handed over as soon as it is made.
  }

  ended(): void {
    this.#finish('S');
  }

  lost(): void {
    this.#finish('S');
  }

  silent(): void {
    this.#finish('s');
  }

  drained(): void {
    // Nothing was written that could drain.
  }

  #finish(cause: EndCause): void {
    if (this.#over) return;
    this.#over = true;
    const record = this.#record;
    record.broke(cause);
    record.endedMs = this.plane.clock.monotonicMs();
    this.#attempts?.letGo(false);
    this.#service?.counters.end();
    this.ingress.counters.end();
    this.socket.destroy();
    this.#tunnel?.destroy();
    this.plane.exchangeEnded?.(record);
    this.onClosed(this);
  }
}
