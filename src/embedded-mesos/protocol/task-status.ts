import type { CheckStatusInfo } from './checks.js';
import type { ContainerStatus } from './container-info.js';
import type { Resource } from './resource.js';
import type { IdValue, Labels, TimeInfo } from './values.js';

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED'
  | 'TASK_ERROR'
  | 'TASK_LOST'
  | 'TASK_DROPPED'
  | 'TASK_UNREACHABLE'
  | 'TASK_GONE'
  | 'TASK_GONE_BY_OPERATOR'
  | 'TASK_UNKNOWN';

const terminalStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_LOST',
  'TASK_ERROR',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
]);

/** Mesos's `isTerminalState` (Mesos reference 1.8.1): UNREACHABLE and UNKNOWN are not. */
export function isTerminalState(state: TaskState): boolean {
  return terminalStates.has(state);
}

export interface TaskStatus {
  readonly task_id: IdValue;
  readonly state: TaskState;
  readonly message?: string;
  readonly source?: 'SOURCE_MASTER' | 'SOURCE_AGENT' | 'SOURCE_EXECUTOR';
  /** `REASON_...` */
  readonly reason?: string;
  readonly data?: string;
  readonly agent_id?: IdValue;
  readonly executor_id?: IdValue;
  /** Seconds since the epoch, fractional. */
  readonly timestamp?: number;
  /** Base64. Present = must be acknowledged; absent = made by the master. */
  readonly uuid?: string;
  readonly healthy?: boolean;
  readonly check_status?: CheckStatusInfo;
  readonly labels?: Labels;
  readonly container_status?: ContainerStatus;
  readonly unreachable_time?: TimeInfo;
  readonly limitation?: { readonly resources: readonly Resource[] };
}
