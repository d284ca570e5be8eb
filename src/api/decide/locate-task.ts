import type { AppId } from '../../apps/app.js';
import type { AgentId, Instance, InstanceId, TaskId } from '../../scheduler/instance.js';
import type { TaskFailure } from '../../scheduler/scheduler.js';
import { parseTaskId } from './task-id.js';

/** What is known of tasks and where they ran. */
export interface TaskKnowledge {
  byTask(taskId: TaskId): Instance | undefined;
  instance(id: InstanceId): Instance | undefined;
  lastFailure(appId: AppId): TaskFailure | undefined;
}

/**
 * The agent whose disk holds a task's sandbox, also after the task's end: by the task itself; by the app's last failure;
 * else where the same instance runs now (a relaunch mostly lands on the same agent). Undefined when nothing is known.
 */
export function locateTask(taskId: string, knowledge: TaskKnowledge): AgentId | undefined {
  const current = knowledge.byTask(taskId as TaskId);
  if (current?.task !== undefined) return current.task.agentId;
  const parts = parseTaskId(taskId);
  if (parts === undefined) return undefined;
  const failure = knowledge.lastFailure(parts.appId);
  if (failure?.taskId === taskId && failure.slaveId !== undefined) return failure.slaveId as AgentId;
  return parts.instanceId === undefined ? undefined : knowledge.instance(parts.instanceId)?.task?.agentId;
}
