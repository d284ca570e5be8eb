import type { TaskEnd } from '../../scheduler/scheduler.js';
import type { CauseOfDeath, TaskUse } from '../ended-task.js';

const launchFailures: ReadonlySet<string> = new Set([
  'REASON_CONTAINER_LAUNCH_FAILED',
  'REASON_TASK_INVALID',
  'REASON_TASK_UNAUTHORIZED',
  'REASON_TASK_GROUP_INVALID',
  'REASON_TASK_GROUP_UNAUTHORIZED',
  'REASON_CONTAINER_PREEMPTED',
]);
const lostStates: ReadonlySet<string> = new Set([
  'TASK_LOST',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNREACHABLE',
  'TASK_UNKNOWN',
]);

/**
 * Why a task is over, from what stood in its record and its last status. What the kernel did explains more than an intention
 * to stop it; an intention explains more than the exit that followed from it; texts are those of Mesos's agents.
 */
export function causeOfDeath({ instance, status }: TaskEnd): CauseOfDeath {
  const { takingOut } = instance;
  if (status?.reason === 'REASON_CONTAINER_LIMITATION_MEMORY') return outOfMemory(status.message ?? '');
  if (takingOut?.reason === 'failed health checks') return failedHealthCheck(instance);
  if (takingOut) return { kind: 'killed', reason: takingOut.reason, ...takingOut.by };
  if (status === undefined || lostStates.has(status.state)) {
    return {
      kind: 'agent-lost',
      ...(instance.unreachableSince === undefined ? {} : { since: instance.unreachableSince }),
    };
  }
  const neverRan = status.state === 'TASK_ERROR' || status.state === 'TASK_DROPPED';
  if (neverRan || launchFailures.has(status.reason ?? '')) return { kind: 'launch-failed' };
  return exitOf(status.message ?? '', status.state);
}

function outOfMemory(message: string): CauseOfDeath {
  const [, limit, used] = /Requested: (\d+)MB Maximum Used: (\d+)MB/.exec(message) ?? [];
  return {
    kind: 'out-of-memory',
    ...(limit === undefined ? {} : { limitMiB: Number(limit) }),
    ...(used === undefined ? {} : { maxUsedMiB: Number(used) }),
  };
}

function failedHealthCheck({ health, task }: TaskEnd['instance']): CauseOfDeath {
  const results = health?.taskId === task.id ? health.results : [];
  const lastAnswer = results.find((result) => result && !result.alive)?.lastFailureCause;
  return { kind: 'failed-health-check', ...(lastAnswer === undefined ? {} : { lastAnswer }) };
}

function exitOf(message: string, state: string): CauseOfDeath {
  const [, code] = /^Command exited with status (\d{1,3})/.exec(message) ?? [];
  if (code !== undefined) return { kind: 'exit', code: Number(code) };
  const [, signal] = /^Command terminated with signal ([^(]+)/.exec(message) ?? [];
  if (signal !== undefined) return { kind: 'signal', signal: signal.trim() };
  return state === 'TASK_FINISHED' ? { kind: 'exit', code: 0 } : { kind: 'other' };
}

/** What the agent measured at the end; it travels in the labels of the last status. */
export function useOf({ status }: TaskEnd): TaskUse | undefined {
  const labels = new Map(status?.labels?.labels.map(({ key, value }) => [key, value]));
  const peakMemoryBytes = numberIn(labels.get('longrun.peak-memory-bytes'));
  const cpuSeconds = numberIn(labels.get('longrun.cpu-seconds'));
  if (peakMemoryBytes === undefined && cpuSeconds === undefined) return undefined;
  return {
    ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }),
    ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
  };
}

function numberIn(text: string | undefined): number | undefined {
  const value = Number(text ?? Number.NaN);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
