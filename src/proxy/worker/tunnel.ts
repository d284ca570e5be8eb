import type { Socket } from 'node:net';
import { PAUSE_ABOVE_BYTES } from './data-plane.js';
import type { DeadlineQueue, DeadlineSet, Expiring } from './deadlines.js';
import type { EndCause } from './exchange-record.js';

/** What a tunnel tells: bytes as they pass, and once that it is over, and why. */
export interface TunnelObserver {
  toServer(bytes: number): void;
  toClient(bytes: number): void;
  ended(cause: EndCause): void;
}

/**
 * Carries bytes both ways between two connected sockets (made with allowHalfOpen) until both directions have ended, one
 * side breaks, or nothing passes for the tunnel timeout (after one side's end: the client-fin or server-fin timeout). One
 * side's end is passed on and the other direction goes on.
 * Both sockets are paused and without listeners when they come here.
 */
export class Tunnel implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  #over = false;
  #clientOpen = true;
  #serverOpen = true;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly deadlines: DeadlineSet,
    private readonly observer: TunnelObserver,
  ) {
    deadlines.tunnel.wait(this);
    this.#carry(client, server, 'C', (bytes) => observer.toServer(bytes));
    this.#carry(server, client, 'S', (bytes) => observer.toClient(bytes));
    client.resume();
    server.resume();
  }

  expired(): void {
    this.#finish(this.#clientOpen ? 'c' : 's');
  }

  destroy(): void {
    this.#finish('K');
  }

  #finish(cause: EndCause): void {
    if (this.#over) return;
    this.#over = true;
    this.queue?.leave(this);
    this.client.destroy();
    this.server.destroy();
    this.observer.ended(cause);
  }

  #carry(from: Socket, to: Socket, side: 'C' | 'S', count: (bytes: number) => void): void {
    from.on('data', (chunk: Buffer) => {
      this.#moved();
      count(chunk.length);
      to.write(chunk);
      if (to.writableLength > PAUSE_ABOVE_BYTES) from.pause();
    });
    to.on('drain', () => {
      this.#moved();
      from.resume();
    });
    const ended = (): void => {
      to.end();
      if (side === 'C') this.#clientOpen = false;
      else this.#serverOpen = false;
      this.#moved();
    };
    from.on('end', ended);
    // A client may have ended while the server thought about its upgrade; that is not told twice.
    if (from.readableEnded) ended();
    from.on('error', () => this.#finish(side));
    // A socket that closes before both directions ended broke. Otherwise the other one still sends out what it has got.
    from.on('close', () => {
      if (this.#clientOpen || this.#serverOpen) this.#finish(side);
      else if (to.destroyed) this.#finish('-');
      else this.#moved();
    });
  }

  /** The silence begins anew. With one direction ended it may not last as long: half of it is usually a dead peer. */
  #moved(): void {
    if (this.#over) return;
    const { tunnel, clientFin, serverFin } = this.deadlines;
    if (this.#clientOpen && this.#serverOpen) tunnel.wait(this);
    else (this.#clientOpen ? clientFin : serverFin).wait(this);
  }
}
