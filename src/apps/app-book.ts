import { keys, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import type { AppChange } from './app-registry.js';
import {
  type AppHistory,
  firstMoment,
  historyAfter,
  momentsOf,
  neededPast,
  noHistory,
} from './decide/app-history.js';
import { ancestorPaths } from './path.js';
import type { RecentVersions } from './recent-versions.js';
import { StagedMap } from './staged-map.js';
import type { Tombstone, Tombstones } from './tombstones.js';

/** What is known of one app. `dropped`: versions that this state gave up, deleted in the batch that makes it durable. */
export interface AppEntry extends AppHistory {
  /** Undefined: the app is deleted, or never was. */
  readonly record: AppRecord | undefined;
  readonly dropped: readonly Timestamp[];
}

export interface AppBookParts {
  readonly recent: RecentVersions;
  readonly tombstones: Tombstones;
}

/**
 * Every app's record and past: what is durable, beside it what is staged (registry.ts). A change without `at` deletes
 * without a trace.
 */
export class AppBook {
  readonly #durable = new Map<AppId, AppEntry & { readonly record: AppRecord }>();
  /** The past of deleted apps; each has a tombstone. */
  readonly #buried = new Map<AppId, AppHistory>();
  readonly #staged = new StagedMap<AppId, AppEntry>();

  constructor(private readonly parts: AppBookParts) {}

  load(record: AppRecord, history: AppHistory): void {
    this.#durable.set(record.app.id, { record, ...history, dropped: [] });
  }

  /** The past of a deleted app. Answers its tombstone, to be added in the order of deletions. */
  loadBuried(appId: AppId, history: AppHistory): Tombstone {
    this.#buried.set(appId, history);
    return tombstoneOf(appId, history);
  }

  get size(): number {
    return this.#durable.size;
  }

  /** What is durable of an app that is there. */
  get(appId: AppId): (AppHistory & { readonly record: AppRecord }) | undefined {
    return this.#durable.get(appId);
  }

  *records(): Iterable<AppRecord> {
    for (const { record } of this.#durable.values()) yield record;
  }

  /** The durable past of an app, a deleted one included. */
  historyOf(appId: AppId): AppHistory {
    return this.#durable.get(appId) ?? this.#buried.get(appId) ?? noHistory;
  }

  /** The past of everything known, deleted apps included. */
  *histories(): Iterable<[AppId, AppHistory]> {
    yield* this.#durable;
    yield* this.#buried;
  }

  /** The app as the next change finds it: what is staged last, or what is durable. */
  prospective(appId: AppId): AppEntry {
    const known = this.#staged.newest(appId) ?? this.#durable.get(appId);
    return known ?? { record: undefined, ...this.historyOf(appId), dropped: [] };
  }

  isStaged(appId: AppId): boolean {
    return this.#staged.has(appId);
  }

  writesFor(change: AppChange, at: Timestamp | undefined): readonly StoreWrite[] {
    const { appId, after } = change;
    const staged = this.#staged.find(appId, ({ record }) => record === after);
    const { versions, turns, dropped } = staged ?? this.#entryAfter(change, at);
    const history: Partial<AppHistory> = turns.length > 0 ? { versions, turns } : { versions };
    const drops = dropped.map(
      (version): StoreWrite => ({ op: 'delete', key: keys.appVersion(appId, version) }),
    );
    if (!after) {
      const stone: StoreWrite[] =
        turns.length > 0 ? [{ op: 'put', key: keys.appTombstone(appId), value: history }] : [];
      return [...drops, ...stone, { op: 'delete', key: keys.app(appId) }];
    }
    return [
      ...drops,
      ...(this.#buried.has(appId) ? [{ op: 'delete', key: keys.appTombstone(appId) } as const] : []),
      { op: 'put', key: keys.appVersion(appId, after.app.version), value: after },
      { op: 'put', key: keys.app(appId), value: { record: after, ...history } },
    ];
  }

  stage(change: AppChange, at: Timestamp | undefined): void {
    this.#staged.push(change.appId, this.#entryAfter(change, at));
  }

  unstage({ appId, after }: AppChange): void {
    const entry = this.#staged.takeBack(appId);
    assert(entry && entry.record === after, `the change of ${appId} taken back is the last one staged`);
  }

  /** The change is durable. Answers whether it was staged before. */
  settle(change: AppChange, at: Timestamp | undefined): boolean {
    const { appId, after } = change;
    const staged = this.#staged.settle(appId);
    assert(!staged || staged.record === after, `the change of ${appId} applied is the first one staged`);
    const { record, versions, turns } = staged ?? this.#entryAfter(change, at);
    const history = { versions, turns };
    this.parts.tombstones.remove('app', appId);
    if (record) {
      this.#durable.set(appId, { record, ...history, dropped: [] });
      this.#buried.delete(appId);
    } else {
      this.#durable.delete(appId);
      if (turns.length > 0) this.parts.tombstones.add(this.loadBuried(appId, history));
    }
    return staged !== undefined;
  }

  /** Nothing needs the past of a deleted app any more. */
  forget(appId: AppId): void {
    this.#buried.delete(appId);
    this.parts.tombstones.remove('app', appId);
  }

  #entryAfter({ appId, after }: AppChange, at: Timestamp | undefined): AppEntry {
    const known = this.prospective(appId);
    if (after) {
      const { version } = after.app;
      return { record: after, ...historyAfter(known, version, at ?? version) };
    }
    if (at === undefined) return { record: undefined, ...noHistory, dropped: known.versions };
    const listed = new Set(['/', ...ancestorPaths(appId)].flatMap((group) => this.parts.recent.of(group)));
    // What the listed versions do not tell: those of changes in this very batch.
    const last = momentsOf(known)[0];
    if (last) listed.add(last.at);
    const { dropped, ...whole } = historyAfter(known, undefined, at);
    const needed = neededPast(whole, listed);
    return { record: undefined, ...needed, dropped: [...dropped, ...needed.dropped] };
  }
}

function tombstoneOf(path: AppId, history: AppHistory): Tombstone {
  const until = history.turns[0]?.at;
  assert(until !== undefined, `the tombstone of ${path} says when it was deleted`);
  const from = firstMoment(history) ?? until;
  return { kind: 'app', path, from, until, weight: Math.max(1, history.versions.length) };
}
