import type { Log } from '../logging/log.js';
import { type StateStore, StoreError, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Clock, Timer } from '../util/clock.js';

/** Something that may leave only when everything it rests on is durable. */
interface Ticket {
  missing: number;
  readonly run: () => void;
}

interface Entry {
  /** Undefined: delete the key. */
  value: unknown;
  readonly tickets: Ticket[];
  /** A pin has meanwhile written something newer: not to be written again should this commit fail. */
  covered?: boolean;
}

/** Effects let out in one turn of the event loop. */
export const EFFECTS_PER_TURN = 100;

export interface JournalLimits {
  /** Records per commit, so that one batch never holds the event loop for long. */
  readonly maxBatch: number;
  /** Effects that wait for the store; beyond it `saturated` is true and no new work is taken on. */
  readonly maxHeldEffects: number;
  /** How long a change that may wait (a count of failures) waits at most for company. */
  readonly lazyMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export const journalLimits: JournalLimits = {
  maxBatch: 250,
  maxHeldEffects: 100_000,
  lazyMs: 5_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
};

/** Several writes whose common effect leaves when the last of them is durable. */
export interface EffectGroup {
  put(key: string, value: unknown): void;
  close(): void;
}

/** Keys that a request is about to change; nobody else writes them until it is released. */
export interface Pin {
  /** Makes `writes` durable as one batch. Rejects with StoreError, and then nothing was written. */
  commit(writes: readonly StoreWrite[]): Promise<void>;
  /** Some of the keys, or all; one that is released already stays so. */
  release(keys?: readonly string[]): void;
}

/**
 * Persist before acting: every change of the scheduler's records goes through here, and its effects leave afterwards.
 *
 * INVARIANTS
 * - An effect runs once, after the records it was given with (or newer ones of the same keys) are durable.
 * - One commit is in flight at a time; a record changed meanwhile goes into the next, which begins when the effects of the
 *   last one have left. Effects of one key leave in order.
 * - A pinned key is written by its pin only. What was pending for it is written after the release, or covered by the
 *   pin's own commit.
 * - While the store refuses, nothing is lost: records wait (one per key), effects wait with them, and all go on when the
 *   store recovers.
 */
export class Journal {
  #pending = new Map<string, Entry>();
  #inFlight = new Map<string, Entry>();
  readonly #pinned = new Map<string, (() => void)[]>();
  #held = 0;
  #scheduled = false;
  #committing = false;
  /** What is in flight is durable; its effects are on their way out. */
  #releasing = false;
  #failures = 0;
  #retry: Timer | undefined;
  #lazy: Timer | undefined;
  #stopped = false;
  #forgetHealth: (() => void) | undefined;
  readonly #idle: (() => void)[] = [];

  constructor(
    private readonly store: StateStore,
    private readonly epoch: number,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly onWritable: () => void,
    private readonly limits: JournalLimits = journalLimits,
  ) {}

  start(): void {
    this.#forgetHealth = this.store.onHealth((health) => {
      if (health.writable && this.#failures > 0) this.#retryNow();
    });
  }

  /** Waits for the commit in flight; what is still pending stays unwritten, and no effect runs any more. */
  async stop(): Promise<void> {
    this.#forgetHealth?.();
    this.#retry?.cancel();
    this.#lazy?.cancel();
    if (!this.#failures && this.#pending.size > 0 && !this.#stopped) await this.#settled();
    this.#stopped = true;
    if (this.#committing) await this.#settled();
  }

  #settled(): Promise<void> {
    this.#schedule();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** False after a commit failed, until one succeeds again. */
  get writable(): boolean {
    return this.#failures === 0;
  }

  get saturated(): boolean {
    return this.#held >= this.limits.maxHeldEffects;
  }

  /** Effects that wait for durability. */
  get heldEffects(): number {
    return this.#held;
  }

  /** Records a change; `effect` runs when it is durable. */
  record(key: string, value: unknown, effect?: () => void): void {
    const tickets = this.#entry(key, value).tickets;
    if (effect) tickets.push(this.#ticket(1, effect));
    this.#schedule();
  }

  /** Records a change that may wait for the next commit, or `lazyMs`. */
  recordLazily(key: string, value: unknown): void {
    this.#entry(key, value);
    this.#lazy ??= this.clock.after(this.limits.lazyMs, () => {
      this.#lazy = undefined;
      this.#schedule();
    });
  }

  group(effect: () => void): EffectGroup {
    const ticket = this.#ticket(1, effect);
    return {
      put: (key, value) => {
        ticket.missing += 1;
        this.#entry(key, value).tickets.push(ticket);
        this.#schedule();
      },
      close: () => this.#done(ticket),
    };
  }

  /** Runs `effect` once everything known about `key` so far is durable: at once when it is already. */
  afterKey(key: string, effect: () => void): void {
    const entry = this.#pending.get(key) ?? this.#inFlight.get(key);
    if (entry) entry.tickets.push(this.#ticket(1, effect));
    else effect();
  }

  isPinned(key: string): boolean {
    return this.#pinned.has(key);
  }

  /** Waits until none of the keys is pinned, then pins them all at once (so two requests cannot block each other). */
  async pin(keys: readonly string[]): Promise<Pin> {
    for (;;) {
      const busy = keys.find((key) => this.#pinned.has(key));
      if (busy === undefined) break;
      await new Promise<void>((free) => this.#pinned.get(busy)?.push(free));
    }
    const held = new Set(keys);
    for (const key of held) this.#pinned.set(key, []);
    return {
      commit: async (writes) => {
        await this.store.commit({ epoch: this.epoch, writes });
        for (const { key } of writes) this.#cover(key);
      },
      release: (freed = keys) => {
        const waiters = freed.flatMap((key) => {
          // Released before: whoever pins it now is somebody else.
          if (!held.delete(key)) return [];
          const waiting = this.#pinned.get(key) ?? [];
          this.#pinned.delete(key);
          return waiting;
        });
        for (const wake of waiters) wake();
        if (this.#pending.size > 0) this.#schedule();
      },
    };
  }

  /** A pin wrote a newer value: what was pending for the key is durable with it. */
  #cover(key: string): void {
    const flying = this.#inFlight.get(key);
    if (flying && this.#releasing) this.#letOut(key);
    else if (flying) flying.covered = true;
    const entry = this.#pending.get(key);
    if (!entry) return;
    this.#pending.delete(key);
    for (const ticket of entry.tickets) this.#done(ticket);
  }

  #entry(key: string, value: unknown): Entry {
    const entry = this.#pending.get(key);
    if (entry) {
      entry.value = value;
      return entry;
    }
    const made: Entry = { value, tickets: [] };
    this.#pending.set(key, made);
    return made;
  }

  #ticket(missing: number, run: () => void): Ticket {
    this.#held += 1;
    return { missing, run };
  }

  #done(ticket: Ticket): void {
    ticket.missing -= 1;
    assert(ticket.missing >= 0, 'an effect was released more often than it was held');
    if (ticket.missing > 0) return;
    this.#held -= 1;
    if (this.#stopped) return;
    try {
      ticket.run();
    } catch (error) {
      this.log.error('an effect failed after its record was written; the record stands', { error });
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#committing || this.#retry || this.#stopped) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  #nextBatch(): StoreWrite[] {
    const writes: StoreWrite[] = [];
    for (const [key, entry] of this.#pending) {
      if (writes.length >= this.limits.maxBatch) break;
      if (this.#pinned.has(key)) continue;
      this.#pending.delete(key);
      this.#inFlight.set(key, entry);
      writes.push(entry.value === undefined ? { op: 'delete', key } : { op: 'put', key, value: entry.value });
    }
    return writes;
  }

  async #flush(): Promise<void> {
    if (this.#committing || this.#stopped) return;
    this.#committing = true;
    try {
      for (;;) {
        const writes = this.#nextBatch();
        if (writes.length === 0) break;
        await this.store.commit({ epoch: this.epoch, writes });
        await this.#succeeded();
        if (this.#stopped) break;
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#committing = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Durable: a slice of the effects a turn, the first at once. */
  async #succeeded(): Promise<void> {
    const recovered = this.#failures > 0;
    this.#failures = 0;
    this.#releasing = true;
    let inTurn = 0;
    for (const key of this.#inFlight.keys()) {
      if (inTurn >= EFFECTS_PER_TURN) {
        await new Promise<void>((next) => this.clock.after(0, next));
        inTurn = 0;
      }
      inTurn += this.#letOut(key);
    }
    this.#releasing = false;
    if (recovered && !this.#stopped) {
      this.log.info('the store accepts writes again; held effects go on');
      this.onWritable();
    }
  }

  /** What a durable record let go; answers how many effects that was. */
  #letOut(key: string): number {
    const entry = this.#inFlight.get(key);
    if (!entry) return 0;
    this.#inFlight.delete(key);
    for (const ticket of entry.tickets) this.#done(ticket);
    return entry.tickets.length;
  }

  #failed(error: unknown): void {
    const back = this.#inFlight;
    this.#inFlight = new Map();
    for (const [key, entry] of back) {
      if (!entry.covered) continue;
      back.delete(key);
      for (const ticket of entry.tickets) this.#done(ticket);
    }
    for (const [key, entry] of this.#pending) {
      const older = back.get(key);
      if (older) older.value = entry.value;
      if (older) older.tickets.push(...entry.tickets);
      else back.set(key, entry);
    }
    this.#pending = back;
    this.#failures += 1;
    const code = error instanceof StoreError ? error.code : 'store-failed';
    const final = code === 'stale-epoch' || code === 'closed';
    this.log.error('instances cannot be written; their effects are held', {
      code,
      held: this.#held,
      final,
      error,
    });
    if (final || this.#stopped) return;
    const delay = Math.min(
      this.limits.retryMaxMs,
      this.limits.retryMinMs * 2 ** Math.min(16, this.#failures - 1),
    );
    this.#retry = this.clock.after(delay, () => this.#retryNow());
  }

  #retryNow(): void {
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#schedule();
  }
}
