import type { AppId } from '../apps/app.js';
import type { StopOrigin } from '../scheduler/instance.js';
import type { InstanceChange } from '../scheduler/scheduler.js';
import type { StateStore, StoreWrite } from '../store/state-store.js';
import { keys } from '../store/state-store.js';
import { assert } from '../util/assert.js';
import type { Timer } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import { ActionRun, type ActionSurroundings } from './action-run.js';
import { overdueConduct, untilOverdueMs } from './decide/deadline.js';
import { firstWorkingStep, resumeStep } from './decide/plan.js';
import { retryPauseMs } from './decide/retry-pause.js';
import { cutWaiting, MAX_WAITING_REASONS, waitsForEarlierSteps } from './decide/waiting.js';
import type { Deployment, DeploymentEnd, DeploymentMemory, InstanceWait, Waiting } from './deployment.js';
import { deploymentEvents, type LightPlan, lightPlan } from './deployment-events.js';
import { WaitBook } from './wait-book.js';

export interface RunSurroundings extends ActionSurroundings {
  readonly store: StateStore;
  readonly epoch: number;
  readonly memory?: DeploymentMemory;
  /** The record is gone durably and `deployment_success` is told. */
  readonly ended: (run: DeploymentRun) => void;
  /** The deadline passed and the plan asks to be undone. */
  readonly rollBack: (run: DeploymentRun) => void;
}

/**
 * One plan in progress.
 *
 * INVARIANTS
 * - A step begins only after `currentStep` says so durably; the plan has succeeded only after its record is durably gone.
 * - From `freeze` on nothing new leaves: no wish, no write. Then comes `thaw` or `cancel`. So a cancelling batch is
 *   always the last word about the record.
 * - Exactly one of `deployment_success` and `deployment_failed` is told.
 */
export class DeploymentRun {
  readonly plan: LightPlan;
  #deployment: Deployment;
  #actions = new Map<AppId, ActionRun>();
  #undone = 0;
  #state: 'active' | 'frozen' | 'over' = 'active';
  /** What waits for a thaw. */
  readonly #held: (() => void)[] = [];
  #refused: string | undefined;
  #retry: Timer | undefined;
  #deadline: Timer | undefined;
  #overdue = false;
  readonly #waits: WaitBook;
  /** What remembers its end, once that is on its way. */
  #ending: readonly StoreWrite[] | undefined;

  constructor(
    deployment: Deployment,
    private readonly around: RunSurroundings,
  ) {
    this.#deployment = deployment;
    this.plan = lightPlan(deployment.plan);
    this.#waits = new WaitBook({
      appOf: (appId) => deployment.plan.transitions[appId]?.after?.app,
      queueEntry: (appId) => around.scheduler.queueEntry(appId),
    });
  }

  get id(): string {
    return this.#deployment.plan.id;
  }

  get deployment(): Deployment {
    return this.#overdue ? { ...this.#deployment, overdue: true } : this.#deployment;
  }

  /** An instance of one of its apps changed. */
  note(change: InstanceChange): void {
    if (this.#state !== 'over') this.#waits.note(change, timestamp(this.around.clock.wallMs()));
  }

  waits(): { readonly waits: readonly InstanceWait[]; readonly untoldWaits: number } {
    const { instances } = this.around.scheduler;
    return { waits: this.#waits.all((id) => instances.get(id)), untoldWaits: this.#waits.untold };
  }

  /** The writes that remember an end, for the batch that brings it about. What has done all it had to do has finished. */
  rememberEnd(result: DeploymentEnd['result'], why?: string): readonly StoreWrite[] {
    if (this.#ending) return this.#ending;
    const { revertOf } = this.#deployment.plan;
    return (
      this.around.memory?.remember({
        deployment: this.#deployment,
        endedAt: timestamp(this.around.clock.wallMs()),
        result,
        ...(why === undefined ? {} : { why }),
        ...(revertOf === undefined ? {} : { revertOf }),
        ...this.waits(),
      }) ?? []
    );
  }

  /** Starts once all of `after` are settled. */
  begin(after: readonly Promise<void>[]): void {
    this.#armDeadline();
    if (after.length === 0) this.#beginStep(1);
    else void Promise.allSettled(after).then(() => this.#whenActive(() => this.#beginStep(1)));
  }

  /** Goes on with the step that was stored. */
  resume(): void {
    this.#armDeadline();
    this.#beginStep(resumeStep(this.#deployment.plan.steps, this.#deployment.currentStep));
  }

  /** Looks at one app of the running step. Answers how much it looked at. */
  evaluate(appId: AppId): number {
    const action = this.#actions.get(appId);
    if (!action || action.done || this.#state !== 'active') return 0;
    const looked = action.evaluate(this.#overdue && overdueConduct(this.#deployment) === 'hold');
    if (action.done) {
      this.#undone -= 1;
      if (this.#undone === 0) this.#stepDone();
    }
    return looked;
  }

  /** Looks at all of the running step again: nothing depends on it, it heals what a missed trigger would leave. */
  markAll(): void {
    for (const [appId, action] of this.#actions) if (!action.done) this.around.mark(appId);
  }

  /** Apps with something left to do, in this step or a later one. */
  unfinishedApps(): AppId[] {
    const { plan, currentStep } = this.#deployment;
    const apps = new Set<AppId>();
    plan.steps.forEach(({ actions }, index) => {
      for (const { app } of actions) {
        if (index + 1 > currentStep || (index + 1 === currentStep && !this.#actions.get(app)?.done))
          apps.add(app);
      }
    });
    return [...apps];
  }

  freeze(): void {
    if (this.#state === 'active') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'active';
    for (const run of this.#held.splice(0)) run();
    this.markAll();
  }

  /** The record is durably gone: orchestration ends, instances stay as they are. Resolves when nothing is under way. */
  cancel(): Promise<void> {
    if (this.#state !== 'over') {
      if (this.#actions.size > 0) {
        this.around.events.publish(deploymentEvents.stepFailed(this.plan, this.#deployment.currentStep));
      }
      this.around.events.publish(deploymentEvents.cancelled(this.plan));
    }
    return this.stop();
  }

  /** Stops orchestrating and all timers; says nothing. Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#state = 'over';
    this.#held.length = 0;
    this.#retry?.cancel();
    this.#deadline?.cancel();
    await Promise.all([...this.#actions.values()].map((action) => action.stop()));
  }

  waiting(): readonly Waiting[] {
    const { plan, currentStep } = this.#deployment;
    const waiting: Waiting[] = [];
    const first = plan.steps[0]?.actions[0]?.app;
    const whole = this.#refused ?? this.#overdueWords();
    if (whole !== undefined && first !== undefined) waiting.push({ app: first, reason: whole });
    for (const action of this.#actions.values()) {
      if (waiting.length > MAX_WAITING_REASONS) break;
      waiting.push(...action.waiting());
    }
    for (let step = currentStep + 1; step <= plan.steps.length; step++) {
      if (waiting.length > MAX_WAITING_REASONS) break;
      for (const { app } of plan.steps[step - 1]?.actions ?? [])
        waiting.push(waitsForEarlierSteps(app, step));
    }
    return cutWaiting(waiting);
  }

  #beginStep(step: number): void {
    const { plan } = this.#deployment;
    const actions = plan.steps[step - 1]?.actions;
    if (!actions) {
      this.#end(step - 1);
      return;
    }
    this.#deployment = { ...this.#deployment, currentStep: step, phase: 'running' };
    this.#actions = new Map();
    this.#undone = actions.length;
    this.around.events.publish(deploymentEvents.stepBegins(this.plan, step));
    for (const action of actions) {
      const transition = plan.transitions[action.app];
      assert(transition, `plan ${plan.id} acts on ${action.app} without saying what it becomes`);
      const run = new ActionRun(action, transition, this.around, originOf(this.#deployment));
      this.#actions.set(action.app, run);
      run.start();
      this.around.mark(action.app);
    }
  }

  #stepDone(): void {
    const { plan, currentStep } = this.#deployment;
    const next = currentStep + 1;
    if (next > plan.steps.length) {
      this.#end(currentStep);
      return;
    }
    const begin = () => {
      this.around.events.publish(deploymentEvents.stepDone(this.plan, currentStep));
      this.#beginStep(next);
    };
    // Steps that do nothing are passed without a write; resuming skips them, too.
    if (next <= firstWorkingStep(plan.steps)) begin();
    else this.#persistThen({ ...this.#deployment, currentStep: next }, begin);
  }

  #end(lastStep: number): void {
    this.#persistThen(undefined, () => {
      this.#state = 'over';
      this.#deadline?.cancel();
      if (lastStep > 0) this.around.events.publish(deploymentEvents.stepDone(this.plan, lastStep));
      this.around.events.publish(deploymentEvents.succeeded(this.plan));
      this.around.ended(this);
    });
  }

  /** Writes the record (undefined: takes it away), for as long as it takes, then goes on. */
  #persistThen(deployment: Deployment | undefined, then: () => void, attempt = 1): void {
    const { store, epoch, clock, dice, log } = this.around;
    const key = keys.deployment(this.id);
    if (!deployment) this.#ending ??= this.rememberEnd('finished');
    const writes: readonly StoreWrite[] = deployment
      ? [{ op: 'put', key, value: deployment, parts: Object.keys(deployment.plan.transitions).length }]
      : [{ op: 'delete', key }, ...(this.#ending ?? [])];
    store.commit({ epoch, writes }).then(
      () => {
        this.#refused = undefined;
        // A record that is gone is gone, also when a cancellation is on its way: then there is nothing left to cancel.
        if (!deployment && this.#state !== 'over') then();
        else this.#whenActive(then);
      },
      (error: unknown) => {
        const pauseMs = retryPauseMs(attempt, dice.random());
        const message = error instanceof Error ? error.message : String(error);
        this.#refused = `could not make its progress durable, tries again: ${message}`;
        log.warn('a deployment could not store its progress; it tries again', {
          id: this.id,
          pauseMs,
          error: message,
        });
        if (this.#state === 'over') return;
        this.#retry = clock.after(pauseMs, () =>
          this.#whenActive(() => this.#persistThen(deployment, then, attempt + 1)),
        );
      },
    );
  }

  #whenActive(run: () => void): void {
    if (this.#state === 'active') run();
    else if (this.#state === 'frozen') this.#held.push(run);
  }

  #armDeadline(): void {
    const remainingMs = untilOverdueMs(this.#deployment, this.around.clock.wallMs());
    if (remainingMs === undefined) return;
    const { clock } = this.around;
    const dueMs = clock.monotonicMs() + remainingMs;
    const check = () => {
      const leftMs = dueMs - clock.monotonicMs();
      if (leftMs > 0) this.#deadline = clock.after(leftMs, check);
      else this.#passDeadline();
    };
    check();
  }

  #passDeadline(): void {
    this.#overdue = true;
    const conduct = overdueConduct(this.#deployment);
    this.around.log.warn('a deployment is overdue', {
      id: this.id,
      deadline: this.#deployment.deadline,
      conduct,
    });
    if (conduct === 'rollback') this.around.rollBack(this);
  }

  #overdueWords(): string | undefined {
    if (!this.#overdue) return undefined;
    const since = `overdue since ${this.#deployment.deadline}`;
    switch (overdueConduct(this.#deployment)) {
      case 'hold':
        return `${since}: held as it is; cancel it or force another change`;
      case 'rollback':
        return `${since}: is being rolled back`;
      case 'wait':
        return `${since}: goes on waiting`;
    }
  }
}

function originOf({ plan, by }: Deployment): StopOrigin {
  return { deploymentId: plan.id, ...(by === undefined ? {} : by) };
}
