import type { Socket } from 'node:net';
import type { DeadlineQueue, Expiring } from '../deadlines.js';

/** How a client of HTTP/2 that asks no questions begins (RFC 9113 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const ENDS = ['end', 'error', 'close'] as const;

/** Looks whether a client without TLS begins with HTTP/2; what it said stays in the socket, paused. */
export class VersionSniff implements Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;
  readonly idle = false;
  #bytes: Buffer | undefined;
  #over = false;

  constructor(
    readonly socket: Socket,
    deadline: DeadlineQueue,
    private readonly on: { told(speaks: 'h2' | 'http/1.1'): void; gone(): void },
  ) {
    deadline.wait(this);
    socket.on('data', this.#received);
    for (const event of ENDS) socket.on(event, this.#ended);
  }

  close(): void {
    if (this.#over) return;
    this.#leave();
    this.socket.on('error', () => this.socket.destroy());
    this.socket.destroy();
    this.on.gone();
  }

  expired(): void {
    this.close();
  }

  readonly #received = (chunk: Buffer): void => {
    const bytes = this.#bytes ? Buffer.concat([this.#bytes, chunk]) : chunk;
    this.#bytes = bytes;
    const length = Math.min(bytes.length, PREFACE.length);
    const fits = bytes.compare(PREFACE, 0, length, 0, length) === 0;
    if (fits && length < PREFACE.length) return;
    this.#leave();
    this.socket.pause();
    this.socket.unshift(bytes);
    this.on.told(fits ? 'h2' : 'http/1.1');
  };

  readonly #ended = (): void => this.close();

  #leave(): void {
    this.#over = true;
    this.queue?.leave(this);
    this.socket.removeListener('data', this.#received);
    for (const event of ENDS) this.socket.removeListener(event, this.#ended);
  }
}
