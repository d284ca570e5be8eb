import type { Log } from '../logging/log.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import { type Timestamp, timestamp } from '../util/timestamp.js';
import { type AuditFilter, matchesFilter } from './decide/audit-filter.js';
import { fullBudget, type RefusalBudget, spendRefusal } from './decide/refusal-budget.js';
import type { PrincipalKind } from './principal.js';

/** One write that somebody asked for, whatever the answer was. Names of fields, never their values. */
export interface AuditFacts {
  readonly who: string;
  readonly kind: PrincipalKind;
  /** Address of the caller. */
  readonly from: string;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly status: number;
  readonly requestId: string;
  readonly deploymentId?: string;
  readonly apps?: readonly string[];
  /** Names of the fields that changed, of any of the apps. */
  readonly fields?: readonly string[];
}

export interface AuditEntry extends AuditFacts {
  /** From 1, grows; survives restarts. */
  readonly seq: number;
  readonly time: Timestamp;
  /** So many refused writes before this one were not told one by one. */
  readonly untold?: number;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** To be given as `after` to read on: the last entry that was looked at. */
  readonly next: number;
}

export interface AuditTrailOptions {
  readonly store: Pick<StateStore, 'get' | 'scan' | 'commit'>;
  readonly epoch: number;
  /** Most entries that are kept. */
  readonly capacity: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Entries over the capacity that one write removes: a smaller capacity is reached little by little. */
const DROPPED_AT_ONCE = 8;
/** Entries that one page looks at; with a filter that matches little the reader asks again. */
const LOOKED_AT = 5_000;
/** Entries read before others have their turn. */
const SLICE = 100;

/**
 * Who changed what, when, from where: durable and bounded.
 *
 * INVARIANTS
 * - An entry is durable when `append` resolves; its number is higher than those of all before it.
 * - At most `capacity` entries once the oldest are dropped, a few with every new one.
 * - Floods of refused writes cost a bounded number of entries; the rest is counted in the next one.
 */
export class AuditTrail {
  #newest = 0;
  #oldest = 1;
  #budget: RefusalBudget = fullBudget;

  constructor(private readonly options: AuditTrailOptions) {}

  /** Finds the ends of what is stored. */
  async start(): Promise<void> {
    const { store, log } = this.options;
    const onCorrupt = ({ key, problem }: { key: string; problem: string }): void =>
      log.error('an entry of the audit trail cannot be read', { key, problem });
    let first: number | undefined;
    for await (const { value } of store.scan(keys.audit(), { onCorrupt })) {
      const { seq } = value as AuditEntry;
      first ??= seq;
      this.#newest = seq;
    }
    this.#oldest = first ?? this.#newest + 1;
  }

  /** Makes one entry durable; a refusal (4xx) beyond the budget is only counted. Rejects with StoreError. */
  async append(facts: AuditFacts): Promise<void> {
    const { store, epoch, clock, capacity } = this.options;
    let untold = 0;
    if (facts.status >= 400 && facts.status < 500) {
      const spent = spendRefusal(this.#budget, clock.monotonicMs());
      this.#budget = spent.budget;
      if (!spent.told) return;
      untold = spent.untoldBefore;
    }
    const seq = ++this.#newest;
    const entry: AuditEntry = {
      seq,
      time: timestamp(clock.wallMs()),
      ...facts,
      ...(untold > 0 ? { untold } : {}),
    };
    const writes: StoreWrite[] = [{ op: 'put', key: keys.audit(seq), value: entry }];
    let oldest = this.#oldest;
    while (seq - oldest >= capacity && writes.length <= DROPPED_AT_ONCE)
      writes.push({ op: 'delete', key: keys.audit(oldest++) });
    await store.commit({ epoch, writes });
    this.#oldest = Math.max(this.#oldest, oldest);
  }

  /**
   * At most `limit` entries that match, oldest first: those after number `after`, or the newest ones without it.
   */
  async page(
    { after, limit }: { after: number | undefined; limit: number },
    filter: AuditFilter,
  ): Promise<AuditPage> {
    const newest = this.#newest;
    if (after === undefined) return { entries: await this.#newestOnes(limit, filter), next: newest };
    const entries: AuditEntry[] = [];
    let seq = Math.max(after, this.#oldest - 1);
    const end = Math.min(newest, seq + LOOKED_AT);
    while (seq < end && entries.length < limit) {
      seq++;
      const entry = await this.#read(seq);
      if (entry !== undefined && matchesFilter(entry, filter)) entries.push(entry);
      if (seq % SLICE === 0) await turn();
    }
    return { entries, next: Math.max(seq, after) };
  }

  async #newestOnes(limit: number, filter: AuditFilter): Promise<readonly AuditEntry[]> {
    const entries: AuditEntry[] = [];
    const end = Math.max(this.#oldest, this.#newest - LOOKED_AT + 1);
    for (let seq = this.#newest; seq >= end && entries.length < limit; seq--) {
      const entry = await this.#read(seq);
      if (entry !== undefined && matchesFilter(entry, filter)) entries.push(entry);
      if (seq % SLICE === 0) await turn();
    }
    return entries.reverse();
  }

  async #read(seq: number): Promise<AuditEntry | undefined> {
    const { store, log } = this.options;
    const value = await getUnlessCorrupt(store, keys.audit(seq), ({ problem }) =>
      log.error('an entry of the audit trail cannot be read', { seq, problem }),
    );
    return value as AuditEntry | undefined;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
