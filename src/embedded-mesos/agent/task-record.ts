import type { Account, MountSpec } from '../containers/containerizer.js';
import type { TaskInfo, TaskStatus } from '../protocol/v1.js';
import type { Outcome } from './decide/status.js';

/** The format of records; read back after upgrades. */
export const TASK_RECORD_FORMAT = 1;

/**
 * - `launching`: admitted; its container is being made.
 * - `running`: its program was exec'd. - `killing`: its end was asked for.
 * - `ended`: nothing of it runs; only updates are still to be acknowledged.
 */
export type TaskPhase = 'launching' | 'running' | 'killing' | 'ended';

/** All that the agent knows of a task, durable before anything is done about it. */
export interface TaskRecord {
  readonly format: typeof TASK_RECORD_FORMAT;
  readonly frameworkId: string;
  readonly task: TaskInfo;
  readonly containerId: string;
  /** Absent: the agent's own. */
  readonly account?: Account;
  readonly phase: TaskPhase;
  /** Absent: it has no files to fetch. False: not all of them are there, and there is no container of it yet. */
  readonly fetched?: boolean;
  /** The host's folders and files that its volumes stand for. */
  readonly mounts?: readonly MountSpec[];
  /** Why the agent itself ends it, which explains its end then. */
  readonly breach?: Outcome;
  /** The grace of the kill that was asked for. */
  readonly killGraceMs?: number;
  readonly pid?: number;
  /** Its own, in a network of its own. */
  readonly ipAddress?: string;
  /** Failures of its health check in a row, up to now. */
  readonly health?: { readonly failures: number };
  /** Not yet acknowledged, oldest first; the first one is the one to send. */
  readonly updates: readonly TaskStatus[];
  /** The newest status. */
  readonly latest: TaskStatus;
}

/** What stays known of a forgotten task as long as its sandbox is there. */
export interface OldSandbox {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly endedAtMs: number;
}

/** The agent's own record. */
export interface AgentRecord {
  readonly format: 1;
  readonly bootId: string;
  readonly agentId?: string;
  /** Ids that died with their boot and that no master has been told of yet. */
  readonly formerIds: readonly string[];
}

export const checkpointKeys = {
  agent: 'agent',
  task: (taskId: string): string => `task!${taskId}`,
  sandbox: (containerId: string): string => `sandbox!${containerId}`,
} as const;
