import type { AppId } from '../apps/app.js';
import type { CheckStatusInfo } from '../embedded-mesos/protocol/v1.js';
import type { Brand } from '../util/brand.js';
import type { Timestamp } from '../util/timestamp.js';

/** `<safePath>.instance-<uuid1>` (marathon.md 4.2). */
export type InstanceId = Brand<string, 'InstanceId'>;
/** `<instanceId>._app.<incarnation>`. */
export type TaskId = Brand<string, 'TaskId'>;
export type AgentId = Brand<string, 'AgentId'>;

export type Goal = 'Running' | 'Stopped' | 'Decommissioned';

export type Condition =
  | 'Scheduled'
  | 'Provisioned'
  | 'Staging'
  | 'Starting'
  | 'Running'
  | 'Killing'
  | 'Unreachable'
  | 'UnreachableInactive'
  | 'Finished'
  | 'Failed'
  | 'Error'
  | 'Killed'
  | 'Gone'
  | 'Dropped'
  | 'Unknown';

/** One launch of an instance. Present from Provisioned on; replaced at the next incarnation. */
export interface InstanceTask {
  readonly id: TaskId;
  readonly agentId: AgentId;
  readonly hostname: string;
  /** Attributes of the agent as text (marathon.md 6.1), kept for constraint counting. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zone?: string;
  /** In the order of the app's ports, those left out that get no host port. */
  readonly hostPorts: readonly number[];
  /** For port mappings with neither host port nor container port; absent when there are none. */
  readonly generatedPorts?: readonly number[];
  readonly ipAddresses: readonly { readonly ipAddress: string; readonly protocol: 'IPv4' | 'IPv6' }[];
  readonly stagedAt: Timestamp;
  readonly startedAt?: Timestamp;
  /** Last Mesos state and what came with it. */
  readonly mesosState: string;
  readonly message?: string;
  readonly reason?: string;
  /** Version of the definition this task was launched from. */
  readonly runSpecVersion: Timestamp;
  /** What its agent said of its health last; absent while it said nothing. */
  readonly agentHealth?: AgentHealth;
  /** What the app's `check` gave last; absent for apps without one. */
  readonly checkStatus?: CheckStatusInfo;
}

/** An agent's word on a task's health; each failure that counts is a word of its own. */
export interface AgentHealth {
  readonly healthy: boolean;
  readonly at: Timestamp;
  readonly message?: string;
}

/** Result of one health check on one task (marathon.md 4.1). `alive`: lastSuccess exists and is later than lastFailure. */
export interface HealthCheckResult {
  readonly alive: boolean;
  readonly consecutiveFailures: number;
  readonly firstSuccess?: Timestamp;
  readonly lastSuccess?: Timestamp;
  readonly lastFailure?: Timestamp;
  readonly lastFailureCause?: string;
}

/** What the health room has found out about the task; kept with the instance so that it survives a restart. */
export interface InstanceHealth {
  /** The task all of this is about; stale when it is not the instance's current one. */
  readonly taskId: TaskId;
  /** Aggregate: true when all checks are known and alive, false when one is not, undefined while unknown or without checks. */
  readonly healthy?: boolean;
  /** By index of the app's healthChecks. */
  readonly results: readonly (HealthCheckResult | undefined)[];
  /** Apps with ports but without checks: the first TCP connect succeeded. */
  readonly portOpen?: boolean;
  /** Readiness check answered ready (deployments only; stays true). */
  readonly ready?: boolean;
}

/** Why an instance is being taken out, in words an operator understands. */
export type StopReason =
  | 'scale down'
  | 'replaced by a new version'
  | 'app deleted'
  | 'killed by request'
  | 'failed health checks'
  | 'launch overdue'
  | 'surplus'
  | 'unknown to the scheduler'
  | 'shutdown';

/** On whose behalf an instance is taken out. */
export interface StopOrigin {
  readonly deploymentId?: string;
  readonly principal?: string;
  readonly requestId?: string;
}

/** Taking out: un-route, drain, then kill. Set (and durable) before anything happens. */
export interface TakingOut {
  readonly reason: StopReason;
  readonly since: Timestamp;
  readonly phase: 'draining' | 'killing';
  /** Skip the drain (health kill of a dead server, wipe). */
  readonly immediate?: boolean;
  readonly by?: StopOrigin;
}

/** One wanted copy of an app. Immutable value; every change makes a new one, durable before its effects leave. */
export interface Instance {
  readonly id: InstanceId;
  readonly appId: AppId;
  readonly goal: Goal;
  readonly condition: Condition;
  /** When the condition began. */
  readonly since: Timestamp;
  /** Version and launch hash of the definition it runs, or shall run when Scheduled. */
  readonly runSpecVersion: Timestamp;
  readonly launchHash: string;
  /** 1 for the first launch, +1 for each relaunch; 0 before the first. */
  readonly incarnation: number;
  readonly role: string;
  readonly task?: InstanceTask;
  readonly health?: InstanceHealth;
  readonly takingOut?: TakingOut;
  /** Set while Unreachable. */
  readonly unreachableSince?: Timestamp;
  /** Set while UnreachableInactive: the instance that was started in its place. */
  readonly replacedBy?: InstanceId;
}

const activeConditions: ReadonlySet<Condition> = new Set<Condition>([
  'Provisioned',
  'Staging',
  'Starting',
  'Running',
  'Killing',
  'Unreachable',
]);
const terminalConditions: ReadonlySet<Condition> = new Set<Condition>([
  'Finished',
  'Failed',
  'Error',
  'Killed',
  'Gone',
  'Dropped',
  'Unknown',
]);

/** Active = Provisioned, Staging, Starting, Running, Killing, Unreachable (marathon.md 4.3). */
export function isActive(condition: Condition): boolean {
  return activeConditions.has(condition);
}

export function isTerminal(condition: Condition): boolean {
  return terminalConditions.has(condition);
}
