import type { DeadlineQueue, Expiring } from './deadlines.js';
import type { LiveServer } from './live-server.js';

/** Who asks for what, as far as the choice of a server depends on it. */
export interface Asking {
  readonly nowMs: number;
  readonly tried: readonly LiveServer[];
  /** The client's address. */
  readonly client: string;
  /** Path and query. */
  readonly target: string;
  /** The lines of the request's head; none without HTTP. */
  readonly lines?: string | undefined;
  /** The server that the client's cookie names. */
  readonly cookie?: string | undefined;
}

/** Somebody for whom there is no slot at present. */
export interface Waiter {
  /** What he asks for, at this moment. */
  asking(): Asking;
  /** Here is a server. The waiter calls `begin` on it before he returns. */
  granted(server: LiveServer): void;
  /** It took too long. */
  timedOut(): void;
}

/** A place in the queue. */
export class Ticket implements Expiring {
  /** Of the time limit. */
  queue: DeadlineQueue | undefined;
  previous: Expiring | undefined;
  next: Expiring | undefined;
  dueMs = 0;

  constructor(
    readonly waiter: Waiter,
    private waiting: WaitQueue,
    /** The only server that will do; undefined: any. */
    public place: LiveServer | undefined,
    /** Later ones have higher numbers. */
    public number: number,
    /** How many were before it. */
    readonly ahead: number,
  ) {}

  /** The waiter wants no server any more. Idempotent. */
  leave(): void {
    this.queue?.leave(this);
    this.waiting.take(this);
  }

  expired(): void {
    this.waiting.timedOut += 1;
    this.leave();
    this.waiter.timedOut();
  }

  /** It waits there from now on. */
  moved(waiting: WaitQueue, number: number): void {
    this.waiting = waiting;
    this.place = undefined;
    this.number = number;
  }
}

/**
 * Requests and connections that wait for a slot at a server: at any, or at the one that their cookie names. In the order of
 * arrival.
 */
export class WaitQueue {
  readonly #all = new Set<Ticket>();
  readonly #anywhere = new Set<Ticket>();
  #last = 0;
  /** Most that ever waited at once. */
  most = 0;
  /** Those that waited in vain. */
  timedOut = 0;

  get size(): number {
    return this.#all.size;
  }

  add(waiter: Waiter, place: LiveServer | undefined, limit: DeadlineQueue): Ticket {
    this.#last += 1;
    const ahead = place ? place.queued : this.#anywhere.size;
    const ticket = new Ticket(waiter, this, place, this.#last, ahead);
    this.#put(ticket);
    limit.wait(ticket);
    return ticket;
  }

  /** False: it waits here no more. */
  take(ticket: Ticket): boolean {
    if (!this.#all.delete(ticket)) return false;
    if (ticket.place) ticket.place.waiting?.delete(ticket);
    else this.#anywhere.delete(ticket);
    return true;
  }

  /** The longest waiting of those that any server will do for. */
  get firstAnywhere(): Ticket | undefined {
    return firstOf(this.#anywhere);
  }

  /** The longest waiting of those that want this server. */
  firstAt(server: LiveServer): Ticket | undefined {
    return server.waiting && firstOf(server.waiting);
  }

  /** Those that wait for a server that takes nothing new are content with any other; they have waited no less for that. */
  release(mayTake: (server: LiveServer) => boolean): void {
    const moved = [...this.#all].filter(({ place }) => place !== undefined && !mayTake(place));
    if (moved.length === 0) return;
    for (const ticket of moved) {
      ticket.place?.waiting?.delete(ticket);
      ticket.place = undefined;
    }
    const anywhere = [...this.#anywhere, ...moved].sort((a, b) => a.number - b.number);
    this.#anywhere.clear();
    for (const ticket of anywhere) this.#anywhere.add(ticket);
  }

  /** All wait there from now on, behind those that do already; their time limits stay. */
  moveTo(other: WaitQueue): void {
    for (const ticket of [...this.#all]) {
      this.take(ticket);
      other.#last += 1;
      ticket.moved(other, other.#last);
      other.#put(ticket);
    }
  }

  #put(ticket: Ticket): void {
    this.#all.add(ticket);
    const { place } = ticket;
    if (place) {
      place.waiting ??= new Set();
      place.waiting.add(ticket);
    } else this.#anywhere.add(ticket);
    if (this.#all.size > this.most) this.most = this.#all.size;
  }
}

function firstOf(tickets: ReadonlySet<Ticket>): Ticket | undefined {
  for (const ticket of tickets) return ticket;
  return undefined;
}
