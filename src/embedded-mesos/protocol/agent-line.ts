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

/** What one task used between two looks at its counters. */
export interface TaskUsage {
  readonly taskId: string;
  /** Time between the looks. */
  readonly seconds: number;
  /** Processors that were busy for it, on average. */
  readonly cpus: number;
  /** Share (0 to 1) of its scheduling periods in which it was held back by its quota. */
  readonly throttled: number;
  /** Memory that cannot be given up without harm: what a limit must leave room for. */
  readonly memoryBytes: number;
  readonly rssBytes?: number;
  readonly cacheBytes?: number;
  /** The most that was ever charged, page cache included. */
  readonly peakBytes?: number;
  readonly memoryLimitBytes?: number;
  readonly processes?: number;
  readonly threads?: number;
  readonly ioReadBytesPerSecond?: number;
  readonly ioWriteBytesPerSecond?: number;
  readonly diskBytes?: number;
  /** Of a network of its own only. */
  readonly netReceiveBytesPerSecond?: number;
  readonly netSendBytesPerSecond?: number;
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
  | { readonly type: 'PONG' }
  /** About every 10 s; nobody answers, none is repeated. A master that does not know it takes no notice. */
  | { readonly type: 'USAGE'; readonly tasks: readonly TaskUsage[] }
  /** What a task of this agent refers to; answered by SECRETS. Asked again after every registration until it is. */
  | {
      readonly type: 'ASK_SECRETS';
      readonly frameworkId: string;
      readonly taskId: string;
      readonly names: readonly string[];
    };

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
  /** Either the values (bytes in base64, by name) or why there are none. */
  | {
      readonly type: 'SECRETS';
      readonly taskId: string;
      readonly values?: Readonly<Record<string, string>>;
      readonly failure?: string;
    }
  /** These have new values; agents ask for those that running tasks are to see. */
  | { readonly type: 'SECRETS_CHANGED'; readonly names: readonly string[] }
  | { readonly type: 'PING' }
  /** Marked gone or replaced: kill everything, forget the id, stop. */
  | { readonly type: 'SHUTDOWN'; readonly message: string };
