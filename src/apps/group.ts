import type { Timestamp } from '../util/timestamp.js';
import type { AppId, AppRecord } from './app.js';
import { parentPath } from './path.js';

/** What is wanted of a group itself; the apps and groups in it follow from their paths. Immutable. */
export interface GroupRecord {
  /** Absolute path; `/` for the root. */
  readonly id: string;
  /** Absolute paths of apps and groups. */
  readonly dependencies: readonly string[];
  /** Only of top-level groups: apps in it run in the group's role. */
  readonly enforceRole?: boolean;
  /** When the group itself changed last: created, or one of the fields above. */
  readonly version: Timestamp;
}

/** What a group shall become; undefined: it is to be gone. */
export interface GroupAfter {
  readonly groupId: string;
  readonly after: GroupRecord | undefined;
}

/** A change of one group, beside what it was. */
export interface GroupChange extends GroupAfter {
  readonly before: GroupRecord | undefined;
}

/** Read side of the groups: those with a record of their own, and those that lie on the way to an app. */
export interface GroupReadModel {
  /** How many groups there are, the root included. */
  readonly size?: number;
  /** Undefined when there is no such group. The root always is. */
  get(groupId: string): GroupRecord | undefined;
  /** Ids of the apps directly in the group, in alphabetical order. The list is a value: it never changes. */
  appsOf(groupId: string): readonly AppId[];
  /** Ids of the groups directly in the group, in alphabetical order. The list is a value: it never changes. */
  groupsOf(groupId: string): readonly string[];
  /** When anything in the group changed last, its apps and groups included. */
  versionOf(groupId: string): Timestamp;
  /** Versions that can be put back, newest first, bounded. Undefined when there is no such group. */
  versions(groupId: string): readonly Timestamp[] | undefined;
  /** The group and all in it as it was at `version`, listed or not; undefined when that is not known or it was not there. */
  at(groupId: string, version: Timestamp): Promise<GroupSnapshot | undefined>;
}

/** A group and everything in it as it was once. */
export interface GroupSnapshot {
  readonly version: Timestamp;
  /** The group itself and those below it, by path. */
  readonly groups: ReadonlyMap<string, GroupRecord>;
  /** Every app below it, by id. */
  readonly apps: ReadonlyMap<AppId, AppRecord>;
}

/** A group of which nothing is wanted but what lies in it. */
export function bareGroup(id: string, version: Timestamp): GroupRecord {
  return { id, dependencies: [], version };
}

/** Whether a group that is made now holds its apps to its role when nobody says so: only top-level ones have a role. */
export function enforcesWhenNew(id: string, newGroupsEnforceRole = false): boolean {
  return newGroupsEnforceRole && id !== '/' && parentPath(id) === '/';
}
