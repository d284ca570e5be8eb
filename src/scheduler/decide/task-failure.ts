import type { TaskState, TaskStatus } from '../../embedded-mesos/protocol/v1.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { Condition, Instance } from '../instance.js';
import type { TaskFailure } from '../scheduler.js';

const recorded: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_FAILED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
]);

function failure(
  instance: Instance,
  state: string,
  message: string,
  now: Timestamp,
): TaskFailure | undefined {
  const task = instance.task;
  if (!task) return undefined;
  return {
    appId: instance.appId,
    host: task.hostname,
    message,
    state,
    taskId: task.id,
    timestamp: now,
    version: task.runSpecVersion,
    slaveId: task.agentId,
  };
}

/**
 * What `lastTaskFailure` shall say after a task's end (Marathon reference 3): failures only, never a finish, never an end
 * that we asked for, never a launch that a vanished offer undid. A kill that its agent decided on for its health is one.
 */
export function failureOf(
  instance: Instance,
  status: TaskStatus,
  condition: Condition,
  now: Timestamp,
): TaskFailure | undefined {
  const ours = instance.takingOut !== undefined || instance.goal !== 'Running';
  if (!ours && status.state === 'TASK_KILLED' && status.healthy === false)
    return healthKillFailure(instance, instance.task?.agentHealth?.message ?? 'unknown', now);
  if (ours || !recorded.has(status.state) || status.reason === 'REASON_INVALID_OFFERS') return undefined;
  return failure(instance, status.state, status.message ?? `Task ended as ${condition}`, now);
}

/** The failure recorded when a task is killed because its health checks failed. */
export function healthKillFailure(
  instance: Instance,
  reason: string,
  now: Timestamp,
): TaskFailure | undefined {
  return failure(
    instance,
    'TASK_KILLED',
    `Task was killed since health check failed. Reason: ${reason}`,
    now,
  );
}
