import type { TaskState, TaskStatus } from '../../protocol/v1.js';

/** States that a framework without PARTITION_AWARE knows as TASK_LOST (Mesos reference 1.8.1). */
const partitionStates: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);

/** The state as this framework shall see it. */
export function stateFor(state: TaskState, partitionAware: boolean): TaskState {
  return !partitionAware && partitionStates.has(state) ? 'TASK_LOST' : state;
}

export interface MasterWord {
  readonly taskId: string;
  readonly agentId: string | undefined;
  readonly state: TaskState;
  readonly reason: string;
  readonly message: string;
  readonly nowMs: number;
  readonly partitionAware: boolean;
  /** The last status known, whose facts about the container go along. */
  readonly last?: TaskStatus | undefined;
  readonly unreachableSinceMs?: number | undefined;
}

/** A status made by the master itself: without uuid, so nobody acknowledges it (Mesos reference 1.8). */
export function masterStatus(word: MasterWord): TaskStatus {
  const { last } = word;
  return {
    task_id: { value: word.taskId },
    state: stateFor(word.state, word.partitionAware),
    message: word.message,
    source: 'SOURCE_MASTER',
    reason: word.reason,
    ...(word.agentId === undefined ? {} : { agent_id: { value: word.agentId } }),
    ...(last?.executor_id ? { executor_id: last.executor_id } : {}),
    timestamp: word.nowMs / 1000,
    ...(last?.healthy === undefined ? {} : { healthy: last.healthy }),
    ...(last?.check_status ? { check_status: last.check_status } : {}),
    ...(last?.container_status ? { container_status: last.container_status } : {}),
    ...(word.unreachableSinceMs === undefined
      ? {}
      : { unreachable_time: { nanoseconds: word.unreachableSinceMs * 1e6 } }),
  };
}
