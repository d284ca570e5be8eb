import type { TaskId } from '../../scheduler/instance.js';
import { ejectionMs } from '../decide/eject.js';
import { stickyId } from '../decide/sticky-cookie.js';
import type { Server } from '../table.js';
import { Counters } from './counters.js';
import type { UpstreamConnection } from './http/upstream-connection.js';

/** Most unused connections kept per server. */
export const MAX_IDLE_PER_SERVER = 64;

/** A server as this worker knows it: its connections, its requests in flight, its counters. */
export class LiveServer {
  readonly counters = new Counters();
  readonly idle: UpstreamConnection[] = [];
  /** Requests, tunnels and connections that it was chosen for and that are not over. */
  inFlight = 0;
  ejectedUntilMs = 0;
  /** Left the table: gets nothing new. */
  leaving = false;
  failures = 0;
  #stickyId: string | undefined;

  constructor(
    readonly server: Server,
    /** Told after each decrease of `inFlight` while leaving. */
    private readonly onLeavingChanged: (server: LiveServer) => void,
  ) {}

  /** Stable over tables and the same in every proxy. */
  get hashName(): string {
    return this.server.name;
  }

  /** What a cookie says to come back here. */
  get stickyId(): string {
    this.#stickyId ??= stickyId(this.server.name);
    return this.#stickyId;
  }

  get taskId(): TaskId {
    return this.server.taskId;
  }

  begin(nowMs: number): void {
    this.inFlight += 1;
    this.counters.begin(nowMs);
  }

  end(): void {
    this.inFlight -= 1;
    this.counters.end();
    if (this.leaving) this.onLeavingChanged(this);
  }

  /** A connection could not be made. */
  refused(nowMs: number): void {
    this.failures += 1;
    this.counters.econ += 1;
    this.ejectedUntilMs = nowMs + ejectionMs(this.failures);
  }

  /** A connection was made. */
  accepted(): void {
    this.failures = 0;
    this.ejectedUntilMs = 0;
  }

  /** The server left the table: it gets nothing new and its unused connections are closed. */
  leave(): void {
    this.leaving = true;
    for (const connection of this.idle.splice(0)) connection.destroy();
  }
}
