import type { ClientFacts } from './client-facts.js';
import type { Ingress } from './data-plane.js';
import type { RequestHead } from './http/request-head.js';
import type { LiveServer } from './live-server.js';
import type { LiveService } from './live-service.js';

/**
 * How far an exchange had come when it ended, by HAProxy's letters: `R` reading the request, `Q` waiting in a queue, `C`
 * connecting to a server, `H` waiting for the head of its answer, `D` passing the answer on, `-` through.
 */
export type Phase = 'R' | 'Q' | 'C' | 'H' | 'D' | '-';

/**
 * Why it ended, by HAProxy's letters: `C` the client went, `c` the client was silent too long, `S` the server broke off or
 * refused, `s` the server was silent too long (also: no connection, no turn in the queue), `P` refused by us for what it
 * is, `L` answered by us as it should be (a redirect, say), `R` no room, `K` this worker ended, `-` in order.
 */
export type EndCause = 'C' | 'c' | 'S' | 's' | 'P' | 'L' | 'R' | 'K' | '-';

/**
 * One request and its answer (mode http), or one connection (mode tcp), as it went: filled on the way, read by whoever
 * keeps logs and histograms when it is over. Instants are monotonic milliseconds; -1 is never reached. Not to be kept
 * after `DataPlane.exchangeEnded` returns, but for what is copied out of it.
 */
export class ExchangeRecord {
  /** Undefined: the head was refused, or this is a connection. */
  head: RequestHead | undefined;
  /** Undefined: nobody serves that. */
  service: LiveService | undefined;
  /** The last that was tried. */
  server: LiveServer | undefined;
  /** Of the answer that the client got; 0: none. */
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  headMs = -1;
  /** The last connection to a server stood. */
  connectedMs = -1;
  /** The final answer's head was there. */
  answeredMs = -1;
  endedMs = -1;
  /** Waited in queues, all attempts together. */
  queueMs = 0;
  /** How many waited before it when it came to the queue of a server and of the service; 0: none. */
  serverQueue = 0;
  serviceQueue = 0;
  /** Attempts after the first; HAProxy's log prefixes a `+` with `redispatched`. */
  retries = 0;
  redispatched = false;
  cause: EndCause = '-';
  phase: Phase = 'R';
  /** HAProxy's letters about the cookie: what the client brought (`N` none, `I` unknown, `D` its server is down, `V` valid), what it was given (`N` none, `I` one). */
  cookieSent: 'N' | 'I' | 'D' | 'V' | '-' = '-';
  cookieGiven: 'N' | 'I' | '-' = '-';

  constructor(
    readonly mode: 'http' | 'tcp',
    readonly ingress: Ingress,
    readonly client: ClientFacts,
    /** The request's first byte came, or the connection. */
    readonly startedMs: number,
  ) {}

  /** HAProxy's TR: from the first byte to the whole head. */
  get requestMs(): number {
    return this.headMs < 0 ? -1 : this.headMs - this.startedMs;
  }

  /** HAProxy's Tw. */
  get waitedMs(): number {
    return this.headMs < 0 || (this.connectedMs < 0 && this.phase === 'R') ? -1 : this.queueMs;
  }

  /** HAProxy's Tc: until a connection stood, failed attempts included, queues left out. */
  get connectMs(): number {
    return this.connectedMs < 0 ? -1 : Math.max(0, this.connectedMs - this.headMs - this.queueMs);
  }

  /** HAProxy's Tr: from then to the head of the answer. */
  get responseMs(): number {
    return this.answeredMs < 0 || this.connectedMs < 0 ? -1 : this.answeredMs - this.connectedMs;
  }

  /** HAProxy's Ta (of a connection: Tt). */
  get totalMs(): number {
    return this.endedMs < 0 ? -1 : this.endedMs - this.startedMs;
  }

  /** It ended otherwise than in order; the first cause counts. */
  broke(cause: EndCause): void {
    if (this.cause === '-') this.cause = cause;
  }

  /** HAProxy's termination state, four letters. */
  get termination(): string {
    return `${this.cause}${this.cause === '-' ? '-' : this.phase}${this.cookieSent}${this.cookieGiven}`;
  }
}
