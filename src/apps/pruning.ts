import { keys, type StoreWrite } from '../store/state-store.js';
import type { Timestamp } from '../util/timestamp.js';
import type { AppId } from './app.js';
import type { Pruning } from './app-registry.js';
import type { GroupPast } from './decide/group-past.js';
import type { GroupBook } from './group-book.js';
import { ancestorPaths } from './path.js';
import type { RecentVersions } from './recent-versions.js';
import type { Tombstone, Tombstones } from './tombstones.js';

export interface PruningParts {
  readonly tombstones: Tombstones;
  readonly recent: RecentVersions;
  readonly book: GroupBook;
  readonly isStaged: (tombstone: Pick<Tombstone, 'kind' | 'path'>) => boolean;
  readonly versionsOf: (appId: AppId) => readonly Timestamp[];
  readonly forgetApp: (appId: AppId) => void;
}

/**
 * What may go of the past of deleted apps and groups: that which no listed version of a group around it shows, and the
 * oldest when there is too much of it; the groups around that then know when their past begins.
 */
export function pruning(parts: PruningParts): Pruning | undefined {
  const { tombstones, recent, book, isStaged } = parts;
  const isNeeded = ({ path, from, until }: Tombstone): boolean =>
    groupsAround(path).some((group) =>
      recent.of(group).some((version) => version < until && version >= from),
    );
  const isFree = (tombstone: Tombstone): boolean => !isStaged(tombstone);
  const evicted = tombstones
    .tooMany()
    .filter(
      (tombstone) =>
        isFree(tombstone) && !groupsAround(tombstone.path).some((path) => isStaged({ kind: 'group', path })),
    );
  const going = new Set([...evicted, ...tombstones.unneeded(isNeeded).filter(isFree)]);
  if (going.size === 0) return undefined;
  const pasts = cutPasts(evicted, book);
  return {
    writes: [
      ...[...going].flatMap((tombstone) => removalOf(tombstone, parts)),
      ...[...pasts].map(([path, past]): StoreWrite => ({ op: 'put', key: keys.group(path), value: past })),
    ],
    done: () => {
      for (const { kind, path } of going) {
        if (kind === 'app') parts.forgetApp(path as AppId);
        else book.forget(path);
      }
      for (const [path, past] of pasts) book.settlePast(path, past);
    },
  };
}

/** The past of every group around what is given up, cut off where that was deleted. */
function cutPasts(evicted: readonly Tombstone[], book: GroupBook): ReadonlyMap<string, GroupPast> {
  const from = new Map<string, Timestamp>();
  for (const { path, until } of evicted) {
    for (const group of groupsAround(path)) {
      const known = from.get(group);
      if (known === undefined || known < until) from.set(group, until);
    }
  }
  return new Map(
    [...from]
      .filter(([group]) => group === '/' || book.pastOf(group).moments[0]?.record !== undefined)
      .map(([group, until]) => [group, book.pastKnownFrom(group, until)]),
  );
}

function removalOf({ kind, path }: Tombstone, { versionsOf }: PruningParts): readonly StoreWrite[] {
  if (kind === 'group') return [{ op: 'delete', key: keys.group(path) }];
  const versions = versionsOf(path as AppId).map(
    (version): StoreWrite => ({ op: 'delete', key: keys.appVersion(path, version) }),
  );
  return [...versions, { op: 'delete', key: keys.appTombstone(path) }];
}

function groupsAround(path: string): readonly string[] {
  return [...ancestorPaths(path), '/'];
}
