import type { AppId, AppRecord } from '../apps/app.js';
import type { GroupAfter, GroupChange } from '../apps/group.js';
import type { InstanceId } from '../scheduler/instance.js';
import type { StoreWrite } from '../store/state-store.js';
import type { Stepwise } from '../util/steps.js';
import type { Timestamp } from '../util/timestamp.js';
import type { WaitPhase } from './decide/wait-phase.js';

export type ActionName = 'StartApplication' | 'StopApplication' | 'ScaleApplication' | 'RestartApplication';

export interface DeploymentAction {
  readonly action: ActionName;
  readonly app: AppId;
  /** ScaleApplication: the instances named by a kill-and-scale request. */
  readonly victims?: readonly InstanceId[];
}

export interface DeploymentStep {
  readonly actions: readonly DeploymentAction[];
}

/** Old and new record of one app that the plan touches. */
export interface AppTransition {
  readonly before: AppRecord | undefined;
  readonly after: AppRecord | undefined;
  /** A plan cancelled for this one left the app half-way; it is brought to the end of `after` (equal to `before`, or not). */
  readonly continues?: boolean;
}

/** A plan: how to get from the old definitions to the new ones (marathon.md 5.2). Persisted as it is. */
export interface DeploymentPlan {
  readonly id: string;
  readonly version: Timestamp;
  readonly steps: readonly DeploymentStep[];
  readonly transitions: Readonly<Record<AppId, AppTransition>>;
  /** Groups that came, changed or went with it; they need no step, a rollback undoes them. */
  readonly groups?: readonly GroupChange[];
  /** Set when this plan reverts another. */
  readonly revertOf?: string;
}

/** A plan in progress, as it is stored: the plan and how far it came. Steps are idempotent, so only whole steps count. */
export interface Deployment {
  readonly plan: DeploymentPlan;
  /** 0 before the first step, 1-based while running. */
  readonly currentStep: number;
  readonly startedAt: Timestamp;
  readonly phase: 'scheduled' | 'running' | 'canceling';
  /** From the strictest `upgradeStrategy.deadlineSeconds` of its apps. */
  readonly deadline?: Timestamp;
  readonly onFailure?: 'hold' | 'rollback';
  /** The deadline passed. */
  readonly overdue?: boolean;
  /** Who started it; undefined when longrun did by itself. */
  readonly by?: ChangeAuthor;
}

/** What an action of the current step still waits for, per instance or for the app as a whole. */
export interface Waiting {
  readonly app: AppId;
  readonly instance?: InstanceId;
  /** e.g. `waits for its health check to succeed`, `drains, 3 requests in flight`, `no agent offers 4 cpus` */
  readonly reason: string;
}

export interface ReadinessResult {
  readonly name: string;
  readonly taskId: string;
  readonly ready: boolean;
  readonly lastResponse?: { readonly status: number; readonly contentType: string; readonly body: string };
}

/** One instance's wait for one thing; without `until` it was not over when the deployment was. */
export interface InstanceWait {
  readonly app: AppId;
  readonly instance: InstanceId;
  readonly phase: WaitPhase;
  readonly from: Timestamp;
  readonly until?: Timestamp;
  /** e.g. why no offer fitted, the last answer of a failing health check */
  readonly reason?: string;
}

/** How a deployment came to its end. `failed`: it was overdue and undone for it. */
export interface DeploymentEnd {
  readonly deployment: Deployment;
  readonly endedAt: Timestamp;
  readonly result: 'finished' | 'failed' | 'cancelled' | 'rolled-back';
  /** For people; absent when it finished. */
  readonly why?: string;
  readonly revertOf?: string;
  readonly waits: readonly InstanceWait[];
  /** Waits that were too many to be kept. */
  readonly untoldWaits: number;
}

/** Remembers ends of deployments. */
export interface DeploymentMemory {
  /** The writes that make it durable, for the batch that ends the deployment. Asked once per end. */
  remember(end: DeploymentEnd): readonly StoreWrite[];
  /** That batch was refused: it did not end. */
  withdraw(id: string): void;
}

/** What the API may see. */
export interface DeploymentReadModel {
  all(): readonly Deployment[];
  get(id: string): Deployment | undefined;
  /** Ids of running deployments that touch this app. */
  affecting(appId: AppId): readonly string[];
  waiting(id: string): readonly Waiting[];
  /** What its instances waited and wait for so far; empty when there is no such running deployment. */
  waits?(id: string): { readonly waits: readonly InstanceWait[]; readonly untoldWaits: number };
  readinessResults(appId: AppId): readonly ReadinessResult[];
}

/** Who asked for a change, and by which request. */
export interface ChangeAuthor {
  readonly principal: string;
  readonly requestId: string;
}

export interface AcceptOptions {
  readonly force: boolean;
  /** Instances named by kill-and-scale, by app. */
  readonly victims?: Readonly<Record<AppId, readonly InstanceId[]>>;
  /** Kept in the deployment's record. */
  readonly by?: ChangeAuthor;
  /** `prepare` looks at what is durable of other apps too: it must see every change before it durable. */
  readonly alone?: boolean;
}

export interface Accepted {
  readonly deploymentId: string;
  readonly version: Timestamp;
}

/** The new records of apps and groups that a request makes. */
export interface PreparedChange {
  /** The group to tell about it; without it, the one around the changed apps. */
  readonly groupId?: string;
  readonly apps: readonly { readonly appId: AppId; readonly after: AppRecord | undefined }[];
  readonly groups: readonly GroupAfter[];
}

/** What a change would mean. */
export interface ChangePreview {
  readonly version: Timestamp;
  readonly steps: readonly DeploymentStep[];
}

/**
 * The one door through which what is wanted changes. Changes of different apps are prepared concurrently and committed
 * in groups; changes of one app are strictly serial.
 */
export interface Deployments extends DeploymentReadModel {
  /**
   * Asks `prepare` for the new records (given the registry as it is at that moment, and the version to stamp), plans,
   * checks locks, makes everything durable in one batch, applies it to the registry, starts the plan.
   * `prepare` is synchronous and pure; what it throws is passed on and nothing changes. When it can be done in steps,
   * others have their turn between them; nothing of what is wanted changes meanwhile.
   * Errors: app-locked (409), too-many-deployments (403), store errors (503).
   */
  change(
    prepare: Stepwise<Timestamp, readonly { readonly appId: AppId; readonly after: AppRecord | undefined }[]>,
    options: AcceptOptions,
  ): Promise<Accepted>;
  /** As `change`, for apps and groups together. */
  changeTree(prepare: Stepwise<Timestamp, PreparedChange>, options: AcceptOptions): Promise<Accepted>;
  /** What `changeTree` would do right now, if no lock stood in the way. Nothing changes. Throws what `prepare` throws. */
  previewTree(prepare: Stepwise<Timestamp, PreparedChange>): Promise<ChangePreview>;
  /**
   * Cancel with a rollback deployment (force false; answers the rollback) or only stop it (force true; answers the
   * stopped one). Undefined when there is no such deployment.
   */
  cancel(id: string, options: Pick<AcceptOptions, 'force' | 'by'>): Promise<Accepted | undefined>;
}
