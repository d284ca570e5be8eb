import type { Clock } from '../../util/clock.js';
import type { Counters } from './counters.js';
import type { Deadlines } from './deadlines.js';
import type { LiveService } from './live-service.js';

/** What every connection of this worker shares. */
export interface DataPlane {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** This worker takes no new work: answers say `Connection: close`. */
  readonly retiring: boolean;
}

/** A way in: the vhost port or a service port. */
export interface Ingress {
  /** HAProxy's name of the frontend. */
  readonly name: string;
  readonly port: number;
  readonly counters: Counters;
  /** The service for a request to `host` (lower case, no port) and `target` (path and query). */
  route(host: string, target: string): LiveService | NoRoute;
}

/** Nothing serves that. */
export class NoRoute {
  constructor(
    readonly status: 404 | 503,
    readonly reason: string,
  ) {}
}

/** Bytes waiting in a socket from which on its source is paused. */
export const PAUSE_ABOVE_BYTES = 128 * 1024;
