import type { AppId, AppRecord } from '../apps/app.js';
import type { AppChange, AppRegistry } from '../apps/app-registry.js';
import { CatalogError } from '../errors/registry.js';
import type { InstanceReadModel } from '../scheduler/scheduler.js';
import { keys, type StoreWrite } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { type Timestamp, timestamp, type VersionSource } from '../util/timestamp.js';
import type { AppGroups } from './app-groups.js';
import type { AcceptedChange, Batch } from './change-queue.js';
import { type PlannedApp, sameRecord } from './decide/classify-change.js';
import { conflictingDeployments } from './decide/conflicts.js';
import { deadlineTerms } from './decide/deadline.js';
import { sortInstances } from './decide/instance-buckets.js';
import { planSteps } from './decide/plan.js';
import type { AcceptOptions, AppTransition, Deployment } from './deployment.js';
import { changedGroup } from './deployment-events.js';
import type { DeploymentRun } from './deployment-run.js';
import type { LockTable } from './lock-table.js';

/** A change as it is asked for. */
export interface WantedChange {
  readonly prepare: (
    version: Timestamp,
  ) => readonly { readonly appId: AppId; readonly after: AppRecord | undefined }[];
  readonly options: AcceptOptions;
  /** A rollback: this deployment is cancelled for it, in any case. */
  readonly revertOf?: string;
}

export interface AcceptanceSurroundings {
  readonly registry: AppRegistry;
  readonly instances: InstanceReadModel;
  readonly runs: ReadonlyMap<string, DeploymentRun>;
  readonly locks: LockTable;
  readonly groups: AppGroups;
  readonly versions: VersionSource;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly maxRunning: number;
  /** A change that was prepared is refused for a reason of ours; told before the error is thrown. */
  readonly refused: (groupId: string, version: Timestamp, error: CatalogError) => void;
}

/**
 * Checks one wanted change and lays out all that accepting it means: records, plan, cancelled plans, writes. Changes
 * nothing but freezing the deployments it cancels. Throws what `prepare` throws, `app-locked`, `too-many-deployments`,
 * `deployment-not-found`.
 */
export function acceptChange(
  wanted: WantedChange,
  batch: Batch,
  around: AcceptanceSurroundings,
): AcceptedChange | 'later' {
  const version = around.versions.next();
  const prepared = prepareOn(batch, () => wanted.prepare(version));
  if (prepared === 'later' || prepared.some(({ appId }) => batch.apps.has(appId))) return 'later';
  const changes = realChanges(prepared, around.registry);
  const id = around.dice.uuid();
  const groupId = changedGroup(prepared.map(({ appId }) => appId));
  const accepted = { deploymentId: id, version };
  const astray = appsAstray(prepared, changes, around);
  if (changes.length === 0 && astray.length === 0 && wanted.revertOf === undefined) {
    return { accepted, changes, writes: [], groupId, deployment: undefined, apps: [], cancels: [] };
  }
  const cancels = cancelledFor(wanted, changes, batch, around, { groupId, version });
  if (cancels === 'later') return 'later';

  const planned = plannedApps(changes, astray, cancels, around);
  const steps = planSteps({
    apps: planned,
    graph: {
      dependenciesOf: (appId) => recordIn(planned, batch, around.registry, appId)?.app.dependencies,
      appsUnder: (group) => appsUnder(planned, batch, around.groups, group),
    },
    ...(wanted.options.victims ? { victims: wanted.options.victims } : {}),
  });
  const transitions = transitionsOf(planned);
  const startedAt = timestamp(around.clock.wallMs());
  const deployment: Deployment | undefined =
    steps.length === 0
      ? undefined
      : {
          plan: {
            id,
            version,
            steps,
            transitions,
            ...(wanted.revertOf === undefined ? {} : { revertOf: wanted.revertOf }),
          },
          currentStep: 0,
          startedAt,
          phase: 'scheduled',
          ...deadlineTerms(transitions, startedAt),
        };
  const writes: StoreWrite[] = [
    ...around.registry.writesFor(changes),
    ...cancels.map((run) => ({ op: 'delete', key: keys.deployment(run.id) }) as const),
    ...(deployment ? [{ op: 'put', key: keys.deployment(id), value: deployment } as const] : []),
  ];
  for (const run of cancels) run.freeze();
  return { accepted, changes, writes, groupId, deployment, apps: [...planned.keys()], cancels };
}

/** Only stops a deployment: its record goes, nothing else changes. */
export function acceptCancellation(
  id: string,
  batch: Batch,
  around: Pick<AcceptanceSurroundings, 'runs'>,
): AcceptedChange | 'later' {
  if (batch.cancelled.has(id)) return 'later';
  const run = around.runs.get(id);
  if (!run) throw new CatalogError('deployment-not-found', { id });
  run.freeze();
  return {
    accepted: { deploymentId: id, version: run.plan.version },
    changes: [],
    writes: [{ op: 'delete', key: keys.deployment(id) }],
    groupId: undefined,
    deployment: undefined,
    apps: [],
    cancels: [run],
  };
}

/** A refusal must rest on what is durable, not on what this batch only hopes to make durable: then it is asked again. */
function prepareOn(
  batch: Batch,
  prepare: () => ReturnType<WantedChange['prepare']>,
): ReturnType<WantedChange['prepare']> | 'later' {
  try {
    return prepare();
  } catch (error) {
    if (batch.apps.size > 0) return 'later';
    throw error;
  }
}

/** Apps whose record stays the same are dropped. */
function realChanges(prepared: ReturnType<WantedChange['prepare']>, registry: AppRegistry): AppChange[] {
  const changes = new Map<AppId, AppChange>();
  for (const { appId, after } of prepared) {
    const before = registry.get(appId);
    if (sameRecord(before, after)) changes.delete(appId);
    else changes.set(appId, { appId, before, after });
  }
  return [...changes.values()];
}

/**
 * Apps that are asked to be just what they are wanted to be already, while their instances are not: a plan was stopped
 * half-way. Asking again brings them right. What a deployment holds is being brought right anyway.
 */
function appsAstray(
  prepared: ReturnType<WantedChange['prepare']>,
  changes: readonly AppChange[],
  { registry, instances, locks }: AcceptanceSurroundings,
): AppId[] {
  const changed = new Set(changes.map(({ appId }) => appId));
  return prepared.flatMap(({ appId }) => {
    const record = registry.get(appId);
    if (!record || changed.has(appId) || locks.holderOf(appId) !== undefined) return [];
    const { current, old } = sortInstances(record, instances.ofApp(appId));
    return old.length > 0 || current.length !== record.app.instances ? [appId] : [];
  });
}

/** Limit and locks. Answers the deployments that have to go for the change. */
function cancelledFor(
  { options, revertOf }: WantedChange,
  changes: readonly AppChange[],
  batch: Batch,
  around: AcceptanceSurroundings,
  { groupId, version }: { groupId: string; version: Timestamp },
): readonly DeploymentRun[] | 'later' {
  const conflicts = new Set(
    conflictingDeployments(
      changes.map(({ appId }) => appId),
      (appId) => around.locks.holderOf(appId),
    ),
  );
  if (revertOf !== undefined) conflicts.add(revertOf);
  for (const id of conflicts) if (batch.cancelled.has(id)) return 'later';
  if (revertOf !== undefined && !around.runs.has(revertOf))
    throw new CatalogError('deployment-not-found', { id: revertOf });
  const refuse = (error: CatalogError): never => {
    around.refused(groupId, version, error);
    throw error;
  };
  // A rollback takes the place of what it undoes; it must be possible also at the limit.
  if (revertOf === undefined && around.runs.size + batch.added >= around.maxRunning) {
    refuse(new CatalogError('too-many-deployments', { max: around.maxRunning }));
  }
  if (!options.force && conflicts.size > 0) {
    refuse(
      new CatalogError('app-locked', {}, undefined, { deployments: [...conflicts].map((id) => ({ id })) }),
    );
  }
  return [...conflicts].flatMap((id) => around.runs.get(id) ?? []);
}

/** The changed apps, and those that a plan left half-way or one that is cancelled leaves so: all come to their end now. */
function plannedApps(
  changes: readonly AppChange[],
  astray: readonly AppId[],
  cancels: readonly DeploymentRun[],
  { registry, instances }: AcceptanceSurroundings,
): Map<AppId, PlannedApp> {
  const unfinished = new Set([...astray, ...cancels.flatMap((run) => run.unfinishedApps())]);
  const planned = new Map<AppId, PlannedApp>();
  const add = (appId: AppId, before: AppRecord | undefined, after: AppRecord | undefined): void => {
    const continues = unfinished.has(appId);
    // Seen from what was wanted so far: a change of the definition itself is no mixture.
    const wanted = continues ? after : before;
    const mixed = wanted !== undefined && sortInstances(wanted, instances.ofApp(appId)).old.length > 0;
    planned.set(appId, { before, after, continues, mixed });
  };
  for (const { appId, before, after } of changes) add(appId, before, after);
  for (const appId of unfinished) {
    if (planned.has(appId)) continue;
    const record = registry.get(appId);
    add(appId, record, record);
  }
  return planned;
}

function transitionsOf(planned: ReadonlyMap<AppId, PlannedApp>): Record<AppId, AppTransition> {
  const transitions: Record<AppId, AppTransition> = {};
  for (const [appId, { before, after, continues }] of planned) {
    transitions[appId] = { before, after, ...(continues ? { continues } : {}) };
  }
  return transitions;
}

function recordIn(
  planned: ReadonlyMap<AppId, PlannedApp>,
  batch: Batch,
  registry: AppRegistry,
  appId: AppId,
): AppRecord | undefined {
  const own = planned.get(appId);
  if (own) return own.after;
  return batch.records.has(appId) ? batch.records.get(appId) : registry.get(appId);
}

function appsUnder(
  planned: ReadonlyMap<AppId, PlannedApp>,
  batch: Batch,
  groups: AppGroups,
  group: string,
): Iterable<AppId> {
  const members = new Set(groups.appsUnder(group));
  const prefix = group === '/' ? '/' : `${group}/`;
  for (const appId of planned.keys()) if (appId.startsWith(prefix)) members.add(appId);
  for (const appId of batch.records.keys()) if (appId.startsWith(prefix)) members.add(appId);
  return members;
}
