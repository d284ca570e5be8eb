import { CatalogError } from '../../errors/registry.js';
import { finish, type Steps } from '../../util/steps.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { AppId, AppRecord } from '../app.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import type { AppsView } from '../apps-view.js';
import { enforcesWhenNew } from '../group.js';
import { presentApp } from '../present-app.js';
import { withRolesOf } from './app-roles.js';
import { sameJson } from './canonical-json.js';
import { versionRequest } from './merge-app.js';
import { fieldsOfDraft, nextRecord, restartedRecord } from './next-record.js';
import { prefixed, readDefinition } from './read-definition.js';
import { checkRouteConflicts } from './route-conflicts.js';
import { assignServicePorts, type PortsOfApp, servicePortsOf } from './service-ports.js';
import { checkStructure, type PlacedGroup, type PlacedRecord } from './structure.js';
import { versionsAfter } from './versions.js';

/** What one app shall become. */
export interface AppAfter {
  readonly appId: AppId;
  readonly after: AppRecord | undefined;
}

export interface ChangeSettings extends DefinitionSettings {
  readonly restartOnAnyChange: boolean;
  /** What becomes of an app that claims what another one has; absent: it is refused. */
  readonly routeConflicts?: 'reject' | 'warn';
}

/** One definition of a request, of the right shape and with its place known. */
export interface Definition {
  /** Absolute, but perhaps not a legal id yet. */
  readonly id: string;
  readonly input: AppInput;
  /** Prefix of the paths in findings. */
  readonly at: string;
  /** `create`: it must not exist; `merge`: into what is there; `replace`: all of it. */
  readonly mode: 'create' | 'merge' | 'replace';
  /** Whether `merge` and `replace` may create it. */
  readonly mayCreate: boolean;
  /** The stored version that is put back; `input` is its definition then. */
  readonly source?: AppRecord;
  /** What reading it ahead gave; good as long as the app is still what it was then. */
  readonly ahead?: Pick<Read, 'draft' | 'before'>;
}

/** As `prepareTree`, when only apps are created and changed; all at once. */
export function prepareDefinitions(
  definitions: readonly Definition[],
  view: AppsView,
  settings: ChangeSettings,
  version: Timestamp,
): readonly AppAfter[] {
  return finish(prepareTree({ definitions, removed: new Set(), groups: [] }, view, settings, version));
}

/** All that a request says of apps and groups. */
export interface TreeDefinitions {
  readonly definitions: readonly Definition[];
  /** Apps that are to be gone; none of `definitions`. */
  readonly removed: ReadonlySet<AppId>;
  readonly groups: readonly PlacedGroup[];
  /** Groups that are named as they are. */
  readonly kept?: ReadonlySet<string>;
}

/**
 * The records that a request makes, all or none: read, normalised, validated, with service ports, versions and launch
 * hashes; the removed ones after them. Pure; throws CatalogError. An app that does not change keeps its very record. A
 * step per app: `view` must not change between them.
 */
export function* prepareTree(
  { definitions, removed, groups, kept = new Set() }: TreeDefinitions,
  view: AppsView,
  settings: ChangeSettings,
  version: Timestamp,
): Steps<readonly AppAfter[]> {
  const read: Read[] = [];
  for (const definition of definitions) {
    read.push(readOne(definition, view, settings));
    yield;
  }
  const choice = view.servicePorts.choose();
  for (const { draft } of read) choice.reserve(servicePortsOf(draft));
  const records: PlacedRecord[] = [];
  for (const { definition, draft, before } of read) {
    const ports = assignServicePorts(draft, before?.app, choice);
    const fields = fieldsOfDraft(draft, ports);
    const { source } = definition;
    const explicitPorts = source ? source.explicitPorts : isExplicit(definition, draft, before);
    const restartedAt = (source ?? before)?.restartedAt;
    const next = { fields, explicitPorts, restartedAt, ...(source ? { source } : {}) };
    const after = nextRecord(before, next, version, settings.restartOnAnyChange);
    records.push({ at: definition.at, before, after });
    yield;
  }
  yield* checkStructure({ records, removed, groups, kept }, view);
  if (view.routeClaims)
    yield* checkRouteConflicts(records, removed, view.routeClaims, settings.routeConflicts ?? 'reject');
  return [
    ...records.map(({ after }) => ({ appId: after.app.id, after })),
    ...[...removed].map((appId) => ({ appId, after: undefined })),
  ];
}

/** A definition read, beside the app as it was. */
interface Read {
  readonly definition: Definition;
  readonly draft: AppDraft;
  readonly before: AppRecord | undefined;
}

/**
 * Reads, normalises and validates one definition before its turn, so that a bulk request can be cut into slices. The
 * result is the same definition; throws what preparing it would.
 */
export function readAhead(definition: Definition, view: AppsView, settings: DefinitionSettings): Definition {
  return { ...definition, ahead: readOne(definition, view, settings) };
}

function readOne(definition: Definition, view: AppsView, settings: DefinitionSettings): Read {
  const { id, input, at, mode, mayCreate, ahead } = definition;
  const before = view.get(id as AppId);
  if (ahead && ahead.before === before) return { definition, ...ahead };
  if (!before && !mayCreate) throw new CatalogError('app-not-found', { id });
  if (mode === 'merge' && versionRequest(input, before?.app.version).kind === 'contradiction' && before) {
    throw new CatalogError('invalid-object', {}, [
      {
        path: prefixed(at, '/version'),
        errors: ["The 'version' field may only be combined with the 'id' field."],
        code: 'contradiction',
        hint: 'Leave `version` out to change the app, or everything else out to roll back to that version.',
      },
    ]);
  }
  const draft = readDefinition(
    input,
    id,
    {
      current: mode === 'merge' ? before?.app : undefined,
      before: before?.app,
      source: definition.source?.app,
      at,
    },
    withRolesOf(settings, id, before?.app.role, (groupId) => groupAsMade(groupId, view, settings)),
  );
  if (before && mode === 'create') throw new CatalogError('app-exists', { id });
  return { definition, draft, before };
}

/** The record of a group, or what it will be when an app in it makes it. */
export function groupAsMade(
  groupId: string,
  { groups }: AppsView,
  { newGroupsEnforceRole }: Pick<DefinitionSettings, 'newGroupsEnforceRole'>,
): { readonly enforceRole?: boolean } | undefined {
  if (groups.has(groupId)) return groups.record(groupId);
  return { enforceRole: enforcesWhenNew(groupId, newGroupsEnforceRole) };
}

/**
 * Whether the author wants these ports: he gave some that are not merely the echo of what is there. Without any in a
 * partial update, what was so stays so.
 */
function isExplicit({ input, mode }: Definition, draft: AppDraft, before: AppRecord | undefined): boolean {
  const { container } = input;
  const mappings = container?.portMappings ?? container?.docker?.portMappings;
  if (!(input.portDefinitions ?? input.ports ?? mappings))
    return mode === 'merge' && (before?.explicitPorts ?? false);
  return before !== undefined && samePorts(before.app, draft) ? before.explicitPorts : true;
}

function samePorts(before: PortsOfApp, after: PortsOfApp): boolean {
  return (
    sameJson(before.portDefinitions, after.portDefinitions) &&
    sameJson(before.container?.portMappings, after.container?.portMappings)
  );
}

/** Every instance anew. Throws `app-not-found`. */
export function prepareRestart(
  appId: AppId,
  view: AppsView,
  settings: ChangeSettings,
  version: Timestamp,
): readonly AppAfter[] {
  return [{ appId, after: restartedRecord(existing(appId, view), version, settings.restartOnAnyChange) }];
}

/** The app is to be gone. Throws `app-not-found`. */
export function prepareDelete(appId: AppId, view: AppsView): readonly AppAfter[] {
  existing(appId, view);
  return [{ appId, after: undefined }];
}

/** So many instances fewer, by app; never fewer than none. Throws `app-not-found`. */
export function prepareScaleDown(
  fewer: ReadonlyMap<AppId, number>,
  view: AppsView,
  version: Timestamp,
): readonly AppAfter[] {
  return [...fewer].map(([appId, count]) => {
    const before = existing(appId, view);
    return {
      appId,
      after: scaledRecord(before, Math.max(0, before.app.instances - count), version),
    };
  });
}

/** The record with another number of instances; the very same when it has it already. Nothing else is looked at. */
export function scaledRecord(before: AppRecord, instances: number, version: Timestamp): AppRecord {
  const { app } = before;
  if (instances === app.instances) return before;
  return { ...before, app: { ...app, instances, ...versionsAfter('scaled', app, true, version) } };
}

/** The definition that puts a stored version back. */
export function rollbackDefinition(source: AppRecord, at: string, mayCreate = false): Definition {
  return { id: source.app.id, input: presentApp(source.app), at, mode: 'replace', mayCreate, source };
}

function existing(appId: AppId, view: AppsView): AppRecord {
  const record = view.get(appId);
  if (!record) throw new CatalogError('app-not-found', { id: appId });
  return record;
}
