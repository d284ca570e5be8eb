import type { Log } from '../logging/log.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import type { AppChange, AppRegistry, Pruning, TreeChange } from './app-registry.js';
import type { AppsView } from './apps-view.js';
import {
  type AppHistory,
  firstMoment,
  historyAfter,
  livingVersions,
  momentsOf,
  neededPast,
  noHistory,
} from './decide/app-history.js';
import { completeGroups } from './decide/complete-groups.js';
import { servicePortsOf } from './decide/service-ports.js';
import { readStoredRecord } from './decide/stored-app.js';
import type { GroupAfter, GroupChange, GroupReadModel, GroupRecord } from './group.js';
import { GroupBook } from './group-book.js';
import { GroupIndex } from './group-index.js';
import { GroupView } from './group-view.js';
import { type LoadedApps, loadApps } from './load-apps.js';
import { ancestorPaths } from './path.js';
import { pruning } from './pruning.js';
import { RecentVersions } from './recent-versions.js';
import { type PortRange, ServicePortIndex } from './service-port-index.js';
import { StagedMap } from './staged-map.js';
import { Tombstones } from './tombstones.js';

/** What is known of one app. `dropped`: versions that this state gave up, deleted in the batch that makes it durable. */
interface Entry extends AppHistory {
  /** Undefined: the app is deleted. */
  readonly record: AppRecord | undefined;
  readonly dropped: readonly Timestamp[];
}

type ChangeListener = (changes: readonly AppChange[]) => void;

export interface AppRegistryDependencies {
  readonly store: StateStore;
  readonly servicePorts: PortRange;
  readonly log: Log;
}

/**
 * What is wanted, in memory, beside the store.
 *
 * INVARIANTS
 * - Readers see durable changes only; `prospect` also sees those staged for the batch in the making.
 * - Service ports and groups follow the prospect; every change costs the same however many apps there are.
 * - Staged changes of one app end in the order in which they were staged (`apply`) or the other way round (`unstage`).
 * - What a listed version of a group needs of a deleted app stays stored.
 */
export class AppRegistryImpl implements AppRegistry {
  readonly #store: StateStore;
  readonly #log: Log;
  readonly #durable = new Map<AppId, Entry>();
  /** The past of deleted apps; each has a tombstone. */
  readonly #buried = new Map<AppId, AppHistory>();
  readonly #staged = new StagedMap<AppId, Entry>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #durableTree = new GroupIndex();
  readonly #prospectTree = new GroupIndex();
  readonly #recent = new RecentVersions((group) => this.#durableTree.has(group));
  readonly #tombstones = new Tombstones();
  readonly #book: GroupBook;
  readonly #servicePorts: ServicePortIndex;
  #setAside: Map<string, string> = new Map();

  /** What preparing a change reads. */
  readonly prospect: AppsView;
  readonly groups: GroupReadModel;

  constructor({ store, servicePorts, log }: AppRegistryDependencies) {
    this.#store = store;
    this.#log = log;
    this.#servicePorts = new ServicePortIndex(servicePorts);
    this.#book = new GroupBook({
      durable: this.#durableTree,
      prospect: this.#prospectTree,
      recent: this.#recent,
      tombstones: this.#tombstones,
    });
    this.prospect = {
      get: (appId) => this.#prospective(appId).record,
      groups: this.#prospectTree,
      servicePorts: this.#servicePorts,
    };
    this.groups = new GroupView({
      index: this.#durableTree,
      book: this.#book,
      recent: this.#recent,
      tombstones: this.#tombstones,
      apps: {
        get: (appId) => this.get(appId),
        historyOf: (appId) => this.#durable.get(appId) ?? this.#buried.get(appId) ?? noHistory,
        stored: (appId, version) => this.#stored(appId, version),
      },
    });
  }

  /**
   * Reads every app and group from the store, once, before anything else. An app whose record cannot be read is taken
   * from the copy that lies among its versions; when that cannot be read either, it is kept aside. Both are logged.
   */
  async load(): Promise<void> {
    assert(this.#durable.size === 0, 'the registry is loaded once, before any change');
    const loaded = await loadApps(this.#store, this.#log);
    this.#setAside = loaded.setAside;
    for (const { record, ...history } of loaded.apps) {
      this.#durable.set(record.app.id, { record, ...history, dropped: [] });
      this.#durableTree.add(record.app.id);
      this.#index(undefined, record);
    }
    for (const [groupId, past] of loaded.groups) this.#book.load(groupId, past);
    this.#loadPast(loaded);
    this.#log.info('apps loaded', { apps: this.#durable.size, keptAside: this.#setAside.size });
  }

  #loadPast({ tombstones, groups }: LoadedApps): void {
    const buried = [...tombstones].map(([appId, history]) => appTombstone(appId as AppId, history));
    for (const [appId, history] of tombstones) this.#buried.set(appId as AppId, history);
    for (const [path, { moments }] of groups) {
      const [present] = moments;
      const from = moments.at(-1)?.at;
      if (present && from && !present.record)
        buried.push({ kind: 'group', path, from, until: present.at, weight: 1 });
      for (const { at } of moments) this.#recent.add(path, at);
      if (this.#durableTree.has(path)) for (const { at } of moments) this.#recent.addTo(path, at);
    }
    for (const tombstone of buried.sort((a, b) => (a.until < b.until ? -1 : 1)))
      this.#tombstones.add(tombstone);
    for (const [appId, history] of [...this.#durable, ...tombstones])
      for (const { at } of momentsOf(history)) this.#recent.add(appId, at);
  }

  get(appId: AppId): AppRecord | undefined {
    return this.#durable.get(appId)?.record;
  }

  *all(): Iterable<AppRecord> {
    for (const { record } of this.#durable.values()) if (record) yield record;
  }

  get size(): number {
    return this.#durable.size;
  }

  /** Stored apps that could not be read, with the reason. A new app of that id takes the place of one. */
  get setAside(): ReadonlyMap<string, string> {
    return this.#setAside;
  }

  /** Whether the app is stored but could not be read: it is not deleted, only unknown. */
  isSetAside(appId: AppId): boolean {
    return this.#setAside.has(appId);
  }

  versions(appId: AppId): readonly Timestamp[] | undefined {
    const entry = this.#durable.get(appId);
    return entry && livingVersions(entry);
  }

  async version(appId: AppId, version: Timestamp): Promise<AppRecord | undefined> {
    const entry = this.#durable.get(appId);
    if (!entry) return undefined;
    if (entry.record?.app.version === version) return entry.record;
    return livingVersions(entry).includes(version) ? this.#stored(appId, version) : undefined;
  }

  async #stored(appId: AppId, version: Timestamp): Promise<AppRecord | undefined> {
    const value = await this.#store.get(keys.appVersion(appId, version));
    if (value === undefined) return undefined;
    const record = readStoredRecord(value, appId);
    if (!('problem' in record)) return record;
    this.#log.warn('a stored version of an app cannot be read', {
      app: appId,
      version,
      problem: record.problem,
    });
    return undefined;
  }

  writesFor(changes: readonly AppChange[], tree?: TreeChange): readonly StoreWrite[] {
    return [
      ...changes.flatMap((change) => this.#appWrites(change, tree?.at)),
      ...(tree ? this.#book.writesFor(tree.groups, tree.at) : []),
    ];
  }

  #appWrites(change: AppChange, at: Timestamp | undefined): readonly StoreWrite[] {
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

  completeGroups(
    apps: readonly AppChange[],
    wanted: readonly GroupAfter[],
    at: Timestamp,
  ): readonly GroupChange[] {
    return completeGroups(apps, wanted, at, this.#prospectTree);
  }

  prospectiveGroup(groupId: string): GroupRecord | undefined {
    return this.#prospectTree.record(groupId);
  }

  stage(changes: readonly AppChange[], tree?: TreeChange): void {
    for (const change of changes) {
      const before = this.#prospective(change.appId).record;
      const entry = this.#entryAfter(change, tree?.at);
      this.#staged.push(change.appId, entry);
      this.#index(before, entry.record);
    }
    if (tree) this.#book.stage(tree.groups, tree.at);
  }

  unstage(changes: readonly AppChange[], tree?: TreeChange): void {
    for (const { appId, after } of [...changes].reverse()) {
      const entry = this.#staged.takeBack(appId);
      assert(entry && entry.record === after, `the change of ${appId} taken back is the last one staged`);
      this.#index(entry.record, this.#prospective(appId).record);
    }
    if (tree) this.#book.unstage(tree.groups);
  }

  apply(changes: readonly AppChange[], tree?: TreeChange): void {
    for (const change of changes) {
      const { appId, after } = change;
      const staged = this.#staged.settle(appId);
      assert(!staged || staged.record === after, `the change of ${appId} applied is the first one staged`);
      const entry = staged ?? this.#entryAfter(change, tree?.at);
      if (!staged) this.#index(this.get(appId), entry.record);
      if (after) this.#durableTree.add(appId);
      else this.#durableTree.remove(appId);
      this.#settle(appId, entry);
    }
    if (tree) this.#book.apply(tree.groups, tree.at);
    this.#remember(changes, tree);
    if (changes.length > 0) this.#tell(changes);
  }

  #remember(changes: readonly AppChange[], tree: TreeChange | undefined): void {
    for (const { appId, after } of changes) {
      const at = tree?.at ?? after?.app.version;
      if (at !== undefined) this.#recent.add(appId, at);
    }
    for (const { groupId, after } of tree?.groups ?? []) {
      if (!tree) continue;
      this.#recent.add(groupId, tree.at);
      if (after) this.#recent.addTo(groupId, tree.at);
    }
  }

  #tell(changes: readonly AppChange[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(changes);
      } catch (error) {
        this.#log.error('a listener of app changes failed; the others are told all the same', { error });
      }
    }
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  prune(): Pruning | undefined {
    return pruning({
      tombstones: this.#tombstones,
      recent: this.#recent,
      book: this.#book,
      isStaged: ({ kind, path }) =>
        kind === 'app' ? this.#staged.has(path as AppId) : this.#book.isStaged(path),
      versionsOf: (appId) => this.#buried.get(appId)?.versions ?? [],
      forgetApp: (appId) => {
        this.#buried.delete(appId);
        this.#tombstones.remove('app', appId);
      },
    });
  }

  #prospective(appId: AppId): Entry {
    const known = this.#staged.newest(appId) ?? this.#durable.get(appId);
    return known ?? { record: undefined, ...(this.#buried.get(appId) ?? noHistory), dropped: [] };
  }

  #entryAfter({ appId, after }: AppChange, at: Timestamp | undefined): Entry {
    const known = this.#prospective(appId);
    if (after) {
      const { version } = after.app;
      return { record: after, ...historyAfter(known, version, at ?? version) };
    }
    if (at === undefined) return { record: undefined, ...noHistory, dropped: known.versions };
    const listed = new Set(['/', ...ancestorPaths(appId)].flatMap((group) => this.#recent.of(group)));
    // What the listed versions do not tell: those of changes in this very batch.
    const last = momentsOf(known)[0];
    if (last) listed.add(last.at);
    const { dropped, ...whole } = historyAfter(known, undefined, at);
    const needed = neededPast(whole, listed);
    return { record: undefined, ...needed, dropped: [...dropped, ...needed.dropped] };
  }

  #settle(appId: AppId, { record, versions, turns }: Entry): void {
    const history = { versions, turns };
    this.#tombstones.remove('app', appId);
    if (record) {
      this.#durable.set(appId, { record, ...history, dropped: [] });
      this.#buried.delete(appId);
      this.#setAside.delete(appId);
      return;
    }
    this.#durable.delete(appId);
    if (turns.length === 0) return;
    this.#buried.set(appId, history);
    this.#tombstones.add(appTombstone(appId, history));
  }

  /** Ports and the tree as the next `prepare` sees them. */
  #index(before: AppRecord | undefined, after: AppRecord | undefined): void {
    if (before === after) return;
    if (before) this.#servicePorts.remove(servicePortsOf(before.app));
    if (after) this.#servicePorts.add(servicePortsOf(after.app));
    if (before && !after) this.#prospectTree.remove(before.app.id);
    if (after && !before) this.#prospectTree.add(after.app.id);
  }
}

function appTombstone(path: AppId, history: AppHistory): Parameters<Tombstones['add']>[0] {
  const until = history.turns[0]?.at ?? history.versions[0];
  assert(until !== undefined, `the tombstone of ${path} says when it was deleted`);
  const from = firstMoment(history) ?? until;
  return { kind: 'app', path, from, until, weight: Math.max(1, history.versions.length) };
}
