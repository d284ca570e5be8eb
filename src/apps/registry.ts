import type { Log } from '../logging/log.js';
import { type CorruptRecord, keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import type { AppChange, AppRegistry } from './app-registry.js';
import type { AppsView } from './apps-view.js';
import {
  newestVersion,
  readStoredApp,
  readStoredRecord,
  type StoredApp,
  type VersionFound,
  versionsWith,
} from './decide/stored-app.js';
import { GroupIndex } from './group-index.js';
import { type PortRange, ServicePortIndex } from './service-port-index.js';

/** What is known of one app. `dropped`: versions that this state gave up, deleted in the batch that makes it durable. */
interface Entry {
  readonly record: AppRecord | undefined;
  readonly versions: readonly Timestamp[];
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
 */
export class AppRegistryImpl implements AppRegistry {
  readonly #store: StateStore;
  readonly #log: Log;
  readonly #durable = new Map<AppId, Entry>();
  /** Per app, oldest first; absent when nothing is staged. */
  readonly #staged = new Map<AppId, Entry[]>();
  readonly #setAside = new Map<string, string>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #groups = new GroupIndex();
  readonly #servicePorts: ServicePortIndex;

  /** What preparing a change reads. */
  readonly prospect: AppsView;

  constructor({ store, servicePorts, log }: AppRegistryDependencies) {
    this.#store = store;
    this.#log = log;
    this.#servicePorts = new ServicePortIndex(servicePorts);
    this.prospect = {
      get: (appId) => this.#prospective(appId)?.record,
      groups: this.#groups,
      servicePorts: this.#servicePorts,
    };
  }

  /**
   * Reads every app from the store, once, before anything else. An app whose record cannot be read is taken from the copy
   * that lies among its versions; when that cannot be read either, it is kept aside. Both are logged.
   */
  async load(): Promise<void> {
    assert(this.#durable.size === 0, 'the registry is loaded once, before any change');
    const prefix = keys.app('');
    const unreadable = new Map<string, string>();
    const onCorrupt = ({ key, problem }: CorruptRecord): void =>
      void unreadable.set(key.slice(prefix.length), problem);
    for await (const { key, value } of this.#store.scan(prefix, { onCorrupt })) {
      const appId = key.slice(prefix.length);
      const stored = readStoredApp(value, appId);
      if ('problem' in stored) unreadable.set(appId, stored.problem);
      else this.#loaded(stored);
    }
    for (const [appId, problem] of unreadable) await this.#loadFromVersions(appId, problem);
    this.#log.info('apps loaded', { apps: this.#durable.size, keptAside: this.#setAside.size });
  }

  #loaded({ record, versions }: StoredApp): void {
    this.#durable.set(record.app.id, { record, versions, dropped: [] });
    this.#index(undefined, record);
  }

  async #loadFromVersions(appId: string, problem: string): Promise<void> {
    const prefix = keys.appVersion(appId, '');
    const found: VersionFound[] = [];
    const onCorrupt = ({ key }: CorruptRecord): void =>
      void found.push({ version: key.slice(prefix.length), value: undefined });
    for await (const { key, value } of this.#store.scan(prefix, { onCorrupt })) {
      found.push({ version: key.slice(prefix.length), value });
    }
    const stored = newestVersion(found, appId);
    if (stored) {
      this.#loaded(stored);
      this.#log.error('the record of an app cannot be read; the copy among its versions takes its place', {
        app: appId,
        problem,
      });
      return;
    }
    this.#setAside.set(appId, problem);
    this.#log.error('a stored app cannot be read; it is kept aside and its instances are not touched', {
      app: appId,
      problem,
    });
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
    return this.#durable.get(appId)?.versions;
  }

  async version(appId: AppId, version: Timestamp): Promise<AppRecord | undefined> {
    const entry = this.#durable.get(appId);
    if (!entry) return undefined;
    if (entry.record?.app.version === version) return entry.record;
    if (!entry.versions.includes(version)) return undefined;
    const value = await this.#store.get(keys.appVersion(appId, version));
    if (value === undefined) return undefined;
    const record = readStoredRecord(value, appId);
    if ('problem' in record) {
      this.#log.warn('a stored version of an app cannot be read', {
        app: appId,
        version,
        problem: record.problem,
      });
      return undefined;
    }
    return record;
  }

  writesFor(changes: readonly AppChange[]): readonly StoreWrite[] {
    return changes.flatMap((change) => {
      const { appId, after } = change;
      const staged = this.#staged.get(appId)?.find(({ record }) => record === after);
      const { versions, dropped } = staged ?? this.#entryAfter(change);
      const drops = dropped.map(
        (version): StoreWrite => ({ op: 'delete', key: keys.appVersion(appId, version) }),
      );
      if (!after) return [...drops, { op: 'delete', key: keys.app(appId) }];
      return [
        ...drops,
        { op: 'put', key: keys.appVersion(appId, after.app.version), value: after },
        { op: 'put', key: keys.app(appId), value: { record: after, versions } },
      ];
    });
  }

  stage(changes: readonly AppChange[]): void {
    for (const change of changes) {
      const before = this.#prospective(change.appId)?.record;
      const entry = this.#entryAfter(change);
      const staged = this.#staged.get(change.appId);
      if (staged) staged.push(entry);
      else this.#staged.set(change.appId, [entry]);
      this.#index(before, entry.record);
    }
  }

  unstage(changes: readonly AppChange[]): void {
    for (const { appId, after } of [...changes].reverse()) {
      const staged = this.#staged.get(appId);
      const entry = staged?.pop();
      assert(
        staged && entry && entry.record === after,
        `the change of ${appId} taken back is the last one staged`,
      );
      if (staged.length === 0) this.#staged.delete(appId);
      this.#index(entry.record, this.#prospective(appId)?.record);
    }
  }

  apply(changes: readonly AppChange[]): void {
    for (const change of changes) {
      const staged = this.#staged.get(change.appId);
      if (staged) {
        const entry = staged.shift();
        assert(
          entry && entry.record === change.after,
          `the change of ${change.appId} applied is the first one staged`,
        );
        if (staged.length === 0) this.#staged.delete(change.appId);
        this.#settle(change.appId, entry);
      } else {
        const entry = this.#entryAfter(change);
        this.#index(this.#durable.get(change.appId)?.record, entry.record);
        this.#settle(change.appId, entry);
      }
    }
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

  #prospective(appId: AppId): Entry | undefined {
    return this.#staged.get(appId)?.at(-1) ?? this.#durable.get(appId);
  }

  #entryAfter({ appId, after }: AppChange): Entry {
    const known = this.#prospective(appId)?.versions ?? [];
    if (!after) return { record: undefined, versions: [], dropped: known };
    const { kept, dropped } = versionsWith(known, after.app.version);
    return { record: after, versions: kept, dropped };
  }

  #settle(appId: AppId, entry: Entry): void {
    if (entry.record) {
      this.#durable.set(appId, { ...entry, dropped: [] });
      this.#setAside.delete(appId);
    } else this.#durable.delete(appId);
  }

  #index(before: AppRecord | undefined, after: AppRecord | undefined): void {
    if (before === after) return;
    if (before) this.#servicePorts.remove(portsOf(before));
    if (after) this.#servicePorts.add(portsOf(after));
    if (before && !after) this.#groups.remove(before.app.id);
    if (after && !before) this.#groups.add(after.app.id);
  }
}

function portsOf({ app }: AppRecord): readonly number[] {
  return app.portDefinitions.map(({ port }) => port);
}
