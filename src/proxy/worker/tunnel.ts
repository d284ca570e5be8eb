import type { Socket } from 'node:net';
import { type DataPlane, PAUSE_ABOVE_BYTES } from './data-plane.js';
import type { DeadlineQueue, Expiring } from './deadlines.js';

/** What a tunnel tells: bytes as they pass, and once that it is over. */
export interface TunnelObserver {
  toServer(bytes: number): void;
  toClient(bytes: number): void;
  ended(): void;
}

/**
 * Carries bytes both ways between two connected sockets (made with allowHalfOpen) until both directions have ended, one
 * side breaks, or nothing passes for the tunnel timeout (after one side's end: the client and server timeout). One side's end is passed on and the other direction goes on.
 * Both sockets are paused and without listeners when they come here.
 */
export class Tunnel implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  #over = false;
  #open = 2;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly plane: DataPlane,
    private readonly observer: TunnelObserver,
  ) {
    plane.deadlines.tunnel.wait(this);
    this.#carry(client, server, (bytes) => observer.toServer(bytes));
    this.#carry(server, client, (bytes) => observer.toClient(bytes));
    client.resume();
    server.resume();
  }

  expired(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.queue?.leave(this);
    this.client.destroy();
    this.server.destroy();
    this.observer.ended();
  }

  #carry(from: Socket, to: Socket, count: (bytes: number) => void): void {
    from.on('data', (chunk: Buffer) => {
      this.#moved();
      count(chunk.length);
      to.write(chunk);
      if (to.writableLength > PAUSE_ABOVE_BYTES) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => {
      to.end();
      this.#open -= 1;
      this.#moved();
    });
    from.on('error', () => this.destroy());
    // A socket that closes before both directions ended broke. Otherwise the other one still sends out what it has got.
    from.on('close', () => {
      if (this.#open > 0 || to.destroyed) this.destroy();
      else this.#moved();
    });
  }

  /** The silence begins anew. With one direction ended it may not last as long: half of it is usually a dead peer. */
  #moved(): void {
    if (this.#over) return;
    const { tunnel, exchange } = this.plane.deadlines;
    (this.#open === 2 ? tunnel : exchange).wait(this);
  }
}
