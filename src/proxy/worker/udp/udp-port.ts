import type { RemoteInfo, Socket } from 'node:dgram';
import { plainAddress } from '../client-facts.js';
import { Counters } from '../counters.js';
import { type DataPlane, type Ingress, NoRoute } from '../data-plane.js';
import type { DeadlineSet } from '../deadlines.js';
import { ExchangeRecord } from '../exchange-record.js';
import type { LiveService } from '../live-service.js';
import type { Routes } from '../routes.js';
import { UdpFlow } from './udp-flow.js';

/** Clients of one port at once; datagrams of further ones are dropped and counted. */
export const MAX_FLOWS = 2_048;
/** Datagrams that may wait in the kernel, in bytes. */
const RECEIVE_BUFFER_BYTES = 1_048_576;

/** The service port of one service for datagrams. */
export class UdpPort implements Ingress {
  readonly counters = new Counters();
  readonly mode = 'tcp';
  readonly #flows = new Map<string, UdpFlow>();
  #closed = false;

  constructor(
    readonly name: string,
    readonly port: number,
    /** Another service may take the port over. */
    public key: string,
    private readonly routes: Routes,
    private readonly plane: DataPlane,
    /** Bound; it is this port's alone from now on. */
    private readonly socket: Socket,
    onFailed: (reason: Error) => void,
    private readonly maxFlows = MAX_FLOWS,
  ) {
    socket.on('message', (bytes, from) => this.#received(bytes, from));
    socket.on('error', onFailed);
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  }

  get deadlines(): DeadlineSet {
    return this.plane.deadlines.of(this.routes.service(this.key)?.service.timeouts);
  }

  /** Clients that something passed for lately. */
  get flows(): number {
    return this.#flows.size;
  }

  route(): LiveService | NoRoute {
    const service = this.routes.service(this.key);
    return service ?? new NoRoute(503, `service port ${this.port} is not served any more`, 'not-served');
  }

  tableChanged(): void {
    for (const flow of this.#flows.values()) flow.tableChanged();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const flow of [...this.#flows.values()]) flow.end('K');
    this.socket.close();
  }

  #received(bytes: Buffer, from: RemoteInfo): void {
    const client = `${from.address} ${from.port}`;
    // Port 0 is nobody's: such a sender wants no answer (RFC 768), or is a forgery.
    const flow = from.port === 0 ? undefined : (this.#flows.get(client) ?? this.#begin(client, from));
    if (flow) flow.send(bytes);
    else this.counters.dcon += 1;
  }

  /** Undefined: the datagram is dropped. */
  #begin(client: string, from: RemoteInfo): UdpFlow | undefined {
    const service = this.route();
    const address = plainAddress(from.address);
    if (this.#closed || service instanceof NoRoute || this.#flows.size >= this.maxFlows) return undefined;
    if (service.rules?.admits(address) === false) return undefined;
    const nowMs = this.plane.clock.monotonicMs();
    if (service.admit(address, nowMs)) return undefined;
    const server = service.pick({
      nowMs,
      tried: [],
      client: address,
      target: '',
      lines: '',
      cookie: undefined,
    });
    if (!server) return undefined;
    const record = new ExchangeRecord('tcp', this, { address, port: from.port }, nowMs);
    record.headMs = nowMs;
    record.service = server.owner ?? service;
    const flow: UdpFlow = new UdpFlow({
      plane: this.plane,
      frontend: this.counters,
      service,
      server,
      deadlines: this.deadlines,
      record,
      reply: (bytes) => {
        if (!this.#closed) this.socket.send(bytes, from.port, from.address);
      },
      ended: (ended) => {
        if (this.#flows.get(client) === ended) this.#flows.delete(client);
      },
    });
    this.#flows.set(client, flow);
    return flow;
  }
}
