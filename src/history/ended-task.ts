import type { AppId } from '../apps/app.js';
import type { AgentId, InstanceId, StopOrigin, StopReason, TaskId } from '../scheduler/instance.js';
import type { Timestamp } from '../util/timestamp.js';

/** Why a task is over. */
export type CauseOfDeath =
  /** The kernel killed in it for memory. */
  | { readonly kind: 'out-of-memory'; readonly limitMiB?: number; readonly maxUsedMiB?: number }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'failed-health-check'; readonly lastAnswer?: string }
  /** Taken out on purpose. */
  | ({ readonly kind: 'killed'; readonly reason: StopReason } & StopOrigin)
  | { readonly kind: 'agent-lost'; readonly since?: Timestamp }
  | { readonly kind: 'launch-failed' }
  /** Ended for none of these reasons; the message says what is known. */
  | { readonly kind: 'other' };

/** What it used, as its agent measured it at the end. */
export interface TaskUse {
  readonly peakMemoryBytes?: number;
  readonly cpuSeconds?: number;
}

/** One launch of an instance that is over, as it is stored. */
export interface EndedTask {
  /** Grows from one to the next, over all apps. */
  readonly seq: number;
  readonly appId: AppId;
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  readonly incarnation: number;
  readonly agentId: AgentId;
  readonly host: string;
  /** Of the definition it was launched from. */
  readonly version: Timestamp;
  readonly stagedAt: Timestamp;
  readonly startedAt?: Timestamp;
  /** When the last of its health checks first succeeded. */
  readonly healthyAt?: Timestamp;
  readonly endedAt: Timestamp;
  /** Mesos's state; `TASK_UNREACHABLE` when nobody told of its end. */
  readonly state: string;
  readonly cause: CauseOfDeath;
  readonly message?: string;
  readonly use?: TaskUse;
}

/** The last lines of one stream, oldest first. */
export interface LastLines {
  readonly lines: readonly string[];
  /** There were more, or longer ones, than are kept. */
  readonly cut: boolean;
}

/** What an ended task had written, or why that is not known. */
export type TaskOutput =
  | { readonly stdout: LastLines; readonly stderr: LastLines }
  | { readonly problem: string };
