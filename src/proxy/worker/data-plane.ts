import type { Clock } from '../../util/clock.js';
import type { Counters } from './counters.js';
import type { DeadlineSet, Deadlines } from './deadlines.js';
import type { ExchangeRecord } from './exchange-record.js';
import type { ErrorCode, PageOptions } from './http/error-page.js';
import type { AccessGate } from './http/rules/access-gate.js';
import type { PasswordDesk } from './http/rules/password-desk.js';
import type { LiveService } from './live-service.js';
import type { TableFreshness } from './table-freshness.js';
import type { CertificateShelf } from './tls/certificate-shelf.js';
import type { TurnWrites } from './turn-writes.js';

/** What every connection of this worker shares. */
export interface DataPlane {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Heads and small answers go out by it. */
  readonly turnWrites: TurnWrites;
  /** This worker takes no new work: answers say `Connection: close`. */
  readonly retiring: boolean;
  /** Checks passwords of services that ask for them. */
  readonly passwords: PasswordDesk;
  /** Whether a newer table may be on its way; absent: never. */
  readonly freshness?: TableFreshness;
  /** Where clients that must use TLS are sent; undefined: the usual port. */
  readonly httpsPort?: number;
  /** What TLS is spoken with; undefined: none is. */
  readonly certificates?: CertificateShelf;
  /** Load balancers in front of this one, whose connections to shared ports begin with a PROXY header; undefined: none. */
  readonly prefacedFrom?: AccessGate;
  /** Told of every request, and every connection in tcp mode, once it is over. Must be quick and must not throw. */
  readonly exchangeEnded?: (record: ExchangeRecord) => void;
}

/** A way in: the vhost port or a service port. */
export interface Ingress {
  /** HAProxy's name of the frontend. */
  readonly name: string;
  readonly port: number;
  /** Clients speak TLS here. */
  readonly tls?: boolean;
  /** Its services are found by virtual host. */
  readonly byVhost?: boolean;
  readonly counters: Counters;
  /** For clients of whom no more is known than that they came in here. */
  readonly deadlines: DeadlineSet;
  /** The service for a request to `host` (lower case, no port) and `target` (path and query) with these header `lines`. */
  route(host: string, target: string, lines?: string): LiveService | NoRoute;
}

/** Nothing serves that. */
export class NoRoute {
  constructor(
    readonly status: 200 | 403 | 404 | 421 | 503,
    readonly reason: string,
    readonly code: ErrorCode,
    /** What else the answer says. */
    readonly page?: Partial<PageOptions>,
  ) {}
}

/** Bytes waiting in a socket from which on its source is paused. */
export const PAUSE_ABOVE_BYTES = 128 * 1024;
