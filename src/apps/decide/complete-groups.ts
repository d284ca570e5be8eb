import type { Timestamp } from '../../util/timestamp.js';
import type { AppChange } from '../app-registry.js';
import type { GroupsView } from '../apps-view.js';
import { bareGroup, enforcesWhenNew, type GroupAfter, type GroupChange, type GroupRecord } from '../group.js';
import { ancestorPaths } from '../path.js';
import { sameJson } from './canonical-json.js';

/**
 * All changes of groups that a request means: what it says of them; a record for every group around an app that comes or
 * goes, so that the group outlives the app; the end of the empty group whose path an app takes.
 */
export function completeGroups(
  apps: readonly AppChange[],
  wanted: readonly GroupAfter[],
  at: Timestamp,
  groups: GroupsView,
  newGroupsEnforceRole = false,
): readonly GroupChange[] {
  const changes = new Map<string, GroupChange>();
  for (const { groupId, after } of wanted) {
    const before = groups.record(groupId);
    changes.set(groupId, { groupId, before, after: sameGroup(before, after) ? before : after });
  }
  const newGroup = (path: string): GroupRecord => {
    const enforceRole = !groups.has(path) && enforcesWhenNew(path, newGroupsEnforceRole);
    return { ...bareGroup(path, at), ...(enforceRole && { enforceRole }) };
  };
  const give = (path: string): void => {
    if (!changes.has(path) && !groups.record(path))
      changes.set(path, {
        groupId: path,
        before: undefined,
        after: newGroup(path),
      });
  };
  for (const { groupId, after } of wanted) if (after) for (const path of ancestorPaths(groupId)) give(path);
  for (const { appId, before, after } of apps) {
    if (before && after) continue;
    const taken = after && groups.record(appId);
    if (taken && !changes.has(appId)) changes.set(appId, { groupId: appId, before: taken, after: undefined });
    for (const path of ancestorPaths(appId)) give(path);
  }
  return [...changes.values()].filter(({ before, after }) => before !== after);
}

/** Whether two records want the same of a group, whenever they were made. */
export function sameGroup(a: GroupRecord | undefined, b: GroupRecord | undefined): boolean {
  if (!a || !b) return a === b;
  const { version: _a, ...wantedOfA } = a;
  const { version: _b, ...wantedOfB } = b;
  return sameJson(
    { ...wantedOfA, dependencies: [...wantedOfA.dependencies].sort() },
    { ...wantedOfB, dependencies: [...wantedOfB.dependencies].sort() },
  );
}
