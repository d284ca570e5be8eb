import type { Socket } from 'node:net';
import type { Timer } from '../../util/clock.js';
import { type Failure, failureOf, mayRetry, spendsBudget } from '../decide/retry.js';
import type { DataPlane } from './data-plane.js';
import type { DeadlineSet } from './deadlines.js';
import type { ExchangeRecord } from './exchange-record.js';
import { UpstreamConnection, type UpstreamUser } from './http/upstream-connection.js';
import type { LiveServer } from './live-server.js';
import type { LiveService } from './live-service.js';
import type { Asking, Ticket, Waiter } from './wait-queue.js';

/** There is none, or no place to wait for one, or the wait was too long. */
export type NoServer = 'no-server' | 'queue-full' | 'queue-timeout';

/** Whose attempts they are: a request or a connection of a client. */
export interface AttemptsUser extends UpstreamUser {
  /** No server may have it. */
  noServer(why: NoServer): void;
  /** Every server has as much as it may: it waits. */
  queued(): void;
}

/** What the attempts are for. */
export interface Wish extends Pick<Asking, 'client' | 'target' | 'lines' | 'cookie'> {
  /** May be sent twice. */
  readonly idempotent: boolean;
  /** A connection that is there may be used, and the one made may be kept. */
  readonly keepsConnections: boolean;
  /** Sent first on a new connection. */
  readonly preface?: Buffer;
  readonly deadlines: DeadlineSet;
  readonly record: ExchangeRecord;
}

/** A connection that rested longer than this is not trusted with a request that cannot be repeated. */
const MAX_IDLE_UNREPEATABLE_MS = 1_000;
/** Pause before the same server is tried again. */
const SAME_SERVER_PAUSE_MS = 100;
const NONE: readonly LiveServer[] = [];

/**
 * Chooses a server, connects to it, and when that fails chooses again: as often as the service's rules and its budget
 * allow. Holds the server (counted as in flight there) and the connection until they are let go.
 */
export class Attempts implements Waiter {
  server: LiveServer | undefined;
  upstream: UpstreamConnection | undefined;
  /** The connection had carried an earlier request. */
  reused = false;
  #tried: LiveServer[] | undefined;
  #tries = 0;
  #lastFailure: Failure | undefined;
  #pause: Timer | undefined;
  /** While it waits for a server that may take more. */
  #ticket: Ticket | undefined;
  #waitingSinceMs = 0;
  /** While it waits for a newer table; `null`: it has, and will not again. */
  #hope: (() => void) | undefined | null;

  constructor(
    private readonly plane: DataPlane,
    private readonly service: LiveService,
    private readonly user: AttemptsUser,
    private readonly wish: Wish,
  ) {}

  /** Begins the next attempt: `user.connected` follows, at once when a connection was there. */
  begin(fresh = false): void {
    const { service } = this;
    const nowMs = this.plane.clock.monotonicMs();
    if (this.#tries === 0) service.retryBudget.request(nowMs);
    const server = service.pick(this.#asking(nowMs));
    if (server) this.#take(server, fresh, nowMs);
    else this.#wait(nowMs);
  }

  /** It has no server yet, for want of a slot. */
  get waiting(): boolean {
    return this.#ticket !== undefined;
  }

  /** Waiter: as it stands now. */
  asking(): Asking {
    return this.#asking(this.plane.clock.monotonicMs());
  }

  /** Waiter: a server has a slot for it. */
  granted(server: LiveServer): void {
    const nowMs = this.plane.clock.monotonicMs();
    this.#waited(nowMs);
    this.#take(server, this.#tries > 0, nowMs);
  }

  /** Waiter: nobody had a slot in time. */
  timedOut(): void {
    this.#waited(this.plane.clock.monotonicMs());
    this.user.noServer('queue-timeout');
  }

  #asking(nowMs: number): Asking {
    const { client, target, lines, cookie } = this.wish;
    return { nowMs, tried: this.#tried ?? NONE, client, target, lines, cookie };
  }

  #wait(nowMs: number): void {
    const { pool } = this.service;
    this.#ticket = pool.wait(this, this.wish.deadlines.queue);
    if (!this.#ticket) {
      if (pool.hasServers) this.user.noServer('queue-full');
      else if (!this.#hopes()) this.user.noServer('no-server');
      return;
    }
    this.#waitingSinceMs = nowMs;
    const { record } = this.wish;
    record.phase = 'Q';
    if (this.#ticket.place) record.serverQueue = this.#ticket.ahead;
    else record.serviceQueue = this.#ticket.ahead;
    this.user.queued();
  }

  #waited(nowMs: number): void {
    this.#ticket?.leave();
    this.#ticket = undefined;
    this.wish.record.queueMs += nowMs - this.#waitingSinceMs;
  }

  #take(server: LiveServer, fresh: boolean, nowMs: number): void {
    const { service, wish } = this;
    this.#tries += 1;
    const again = this.#tried?.includes(server) === true;
    if (this.#tries > 1 && !again) {
      service.counters.wredis += 1;
      server.counters.wredis += 1;
      wish.record.redispatched = true;
    }
    this.server = server;
    wish.record.server = server;
    wish.record.service = server.owner ?? service;
    wish.record.phase = 'C';
    server.begin(nowMs);
    server.counters.request(nowMs);
    if (again && this.#lastFailure === 'connection') {
      const pauseMs = SAME_SERVER_PAUSE_MS * (this.#tries - 1);
      this.#pause = this.plane.clock.after(pauseMs, () => this.#connect(server, true));
    } else {
      this.#connect(server, fresh);
    }
  }

  /** The present attempt failed and is let go; true: another one has begun. */
  retry(failure: Failure, replayable: boolean): boolean {
    const { service, wish } = this;
    const server = this.server;
    const { reused } = this;
    this.letGo(false);
    if (!server) return false;
    this.#lastFailure = failure;
    if (failure === 'connection') service.counters.econ += 1;
    // A connection that rested may be closed at any moment: that says nothing about the server.
    else if (!(reused && failure === 'empty-response')) server.answerFailed(this.plane.clock.monotonicMs());
    const rules = service.service.retry;
    const { idempotent } = wish;
    if (!mayRetry({ tries: this.#tries, failure, reused, idempotent, replayable }, rules))
      return failure === 'connection' && replayable && this.#hopes();
    if (spendsBudget(failure) && !service.retryBudget.spend(this.plane.clock.monotonicMs())) return false;
    service.counters.wretr += 1;
    server.counters.wretr += 1;
    wish.record.retries += 1;
    this.#tried = [...(this.#tried ?? []), server];
    this.begin(true);
    return true;
  }

  /** No server of the table takes it. When a newer table may be on its way, that one is tried, once: true. */
  #hopes(): boolean {
    if (this.#hope !== undefined) return false;
    this.#hope = this.plane.freshness?.wait(() => {
      this.#hope = null;
      this.#tried = undefined;
      this.#tries = 0;
      this.begin(true);
    });
    if (this.#hope === undefined) return false;
    this.user.queued();
    return true;
  }

  /** An answer with this status has come: true when another server is asked instead of passing it on. */
  retryAnswered(status: number, replayable: boolean): boolean {
    const failure = failureOf(status);
    const rules = this.service.service.retry;
    // Only what the service names; a retry that is not made must leave the answer where it is.
    if (failure === undefined || rules?.on?.includes(failure) !== true) return false;
    const attempt = { tries: this.#tries, failure, reused: this.reused, replayable };
    if (!mayRetry({ ...attempt, idempotent: this.wish.idempotent }, rules)) return false;
    if (!this.service.retryBudget.left(this.plane.clock.monotonicMs())) return false;
    return this.retry(failure, replayable);
  }

  /** What came of an answer was no answer. */
  answerBroke(): void {
    this.server?.answerFailed(this.plane.clock.monotonicMs());
  }

  /** Ends with the server. `reusable`: its connection may carry another request. */
  letGo(reusable: boolean): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    if (this.#ticket) this.#waited(this.plane.clock.monotonicMs());
    this.#hope?.();
    const { upstream, server } = this;
    this.upstream = undefined;
    this.server = undefined;
    this.reused = false;
    if (upstream) {
      if (reusable) upstream.release();
      else upstream.destroy();
    }
    server?.end();
  }

  /** Hands server and socket over; both are the taker's to end. */
  detach(): { readonly server: LiveServer; readonly socket: Socket } | undefined {
    const { upstream, server } = this;
    if (!upstream || !server) return undefined;
    this.upstream = undefined;
    this.server = undefined;
    return { server, socket: upstream.detach() };
  }

  #connect(server: LiveServer, fresh: boolean): void {
    const { plane, service, wish, user } = this;
    this.#pause = undefined;
    if (!fresh && wish.keepsConnections) {
      const nowMs = plane.clock.monotonicMs();
      const maxIdleMs = wish.idempotent ? Number.POSITIVE_INFINITY : MAX_IDLE_UNREPEATABLE_MS;
      const idle = UpstreamConnection.idle(server, user, wish.deadlines, maxIdleMs, nowMs);
      if (idle) {
        service.counters.reuse += 1;
        this.reused = true;
        this.upstream = idle;
        user.connected();
        return;
      }
    }
    service.counters.connect += 1;
    this.reused = false;
    this.upstream = new UpstreamConnection(server, plane, user, wish.deadlines, wish.preface);
  }
}
