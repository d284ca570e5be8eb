import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Counters } from '../counters.js';
import type { DataPlane } from '../data-plane.js';
import type { DeadlineQueue, DeadlineSet, Expiring } from '../deadlines.js';
import type { EndCause, ExchangeRecord } from '../exchange-record.js';
import type { LiveServer } from '../live-server.js';
import type { LiveService } from '../live-service.js';

/** Datagrams that wait until the socket to the server is ready. */
const MAX_WAITING = 16;

export interface FlowParts {
  readonly plane: DataPlane;
  readonly frontend: Counters;
  readonly service: LiveService;
  readonly server: LiveServer;
  readonly deadlines: DeadlineSet;
  readonly record: ExchangeRecord;
  /** To the client. */
  reply(bytes: Buffer): void;
  ended(flow: UdpFlow): void;
}

/**
 * The datagrams of one client (address and port) and the server that was chosen for them: a socket of its own, so that the
 * server's answers find their way back. It ends when nothing has passed for the client timeout, or the server's port is closed.
 */
export class UdpFlow implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  readonly #socket: Socket;
  #waiting: Buffer[] | undefined = [];
  #over = false;

  constructor(private readonly parts: FlowParts) {
    const { plane, frontend, service, server, record } = parts;
    const { host, port } = server.server;
    record.server = server;
    record.connectedMs = record.startedMs;
    record.phase = 'D';
    for (const counters of [frontend, service.counters]) counters.begin(record.startedMs);
    server.begin(record.startedMs);
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('message', (bytes) => this.#answered(bytes));
    // The kernel passes on that nobody listens there (ICMP).
    socket.on('error', () => {
      server.refused(plane.clock.monotonicMs());
      this.end('S');
    });
    // Without a callback: a name that is not found, or no way there, comes as an error like any other.
    socket.once('connect', () => {
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const bytes of waiting) this.#pass(bytes);
    });
    socket.connect(port, host);
    this.#moved();
  }

  /** Its server has left the table: whatever comes still goes there, but the flow may not rest long. */
  get leaving(): boolean {
    return this.parts.server.leaving;
  }

  /** From the client. */
  send(bytes: Buffer): void {
    if (this.#over) return;
    const { frontend, service, server, record } = this.parts;
    for (const counters of [frontend, service.counters, server.counters]) counters.bin += bytes.length;
    record.bytesIn += bytes.length;
    if (!this.#waiting) this.#pass(bytes);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(bytes);
    this.#moved();
  }

  /** The table changed. */
  tableChanged(): void {
    if (this.leaving) this.#moved();
  }

  expired(): void {
    this.end('-');
  }

  end(cause: EndCause): void {
    if (this.#over) return;
    this.#over = true;
    this.queue?.leave(this);
    this.#waiting = undefined;
    this.#socket.close();
    const { plane, frontend, service, server, record } = this.parts;
    record.broke(cause);
    if (cause === '-') record.phase = '-';
    record.endedMs = plane.clock.monotonicMs();
    service.counters.end();
    frontend.end();
    server.end();
    plane.exchangeEnded?.(record);
    this.parts.ended(this);
  }

  #pass(bytes: Buffer): void {
    if (!this.#over) this.#socket.send(bytes);
  }

  #answered(bytes: Buffer): void {
    if (this.#over) return;
    const { frontend, service, server, record } = this.parts;
    for (const counters of [frontend, service.counters, server.counters]) counters.bout += bytes.length;
    record.bytesOut += bytes.length;
    server.accepted();
    this.parts.reply(bytes);
    this.#moved();
  }

  #moved(): void {
    const { client, linger } = this.parts.deadlines;
    (this.leaving ? linger : client).wait(this);
  }
}
