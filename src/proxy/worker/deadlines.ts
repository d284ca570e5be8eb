import type { Clock, Timer } from '../../util/clock.js';

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

/** Timeouts of the data plane; HAProxy's and marathon-lb's defaults. */
export interface Timeouts {
  readonly connectMs: number;
  /** Silence of a client or a server in the middle of an exchange. */
  readonly clientServerMs: number;
  readonly tunnelMs: number;
  /** From a request's first byte to the end of its head. */
  readonly requestHeadMs: number;
  /** A client's pause between two requests. */
  readonly keepAliveMs: number;
  /** An unused connection to a server is kept for so long; less than the 5 s after which Node.js servers close theirs. */
  readonly upstreamIdleMs: number;
  /** A client that is told goodbye may take so long to hang up. */
  readonly lingerMs: number;
}

export const defaultTimeouts: Timeouts = {
  connectMs: 3_000,
  clientServerMs: 30_000,
  tunnelMs: 3_600_000,
  requestHeadMs: 15_000,
  keepAliveMs: 60_000,
  upstreamIdleMs: 4_000,
  lingerMs: 2_000,
};

const SWEEP_MS = 200;

/** One queue per timeout and the one timer that sweeps them. */
export class Deadlines {
  readonly connect: DeadlineQueue;
  readonly exchange: DeadlineQueue;
  readonly tunnel: DeadlineQueue;
  readonly requestHead: DeadlineQueue;
  readonly keepAlive: DeadlineQueue;
  readonly upstreamIdle: DeadlineQueue;
  readonly linger: DeadlineQueue;
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    timeouts: Timeouts,
  ) {
    const queue = (timeoutMs: number): DeadlineQueue =>
      new DeadlineQueue(timeoutMs, () => clock.monotonicMs());
    this.connect = queue(timeouts.connectMs);
    this.exchange = queue(timeouts.clientServerMs);
    this.tunnel = queue(timeouts.tunnelMs);
    this.requestHead = queue(timeouts.requestHeadMs);
    this.keepAlive = queue(timeouts.keepAliveMs);
    this.upstreamIdle = queue(timeouts.upstreamIdleMs);
    this.linger = queue(timeouts.lingerMs);
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
    for (const queue of [
      this.connect,
      this.exchange,
      this.tunnel,
      this.requestHead,
      this.keepAlive,
      this.upstreamIdle,
      this.linger,
    ]) {
      queue.sweep(nowMs);
    }
  }
}
