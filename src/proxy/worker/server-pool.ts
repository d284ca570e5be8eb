import { balance, isInTurn } from '../decide/balance.js';
import { pathOf } from '../decide/choose-claim.js';
import { defaultEjection, type EjectionTerms, ejectionTerms, isPanic } from '../decide/eject.js';
import { hash32 } from '../decide/hash.js';
import { fieldValues } from '../decide/head-lines.js';
import { shareOfNumber } from '../decide/rate-limit.js';
import { grown, nextStepMs } from '../decide/slow-start.js';
import { WeightedTurns } from '../decide/weighted-turns.js';
import type { Balance } from '../table.js';
import type { DeadlineQueue } from './deadlines.js';
import type { LiveServer } from './live-server.js';
import type { LiveService } from './live-service.js';
import { TrafficGate } from './traffic-gate.js';
import { type Asking, type Ticket, type Waiter, WaitQueue } from './wait-queue.js';

/** Most that wait for a slot, where the service says nothing. */
export const DEFAULT_QUEUE_LENGTH = 1_000;

/** What is overlooked when there is nobody without it: first ejection, then having been tried. */
const NOTHING = 0;
const EJECTED = 1;
const TRIED = 2;

/**
 * The servers among which a service chooses: its own, or those of all services of its deployment group that claim the same.
 * How is chosen is what the first of these services says.
 *
 * INVARIANTS
 * - A disabled server is never chosen; one of weight 0 only for a client whose cookie names it.
 * - Nobody waits while a server that would do for him has a slot.
 */
export class ServerPool {
  readonly queue = new WaitQueue();
  ejection: EjectionTerms = defaultEjection;
  /** Undefined: nothing is limited. */
  gate: TrafficGate | undefined;
  #members: readonly LiveService[] = [];
  #algorithm: Balance = 'roundrobin';
  #header = '';
  #loadFactor = 0;
  /** Requests that each server may have at once. */
  #slots = Number.POSITIVE_INFINITY;
  #queueLength = DEFAULT_QUEUE_LENGTH;
  /** Those that may get something new. */
  #active: readonly LiveServer[] = [];
  #even = true;
  #sums: readonly number[] = [];
  #seeds = new Uint32Array();
  readonly #turns = new WeightedTurns<LiveServer>();
  #start = 0;
  /** When shares must be looked at again. */
  #arrangeAtMs = 0;
  #byCookie: ReadonlyMap<string, LiveServer> | undefined;
  #ejected: LiveServer[] = [];
  /** Of the choice being made. */
  #nowMs = 0;
  #tried: readonly LiveServer[] = [];
  #overlooked = NOTHING;

  constructor(
    private readonly workers: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** The services whose servers these are; never none. */
  get members(): readonly LiveService[] {
    return this.#members;
  }

  /** Something could be sent somewhere. */
  get hasServers(): boolean {
    return this.#members.some(({ servers }) =>
      servers.some((server) => server.weight > 0 && !server.server.disabled),
    );
  }

  /** Requests and connections at all of them, with those that wait. */
  get underWay(): number {
    let sum = 0;
    for (const { counters } of this.#members) sum += counters.scur;
    return sum;
  }

  /** The table has changed: other services, other servers, or other words about them. */
  update(members: readonly LiveService[]): void {
    this.#members = members;
    for (const { servers } of members) for (const server of servers) server.pool = this;
    const service = members[0]?.service;
    if (!service) return;
    const { balance: algorithm, balanceHeader, hashBalanceFactor, ejection, limits } = service;
    this.#algorithm = algorithm ?? 'roundrobin';
    this.#header = balanceHeader ?? '';
    this.#loadFactor = hashBalanceFactor ?? 0;
    this.ejection = ejectionTerms(ejection);
    this.#slots =
      limits?.connectionsPerServer === undefined
        ? Number.POSITIVE_INFINITY
        : shareOfNumber(limits.connectionsPerServer, this.workers);
    this.#queueLength = limits?.queueLength ?? DEFAULT_QUEUE_LENGTH;
    if (limits && TrafficGate.needed(limits)) {
      this.gate ??= new TrafficGate(this.workers);
      this.gate.update(limits);
    } else this.gate = undefined;
    this.#arrangeAtMs = 0;
    if (this.queue.size === 0) return;
    this.queue.release((server) => !server.leaving && !server.server.disabled && server.pool === this);
    this.#turnQueue();
  }

  /** Those that wait here wait with another pool from now on. */
  moveQueueTo(other: ServerPool): void {
    this.queue.moveTo(other.queue);
    other.#turnQueue();
  }

  /**
   * The next server by the service's algorithm. What was ejected or tried is taken only when there is nothing else. Undefined:
   * there is none at all, or all that would do have as much as they may: `wait` then.
   */
  pick(asking: Asking): LiveServer | undefined {
    const { nowMs, cookie, tried } = asking;
    if (nowMs >= this.#arrangeAtMs) this.#arrange(nowMs);
    if (cookie !== undefined) {
      const same = this.#named(asking);
      if (same) return same.inFlight < this.#slots ? same : undefined;
    }
    this.#nowMs = nowMs;
    this.#tried = tried;
    for (let overlooked = this.#panic(nowMs) ? EJECTED : NOTHING; overlooked <= TRIED; overlooked++) {
      this.#overlooked = overlooked;
      const server = this.#choose(asking);
      if (server || this.#someIsOnlyFull()) return server;
    }
    return undefined;
  }

  /**
   * Waits until a server has a slot, at most the time limit that `limit` stands for. Undefined: there is no server, or no place to
   * wait.
   */
  wait(waiter: Waiter, limit: DeadlineQueue): Ticket | undefined {
    const asking = waiter.asking();
    const named = asking.cookie === undefined ? undefined : this.#named(asking);
    if (!named && this.#active.length === 0) return undefined;
    if (this.queue.size >= this.#queueLength) return undefined;
    return this.queue.add(waiter, named, limit);
  }

  /** One request less is at the server: its slot is the next one's, whoever has waited longest. */
  slotFree(server: LiveServer): void {
    const { queue } = this;
    while (server.inFlight < this.#slots) {
      const own = queue.firstAt(server);
      const any = queue.firstAnywhere;
      const waiting = queue.size;
      // Who wants any server may not be able to use this one, ejected as it is or tried already.
      if (any && (!own || any.number < own.number)) this.#turnQueue();
      if (queue.size < waiting) continue;
      if (!own) return;
      own.leave();
      own.waiter.granted(server);
    }
  }

  /** A server is left alone from now on; where servers start slowly, it does so again when that is over. */
  ejected(server: LiveServer): void {
    if (!this.#ejected.includes(server)) this.#ejected.push(server);
    if (!server.owner?.service.slowStartMs) return;
    server.joinedMs = server.ejectedUntilMs;
    this.#arrangeAtMs = Math.min(this.#arrangeAtMs, server.ejectedUntilMs);
  }

  /** For those that wait, the longest waiting first, as long as there are slots. */
  #turnQueue(): void {
    for (let next = this.queue.firstAnywhere; next; next = this.queue.firstAnywhere) {
      const server = this.pick(next.waiter.asking());
      if (!server) return;
      next.leave();
      next.waiter.granted(server);
    }
  }

  /** Weights, and what follows from them. */
  #arrange(nowMs: number): void {
    this.#arrangeAtMs = Number.POSITIVE_INFINITY;
    this.#byCookie = undefined;
    const active: LiveServer[] = [];
    for (const { service, servers } of this.#members) {
      for (const server of servers) {
        server.share = server.server.disabled ? 0 : server.weight * this.#grown(server, service, nowMs);
        if (server.share > 0) active.push(server);
      }
    }
    const share = active[0]?.share;
    this.#active = active;
    this.#seeds = Uint32Array.from(active, ({ hashSeed }) => hashSeed);
    this.#even = active.every((server) => server.share === share);
    this.#start %= Math.max(1, active.length);
    if (this.#even) return;
    if (this.#algorithm === 'random') {
      let sum = 0;
      this.#sums = active.map((server) => {
        sum += server.share;
        return sum;
      });
    } else this.#turns.arrange(active.map((server) => [server, server.share]));
  }

  /** The part of its weight that the server has reached. */
  #grown(server: LiveServer, { slowStartMs = 0 }: LiveService['service'], nowMs: number): number {
    if (server.joinedMs === undefined) return 1;
    if (server.joinedMs === 'fresh') server.joinedMs = nowMs;
    const part = grown(nowMs - server.joinedMs, slowStartMs);
    if (part < 1) this.#arrangeAtMs = Math.min(this.#arrangeAtMs, nextStepMs(nowMs, slowStartMs));
    else server.joinedMs = undefined;
    return part;
  }

  #choose(asking: Asking): LiveServer | undefined {
    const algorithm = this.#algorithm;
    const key = this.#keyOf(algorithm, asking);
    if (!this.#even && isInTurn(algorithm, key)) return this.#turns.next(this.#may);
    const index = balance(algorithm, {
      candidates: this.#active,
      even: this.#even,
      start: this.#start,
      may: this.#may,
      sums: this.#sums,
      seeds: this.#seeds,
      key,
      loadFactor: this.#loadFactor,
      random: this.random,
    });
    if (index === undefined) return undefined;
    this.#start = index + 1 < this.#active.length ? index + 1 : 0;
    return this.#active[index];
  }

  #keyOf(algorithm: Balance, { client, target, lines }: Asking): number | undefined {
    if (algorithm === 'source') return hash32(client);
    if (algorithm === 'uri') return hash32(pathOf(target));
    if (algorithm !== 'header' || lines === undefined) return undefined;
    const [value] = fieldValues(lines, this.#header);
    return value === undefined ? undefined : hash32(value);
  }

  readonly #may = (server: LiveServer): boolean =>
    server.inFlight < this.#slots && this.#wouldDo(server, this.#overlooked);

  #wouldDo(server: LiveServer, overlooked: number): boolean {
    if (overlooked < EJECTED && server.ejectedUntilMs > this.#nowMs) return false;
    return overlooked >= TRIED || this.#tried.length === 0 || !this.#tried.includes(server);
  }

  /** It is worth waiting. */
  #someIsOnlyFull(): boolean {
    if (this.#slots === Number.POSITIVE_INFINITY) return false;
    return this.#active.some(
      (server) => server.inFlight >= this.#slots && this.#wouldDo(server, this.#overlooked),
    );
  }

  #panic(nowMs: number): boolean {
    if (this.#ejected.length === 0) return false;
    this.#ejected = this.#ejected.filter((server) => !server.leaving && server.ejectedUntilMs > nowMs);
    return isPanic(this.#ejected.length, this.#active.length, this.ejection.panicThreshold);
  }

  /** The server that the client's cookie names, if it will do. */
  #named({ cookie, nowMs, tried }: Asking): LiveServer | undefined {
    this.#byCookie ??= new Map(
      this.#members.flatMap(({ servers }) =>
        servers.flatMap((server) => (server.server.disabled ? [] : [[server.stickyId, server] as const])),
      ),
    );
    const same = cookie === undefined ? undefined : this.#byCookie.get(cookie);
    if (!same || tried.includes(same)) return undefined;
    return same.ejectedUntilMs <= nowMs || this.#panic(nowMs) ? same : undefined;
  }
}
