import type { AppId, AppRecord } from '../apps/app.js';
import type { AppChange, AppRegistry, TreeChange } from '../apps/app-registry.js';
import { CatalogError } from '../errors/registry.js';
import { cohortsOfApp } from '../scheduler/cohort.js';
import type { InstanceReadModel } from '../scheduler/scheduler.js';
import { keys, type StoreWrite } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { finish, type Steps, type Stepwise } from '../util/steps.js';
import { type Timestamp, timestamp, type VersionSource } from '../util/timestamp.js';
import type { AppGroups } from './app-groups.js';
import { type AcceptedChange, type Batch, emptyBatch } from './change-queue.js';
import { deploymentSteps } from './change-steps.js';
import { type PlannedApp, sameRecord } from './decide/classify-change.js';
import { conflictingDeployments } from './decide/conflicts.js';
import { deadlineTerms } from './decide/deadline.js';
import { countOf, sortCohorts } from './decide/instance-buckets.js';
import type {
  AcceptOptions,
  AppTransition,
  ChangeAuthor,
  ChangePreview,
  Deployment,
  DeploymentMemory,
  PreparedChange,
} from './deployment.js';
import { changedGroup } from './deployment-events.js';
import type { DeploymentRun } from './deployment-run.js';
import type { LockTable } from './lock-table.js';

/** A change as it is asked for. */
export interface WantedChange {
  readonly prepare: Stepwise<Timestamp, PreparedChange>;
  /** What it was prepared for ahead of its turn; without it, the next there is. */
  readonly version?: Timestamp;
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
  readonly memory?: DeploymentMemory;
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
  return finish(acceptInSteps(wanted, batch, around));
}

/**
 * As `acceptChange`, with others having their turn between the steps: nothing of what is wanted may change meanwhile.
 * What it cancels is frozen from the moment on in which it was found, and thawed when it throws.
 */
export function* acceptInSteps(
  wanted: WantedChange,
  batch: Batch,
  around: AcceptanceSurroundings,
): Steps<AcceptedChange | 'later'> {
  if (wanted.options.alone && (batch.apps.size > 0 || batch.groups.size > 0)) return 'later';
  const version = wanted.version ?? around.versions.next();
  const prepared = prepareOn(batch, () => wanted.prepare(version));
  if (prepared === 'later' || prepared.apps.some(({ appId }) => batch.apps.has(appId))) return 'later';
  const changes = yield* realChanges(prepared, around.registry);
  const tree = treeChange(prepared, changes, version, around.registry);
  yield;
  if (tree.groups.some(({ groupId }) => batch.groups.has(groupId))) return 'later';
  const id = around.dice.uuid();
  const groupId = prepared.groupId ?? changedGroup(prepared.apps.map(({ appId }) => appId));
  const accepted = { deploymentId: id, version };
  const astray = yield* appsAstray(prepared, changes, around);
  const isNothing = changes.length === 0 && tree.groups.length === 0 && astray.length === 0;
  if (isNothing && wanted.revertOf === undefined) {
    return { accepted, changes, tree, writes: [], groupId, deployment: undefined, apps: [], cancels: [] };
  }
  const cancels = cancelledFor(wanted, changes, batch, around, { groupId, version });
  if (cancels === 'later') return 'later';
  const laidOut = { id, groupId, accepted, changes, tree, astray, cancels };
  for (const run of cancels) run.freeze();
  try {
    return yield* layOut(laidOut, wanted, batch, around);
  } catch (error) {
    for (const run of cancels) run.thaw();
    throw error;
  }
}

/** A change that nothing stands in the way of. */
type FreeChange = Pick<AcceptedChange, 'accepted' | 'changes' | 'tree' | 'cancels'> & {
  readonly id: string;
  readonly groupId: string;
  readonly astray: readonly AppId[];
};

/** The plan and the writes. Throws `too-many-deployments`. */
function* layOut(
  { id, groupId, accepted, changes, tree, astray, cancels }: FreeChange,
  wanted: WantedChange,
  batch: Batch,
  around: AcceptanceSurroundings,
): Steps<AcceptedChange> {
  const { version } = accepted;
  const planned = yield* plannedApps(changes, astray, cancels, around);
  const steps = yield* deploymentSteps(planned, tree, batch, around, wanted.options);
  // What applies in place needs none of the places that there are for deployments.
  if (steps.length > 0) checkRoom(wanted, batch, cancels.length, around, { groupId, version });
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
            ...(tree.groups.length > 0 ? { groups: tree.groups } : {}),
            ...(wanted.revertOf === undefined ? {} : { revertOf: wanted.revertOf }),
          },
          currentStep: 0,
          startedAt,
          phase: 'scheduled',
          ...deadlineTerms(transitions, startedAt),
          ...(wanted.options.by === undefined ? {} : { by: wanted.options.by }),
        };
  const parts = planned.size;
  const writes: StoreWrite[] = [
    ...(yield* recordWrites(changes, tree, around.registry)),
    ...cancels.map((run) => ({ op: 'delete', key: keys.deployment(run.id) }) as const),
    ...(deployment ? [{ op: 'put', key: keys.deployment(id), value: deployment, parts } as const] : []),
    ...cancels.flatMap((run) => rememberForcedOut(run, id, wanted)),
    ...(deployment ? [] : rememberAtOnce({ id, version, transitions, startedAt }, wanted, around)),
  ];
  return { accepted, changes, tree, writes, groupId, deployment, apps: [...planned.keys()], cancels };
}

/** What a change would do if nothing locked its apps, in steps as the change. Changes nothing. Throws what `prepare` throws. */
export function* previewChange(
  prepare: WantedChange['prepare'],
  around: AcceptanceSurroundings,
): Steps<ChangePreview> {
  const version = around.versions.next();
  const prepared = prepare.inSteps ? yield* prepare.inSteps(version) : prepare(version);
  const changes = yield* realChanges(prepared, around.registry);
  const tree = treeChange(prepared, changes, version, around.registry);
  yield;
  const astray = yield* appsAstray(prepared, changes, around);
  const planned = yield* plannedApps(changes, astray, [], around);
  return { version, steps: yield* deploymentSteps(planned, tree, emptyBatch(), around, {}) };
}

/** Only stops a deployment: its record goes, nothing else changes. */
export function acceptCancellation(
  id: string,
  batch: Batch,
  around: Pick<AcceptanceSurroundings, 'runs'>,
  by?: ChangeAuthor,
): AcceptedChange | 'later' {
  if (batch.cancelled.has(id)) return 'later';
  const run = around.runs.get(id);
  if (!run) throw new CatalogError('deployment-not-found', { id });
  run.freeze();
  return {
    accepted: { deploymentId: id, version: run.plan.version },
    changes: [],
    tree: { at: run.plan.version, groups: [] },
    writes: [
      { op: 'delete', key: keys.deployment(id) },
      ...run.rememberEnd('cancelled', `stopped where it was${asked(by)}`),
    ],
    groupId: undefined,
    deployment: undefined,
    apps: [],
    cancels: [run],
  };
}

/** How the deployments end that a change forces out. */
function rememberForcedOut(
  run: DeploymentRun,
  id: string,
  { revertOf, options: { by } }: WantedChange,
): readonly StoreWrite[] {
  if (revertOf !== run.id) return run.rememberEnd('cancelled', `forced out by deployment ${id}${asked(by)}`);
  const { overdue, deadline } = run.deployment;
  // Nobody asked for it: it was undone for being late.
  if (overdue && by === undefined)
    return run.rememberEnd('failed', `overdue since ${deadline}; rolled back by deployment ${id}`);
  return run.rememberEnd('rolled-back', `by deployment ${id}${asked(by)}`);
}

/** A change that takes no steps is over at once. */
function rememberAtOnce(
  plan: Pick<Deployment['plan'], 'id' | 'version' | 'transitions'> & Pick<Deployment, 'startedAt'>,
  { revertOf, options: { by } }: WantedChange,
  { memory }: AcceptanceSurroundings,
): readonly StoreWrite[] {
  const { startedAt, ...rest } = plan;
  return (
    memory?.remember({
      deployment: {
        plan: { ...rest, steps: [] },
        currentStep: 0,
        startedAt,
        phase: 'running',
        ...(by === undefined ? {} : { by }),
      },
      endedAt: startedAt,
      result: 'finished',
      ...(revertOf === undefined ? {} : { revertOf }),
      waits: [],
      untoldWaits: 0,
    }) ?? []
  );
}

const asked = (by: ChangeAuthor | undefined): string =>
  by === undefined ? '' : `, asked for by ${by.principal} (request ${by.requestId})`;

/** A refusal must rest on what is durable, not on what this batch only hopes to make durable: then it is asked again. */
function prepareOn(
  batch: Batch,
  prepare: () => ReturnType<WantedChange['prepare']>,
): ReturnType<WantedChange['prepare']> | 'later' {
  try {
    return prepare();
  } catch (error) {
    if (batch.apps.size > 0 || batch.groups.size > 0) return 'later';
    throw error;
  }
}

/** Apps whose record stays the same are dropped. */
function* realChanges({ apps }: PreparedChange, registry: AppRegistry): Steps<AppChange[]> {
  const changes = new Map<AppId, AppChange>();
  for (const { appId, after } of apps) {
    const before = registry.get(appId);
    if (sameRecord(before, after)) changes.delete(appId);
    else changes.set(appId, { appId, before, after });
    yield;
  }
  return [...changes.values()];
}

/** What makes the records durable. */
function* recordWrites(
  changes: readonly AppChange[],
  tree: TreeChange,
  registry: AppRegistry,
): Steps<readonly StoreWrite[]> {
  const writes: StoreWrite[] = [];
  for (const change of changes) {
    writes.push(...registry.writesFor([change], { at: tree.at, groups: [] }));
    yield;
  }
  return [...writes, ...registry.writesFor([], tree)];
}

/** The groups that change with the apps, and since when all of it holds. */
function treeChange(
  { groups }: PreparedChange,
  changes: readonly AppChange[],
  at: Timestamp,
  registry: AppRegistry,
): TreeChange {
  return { at, groups: registry.completeGroups?.(changes, groups, at) ?? [] };
}

/**
 * Apps that are asked to be just what they are wanted to be already, while their instances are not: a plan was stopped
 * half-way. Asking again brings them right. What a deployment holds is being brought right anyway.
 */
function* appsAstray(
  prepared: PreparedChange,
  changes: readonly AppChange[],
  { registry, instances, locks }: AcceptanceSurroundings,
): Steps<AppId[]> {
  const changed = new Set(changes.map(({ appId }) => appId));
  const astray: AppId[] = [];
  for (const { appId } of prepared.apps) {
    yield;
    const record = registry.get(appId);
    if (!record || changed.has(appId) || locks.holderOf(appId) !== undefined) continue;
    const { current, old } = sortCohorts(record, cohortsOfApp(instances, appId));
    if (old.length > 0 || countOf(current) !== record.app.instances) astray.push(appId);
  }
  return astray;
}

/** Throws `too-many-deployments` when as many run as may; those that go for the change make room for it. */
function checkRoom(
  { revertOf }: WantedChange,
  batch: Batch,
  cancelled: number,
  around: AcceptanceSurroundings,
  { groupId, version }: { groupId: string; version: Timestamp },
): void {
  // A rollback takes the place of what it undoes; it must be possible also at the limit.
  if (revertOf !== undefined || around.runs.size + batch.added - cancelled < around.maxRunning) return;
  const error = new CatalogError('too-many-deployments', { max: around.maxRunning });
  around.refused(groupId, version, error);
  throw error;
}

/** Locks. Answers the deployments that have to go for the change. */
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
  if (!options.force && conflicts.size > 0) {
    refuse(
      new CatalogError('app-locked', {}, undefined, { deployments: [...conflicts].map((id) => ({ id })) }),
    );
  }
  return [...conflicts].flatMap((id) => around.runs.get(id) ?? []);
}

/** The changed apps, and those that a plan left half-way or one that is cancelled leaves so: all come to their end now. */
function* plannedApps(
  changes: readonly AppChange[],
  astray: readonly AppId[],
  cancels: readonly DeploymentRun[],
  { registry, instances }: AcceptanceSurroundings,
): Steps<Map<AppId, PlannedApp>> {
  const unfinished = new Set([...astray, ...cancels.flatMap((run) => run.unfinishedApps())]);
  const planned = new Map<AppId, PlannedApp>();
  const add = (appId: AppId, before: AppRecord | undefined, after: AppRecord | undefined): void => {
    const continues = unfinished.has(appId);
    // Seen from what was wanted so far: a change of the definition itself is no mixture.
    const wanted = continues ? after : before;
    const mixed = wanted !== undefined && sortCohorts(wanted, cohortsOfApp(instances, appId)).old.length > 0;
    planned.set(appId, { before, after, continues, mixed });
  };
  for (const { appId, before, after } of changes) {
    add(appId, before, after);
    yield;
  }
  for (const appId of unfinished) {
    yield;
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
