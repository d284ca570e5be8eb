import type { AppId } from '../apps/app.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import { cohortsOfApp } from '../scheduler/cohort.js';
import type { StopOrigin } from '../scheduler/instance.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { actionStep } from './decide/action-step.js';
import { countOf } from './decide/instance-buckets.js';
import { retryPauseMs } from './decide/retry-pause.js';
import { oneWish, type SelectVictims } from './decide/step-decision.js';
import { waitingReasons } from './decide/waiting.js';
import type { AppTransition, DeploymentAction, ReadinessResult, Waiting } from './deployment.js';
import { deploymentEvents } from './deployment-events.js';

/** What deployments ask of the room that probes readiness. */
export interface ReadinessSource {
  readiness(appId: AppId): readonly ReadinessResult[];
  /** Answers are told while wanted; who is not ready is probed anyway, and readiness itself comes with the instances. */
  setReadinessWanted(appId: AppId, wanted: boolean): void;
  onChange(listener: (appId: AppId) => void): () => void;
}

export interface ActionSurroundings {
  readonly scheduler: Scheduler;
  readonly readiness: ReadinessSource;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  readonly selectVictims: SelectVictims;
  /** Look at the app again, soon. */
  readonly mark: (appId: AppId) => void;
}

/**
 * One action of the running step. Level-triggered: `evaluate` looks at the instances as they are and wants what is
 * missing; one wish at a time is under way, and nothing is decided until it is durable.
 */
export class ActionRun {
  #done = false;
  #stopped = false;
  #attempt = 0;
  #retry: Timer | undefined;
  #refused: string | undefined;
  #underWay: Promise<void> | undefined;

  constructor(
    readonly action: DeploymentAction,
    private readonly transition: AppTransition,
    private readonly around: ActionSurroundings,
    /** On whose behalf it stops instances. */
    private readonly origin?: StopOrigin,
  ) {}

  get done(): boolean {
    return this.#done;
  }

  start(): void {
    const { app, action } = this.action;
    if (action === 'RestartApplication') this.around.scheduler.resetDelay(app);
    if (this.#probesReadiness()) this.around.readiness.setReadinessWanted(app, true);
  }

  /** Orchestrates no more; resolves when no wish is under way. */
  async stop(): Promise<void> {
    if (!this.#stopped && !this.#done && this.#probesReadiness()) {
      this.around.readiness.setReadinessWanted(this.action.app, false);
    }
    this.#stopped = true;
    this.#retry?.cancel();
    await this.#underWay;
  }

  /**
   * Looks, wants what is missing (unless `hold`), notices when nothing is. Answers how much it looked at: cohorts, or single
   * instances when it chose some of them for nothing.
   */
  evaluate(hold: boolean): number {
    if (this.#done || this.#stopped || this.#underWay || this.#retry) return 0;
    const { app } = this.action;
    const cohorts = cohortsOfApp(this.around.scheduler.instances, app);
    const decision = actionStep(this.action, this.transition, cohorts, this.around.selectVictims);
    if (decision.done) this.#finish();
    else if (hold) return decision.stop.length > 0 ? countOf(cohorts) : cohorts.length;
    else if (decision.start > 0 || decision.stop.length > 0) {
      const { start, stop, reason } = oneWish(decision);
      this.#underWay = this.#want({ start, stop, reason, ...(this.origin && { by: this.origin }) }).finally(
        () => {
          this.#underWay = undefined;
          if (!this.#stopped) this.around.mark(app);
        },
      );
    }
    return cohorts.length;
  }

  waiting(): readonly Waiting[] {
    if (this.#done) return [];
    const { app } = this.action;
    const { scheduler, clock } = this.around;
    const reasons = waitingReasons({
      action: this.action,
      transition: this.transition,
      cohorts: cohortsOfApp(scheduler.instances, app),
      queue: scheduler.queueEntry(app),
      nowWallMs: clock.wallMs(),
    });
    return this.#refused === undefined ? reasons : [{ app, reason: this.#refused }, ...reasons];
  }

  async #want(goals: Parameters<Scheduler['want']>[1]): Promise<void> {
    const { app } = this.action;
    const { scheduler, clock, dice, log, mark } = this.around;
    try {
      await scheduler.want(app, goals);
      this.#attempt = 0;
      this.#refused = undefined;
    } catch (error) {
      this.#attempt += 1;
      const pauseMs = retryPauseMs(this.#attempt, dice.random());
      const message = error instanceof Error ? error.message : String(error);
      this.#refused = `could not make its next move durable, tries again: ${message}`;
      log.warn('a move of a deployment was refused; it is tried again', { app, pauseMs, error: message });
      if (!this.#stopped) {
        this.#retry = clock.after(pauseMs, () => {
          this.#retry = undefined;
          mark(app);
        });
      }
    }
  }

  #finish(): void {
    this.#done = true;
    this.#refused = undefined;
    const { app, action } = this.action;
    if (this.#probesReadiness()) this.around.readiness.setReadinessWanted(app, false);
    if (action !== 'StopApplication') return;
    this.around.scheduler.forget(app);
    this.around.events.publish(deploymentEvents.appTerminated(app));
  }

  #probesReadiness(): boolean {
    return (this.transition.after?.app.readinessChecks.length ?? 0) > 0;
  }
}
