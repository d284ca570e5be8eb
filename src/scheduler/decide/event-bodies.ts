import type { TaskStatus } from '../../embedded-mesos/protocol/v1.js';
import type { EventBody } from '../../events/event-bus.js';
import type { Condition, Instance } from '../instance.js';
import { conditionOf } from './condition.js';
import type { ParsedTaskId } from './ids.js';

/** Bodies of the scheduler's events, field by field as Marathon's (reference section 8): `null` where it says null. */
export function instanceChanged(instance: Instance, condition: Condition): EventBody {
  return {
    eventType: 'instance_changed_event',
    instanceId: instance.id,
    condition,
    runSpecId: instance.appId,
    agentId: instance.task?.agentId ?? null,
    host: instance.task?.hostname ?? null,
    runSpecVersion: instance.runSpecVersion,
  };
}

/** The state as Marathon names it; TASK_LOST is told as what it means. */
export function shownState(status: TaskStatus): string {
  if (status.state === 'TASK_LOST') return `TASK_${conditionOf(status).toUpperCase()}`;
  return status.state === 'TASK_GONE_BY_OPERATOR' ? 'TASK_GONE' : status.state;
}

export function statusUpdate(instance: Instance, status: TaskStatus): EventBody | undefined {
  const task = instance.task;
  if (!task) return undefined;
  return {
    eventType: 'status_update_event',
    slaveId: task.agentId,
    taskId: task.id,
    taskStatus: shownState(status),
    message: status.message ?? '',
    appId: instance.appId,
    host: task.hostname,
    ipAddresses: task.ipAddresses,
    ports: task.hostPorts,
    version: task.runSpecVersion,
  };
}

export function unknownInstanceTerminated(parsed: ParsedTaskId, status: TaskStatus): EventBody {
  return {
    eventType: 'unknown_instance_terminated_event',
    instanceId: parsed.instanceId,
    runSpecId: parsed.appId,
    condition: conditionOf(status),
  };
}

export function schedulerRegistered(frameworkId: string, master: string): EventBody {
  return { eventType: 'scheduler_registered_event', frameworkId, master };
}

export function schedulerReregistered(master: string): EventBody {
  return { eventType: 'scheduler_reregistered_event', master };
}

export function schedulerDisconnected(): EventBody {
  return { eventType: 'scheduler_disconnected_event' };
}
