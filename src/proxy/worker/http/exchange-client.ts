import type { Socket } from 'node:net';
import type { ClientFacts } from '../client-facts.js';
import type { Counters } from '../counters.js';
import type { LiveServer } from '../live-server.js';
import type { ErrorCode } from './error-page.js';

/** The client's side of an exchange. */
export interface ExchangeClient {
  /** Its socket takes the answer. */
  readonly socket: Socket;
  readonly facts: ClientFacts;
  /** It came over TLS. */
  readonly secure: boolean;
  /** Of the frontend that it came in by. */
  readonly counters: Counters;
  pauseReading(): void;
  resumeReading(): void;
  /** Whether it is the client's turn (to send, or to take what it was sent): from now on its silence is measured, or not. */
  expect(due: boolean): void;
  /** The answer is out. `keepAlive`: the connection may carry another request. */
  finished(keepAlive: boolean): void;
  /** Answer with an error page; nothing of an answer was sent so far. */
  refuse(status: number, reason: string, code?: ErrorCode): void;
  /**
   * The answer broke off, and the client must see that. `delimited`: it knows how long the answer should have been, so that the
   * end of the connection tells it; otherwise the connection is reset.
   */
  cut(delimited: boolean): void;
  /** The server agreed to another protocol: `head` goes to the client, then both sides are joined. The server is the taker's to end. */
  tunnel(upstream: Socket, head: string, first: Buffer, server: LiveServer): void;
}
