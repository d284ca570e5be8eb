import type { AppId } from '../apps/app.js';
import type { AppRegistry } from '../apps/app-registry.js';
import { CatalogError } from '../errors/registry.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { type CorruptRecord, keys, type StateStore } from '../store/state-store.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { followedBy, type Stepwise } from '../util/steps.js';
import type { Timestamp, VersionSource } from '../util/timestamp.js';
import {
  type AcceptanceSurroundings,
  acceptCancellation,
  acceptChange,
  acceptInSteps,
  previewChange,
  type WantedChange,
} from './acceptance.js';
import type { ReadinessSource } from './action-run.js';
import { AppGroups } from './app-groups.js';
import { type AcceptedChange, ChangeQueue, emptyBatch, LAST_VERSION } from './change-queue.js';
import { retryPauseMs } from './decide/retry-pause.js';
import { revertTree } from './decide/revert.js';
import type { SelectVictims } from './decide/step-decision.js';
import { readStoredDeployment } from './decide/stored-deployment.js';
import type {
  Accepted,
  AcceptOptions,
  ChangePreview,
  Deployment,
  DeploymentMemory,
  Deployments,
  InstanceWait,
  PreparedChange,
  ReadinessResult,
  Waiting,
} from './deployment.js';
import { deploymentEvents } from './deployment-events.js';
import { DeploymentRun, type RunSurroundings } from './deployment-run.js';
import { EvaluationQueue } from './evaluation-queue.js';
import { LockTable } from './lock-table.js';
import { Upkeep } from './upkeep.js';

/** Everything that runs is looked at again so often, whether or not something was heard of it. */
export const RESYNC_MS = 30_000;

export interface DeploymentServiceOptions {
  readonly store: StateStore;
  readonly epoch: number;
  readonly registry: AppRegistry;
  readonly scheduler: Scheduler;
  readonly readiness: ReadinessSource;
  readonly selectVictims: SelectVictims;
  /** Throws when old records do not fit into what is wanted by now; asked before a rollback is accepted. */
  readonly checkPutBack?: (apps: PreparedChange['apps'], groups: PreparedChange['groups']) => void;
  /** Remembers deployments that are over. */
  readonly memory?: DeploymentMemory;
  readonly events: EventBus;
  readonly versions: VersionSource;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  readonly settings: { readonly maxRunningDeployments: number; readonly maxQueuedChanges: number };
}

/**
 * The deployments: takes changes of what is wanted, plans how to get there, and gets there. Registry and scheduler
 * must have loaded their state before `start`.
 */
export class DeploymentService implements Deployments {
  readonly #runs = new Map<string, DeploymentRun>();
  readonly #locks = new LockTable();
  readonly #groups = new AppGroups();
  readonly #queue: ChangeQueue;
  readonly #evaluations: EvaluationQueue;
  readonly #upkeep: Upkeep;
  readonly #around: RunSurroundings;
  readonly #acceptance: AcceptanceSurroundings;
  readonly #unsubscribe: (() => void)[] = [];
  readonly #rollbackRetries = new Map<string, Timer>();
  #resync: Timer | undefined;
  #running = false;

  constructor(private readonly options: DeploymentServiceOptions) {
    const { store, epoch, registry, scheduler, readiness, events, versions, clock, dice, log, settings } =
      options;
    this.#evaluations = new EvaluationQueue(clock, (appId) => this.#evaluate(appId));
    this.#upkeep = new Upkeep({ apps: registry, scheduler, selectVictims: options.selectVictims, log });
    const memory = options.memory === undefined ? {} : { memory: options.memory };
    this.#around = {
      ...memory,
      store,
      epoch,
      scheduler,
      readiness,
      events,
      clock,
      dice,
      log,
      selectVictims: options.selectVictims,
      mark: (appId) => this.#evaluations.mark(appId),
      ended: (run) => this.#forget(run),
      rollBack: (run) => this.#rollBackOverdue(run.id, 1),
    };
    this.#acceptance = {
      ...memory,
      registry,
      instances: scheduler.instances,
      runs: this.#runs,
      locks: this.#locks,
      groups: this.#groups,
      versions,
      clock,
      dice,
      maxRunning: settings.maxRunningDeployments,
      refused: (groupId, version, error) =>
        events.publish(deploymentEvents.refused(groupId, version, error.message)),
    };
    this.#queue = new ChangeQueue({
      store,
      epoch,
      registry,
      clock,
      log,
      maxQueued: settings.maxQueuedChanges,
      committed: (change) => this.#committed(change),
      refused: (change, error) => this.#refused(change, error),
    });
  }

  /** Loads what was running and goes on with it, each from the step it had reached. */
  async start(): Promise<void> {
    const { store, registry, scheduler, readiness, versions, clock, log } = this.options;
    const loaded: Deployment[] = [];
    const onCorrupt = ({ key, problem }: CorruptRecord): void => this.#leaveAside(key, problem);
    for await (const { key, value } of store.scan(keys.deployment(''), { onCorrupt })) {
      const deployment = readStoredDeployment(value);
      if ('problem' in deployment) this.#leaveAside(key, deployment.problem);
      else loaded.push(deployment);
    }
    const lastVersion = await getUnlessCorrupt(store, keys.meta(LAST_VERSION), ({ key, problem }) =>
      log.error('the last version cannot be read; those of the apps are what is known', { key, problem }),
    );
    loaded.sort((a, b) => (a.plan.version < b.plan.version ? -1 : 1));
    this.#unsubscribe.push(
      this.#groups.follow(registry),
      scheduler.instances.onChange((change) => {
        const appId = (change.after ?? change.before)?.appId;
        const holder = appId === undefined ? undefined : this.#locks.holderOf(appId);
        if (appId === undefined || holder === undefined) return;
        this.#runs.get(holder)?.note(change);
        this.#evaluations.mark(appId);
      }),
      readiness.onChange((appId) => this.#markLocked(appId)),
    );
    this.#resync = clock.every(RESYNC_MS, () => {
      for (const run of this.#runs.values()) run.markAll();
      for (const { app } of registry.all()) this.#evaluations.mark(app.id);
    });
    this.#running = true;
    const runs = loaded.map((deployment) => this.#adopt(deployment));
    for (const deployment of loaded) versions.observe(deployment.plan.version);
    if (typeof lastVersion === 'string') versions.observe(lastVersion as Timestamp);
    for (const run of runs) run.resume();
  }

  /** Everything stays as it is in the store; the next `start` goes on from there. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#queue.stop();
    this.#evaluations.stop();
    this.#resync?.cancel();
    for (const timer of this.#rollbackRetries.values()) timer.cancel();
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    await Promise.all([this.#upkeep.stop(), ...[...this.#runs.values()].map((run) => run.stop())]);
  }

  async change(
    prepare: Stepwise<Timestamp, PreparedChange['apps']>,
    options: WantedChange['options'],
  ): Promise<Accepted> {
    return this.changeTree(
      followedBy(prepare, (apps) => ({ apps, groups: [] })),
      options,
    );
  }

  async changeTree(prepare: WantedChange['prepare'], options: WantedChange['options']): Promise<Accepted> {
    return this.#submit({ prepare, options });
  }

  async previewTree(prepare: WantedChange['prepare']): Promise<ChangePreview> {
    this.#mustRun();
    return this.#queue.look(() => previewChange(prepare, this.#acceptance));
  }

  async cancel(id: string, options: Pick<AcceptOptions, 'force' | 'by'>): Promise<Accepted | undefined> {
    this.#mustRun();
    const run = this.#runs.get(id);
    if (!run) return undefined;
    if (options.force) {
      return this.#queue.submit({
        check: (batch) => acceptCancellation(id, batch, this.#acceptance, options.by),
      });
    }
    const { plan } = run.deployment;
    const by = options.by === undefined ? {} : { by: options.by };
    return this.#submit({
      prepare: () => {
        const changes = revertTree(plan, this.options.registry.groups);
        this.options.checkPutBack?.(changes.apps, changes.groups);
        return changes;
      },
      options: { force: true, ...by },
      revertOf: id,
    });
  }

  all(): readonly Deployment[] {
    return [...this.#runs.values()].map((run) => run.deployment);
  }

  get(id: string): Deployment | undefined {
    return this.#runs.get(id)?.deployment;
  }

  affecting(appId: AppId): readonly string[] {
    const holder = this.#locks.holderOf(appId);
    return holder === undefined ? [] : [holder];
  }

  waiting(id: string): readonly Waiting[] {
    return this.#runs.get(id)?.waiting() ?? [];
  }

  waits(id: string): { readonly waits: readonly InstanceWait[]; readonly untoldWaits: number } {
    return this.#runs.get(id)?.waits() ?? { waits: [], untoldWaits: 0 };
  }

  readinessResults(appId: AppId): readonly ReadinessResult[] {
    return this.options.readiness.readiness(appId);
  }

  #submit(wanted: WantedChange): Promise<Accepted> {
    this.#mustRun();
    const { inSteps } = wanted.prepare;
    if (!inSteps)
      return this.#queue.submit({ check: (batch) => acceptChange(wanted, batch, this.#acceptance) });
    const { versions } = this.options;
    const acceptance = this.#acceptance;
    let laidOut: AcceptedChange | 'later' = 'later';
    return this.#queue.submit({
      ahead: function* () {
        const version = versions.next();
        const change = yield* inSteps(version);
        laidOut = yield* acceptInSteps(
          { ...wanted, version, prepare: () => change },
          emptyBatch(),
          acceptance,
        );
      },
      check: () => laidOut,
    });
  }

  #mustRun(): void {
    if (!this.#running) throw new CatalogError('starting');
  }

  #markLocked(appId: AppId): void {
    if (this.#locks.holderOf(appId) !== undefined) this.#evaluations.mark(appId);
  }

  #evaluate(appId: AppId): number {
    const holder = this.#locks.holderOf(appId);
    if (holder === undefined) return this.#upkeep.look(appId);
    return this.#runs.get(holder)?.evaluate(appId) ?? 0;
  }

  /** The server must not stay shut for one record: its apps are unlocked, and another change brings them right. */
  #leaveAside(key: string, problem: string): void {
    this.options.log.error(
      'a stored deployment cannot be read; it stays where it is and is not gone on with',
      {
        key,
        problem,
      },
    );
  }

  #adopt(deployment: Deployment): DeploymentRun {
    const run = new DeploymentRun(deployment, this.#around);
    this.#runs.set(run.id, run);
    this.#locks.lock(appsOf(deployment), run.id);
    return run;
  }

  #forget(run: DeploymentRun): void {
    this.#runs.delete(run.id);
    this.#locks.release(appsOf(run.deployment), run.id);
    this.#rollbackRetries.get(run.id)?.cancel();
    this.#rollbackRetries.delete(run.id);
  }

  /** The change is durable: old plans end; the new one begins once the registry has it. */
  #committed({ accepted, groupId, deployment, cancels }: AcceptedChange): () => void {
    const { events } = this.options;
    const settled = cancels.map((run) => {
      this.#forget(run);
      return run.cancel();
    });
    const run = deployment && this.#adopt(deployment);
    return () => {
      if (groupId !== undefined) events.publish(deploymentEvents.accepted(groupId, accepted.version));
      if (run) {
        if (this.#running) run.begin([...settled, ...this.#upkeep.settled(appsOf(run.deployment))]);
      } else if (groupId !== undefined) {
        const { deploymentId: id, version } = accepted;
        events.publish(deploymentEvents.succeeded({ id, steps: [], version }));
      }
    };
  }

  #refused({ accepted, groupId, deployment, cancels }: AcceptedChange, error: unknown): void {
    for (const run of cancels) {
      this.options.memory?.withdraw(run.id);
      run.thaw();
    }
    if (!deployment) this.options.memory?.withdraw(accepted.deploymentId);
    if (groupId === undefined) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.options.events.publish(deploymentEvents.refused(groupId, accepted.version, reason));
  }

  #rollBackOverdue(id: string, attempt: number): void {
    const { clock, dice, log } = this.options;
    this.#rollbackRetries.delete(id);
    this.cancel(id, { force: false }).catch((error: unknown) => {
      if (!this.#running || !this.#runs.has(id)) return;
      const pauseMs = retryPauseMs(attempt, dice.random());
      const message = error instanceof Error ? error.message : String(error);
      log.warn('an overdue deployment could not be rolled back; tried again', {
        id,
        pauseMs,
        error: message,
      });
      this.#rollbackRetries.set(
        id,
        clock.after(pauseMs, () => this.#rollBackOverdue(id, attempt + 1)),
      );
    });
  }
}

function appsOf(deployment: Deployment): AppId[] {
  return Object.keys(deployment.plan.transitions) as AppId[];
}
