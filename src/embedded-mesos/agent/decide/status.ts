import type { ContainerEnd } from '../../containers/containerizer.js';
import { exitMessage } from '../../containers/decide/exit-meaning.js';
import type { TaskState, TaskStatus } from '../../protocol/v1.js';
import type { TaskRecord } from '../task-record.js';
import { emptyCheckStatus } from './check-plan.js';

/** What a status needs from outside. */
export interface StatusFacts {
  readonly agentId: string;
  /** Address that tasks on the host's network are reached at. */
  readonly ip: string;
  readonly wallMs: number;
  /** Random; names the update. */
  readonly uuid: string;
}

/** A status without uuid: nobody acknowledges it. */
export function bareStatus(taskId: string, state: TaskState, agentId: string, wallMs: number): TaskStatus {
  return {
    task_id: { value: taskId },
    state,
    source: 'SOURCE_AGENT',
    agent_id: { value: agentId },
    timestamp: wallMs / 1000,
  };
}

/** What happened, before it is dressed as a status. */
export interface Outcome {
  readonly state: TaskState;
  readonly message?: string;
  readonly reason?: string;
  readonly limitation?: NonNullable<TaskStatus['limitation']>;
  readonly labels?: NonNullable<TaskStatus['labels']>;
}

/** It could not be launched on this host; another may do. */
export function launchFailure(why: string): Outcome {
  return {
    state: 'TASK_FAILED',
    reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    message: `Failed to launch container: ${why}`,
  };
}

/** A UUID's 16 bytes in base64, as updates carry them. */
export function uuidBase64(uuid: string): string {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64');
}

/** A status with everything that an agent fills in (Mesos reference 1.8). */
export function statusOf(
  record: Pick<TaskRecord, 'task' | 'containerId' | 'pid' | 'ipAddress'> &
    Partial<Pick<TaskRecord, 'latest'>>,
  outcome: Outcome,
  facts: StatusFacts,
): TaskStatus {
  const { agentId, wallMs, uuid } = facts;
  const ip = record.ipAddress ?? facts.ip;
  const protocol = ip.includes(':') ? 'IPv6' : 'IPv4';
  return {
    task_id: record.task.task_id,
    executor_id: record.task.task_id,
    agent_id: { value: agentId },
    ...outcome,
    ...lastResults(record),
    source:
      outcome.state === 'TASK_RUNNING' || outcome.reason === undefined ? 'SOURCE_EXECUTOR' : 'SOURCE_AGENT',
    timestamp: wallMs / 1000,
    uuid: uuidBase64(uuid),
    container_status: {
      container_id: { value: record.containerId },
      network_infos: [{ ip_addresses: [{ protocol, ip_address: ip }] }],
      ...(record.pid !== undefined && { executor_pid: record.pid }),
    },
  };
}

/** What its checks said last: it is in every status, the last one included. */
function lastResults({ task, latest }: Parameters<typeof statusOf>[0]): Partial<TaskStatus> {
  const status = latest?.check_status ?? (task.check && emptyCheckStatus(task.check));
  return {
    ...(latest?.healthy !== undefined && { healthy: latest.healthy }),
    ...(status && { check_status: status }),
  };
}

/**
 * What a container's end means for its task. A kill that was asked for explains every end; otherwise memory explains more
 * than the exit that followed from it.
 */
export function outcomeOfEnd(end: ContainerEnd, killed: boolean): Outcome {
  const labels = useLabels(end);
  return { ...meaningOfEnd(end, killed), ...(labels && { labels }) };
}

/** What it used, for whoever wants to know; Mesos has no field for it. */
function useLabels({ use }: ContainerEnd): Outcome['labels'] {
  if (use === undefined) return undefined;
  const { peakMemoryBytes, cpuSeconds } = use;
  return {
    labels: [
      ...(peakMemoryBytes === undefined
        ? []
        : [{ key: 'longrun.peak-memory-bytes', value: String(peakMemoryBytes) }]),
      ...(cpuSeconds === undefined ? [] : [{ key: 'longrun.cpu-seconds', value: String(cpuSeconds) }]),
    ],
  };
}

function meaningOfEnd(end: ContainerEnd, killed: boolean): Outcome {
  const stuck = end.stuckPids ? ` (the kernel does not let go of processes ${end.stuckPids.join(', ')})` : '';
  if (killed) return killedOutcome(end, stuck);
  if (end.limitation) {
    return {
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      message: end.limitation.message,
      limitation: {
        resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: end.limitation.maxUsedMiB } }],
      },
    };
  }
  if (end.failure?.startsWith('Failed to launch container')) {
    return { state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED', message: end.failure };
  }
  if (end.failure !== undefined)
    return { state: 'TASK_FAILED', reason: 'REASON_EXECUTOR_TERMINATED', message: end.failure + stuck };
  if (end.exit) {
    const good = 'code' in end.exit && end.exit.code === 0;
    return { state: good ? 'TASK_FINISHED' : 'TASK_FAILED', message: exitMessage(end.exit) + stuck };
  }
  return {
    state: 'TASK_FAILED',
    reason: 'REASON_EXECUTOR_TERMINATED',
    message: `The task ended without an exit status${stuck}`,
  };
}

function killedOutcome(end: ContainerEnd, stuck: string): Outcome {
  if (end.cancelled) {
    return {
      state: 'TASK_KILLED',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
      message: 'Killed before it was launched',
    };
  }
  return {
    state: 'TASK_KILLED',
    message: (end.exit ? exitMessage(end.exit) : (end.failure ?? 'Killed')) + stuck,
  };
}
