import type { Log } from '../../logging/log.js';
import { BindError, type BoundSocket, bindSocket } from './bind-socket.js';
import type { ListenerRole, ToWorker } from './worker-messages.js';

/** Sends a message, with the socket if there is one, to a worker. */
export type SendToWorker = (message: ToWorker, socket?: BoundSocket) => void;

interface Held {
  readonly socket: BoundSocket;
  readonly port: number;
  /** Slots that use it. A dead worker's slot goes on using it until its successor has said what it needs. */
  readonly slots: Set<number>;
}

/**
 * Holds the listening sockets of the load balancer: binds each once, hands it to every worker that asks, never accepts.
 * As long as this process or any worker lives, the kernel goes on queueing connections: nothing is refused.
 */
export class ListenerHolder {
  readonly #services = new Map<number, Held>();
  readonly #fixed = new Map<'lb' | 'stats', Held>();
  /** What a slot asked for since its present worker started. */
  readonly #asked = new Map<number, Set<number>>();
  #waiting: { readonly slot: number; readonly port: number; readonly send: SendToWorker }[] | undefined;

  constructor(
    private readonly address: string,
    private readonly log: Log,
    private readonly bind: typeof bindSocket = bindSocket,
  ) {}

  /** Sockets are asked for but not bound until `resume`: another parent's workers still hold them. */
  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const { slot, port, send } of waiting) {
      if (this.#asked.get(slot)?.has(port)) this.#serve(slot, port, send);
    }
  }

  /** Binds the vhost or the statistics port; throws BindError. Returns the port. */
  bindFixed(role: 'lb' | 'stats', port: number): number {
    const bound = this.bind(this.address, port);
    this.#fixed.set(role, { ...bound, slots: new Set() });
    return bound.port;
  }

  /** Hands the fixed sockets that are bound to a worker. */
  sendFixed(send: SendToWorker): void {
    for (const [role, { port, socket }] of this.#fixed)
      send({ type: 'LISTENER', role: role satisfies ListenerRole, port }, socket);
  }

  /** A slot has a new worker: what it will not ask for is given up at `synced`. */
  started(slot: number): void {
    this.#asked.set(slot, new Set());
  }

  /** A worker wants a service port: it gets the socket, or the reason why not. */
  listen(slot: number, port: number, send: SendToWorker): void {
    const asked = this.#asked.get(slot) ?? new Set();
    this.#asked.set(slot, asked.add(port));
    if (this.#waiting) this.#waiting.push({ slot, port, send });
    else this.#serve(slot, port, send);
  }

  /** A worker needs the port no more. */
  drop(slot: number, port: number): void {
    this.#asked.get(slot)?.delete(port);
    this.#release(slot, port);
  }

  /** The slot's worker has asked for all it needs: the rest of what the slot held is free. */
  synced(slot: number): void {
    const asked = this.#asked.get(slot) ?? new Set();
    for (const [port, held] of [...this.#services]) {
      if (held.slots.has(slot) && !asked.has(port)) this.#release(slot, port);
    }
  }

  /** Ports of services that are bound now. */
  get ports(): readonly number[] {
    return [...this.#services.keys()];
  }

  close(): void {
    for (const { socket } of [...this.#services.values(), ...this.#fixed.values()]) socket.close();
    this.#services.clear();
    this.#fixed.clear();
    this.#asked.clear();
  }

  #serve(slot: number, port: number, send: SendToWorker): void {
    let held = this.#services.get(port);
    if (!held) {
      try {
        held = { ...this.bind(this.address, port), slots: new Set() };
      } catch (error) {
        if (!(error instanceof BindError)) throw error;
        send({ type: 'NOT_BOUND', port, reason: error.message });
        return;
      }
      this.#services.set(port, held);
    }
    held.slots.add(slot);
    send({ type: 'LISTENER', role: 'service', port }, held.socket);
  }

  #release(slot: number, port: number): void {
    const held = this.#services.get(port);
    if (!held) return;
    held.slots.delete(slot);
    if (held.slots.size > 0) return;
    this.#services.delete(port);
    held.socket.close();
    this.log.debug('a service port is closed', { port });
  }
}
