import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { Steps } from '../../util/steps.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { AppId } from '../app.js';
import type { AppsView } from '../apps-view.js';
import { bareGroup, type GroupAfter, type GroupRecord, type GroupSnapshot } from '../group.js';
import { parentPath } from '../path.js';
import { sameGroup } from './complete-groups.js';
import type { GroupPart } from './group-update.js';
import {
  type AppAfter,
  type ChangeSettings,
  type Definition,
  groupAsMade,
  prepareTree,
  rollbackDefinition,
  scaledRecord,
} from './prepare-changes.js';
import type { PlacedGroup } from './structure.js';

/** All that a request about a group makes of apps and groups. */
export interface PreparedTree {
  /** The group that is asked about. */
  readonly groupId: string;
  readonly apps: readonly AppAfter[];
  readonly groups: readonly GroupAfter[];
}

/** Most instances that one app may have. */
const MAX_INSTANCES = 2_147_483_647;

/** What preparing rests on: what is wanted now, the settings, the version of the change. */
export interface PreparingAround {
  readonly view: AppsView;
  readonly settings: ChangeSettings;
  readonly version: Timestamp;
}

/**
 * The structural update (Marathon reference 1.8): where apps or groups of a group are given, they become exactly those;
 * what is left out of them is removed, with all in it; what is not mentioned stays. `definitions`: those of all apps in
 * `parts`, read ahead. Throws CatalogError `invalid-object`, `unsupported`.
 */
export function* prepareStructure(
  groupId: string,
  parts: readonly GroupPart[],
  definitions: readonly Definition[],
  { view, settings, version }: PreparingAround,
): Steps<PreparedTree> {
  const removed = new Set<AppId>();
  const groups: PlacedGroup[] = [];
  for (const { groupId: path, at, apps, groups: kept, ...wanted } of parts) {
    if (apps) {
      const staying = new Set<string>(apps.map(({ id }) => id));
      for (const appId of view.groups.appsOf(path)) if (!staying.has(appId)) removed.add(appId);
    }
    for (const child of kept ? view.groups.groupsOf(path) : []) {
      if (kept?.includes(child)) continue;
      for (const appId of view.groups.appsUnder(child)) removed.add(appId);
      for (const gone of view.groups.groupsFrom(child)) groups.push({ at, groupId: gone, after: undefined });
    }
    const { enforceRole } = view.groups.has(path)
      ? wanted
      : { ...groupAsMade(path, view, settings), ...wanted };
    const after = changedGroup(
      path,
      { ...wanted, ...(enforceRole !== undefined && { enforceRole }) },
      view,
      version,
    );
    if (after) groups.push({ at, groupId: path, after });
  }
  const kept = new Set(parts.map((part) => part.groupId));
  const apps = yield* prepareTree({ definitions, removed, groups, kept }, view, settings, version);
  checkRoles(parts, apps, view, settings);
  return { groupId, apps, groups };
}

/** The record of a group that is new or wanted otherwise than it is; undefined when nothing about it changes. */
function changedGroup(
  id: string,
  wanted: Pick<GroupPart, 'dependencies' | 'enforceRole'>,
  view: AppsView,
  version: Timestamp,
): GroupRecord | undefined {
  const current = view.groups.record(id) ?? (view.groups.has(id) ? bareGroup(id, version) : undefined);
  const { dependencies = current?.dependencies ?? [], enforceRole = current?.enforceRole ?? false } = wanted;
  const after = { id, dependencies, ...(enforceRole ? { enforceRole } : {}), version };
  return sameGroup(current, after) ? undefined : after;
}

/** Whether the role of a group may become what is asked: not beside changes of apps. */
function checkRoles(
  parts: readonly GroupPart[],
  apps: readonly AppAfter[],
  view: AppsView,
  settings: ChangeSettings,
): void {
  const turned = parts.filter(
    ({ groupId, enforceRole }) =>
      enforceRole !== undefined &&
      enforceRole !== (groupAsMade(groupId, view, settings)?.enforceRole ?? false),
  );
  if (turned.length === 0) return;
  if (apps.some(({ appId, after }) => view.get(appId) !== after)) {
    const text =
      'enforceRole cannot be modified in a request that adds, removes or modifies services; please make these changes in separate requests.';
    const details = turned.map(
      ({ at }): ErrorDetail => ({
        path: `${at}/enforceRole`,
        errors: [text],
        code: 'contradiction',
        hint: 'PATCH the group for its role alone.',
      }),
    );
    throw new CatalogError('invalid-object', {}, details);
  }
}

/** PATCH: whether apps in a top-level group run in its role. Throws CatalogError. */
export function prepareEnforceRole(
  groupId: string,
  enforceRole: boolean | undefined,
  { view, version }: PreparingAround,
): PreparedTree {
  if (!view.groups.has(groupId)) throw new CatalogError('group-not-found', { id: groupId });
  if (groupId === '/' || parentPath(groupId) !== '/') {
    throw new CatalogError('invalid-argument', {
      reason: 'Path needs to be top-level',
      hint: 'Only groups directly below the root have a role.',
    });
  }
  if (enforceRole === undefined) return { groupId, apps: [], groups: [] };
  const after = changedGroup(groupId, { enforceRole }, view, version);
  return { groupId, apps: [], groups: after ? [{ groupId, after }] : [] };
}

/** Every app in the group, however deep, gets so many times its instances, rounded up. Throws `group-not-found`. */
export function* prepareScale(
  groupId: string,
  by: number,
  { view, version }: Pick<PreparingAround, 'view' | 'version'>,
): Steps<PreparedTree> {
  if (!view.groups.has(groupId)) throw new CatalogError('group-not-found', { id: groupId });
  const apps: AppAfter[] = [];
  for (const appId of view.groups.appsUnder(groupId)) {
    const before = view.get(appId);
    if (!before) continue;
    const instances = Math.ceil(before.app.instances * by);
    if (instances > MAX_INSTANCES) {
      throw new CatalogError('invalid-argument', {
        reason: `${appId} would have ${instances} instances, expected ${MAX_INSTANCES} or less`,
        hint: 'Choose a smaller `scaleBy`.',
      });
    }
    apps.push({ appId, after: scaledRecord(before, instances, version) });
    yield;
  }
  return { groupId, apps, groups: [] };
}

/** The group is to be gone with all in it; of the root only what is in it. Throws `group-not-found`. */
export function* prepareRemoval(groupId: string, { view, version }: PreparingAround): Steps<PreparedTree> {
  if (!view.groups.has(groupId)) throw new CatalogError('group-not-found', { id: groupId });
  const apps = [...view.groups.appsUnder(groupId)].map((appId) => ({ appId, after: undefined }));
  yield;
  return {
    groupId,
    apps,
    groups: [...view.groups.groupsFrom(groupId)].flatMap((path): readonly GroupAfter[] => {
      if (path !== '/') return [{ groupId: path, after: undefined }];
      const after = changedGroup(path, { dependencies: [] }, view, version);
      return after ? [{ groupId: path, after }] : [];
    }),
  };
}

/** Definitions of the apps of a snapshot that are not as they were then, made one by one. */
export function* restoredDefinitions({ apps }: GroupSnapshot, view: AppsView): Iterable<Definition> {
  for (const [appId, record] of apps)
    if (view.get(appId)?.app.version !== record.app.version) yield rollbackDefinition(record, '', true);
}

/**
 * The group as it was: apps that have changed since are put back, those that came since are removed, those that went
 * come again; the rest is not touched. `definitions`: those read ahead. Throws CatalogError `invalid-object`.
 */
export function* prepareRestore(
  groupId: string,
  snapshot: GroupSnapshot,
  definitions: readonly Definition[],
  { view, settings, version }: PreparingAround,
): Steps<PreparedTree> {
  const ahead = new Map(definitions.map((definition) => [definition.id, definition]));
  const needed: Definition[] = [];
  for (const definition of restoredDefinitions(snapshot, view)) {
    needed.push(ahead.get(definition.id) ?? definition);
    yield;
  }
  const removed = new Set([...view.groups.appsUnder(groupId)].filter((appId) => !snapshot.apps.has(appId)));
  const groups: PlacedGroup[] = [];
  for (const path of view.groups.groupsFrom(groupId)) {
    if (!snapshot.groups.has(path)) groups.push({ at: '', groupId: path, after: undefined });
  }
  for (const [path, { dependencies, enforceRole = false }] of snapshot.groups) {
    const after = changedGroup(path, { dependencies, enforceRole }, view, version);
    if (after) groups.push({ at: '', groupId: path, after });
  }
  const apps = yield* prepareTree({ definitions: needed, removed, groups }, view, settings, version);
  return { groupId, apps, groups };
}
