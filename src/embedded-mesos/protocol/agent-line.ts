import type { AgentInfo, KillPolicy, TaskInfo, TaskStatus } from './v1.js';

/**
 * The agents' line: agent dials the master's port, `POST /longrun/v1/agent`, RecordIO both ways over `util/line`
 * (sequence numbers, acknowledgements, resumption). Message family as in mesos.md 4.4.
 */
export const AGENT_LINE_PATH = '/longrun/v1/agent';
export const AGENT_PROTOCOL_VERSION = 1;

/** What an agent knows of a task when it (re-)registers: every task whose terminal update is not yet acknowledged. */
export interface AgentTask {
  readonly frameworkId: string;
  readonly task: TaskInfo;
  /** The newest status, acknowledged or not. */
  readonly status: TaskStatus;
}

export type FromAgent =
  | {
      readonly type: 'REGISTER';
      /** With `id` when re-registering. */
      readonly agent: AgentInfo;
      /** The host's boot id (/proc/sys/kernel/random/boot_id). */
      readonly bootId: string;
      /** Former ids of this work dir that died with their boot: nothing of them can be alive. */
      readonly replaces: readonly string[];
      readonly tasks: readonly AgentTask[];
      readonly version: string;
    }
  | { readonly type: 'UPDATE'; readonly frameworkId: string; readonly status: TaskStatus }
  /** Clean shutdown (Ctrl-C): tasks have ended, their updates were sent before this. */
  | { readonly type: 'UNREGISTER' }
  | { readonly type: 'PONG' };

export type ToAgent =
  | { readonly type: 'REGISTERED'; readonly agentId: string }
  /** Come back with a REGISTER (the master has no registration for this line). */
  | { readonly type: 'REREGISTER' }
  | { readonly type: 'RUN_TASKS'; readonly frameworkId: string; readonly tasks: readonly TaskInfo[] }
  | {
      readonly type: 'KILL_TASK';
      readonly frameworkId: string;
      readonly taskId: string;
      readonly killPolicy?: KillPolicy;
    }
  | {
      readonly type: 'ACKNOWLEDGE';
      readonly frameworkId: string;
      readonly taskId: string;
      readonly uuid: string;
    }
  /** Tasks the master believes to be here; the agent answers TASK_DROPPED for those it never had or no longer knows. */
  | { readonly type: 'RECONCILE'; readonly frameworkId: string; readonly taskIds: readonly string[] }
  | { readonly type: 'PING' }
  /** Marked gone or replaced: kill everything, forget the id, stop. */
  | { readonly type: 'SHUTDOWN'; readonly message: string };
