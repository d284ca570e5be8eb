import type { AppId, AppRecord } from '../apps/app.js';
import type { Clock } from '../util/clock.js';
import { type Timestamp, timestamp } from '../util/timestamp.js';
import { afterFailure, afterProgress, type BackoffState, launchAllowedAtMs } from './decide/backoff.js';
import type { AgentId, Condition, Instance, InstanceId } from './instance.js';
import type { AppSource, InstanceChange, QueueEntry, Refusal, RefusalReason } from './scheduler.js';

/** Agents whose last refusal is remembered per app. */
export const MAX_REFUSALS_KEPT = 100;

/** Instances of one app that wait for a launch, and what became of the offers so far. */
export class AppQueue {
  /** Scheduled instances, longest waiting first. */
  readonly waiting = new Set<InstanceId>();
  provisioned = 0;
  processedOffers = 0;
  unusedOffers = 0;
  lastUnusedOfferAt: Timestamp | undefined;
  lastUsedOfferAt: Timestamp | undefined;
  readonly refusalCounts: Partial<Record<RefusalReason, number>> = {};
  readonly refusals = new Map<AgentId, Refusal>();

  constructor(
    readonly appId: AppId,
    public role: string,
    readonly since: Timestamp,
  ) {}

  get count(): number {
    return this.waiting.size + this.provisioned;
  }

  used(agentId: AgentId, at: Timestamp): void {
    this.processedOffers += 1;
    this.lastUsedOfferAt = at;
    this.refusals.delete(agentId);
  }

  refused(refusal: Refusal): void {
    this.processedOffers += 1;
    this.unusedOffers += 1;
    this.lastUnusedOfferAt = refusal.at;
    const [first] = refusal.reasons;
    if (first !== undefined) this.refusalCounts[first] = (this.refusalCounts[first] ?? 0) + 1;
    this.refusals.delete(refusal.agentId);
    this.refusals.set(refusal.agentId, refusal);
    if (this.refusals.size > MAX_REFUSALS_KEPT) {
      const [oldest] = this.refusals.keys();
      if (oldest !== undefined) this.refusals.delete(oldest);
    }
  }
}

/**
 * What waits to be launched (Marathon reference 1.11 and 7.4): follows the instances change by change. An entry lives while an
 * instance of the app is Scheduled or Provisioned; its statistics end with it, the app's backoff does not.
 */
export class LaunchQueue {
  readonly #entries = new Map<AppId, AppQueue>();
  readonly #backoff = new Map<AppId, BackoffState>();

  constructor(
    private readonly apps: AppSource,
    private readonly clock: Clock,
  ) {}

  /** To be called with every change of an instance. */
  change({ before, after }: InstanceChange): void {
    this.#leave(before, after);
    this.#enter(before, after);
  }

  #leave(before: Instance | undefined, after: Instance | undefined): void {
    if (!before) return;
    const was = before.condition;
    if (after?.condition === was) return;
    const entry = this.#entries.get(before.appId);
    if (!entry) return;
    if (was === 'Scheduled') entry.waiting.delete(before.id);
    if (was === 'Provisioned') entry.provisioned -= 1;
    const goesOn = after?.condition === 'Provisioned' || after?.condition === 'Scheduled';
    if (entry.count === 0 && !goesOn) this.#entries.delete(before.appId);
  }

  #enter(before: Instance | undefined, after: Instance | undefined): void {
    if (!after || before?.condition === after.condition) return;
    const is: Condition = after.condition;
    if (is !== 'Scheduled' && is !== 'Provisioned') return;
    let entry = this.#entries.get(after.appId);
    if (!entry) {
      entry = new AppQueue(after.appId, after.role, timestamp(this.clock.wallMs()));
      this.#entries.set(after.appId, entry);
    }
    entry.role = after.role;
    if (is === 'Scheduled') entry.waiting.add(after.id);
    else entry.provisioned += 1;
  }

  get(appId: AppId): AppQueue | undefined {
    return this.#entries.get(appId);
  }

  entries(): Iterable<AppQueue> {
    return this.#entries.values();
  }

  /** Whether any instance waits for an offer. */
  get hasWaiting(): boolean {
    for (const entry of this.#entries.values()) if (entry.waiting.size > 0) return true;
    return false;
  }

  /** Whether anything may be launched now, given an offer. */
  get hasLaunchable(): boolean {
    for (const entry of this.#entries.values()) if (this.#readyRecord(entry)) return true;
    return false;
  }

  /** Roles of what may be launched now: those of the definitions, which may have changed since the instances began to wait. */
  launchableRoles(): ReadonlySet<string> {
    const roles = new Set<string>();
    for (const entry of this.#entries.values()) {
      const record = this.#readyRecord(entry);
      if (record) roles.add(record.app.role);
    }
    return roles;
  }

  /** Entries that may be launched now, the one whose turn it is first, with their definitions. */
  launchable(): { readonly entry: AppQueue; readonly record: AppRecord }[] {
    const ready: { entry: AppQueue; record: AppRecord }[] = [];
    for (const entry of this.#entries.values()) {
      const record = this.#readyRecord(entry);
      if (record) ready.push({ entry, record });
    }
    return ready;
  }

  #readyRecord(entry: AppQueue): AppRecord | undefined {
    if (entry.waiting.size === 0) return undefined;
    const record = this.apps.get(entry.appId);
    return record && this.#allowedAtMs(record) === undefined ? record : undefined;
  }

  /** Had its turn: the others come first now. */
  rotate(appId: AppId): void {
    const entry = this.#entries.get(appId);
    if (!entry) return;
    this.#entries.delete(appId);
    this.#entries.set(appId, entry);
  }

  #allowedAtMs(record: AppRecord): number | undefined {
    const { app } = record;
    const state = this.#backoff.get(app.id);
    if (!state) return undefined;
    return launchAllowedAtMs(state, app, app.versionInfo.lastConfigChangeAt, this.clock.monotonicMs());
  }

  /** Milliseconds until the app may launch again, undefined when it may now. */
  backoffMs(appId: AppId): number | undefined {
    const record = this.apps.get(appId);
    const atMs = record && this.#allowedAtMs(record);
    return atMs === undefined ? undefined : atMs - this.clock.monotonicMs();
  }

  failed(appId: AppId): void {
    const app = this.apps.get(appId)?.app;
    if (!app) return;
    const key = app.versionInfo.lastConfigChangeAt;
    this.#backoff.set(appId, afterFailure(this.#backoff.get(appId), app, key, this.clock.monotonicMs()));
  }

  progressed(appId: AppId): void {
    const state = this.#backoff.get(appId);
    if (!state) return;
    const app = this.apps.get(appId)?.app;
    const next =
      app && afterProgress(state, app, app.versionInfo.lastConfigChangeAt, this.clock.monotonicMs());
    if (next) this.#backoff.set(appId, next);
    else this.#backoff.delete(appId);
  }

  /** True when there was a delay to forget. */
  resetBackoff(appId: AppId): boolean {
    return this.#backoff.delete(appId);
  }

  /** The entry as the queue resource shows it; `why` is composed by the caller. */
  show(entry: AppQueue, why: readonly string[]): QueueEntry {
    const backoffMs = this.backoffMs(entry.appId);
    return {
      appId: entry.appId,
      role: this.apps.get(entry.appId)?.app.role ?? entry.role,
      count: entry.count,
      since: entry.since,
      ...(backoffMs === undefined
        ? {}
        : { backoffUntil: timestamp(this.clock.wallMs() + Math.ceil(backoffMs)) }),
      processedOffers: entry.processedOffers,
      unusedOffers: entry.unusedOffers,
      ...(entry.lastUnusedOfferAt === undefined ? {} : { lastUnusedOfferAt: entry.lastUnusedOfferAt }),
      ...(entry.lastUsedOfferAt === undefined ? {} : { lastUsedOfferAt: entry.lastUsedOfferAt }),
      launchAttemptRefusals: { ...entry.refusalCounts },
      lastRefusals: [...entry.refusals.values()],
      why,
    };
  }
}
