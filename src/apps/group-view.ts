import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import { type AppHistory, versionAt } from './decide/app-history.js';
import { groupAt, livingSince } from './decide/group-past.js';
import { bareGroup, type GroupReadModel, type GroupRecord, type GroupSnapshot } from './group.js';
import type { GroupBook } from './group-book.js';
import type { GroupIndex } from './group-index.js';
import { ancestorPaths } from './path.js';
import type { RecentVersions } from './recent-versions.js';
import type { Tombstones } from './tombstones.js';

/** What the tree shows as the version of what never changed. */
const NEVER = '1970-01-01T00:00:00.000Z' as Timestamp;
/** Apps of a snapshot that are read in one turn of the event loop. */
const SNAPSHOT_SLICE = 64;

export interface GroupViewParts {
  /** Of what is durable. */
  readonly index: GroupIndex;
  readonly book: GroupBook;
  readonly recent: RecentVersions;
  readonly tombstones: Tombstones;
  readonly apps: {
    get(appId: AppId): AppRecord | undefined;
    /** Deleted apps included. */
    historyOf(appId: AppId): AppHistory;
    /** Any version still stored. */
    stored(appId: AppId, version: Timestamp): Promise<AppRecord | undefined>;
  };
}

/** The groups as readers see them: what is durable, now and at the versions kept. */
export class GroupView implements GroupReadModel {
  constructor(private readonly parts: GroupViewParts) {}

  get size(): number {
    return this.parts.index.size;
  }

  get(groupId: string): GroupRecord | undefined {
    const { index } = this.parts;
    if (!index.has(groupId)) return undefined;
    return index.record(groupId) ?? bareGroup(groupId, this.versionOf(groupId));
  }

  appsOf(groupId: string): readonly AppId[] {
    return this.parts.index.appsOf(groupId);
  }

  groupsOf(groupId: string): readonly string[] {
    return this.parts.index.groupsOf(groupId);
  }

  versionOf(groupId: string): Timestamp {
    return this.parts.recent.of(groupId)[0] ?? NEVER;
  }

  versions(groupId: string): readonly Timestamp[] | undefined {
    const { index, book, recent } = this.parts;
    if (!index.has(groupId)) return undefined;
    const past = book.pastOf(groupId);
    const from = [past.knownFrom, livingSince(past)]
      .filter((each) => each !== undefined)
      .sort()
      .at(-1);
    return recent.of(groupId).filter((version) => from === undefined || version >= from);
  }

  async at(groupId: string, version: Timestamp): Promise<GroupSnapshot | undefined> {
    if (!this.#isKnown(groupId, version)) return undefined;
    const { index, book, tombstones, apps } = this.parts;
    const below = groupId === '/' ? '/' : `${groupId}/`;
    const dead = [...tombstones.all()].filter(({ path }) => path === groupId || path.startsWith(below));
    const groups = new Map<string, GroupRecord>();
    for (const path of [...index.groupsFrom(groupId), ...pathsOf(dead, 'group')]) {
      const record = groupAt(book.pastOf(path), version);
      if (record) groups.set(path, record);
    }
    const records = new Map<AppId, AppRecord>();
    const candidates = new Set([...index.appsUnder(groupId), ...pathsOf(dead, 'app')] as AppId[]);
    let looked = 0;
    for (const appId of candidates) {
      if (++looked % SNAPSHOT_SLICE === 0) await new Promise<void>((next) => setImmediate(next));
      const then = versionAt(apps.historyOf(appId), version);
      if (then === undefined) continue;
      const current = apps.get(appId);
      const record = current?.app.version === then ? current : await apps.stored(appId, then);
      // Half a group must not pass for the whole: what is missing would be taken for deleted.
      if (!record) return undefined;
      records.set(appId, record);
    }
    for (const appId of records.keys()) addGroupsOf(appId, groupId, groups, version);
    if (groupId === '/' && !groups.has('/')) groups.set('/', bareGroup('/', version));
    return groups.has(groupId) ? { version, groups, apps: records } : undefined;
  }

  /** Whether all that happened in the group since `version` is known: some list around it reaches back so far. */
  #isKnown(groupId: string, version: Timestamp): boolean {
    const { book, recent } = this.parts;
    return [groupId, ...ancestorPaths(groupId), '/'].some((path) => {
      const oldest = recent.of(path).at(-1);
      const { knownFrom } = book.pastOf(path);
      return oldest !== undefined && oldest <= version && (knownFrom === undefined || knownFrom <= version);
    });
  }
}

function* pathsOf(
  tombstones: readonly { readonly kind: string; readonly path: string }[],
  kind: 'app' | 'group',
): Iterable<string> {
  for (const tombstone of tombstones) if (tombstone.kind === kind) yield tombstone.path;
}

/** Groups that have no record of their own exist through what lies in them. */
function addGroupsOf(appId: AppId, top: string, groups: Map<string, GroupRecord>, version: Timestamp): void {
  for (const path of ancestorPaths(appId)) {
    if (path !== top && !path.startsWith(top === '/' ? '/' : `${top}/`)) return;
    if (!groups.has(path)) groups.set(path, bareGroup(path, version));
  }
}
