import type { RoutingTimeouts } from '../../apps/port-routing.js';
import type { Clock, Timer } from '../../util/clock.js';
import { mergeTimeouts, type Timeouts } from './timeouts.js';

/** Something that ends when nothing happened to it for a while. It is in one queue at a time. */
export interface Expiring {
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs: number;
  expired(): void;
}

/**
 * All that wait for the same length of time, in the order of their deadlines: a doubly linked list, so that waiting,
 * touching and leaving cost the same however many wait.
 */
export class DeadlineQueue {
  #head: Expiring | undefined;
  #tail: Expiring | undefined;
  size = 0;

  constructor(
    readonly timeoutMs: number,
    private readonly nowMs: () => number,
  ) {}

  /** Starts (or starts again) the wait; leaves any other queue. */
  wait(item: Expiring): void {
    item.queue?.leave(item);
    item.dueMs = this.nowMs() + this.timeoutMs;
    item.queue = this;
    item.previous = this.#tail;
    item.next = undefined;
    if (this.#tail) this.#tail.next = item;
    else this.#head = item;
    this.#tail = item;
    this.size += 1;
  }

  leave(item: Expiring): void {
    if (item.queue !== this) return;
    if (item.previous) item.previous.next = item.next;
    else this.#head = item.next;
    if (item.next) item.next.previous = item.previous;
    else this.#tail = item.previous;
    item.queue = undefined;
    item.previous = undefined;
    item.next = undefined;
    this.size -= 1;
  }

  /** Ends all whose time is up. */
  sweep(nowMs: number): void {
    while (this.#head && this.#head.dueMs <= nowMs) {
      const item = this.#head;
      this.leave(item);
      item.expired();
    }
  }
}

/** The queues for one set of time limits. Sets with the same lengths share their queues. */
export interface DeadlineSet {
  /** A connection to a server is being made. */
  readonly connect: DeadlineQueue;
  /** It is the client's turn: to send the rest of its body, or to take more of the answer. */
  readonly client: DeadlineQueue;
  /** It is the server's turn. */
  readonly server: DeadlineQueue;
  /** Waiting for a free place at a server. */
  readonly queue: DeadlineQueue;
  /** From a request's first byte to the end of its head. */
  readonly httpRequest: DeadlineQueue;
  /** A client's pause between two requests. */
  readonly httpKeepAlive: DeadlineQueue;
  readonly tunnel: DeadlineQueue;
  /** One side has ended; the other, which has not, is the client or the server. */
  readonly clientFin: DeadlineQueue;
  readonly serverFin: DeadlineQueue;
  readonly upstreamIdle: DeadlineQueue;
  readonly linger: DeadlineQueue;
}

const SWEEP_MS = 200;
/** Most different lengths of time that are kept apart; beyond them the next longer one serves. */
export const MAX_LENGTHS = 256;

/** One queue per length of time, and the one timer that sweeps them. */
export class Deadlines {
  /** Where a service says nothing of its own. */
  readonly own: DeadlineSet;
  readonly #byLength = new Map<number, DeadlineQueue>();
  readonly #ofServices = new WeakMap<RoutingTimeouts, DeadlineSet>();
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly timeouts: Timeouts,
  ) {
    this.own = this.#set(timeouts);
  }

  /** The queues for a service's time limits. */
  of(timeouts: RoutingTimeouts | undefined): DeadlineSet {
    if (timeouts === undefined) return this.own;
    const known = this.#ofServices.get(timeouts);
    if (known) return known;
    const made = this.#set(mergeTimeouts(this.timeouts, timeouts));
    this.#ofServices.set(timeouts, made);
    return made;
  }

  start(): void {
    this.#timer ??= this.clock.every(SWEEP_MS, () => this.sweep());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  sweep(): void {
    const nowMs = this.clock.monotonicMs();
    for (const queue of this.#byLength.values()) queue.sweep(nowMs);
  }

  #set(timeouts: Timeouts): DeadlineSet {
    return {
      connect: this.#queue(timeouts.connectMs),
      client: this.#queue(timeouts.clientMs),
      server: this.#queue(timeouts.serverMs),
      queue: this.#queue(timeouts.queueMs),
      httpRequest: this.#queue(timeouts.httpRequestMs),
      httpKeepAlive: this.#queue(timeouts.httpKeepAliveMs),
      tunnel: this.#queue(timeouts.tunnelMs),
      clientFin: this.#queue(timeouts.clientFinMs),
      serverFin: this.#queue(timeouts.serverFinMs),
      upstreamIdle: this.#queue(timeouts.upstreamIdleMs),
      linger: this.#queue(timeouts.lingerMs),
    };
  }

  #queue(timeoutMs: number): DeadlineQueue {
    const known = this.#byLength.get(timeoutMs);
    if (known) return known;
    if (this.#byLength.size >= MAX_LENGTHS) return this.#nearest(timeoutMs);
    const queue = new DeadlineQueue(timeoutMs, () => this.clock.monotonicMs());
    this.#byLength.set(timeoutMs, queue);
    return queue;
  }

  /** The queue of the next longer time there is, or the longest. */
  #nearest(timeoutMs: number): DeadlineQueue {
    let best: DeadlineQueue | undefined;
    for (const queue of this.#byLength.values()) {
      if (!best) best = queue;
      else if (queue.timeoutMs >= timeoutMs)
        best = best.timeoutMs < timeoutMs || queue.timeoutMs < best.timeoutMs ? queue : best;
      else if (queue.timeoutMs > best.timeoutMs) best = queue;
    }
    return best ?? new DeadlineQueue(timeoutMs, () => this.clock.monotonicMs());
  }
}
