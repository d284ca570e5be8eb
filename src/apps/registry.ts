import type { Log } from '../logging/log.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import { AppBook } from './app-book.js';
import type { AppChange, AppRegistry, Pruning, TreeChange } from './app-registry.js';
import type { AppsView } from './apps-view.js';
import { livingVersions, momentsOf } from './decide/app-history.js';
import { completeGroups } from './decide/complete-groups.js';
import { servicePortsOf } from './decide/service-ports.js';
import { readStoredRecord } from './decide/stored-app.js';
import type { GroupAfter, GroupChange, GroupReadModel, GroupRecord } from './group.js';
import { GroupBook } from './group-book.js';
import { GroupIndex } from './group-index.js';
import { GroupView } from './group-view.js';
import { type LoadedApps, loadApps } from './load-apps.js';
import { pruning } from './pruning.js';
import { RecentVersions } from './recent-versions.js';
import { RouteClaimIndex } from './route-claim-index.js';
import { type PortRange, ServicePortIndex } from './service-port-index.js';
import { Tombstones } from './tombstones.js';

type ChangeListener = (changes: readonly AppChange[]) => void;

export interface AppRegistryDependencies {
  readonly store: StateStore;
  readonly servicePorts: PortRange;
  readonly log: Log;
  /** New top-level groups hold their apps to their role. */
  readonly newGroupsEnforceRole?: boolean;
}

/**
 * What is wanted, in memory, beside the store.
 *
 * INVARIANTS
 * - Readers see durable changes only; `prospect` also sees those staged for the batch in the making.
 * - Service ports, claims to routes and groups follow the prospect; every change costs the same however many apps there are.
 * - Staged changes of one app end in the order in which they were staged (`apply`) or the other way round (`unstage`).
 * - What a listed version of a group needs of a deleted app stays stored.
 */
export class AppRegistryImpl implements AppRegistry {
  readonly #store: StateStore;
  readonly #log: Log;
  readonly #newGroupsEnforceRole: boolean;
  readonly #listeners = new Set<ChangeListener>();
  readonly #durableTree = new GroupIndex();
  readonly #prospectTree = new GroupIndex();
  readonly #recent = new RecentVersions((group) => this.#durableTree.has(group));
  readonly #tombstones = new Tombstones();
  readonly #apps = new AppBook({ recent: this.#recent, tombstones: this.#tombstones });
  readonly #groupBook: GroupBook;
  readonly #servicePorts: ServicePortIndex;
  readonly routeClaims = new RouteClaimIndex();
  #setAside: Map<string, string> = new Map();

  /** What preparing a change reads. */
  readonly prospect: AppsView;
  readonly groups: GroupReadModel;

  constructor({ store, servicePorts, log, newGroupsEnforceRole = false }: AppRegistryDependencies) {
    this.#store = store;
    this.#newGroupsEnforceRole = newGroupsEnforceRole;
    this.#log = log;
    this.#servicePorts = new ServicePortIndex(servicePorts);
    this.#groupBook = new GroupBook({
      durable: this.#durableTree,
      prospect: this.#prospectTree,
      recent: this.#recent,
      tombstones: this.#tombstones,
    });
    this.prospect = {
      get: (appId) => this.#apps.prospective(appId).record,
      groups: this.#prospectTree,
      servicePorts: this.#servicePorts,
      routeClaims: this.routeClaims,
    };
    this.groups = new GroupView({
      index: this.#durableTree,
      book: this.#groupBook,
      recent: this.#recent,
      tombstones: this.#tombstones,
      apps: {
        get: (appId) => this.get(appId),
        historyOf: (appId) => this.#apps.historyOf(appId),
        stored: (appId, version) => this.#stored(appId, version),
      },
    });
  }

  /**
   * Reads every app and group from the store, once, before anything else. An app whose record cannot be read is taken
   * from the copy that lies among its versions; when that cannot be read either, it is kept aside. Both are logged.
   */
  async load(): Promise<void> {
    assert(this.#apps.size === 0, 'the registry is loaded once, before any change');
    const loaded = await loadApps(this.#store, this.#log);
    this.#setAside = loaded.setAside;
    for (const { record, ...history } of loaded.apps) {
      this.#apps.load(record, history);
      this.#durableTree.add(record.app.id);
      this.#index(undefined, record);
    }
    for (const [groupId, past] of loaded.groups) this.#groupBook.load(groupId, past);
    this.#loadPast(loaded);
    this.#log.info('apps loaded', { apps: this.#apps.size, keptAside: this.#setAside.size });
  }

  #loadPast({ tombstones, groups }: LoadedApps): void {
    const buried = [...tombstones].map(([id, history]) => this.#apps.loadBuried(id as AppId, history));
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
    for (const [appId, history] of this.#apps.histories())
      for (const { at } of momentsOf(history)) this.#recent.add(appId, at);
  }

  get(appId: AppId): AppRecord | undefined {
    return this.#apps.get(appId)?.record;
  }

  all(): Iterable<AppRecord> {
    return this.#apps.records();
  }

  get size(): number {
    return this.#apps.size;
  }

  /** Stored apps that could not be read, with the reason. A new app of that id takes the place of one. */
  get setAside(): ReadonlyMap<string, string> {
    return this.#setAside;
  }

  /** Whether the app is stored but could not be read: it is not deleted, only unknown. */
  isSetAside(appId: AppId): boolean {
    return this.#setAside.has(appId);
  }

  /** Whether anything is known or kept of the app: it is there, cannot be read, or was deleted and not forgotten yet. */
  remembers(appId: AppId): boolean {
    return (
      this.#apps.get(appId) !== undefined ||
      this.isSetAside(appId) ||
      this.#tombstones.get('app', appId) !== undefined
    );
  }

  versions(appId: AppId): readonly Timestamp[] | undefined {
    const entry = this.#apps.get(appId);
    return entry && livingVersions(entry);
  }

  async version(appId: AppId, version: Timestamp): Promise<AppRecord | undefined> {
    const entry = this.#apps.get(appId);
    if (!entry) return undefined;
    if (entry.record.app.version === version) return entry.record;
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
      ...changes.flatMap((change) => this.#apps.writesFor(change, tree?.at)),
      ...(tree ? this.#groupBook.writesFor(tree.groups, tree.at) : []),
    ];
  }

  completeGroups(
    apps: readonly AppChange[],
    wanted: readonly GroupAfter[],
    at: Timestamp,
  ): readonly GroupChange[] {
    return completeGroups(apps, wanted, at, this.#prospectTree, this.#newGroupsEnforceRole);
  }

  prospectiveGroup(groupId: string): GroupRecord | undefined {
    return this.#prospectTree.record(groupId);
  }

  stage(changes: readonly AppChange[], tree?: TreeChange): void {
    for (const change of changes) {
      const before = this.#apps.prospective(change.appId).record;
      this.#apps.stage(change, tree?.at);
      this.#index(before, change.after);
    }
    if (tree) this.#groupBook.stage(tree.groups, tree.at);
  }

  unstage(changes: readonly AppChange[], tree?: TreeChange): void {
    for (const change of [...changes].reverse()) {
      this.#apps.unstage(change);
      this.#index(change.after, this.#apps.prospective(change.appId).record);
    }
    if (tree) this.#groupBook.unstage(tree.groups);
  }

  apply(changes: readonly AppChange[], tree?: TreeChange): void {
    for (const change of changes) {
      const { appId, after } = change;
      const before = this.get(appId);
      const wasStaged = this.#apps.settle(change, tree?.at);
      if (!wasStaged) this.#index(before, after);
      if (after) {
        this.#durableTree.add(appId);
        this.#setAside.delete(appId);
      } else this.#durableTree.remove(appId);
    }
    if (tree) this.#groupBook.apply(tree.groups, tree.at);
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
      book: this.#groupBook,
      isStaged: ({ kind, path }) =>
        kind === 'app' ? this.#apps.isStaged(path as AppId) : this.#groupBook.isStaged(path),
      versionsOf: (appId) => this.#apps.historyOf(appId).versions,
      forgetApp: (appId) => this.#apps.forget(appId),
    });
  }

  /** Ports, claims and the tree as the next `prepare` sees them. */
  #index(before: AppRecord | undefined, after: AppRecord | undefined): void {
    if (before === after) return;
    if (before) {
      this.#servicePorts.remove(servicePortsOf(before.app));
      this.routeClaims.remove(before);
    }
    if (after) {
      this.#servicePorts.add(servicePortsOf(after.app));
      this.routeClaims.add(after);
    }
    if (before && !after) this.#prospectTree.remove(before.app.id);
    if (after && !before) this.#prospectTree.add(after.app.id);
  }
}
