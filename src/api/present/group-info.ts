import type { AppId, AppRecord } from '../../apps/app.js';
import type { GroupReadModel, GroupRecord, GroupSnapshot } from '../../apps/group.js';
import { parentPath } from '../../apps/path.js';
import type { Access } from '../../auth/access.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { GroupEmbeds } from '../decide/group-embeds.js';
import { appInfoPieces } from './app-info.js';

/** The tree that is shown: as it is, or as it was. */
export interface ShownTree {
  group(groupId: string): GroupRecord | undefined;
  appsOf(groupId: string): Iterable<AppRecord>;
  groupsOf(groupId: string): Iterable<string>;
  versionOf(groupId: string): Timestamp;
}

/** The tree as it is. Lists are taken when a group is reached; what is gone by the time it is written is left out. */
export function presentTree(
  groups: GroupReadModel,
  app: (appId: AppId) => AppRecord | undefined,
  access: Pick<Access, 'sees' | 'seesGroup'>,
): ShownTree {
  return {
    group: (groupId) => groups.get(groupId),
    *appsOf(groupId) {
      for (const appId of groups.appsOf(groupId)) {
        const record = access.sees(appId) ? app(appId) : undefined;
        if (record) yield record;
      }
    },
    groupsOf: (groupId) => groups.groupsOf(groupId).filter((path) => access.seesGroup(path)),
    versionOf: (groupId) => groups.versionOf(groupId),
  };
}

/** The tree as it was. */
export function pastTree({ version, groups, apps }: GroupSnapshot): ShownTree {
  const appsOf = new Map<string, AppRecord[]>();
  const groupsOf = new Map<string, string[]>();
  for (const [appId, record] of [...apps].sort(([a], [b]) => (a < b ? -1 : 1)))
    addTo(appsOf, parentPath(appId), record);
  for (const path of [...groups.keys()].sort()) if (path !== '/') addTo(groupsOf, parentPath(path), path);
  return {
    group: (groupId) => groups.get(groupId),
    appsOf: (groupId) => appsOf.get(groupId) ?? [],
    groupsOf: (groupId) => groupsOf.get(groupId) ?? [],
    versionOf: () => version,
  };
}

function addTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

type InfoContext = Parameters<typeof appInfoPieces>[0];

/** A group and what lies in it, sorted by path, as pieces of JSON text: the tree is written in slices. */
export function* groupInfoPieces(
  context: InfoContext,
  tree: ShownTree,
  groupId: string,
  embeds: GroupEmbeds,
): Generator<string> {
  const record = tree.group(groupId);
  if (!record) return;
  const { dependencies, enforceRole = false } = record;
  yield `{"id":${JSON.stringify(groupId)},"dependencies":${JSON.stringify(dependencies)},"version":"${tree.versionOf(groupId)}"`;
  if (groupId !== '/' && parentPath(groupId) === '/') yield `,"enforceRole":${enforceRole}`;
  if (embeds.apps) {
    yield ',"apps":[';
    yield* separated(mapped(tree.appsOf(groupId), (app) => appInfoPieces(context, app, embeds.ofApps)));
    yield ']';
  }
  if (embeds.pods) yield ',"pods":[]';
  if (embeds.groups) {
    yield ',"groups":[';
    const existing = mapped(tree.groupsOf(groupId), (path) =>
      tree.group(path) ? groupInfoPieces(context, tree, path, embeds) : undefined,
    );
    yield* separated(existing);
    yield ']';
  }
  yield '}';
}

/** Every app in a group, however deep: first its own in order, then those of the groups in it. */
export function* appsBelow(tree: ShownTree, groupId: string): Generator<AppRecord> {
  yield* tree.appsOf(groupId);
  for (const path of tree.groupsOf(groupId)) yield* appsBelow(tree, path);
}

function* mapped<T, Result>(items: Iterable<T>, map: (item: T) => Result): Generator<Result> {
  for (const item of items) yield map(item);
}

function* separated(items: Iterable<Iterable<string> | undefined>): Generator<string> {
  let isFirst = true;
  for (const item of items) {
    if (!item) continue;
    if (!isFirst) yield ',';
    isFirst = false;
    yield* item;
  }
}
