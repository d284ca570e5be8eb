import type { TaskId } from '../../scheduler/instance.js';
import {
  afterConnection,
  afterFailure,
  defaultEjection,
  type FailureRecord,
  isBadAnswer,
  noFailures,
} from '../decide/eject.js';
import { hash32 } from '../decide/hash.js';
import { stickyId } from '../decide/sticky-cookie.js';
import type { Server } from '../table.js';
import { Counters } from './counters.js';
import type { ServerConnections } from './h2/server-connections.js';
import type { UpstreamConnection } from './http/upstream-connection.js';
import type { LiveService } from './live-service.js';
import type { ServerPool } from './server-pool.js';
import type { Ticket } from './wait-queue.js';

/** Most unused connections kept per server. */
export const MAX_IDLE_PER_SERVER = 256;

/** HAProxy's words: `DOWN` is ejected, `DRAIN` has weight 0, `MAINT` is disabled. */
export type ServerState = 'UP' | 'DOWN' | 'DRAIN' | 'MAINT';

/** A server as this worker knows it: its connections, its requests in flight, its counters. */
export class LiveServer {
  readonly counters = new Counters();
  readonly idle: UpstreamConnection[] = [];
  /** Of a server that speaks HTTP/2: what its requests share. */
  http2: ServerConnections | undefined;
  /** Requests, tunnels and connections that it was chosen for and that are not over. */
  inFlight = 0;
  /** Left the table: gets nothing new. */
  leaving = false;
  /** Times it was left alone for its failures. */
  ejections = 0;
  ejectedUntilMs = 0;
  /** How much more than others it gets at present: its weight, less while it starts slowly. */
  share = 1;
  /** Since when it has been growing to its weight (of one that is ejected: from when on); `fresh`: from the next look on; undefined: it was always there. */
  joinedMs: number | 'fresh' | undefined;
  /** From its name: stable over tables and the same in every proxy. */
  readonly hashSeed: number;
  /** Of those that want this server only (a cookie names it), the ones that wait for a slot. */
  waiting: Set<Ticket> | undefined;
  /** The service that it serves in the table, and the servers among which that chooses. */
  owner: LiveService | undefined;
  pool: ServerPool | undefined;
  #record: FailureRecord = noFailures;
  #stickyId: string | undefined;

  constructor(
    private current: Server,
    /** Told after each decrease of `inFlight` while leaving. */
    private readonly onLeavingChanged: (server: LiveServer) => void,
  ) {
    this.hashSeed = hash32(current.name);
  }

  get server(): Server {
    return this.current;
  }

  /** What a cookie says to come back here. */
  get stickyId(): string {
    this.#stickyId ??= stickyId(this.current.name);
    return this.#stickyId;
  }

  get taskId(): TaskId {
    return this.current.taskId;
  }

  /** As the table says, whatever has become of it here. 0 to 256. */
  get weight(): number {
    return this.current.weight ?? this.owner?.service.weight ?? 1;
  }

  /** Requests that wait for this server and no other. */
  get queued(): number {
    return this.waiting?.size ?? 0;
  }

  state(nowMs: number): ServerState {
    if (this.current.disabled) return 'MAINT';
    if (this.ejectedUntilMs > nowMs) return 'DOWN';
    return this.weight === 0 ? 'DRAIN' : 'UP';
  }

  /** The table says something else of the same server. */
  update(server: Server): void {
    this.current = server;
  }

  begin(nowMs: number): void {
    this.inFlight += 1;
    this.counters.begin(nowMs);
  }

  end(): void {
    this.inFlight -= 1;
    this.counters.end();
    if (this.leaving) this.onLeavingChanged(this);
    const { pool } = this;
    if (pool !== undefined && pool.queue.size > 0) pool.slotFree(this);
  }

  /** A connection could not be made, or not in time. */
  refused(nowMs: number): void {
    this.counters.econ += 1;
    this.#failed('refused', nowMs);
  }

  /** A connection was made. */
  accepted(): void {
    if (this.#record !== noFailures) this.#remember(afterConnection(this.#record));
  }

  /** An answer began. Bad gateways and the like are failures, everything else heals. */
  answered(status: number, nowMs: number): void {
    if (isBadAnswer(status)) this.#failed('bad-answer', nowMs);
    else if (this.#record !== noFailures) this.#remember(noFailures);
  }

  /** A connection that was fresh brought no answer, one that nobody can read, or none in time. */
  answerFailed(nowMs: number): void {
    this.#failed('bad-answer', nowMs);
  }

  /** The server left the table: it gets nothing new and its unused connections are closed. */
  leave(): void {
    this.leaving = true;
    for (const connection of this.idle.splice(0)) connection.destroy();
    this.http2?.leave();
  }

  #failed(kind: 'refused' | 'bad-answer', nowMs: number): void {
    const before = this.#record.ejectedUntilMs;
    this.#remember(afterFailure(this.#record, kind, nowMs, this.pool?.ejection ?? defaultEjection));
    if (this.#record.ejectedUntilMs === before) return;
    this.ejections += 1;
    this.pool?.ejected(this);
  }

  #remember(record: FailureRecord): void {
    this.#record = record;
    this.ejectedUntilMs = record.ejectedUntilMs;
  }
}
