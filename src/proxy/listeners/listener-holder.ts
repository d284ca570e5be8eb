import type { Socket as DatagramSocket } from 'node:dgram';
import type { Log } from '../../logging/log.js';
import { bindDatagrams } from './bind-datagrams.js';
import { BindError, type BoundSocket, bindSocket } from './bind-socket.js';
import type { FixedRole, ToWorker } from './worker-messages.js';

/** What a worker is sent. */
export type SentSocket = BoundSocket | DatagramSocket;

/** Sends a message, with the socket if there is one, to a worker. */
export type SendToWorker = (message: ToWorker, socket?: SentSocket) => void;

/** Which service port: `address` undefined is the load balancer's own. */
export interface ServicePort {
  readonly port: number;
  readonly address?: string | undefined;
  /** For UDP; else TCP. */
  readonly datagrams?: true | undefined;
}

interface Held extends ServicePort {
  readonly socket: SentSocket;
  /** Slots that use it. A dead worker's slot goes on using it until its successor has said what it needs. */
  readonly slots: Set<number>;
}

/**
 * Holds the listening sockets of the load balancer: binds each once, hands it to every worker that asks, never accepts.
 * As long as this process or any worker lives, the kernel goes on queueing connections and datagrams: nothing is refused.
 */
export class ListenerHolder {
  readonly #services = new Map<string, Held>();
  readonly #fixed = new Map<FixedRole, Held>();
  /** What a slot asked for since its present worker started. */
  readonly #asked = new Map<number, Set<string>>();
  #waiting:
    | { readonly slot: number; readonly wanted: ServicePort; readonly send: SendToWorker }[]
    | undefined;

  constructor(
    private readonly address: string,
    private readonly log: Log,
    private readonly bind: typeof bindSocket = bindSocket,
    private readonly bindUdp: typeof bindDatagrams = bindDatagrams,
  ) {}

  /** Sockets are asked for but not bound until `resume`: another parent's workers still hold them. */
  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const { slot, wanted, send } of waiting) {
      if (this.#asked.get(slot)?.has(nameOf(wanted))) this.#serve(slot, wanted, send);
    }
  }

  /** Binds a port of the load balancer's own; throws BindError. Returns the port. */
  bindFixed(role: FixedRole, port: number): number {
    const bound = this.bind(this.address, port);
    this.#fixed.set(role, { ...bound, slots: new Set() });
    return bound.port;
  }

  /**
   * Hands the fixed sockets that are bound (or one of them) to a worker. It says that it accepts once it has those that were bound
   * first: they come last, so that all others are served by then.
   */
  sendFixed(send: SendToWorker, only?: FixedRole): void {
    for (const [role, { port, socket }] of [...this.#fixed].reverse())
      if (only === undefined || role === only) send({ type: 'LISTENER', role, port }, socket);
  }

  /** A slot has a new worker: what it will not ask for is given up at `synced`. */
  started(slot: number): void {
    this.#asked.set(slot, new Set());
  }

  /** A worker wants a service port: it gets the socket, or the reason why not. */
  listen(slot: number, wanted: ServicePort, send: SendToWorker): void {
    const asked = this.#asked.get(slot) ?? new Set();
    this.#asked.set(slot, asked.add(nameOf(wanted)));
    if (this.#waiting) this.#waiting.push({ slot, wanted, send });
    else this.#serve(slot, wanted, send);
  }

  /** A worker needs the port no more. */
  drop(slot: number, unwanted: ServicePort): void {
    const name = nameOf(unwanted);
    this.#asked.get(slot)?.delete(name);
    this.#release(slot, name);
  }

  /** The slot's worker has asked for all it needs: the rest of what the slot held is free. */
  synced(slot: number): void {
    const asked = this.#asked.get(slot) ?? new Set();
    for (const [name, held] of [...this.#services]) {
      if (held.slots.has(slot) && !asked.has(name)) this.#release(slot, name);
    }
  }

  /** Ports of services that are bound now. */
  get ports(): readonly number[] {
    return [...this.#services.values()].map(({ port }) => port);
  }

  close(): void {
    for (const { socket } of [...this.#services.values(), ...this.#fixed.values()]) socket.close();
    this.#services.clear();
    this.#fixed.clear();
    this.#asked.clear();
  }

  #serve(slot: number, wanted: ServicePort, send: SendToWorker): void {
    const { port, address, datagrams } = wanted;
    const name = nameOf(wanted);
    const where = { port, ...(address !== undefined && { address }), ...(datagrams && { datagrams }) };
    let held = this.#services.get(name);
    if (!held) {
      try {
        const bind = datagrams ? this.bindUdp : this.bind;
        held = { ...bind(address ?? this.address, port), address, datagrams, slots: new Set() };
      } catch (error) {
        if (!(error instanceof BindError)) throw error;
        send({ type: 'NOT_BOUND', ...where, reason: error.message });
        return;
      }
      this.#services.set(name, held);
    }
    held.slots.add(slot);
    send({ type: 'LISTENER', role: 'service', ...where }, held.socket);
  }

  #release(slot: number, name: string): void {
    const held = this.#services.get(name);
    if (!held) return;
    held.slots.delete(slot);
    if (held.slots.size > 0) return;
    this.#services.delete(name);
    held.socket.close();
    this.log.debug('a service port is closed', { port: held.port });
  }
}

function nameOf({ port, address = '', datagrams }: ServicePort): string {
  return `${address} ${port}${datagrams ? ' udp' : ''}`;
}
