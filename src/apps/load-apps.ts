import type { Log } from '../logging/log.js';
import { type CorruptRecord, keys, type StateStore } from '../store/state-store.js';
import type { AppHistory } from './decide/app-history.js';
import { type GroupPast, readStoredGroup } from './decide/group-past.js';
import {
  newestVersion,
  readStoredApp,
  readStoredHistory,
  type StoredApp,
  type VersionFound,
} from './decide/stored-app.js';

/** Everything that the store keeps for the apps room. */
export interface LoadedApps {
  readonly apps: readonly StoredApp[];
  /** Apps that cannot be read, with the reason. */
  readonly setAside: Map<string, string>;
  /** The past of deleted apps. */
  readonly tombstones: ReadonlyMap<string, AppHistory>;
  /** Removed groups included. */
  readonly groups: ReadonlyMap<string, GroupPast>;
}

/** Reads the apps room's part of the store. What cannot be read is logged and never keeps anything else from loading. */
export async function loadApps(store: StateStore, log: Log): Promise<LoadedApps> {
  const apps: StoredApp[] = [];
  const setAside = new Map<string, string>();
  const read = await readAll(store, keys.app(''), readStoredApp);
  apps.push(...read.good.values());
  for (const [appId, problem] of read.bad) {
    const stored = newestVersion(await versionsOf(store, appId), appId);
    if (stored) {
      apps.push(stored);
      log.error('the record of an app cannot be read; the copy among its versions takes its place', {
        app: appId,
        problem,
      });
    } else {
      setAside.set(appId, problem);
      log.error('a stored app cannot be read; it is kept aside and its instances are not touched', {
        app: appId,
        problem,
      });
    }
  }
  const tombstones = await readAll(store, keys.appTombstone(''), readTombstone);
  for (const [app, problem] of tombstones.bad)
    log.warn('the past of a deleted app cannot be read; versions of its groups are put back without it', {
      app,
      problem,
    });
  const groups = await readAll(store, keys.group(''), readStoredGroup);
  for (const [group, problem] of groups.bad)
    log.error('what is stored of a group cannot be read; what lies in it is there all the same', {
      group,
      problem,
    });
  return {
    apps,
    setAside,
    tombstones: tombstones.good,
    groups: groups.good,
  };
}

async function readAll<T extends object>(
  store: StateStore,
  prefix: string,
  read: (value: unknown, id: string) => T | { readonly problem: string },
): Promise<{ good: Map<string, T>; bad: Map<string, string> }> {
  const good = new Map<string, T>();
  const bad = new Map<string, string>();
  const onCorrupt = ({ key, problem }: CorruptRecord): void =>
    void bad.set(key.slice(prefix.length), problem);
  for await (const { key, value } of store.scan(prefix, { onCorrupt })) {
    const id = key.slice(prefix.length);
    const item = read(value, id);
    if ('problem' in item) bad.set(id, item.problem);
    else good.set(id, item);
  }
  return { good, bad };
}

function readTombstone(value: unknown): AppHistory | { readonly problem: string } {
  const history = readStoredHistory(value);
  if ('problem' in history) return history;
  const [last] = history.turns;
  return last && last.version === undefined ? history : { problem: 'it does not end in a deletion' };
}

async function versionsOf(store: StateStore, appId: string): Promise<readonly VersionFound[]> {
  const prefix = keys.appVersion(appId, '');
  const found: VersionFound[] = [];
  const onCorrupt = ({ key }: CorruptRecord): void =>
    void found.push({ version: key.slice(prefix.length), value: undefined });
  for await (const { key, value } of store.scan(prefix, { onCorrupt })) {
    found.push({ version: key.slice(prefix.length), value });
  }
  return found;
}
