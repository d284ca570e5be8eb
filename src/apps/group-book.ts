import { keys, type StoreWrite } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Timestamp } from '../util/timestamp.js';
import { type GroupPast, groupPastAfter, noPast } from './decide/group-past.js';
import { bareGroup, type GroupChange, type GroupRecord } from './group.js';
import type { GroupIndex } from './group-index.js';
import type { RecentVersions } from './recent-versions.js';
import { StagedMap } from './staged-map.js';
import type { Tombstones } from './tombstones.js';

export interface GroupBookParts {
  /** Follows what is durable. */
  readonly durable: GroupIndex;
  /** Follows what is staged, too. */
  readonly prospect: GroupIndex;
  readonly recent: RecentVersions;
  readonly tombstones: Tombstones;
}

/** What is wanted of groups themselves, and their past; the same rules as for apps (registry.ts). */
export class GroupBook {
  readonly #pasts = new Map<string, GroupPast>();
  readonly #staged = new StagedMap<string, GroupPast>();

  constructor(private readonly parts: GroupBookParts) {}

  load(groupId: string, past: GroupPast): void {
    this.#pasts.set(groupId, past);
    const { record } = past.moments[0] ?? {};
    if (!record) return;
    this.parts.durable.put(record);
    this.parts.prospect.put(record);
  }

  /** What is known of a group, removed ones included. */
  pastOf(groupId: string): GroupPast {
    return this.#pasts.get(groupId) ?? noPast;
  }

  all(): Iterable<[string, GroupPast]> {
    return this.#pasts;
  }

  isStaged(groupId: string): boolean {
    return this.#staged.has(groupId);
  }

  writesFor(changes: readonly GroupChange[], at: Timestamp): readonly StoreWrite[] {
    return changes.map((change) => {
      const staged = this.#staged.find(
        change.groupId,
        ({ moments: [present] }) => present?.record === change.after && present?.at === at,
      );
      return { op: 'put', key: keys.group(change.groupId), value: staged ?? this.#pastAfter(change, at) };
    });
  }

  stage(changes: readonly GroupChange[], at: Timestamp): void {
    for (const change of changes) {
      this.#staged.push(change.groupId, this.#pastAfter(change, at));
      show(this.parts.prospect, change.groupId, change.after);
    }
  }

  unstage(changes: readonly GroupChange[]): void {
    for (const { groupId, after } of [...changes].reverse()) {
      const past = this.#staged.takeBack(groupId);
      assert(
        past?.moments[0]?.record === after,
        `the change of group ${groupId} taken back is the last one staged`,
      );
      show(this.parts.prospect, groupId, this.#prospective(groupId).moments[0]?.record);
    }
  }

  apply(changes: readonly GroupChange[], at: Timestamp): void {
    for (const change of changes) {
      const { groupId, after } = change;
      const past = this.#staged.settle(groupId) ?? this.#pastAfter(change, at);
      assert(
        past.moments[0]?.record === after,
        `the change of group ${groupId} applied is the first one staged`,
      );
      this.#pasts.set(groupId, past);
      if (!this.#staged.has(groupId)) show(this.parts.prospect, groupId, after);
      show(this.parts.durable, groupId, after);
      this.#bury(groupId, past);
    }
  }

  /** Remembers what is loaded of removed groups; living ones have no tombstone. */
  #bury(groupId: string, past: GroupPast): void {
    const { recent, tombstones } = this.parts;
    const [present] = past.moments;
    if (!present || present.record) {
      tombstones.remove('group', groupId);
      return;
    }
    recent.forget(groupId);
    const from = past.moments.at(-1)?.at ?? present.at;
    tombstones.add({ kind: 'group', path: groupId, from, until: present.at, weight: 1 });
  }

  /** Nothing needs the past of a removed group any more. */
  forget(groupId: string): void {
    this.#pasts.delete(groupId);
    this.parts.tombstones.remove('group', groupId);
  }

  /** The past of `groupId` once the time before `from` is no longer known whole. */
  pastKnownFrom(groupId: string, from: Timestamp): GroupPast {
    const past = this.pastOf(groupId);
    const moments = past.moments.length > 0 ? past.moments : [{ at: from, record: bareGroup(groupId, from) }];
    return { ...past, moments, knownFrom: past.knownFrom && past.knownFrom > from ? past.knownFrom : from };
  }

  /** Replaces a past by what `pastKnownFrom` gave, now durable. */
  settlePast(groupId: string, past: GroupPast): void {
    this.#pasts.set(groupId, past);
  }

  #prospective(groupId: string): GroupPast {
    return this.#staged.newest(groupId) ?? this.pastOf(groupId);
  }

  #pastAfter({ groupId, after }: GroupChange, at: Timestamp): GroupPast {
    return groupPastAfter(this.#prospective(groupId), after, at);
  }
}

function show(index: GroupIndex, groupId: string, record: GroupRecord | undefined): void {
  if (record) index.put(record);
  else index.clear(groupId);
}
