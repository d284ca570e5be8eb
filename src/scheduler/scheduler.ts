import type { AppId, AppRecord } from '../apps/app.js';
import type { TaskStatus } from '../embedded-mesos/protocol/v1.js';
import type { StoreWrite } from '../store/state-store.js';
import type { Timestamp } from '../util/timestamp.js';
import type { Cohort } from './cohort.js';
import type {
  AgentId,
  Instance,
  InstanceHealth,
  InstanceId,
  InstanceTask,
  StopOrigin,
  StopReason,
  TaskId,
} from './instance.js';

/** `before` undefined: scheduled just now. `after` undefined: forgotten (decommissioned and terminal). */
export interface InstanceChange {
  readonly before: Instance | undefined;
  readonly after: Instance | undefined;
}

export interface InstanceCounts {
  readonly staged: number;
  readonly running: number;
  readonly healthy: number;
  readonly unhealthy: number;
}

/** What other rooms may see of the instances. All answers come from memory; counts are kept incrementally. */
export interface InstanceReadModel {
  get(id: InstanceId): Instance | undefined;
  byTask(taskId: TaskId): Instance | undefined;
  ofApp(appId: AppId): readonly Instance[];
  /**
   * The same instances by how they stand, kept change by change (a view: good until the next one). Whoever has none is asked
   * for the list.
   */
  cohorts?(appId: AppId): Iterable<Cohort>;
  all(): Iterable<Instance>;
  readonly size: number;
  counts(appId: AppId): InstanceCounts;
  /** Told in order, synchronously, as soon as a change is decided; effects outside this process wait for durability. */
  onChange(listener: (change: InstanceChange) => void): () => void;
}

/** What a deployment (or a kill request) wants for one app. Durable before `want` resolves; then it is carried out. */
export interface Goals {
  /** Schedule so many new instances of the app's current definition. */
  readonly start: number;
  /** Take these out: drain, kill, forget. Unknown or already leaving ids are skipped. */
  readonly stop: readonly InstanceId[];
  readonly reason: StopReason;
  readonly by?: StopOrigin;
}

/** A fact from the health room about one task. Stale ones (another task) are ignored. */
export type HealthFact =
  | {
      readonly kind: 'health';
      readonly instanceId: InstanceId;
      readonly health: InstanceHealth /** Persist now (a flip), or may wait (a count). */;
      readonly flip: boolean;
    }
  | {
      readonly kind: 'give-up';
      readonly instanceId: InstanceId;
      readonly taskId: TaskId;
      readonly reason: string;
    };

/** Reasons of the offer funnel, in order (marathon.md 1.11). */
export type RefusalReason =
  | 'UnfulfilledRole'
  | 'UnfulfilledConstraint'
  | 'NoCorrespondingReservationFound'
  | 'AgentMaintenance'
  | 'InsufficientCpus'
  | 'InsufficientMemory'
  | 'InsufficientDisk'
  | 'InsufficientGpus'
  | 'InsufficientPorts'
  | 'DeclinedScarceResources';

/** One agent's last refusal of an app, in words: `needs 4 cpus, 1.5 offered`. */
export interface Refusal {
  readonly agentId: AgentId;
  readonly hostname: string;
  readonly reasons: readonly RefusalReason[];
  readonly explanation: readonly string[];
  readonly at: Timestamp;
  /** The offer as `/v2/queue?embed=lastUnusedOffers` shows it. */
  readonly offer: unknown;
}

/** State of the launch queue for one app; exists while instances wait to be launched. */
export interface QueueEntry {
  readonly appId: AppId;
  readonly role: string;
  /** Instances Scheduled or Provisioned. */
  readonly count: number;
  readonly since: Timestamp;
  /** Undefined: not backing off. */
  readonly backoffUntil?: Timestamp;
  readonly processedOffers: number;
  readonly unusedOffers: number;
  readonly lastUnusedOfferAt?: Timestamp;
  readonly lastUsedOfferAt?: Timestamp;
  /** Since the launch attempt began: how many offers each reason refused (each offer under its first reason). */
  readonly launchAttemptRefusals: Readonly<Partial<Record<RefusalReason, number>>>;
  /** Last refusal per agent. */
  readonly lastRefusals: readonly Refusal[];
  /** Why its instances still wait, in sentences; longrun's own. */
  readonly why?: readonly string[];
}

export interface TaskFailure {
  readonly appId: AppId;
  readonly host: string;
  readonly message: string;
  readonly state: string;
  readonly taskId: TaskId;
  readonly timestamp: Timestamp;
  readonly version: Timestamp;
  readonly slaveId?: string;
}

/** A launch that is over, for certain or as far as anybody will ever know. */
export interface TaskEnd {
  /** As it was at the end; its task as the last status left it. */
  readonly instance: Instance & { readonly task: InstanceTask };
  /** Absent: its agent was given up, nobody told of the end. */
  readonly status?: TaskStatus;
  readonly at: Timestamp;
}

/** Remembers ended tasks. */
export interface TaskMemory {
  /** The writes that make it durable, for the batch that ends the task. Asked once per end. */
  remember(end: TaskEnd): readonly StoreWrite[];
}

/** The rooms above see the scheduler through this. */
export interface Scheduler {
  readonly instances: InstanceReadModel;
  /** Makes goals durable, then carries them out. Rejects with StoreError and changes nothing when the store refuses. */
  want(appId: AppId, goals: Goals): Promise<void>;
  /** Kill on request: the instance is relaunched unless `decommission`. `wipe` also skips the drain. Durable when resolved. */
  kill(
    ids: readonly InstanceId[],
    options: { readonly decommission: boolean; readonly wipe: boolean; readonly by?: StopOrigin },
  ): Promise<void>;
  report(fact: HealthFact): void;
  queue(): readonly QueueEntry[];
  queueEntry(appId: AppId): QueueEntry | undefined;
  resetDelay(appId: AppId): boolean;
  lastTaskFailure(appId: AppId): TaskFailure | undefined;
  /** The app was deleted and its instances are gone: forget failure, backoff and statistics. */
  forget(appId: AppId): void;
  /** True while silence is not yet believed (agents may still re-register). */
  readonly settling: boolean;
  readonly frameworkId: string | undefined;
}

/** Where the scheduler finds definitions to launch. */
export interface AppSource {
  get(appId: AppId): AppRecord | undefined;
  /** Whether the app is stored but cannot be read: unknown, not deleted. Its instances are left as they are. */
  isSetAside?(appId: AppId): boolean;
}

/** The proxies' part of taking an instance out (architecture.md 2): un-route everywhere, then wait for requests in flight. */
export interface Drainer {
  /**
   * Resolves when no live proxy sends new requests to the task and those in flight are done or the app's drain limit
   * passed. Never rejects, always ends within the limit plus a lease plus 5 s. `aborted` ends it at once.
   */
  drain(
    instance: Instance,
    aborted: AbortSignal,
  ): Promise<{ readonly inFlight: number; readonly waitedMs: number }>;
  /** Whether a freed host port still rests because a proxy has not confirmed its removal. */
  portResting(agentId: AgentId, port: number): boolean;
}
