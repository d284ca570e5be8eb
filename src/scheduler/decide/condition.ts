import type { TaskStatus } from '../../embedded-mesos/protocol/v1.js';
import type { Condition } from '../instance.js';

const lostReasons: Readonly<Record<string, Condition>> = {
  REASON_AGENT_REMOVED: 'Unreachable',
  REASON_CONTAINER_PREEMPTED: 'Gone',
  REASON_CONTAINER_UPDATE_FAILED: 'Gone',
  REASON_EXECUTOR_REREGISTRATION_TIMEOUT: 'Gone',
  REASON_AGENT_REMOVED_BY_OPERATOR: 'Gone',
  REASON_INVALID_OFFERS: 'Dropped',
  REASON_AGENT_DISCONNECTED: 'Dropped',
  REASON_AGENT_RESTARTED: 'Dropped',
  REASON_RESOURCES_UNKNOWN: 'Dropped',
  REASON_GC_ERROR: 'Dropped',
  REASON_EXECUTOR_TERMINATED: 'Dropped',
};

/** TASK_LOST comes only from masters that do not know partition awareness; its reason says what it would have been. */
function conditionOfLost(status: TaskStatus): Condition {
  if (status.reason === 'REASON_RECONCILIATION') {
    const message = status.message ?? '';
    if (message.includes('unreachable')) return 'Unreachable';
    if (message.includes('unknown to the agent') || message.includes('is gone')) return 'Gone';
    return 'Unknown';
  }
  return lostReasons[status.reason ?? ''] ?? 'Unknown';
}

/** The condition that a task status means (Marathon reference 4.3; Mesos reference 1.8.1 and 1.8.2). */
export function conditionOf(status: TaskStatus): Condition {
  switch (status.state) {
    case 'TASK_STAGING':
      return 'Staging';
    case 'TASK_STARTING':
      return 'Starting';
    case 'TASK_RUNNING':
      return 'Running';
    case 'TASK_KILLING':
      return 'Killing';
    case 'TASK_FINISHED':
      return 'Finished';
    case 'TASK_FAILED':
      return 'Failed';
    case 'TASK_KILLED':
      return 'Killed';
    case 'TASK_ERROR':
      return 'Error';
    case 'TASK_DROPPED':
      return 'Dropped';
    case 'TASK_GONE':
    case 'TASK_GONE_BY_OPERATOR':
      return 'Gone';
    case 'TASK_UNREACHABLE':
      return 'Unreachable';
    case 'TASK_UNKNOWN':
      return 'Unknown';
    case 'TASK_LOST':
      return conditionOfLost(status);
  }
}
