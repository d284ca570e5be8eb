import {
  type Condition,
  type HealthCheckResult,
  type Instance,
  type InstanceTask,
  isActive,
} from '../../scheduler/instance.js';

const stateOf: Readonly<Record<Condition, string>> = {
  Scheduled: 'TASK_STAGING',
  Provisioned: 'TASK_STAGING',
  Staging: 'TASK_STAGING',
  Starting: 'TASK_STARTING',
  Running: 'TASK_RUNNING',
  Killing: 'TASK_KILLING',
  Unreachable: 'TASK_UNREACHABLE',
  UnreachableInactive: 'TASK_UNREACHABLE',
  Finished: 'TASK_FINISHED',
  Failed: 'TASK_FAILED',
  Error: 'TASK_ERROR',
  Killed: 'TASK_KILLED',
  Gone: 'TASK_GONE',
  Dropped: 'TASK_DROPPED',
  Unknown: 'TASK_UNKNOWN',
};

/** Whether an instance has a task to show: one that waits for an offer has none (its last task is history). */
export function hasVisibleTask(instance: Instance): boolean {
  return instance.task !== undefined && instance.condition !== 'Scheduled';
}

/** The health results of the current task; those of an earlier task are stale and not shown. */
export function currentResults(instance: Instance): readonly HealthCheckResult[] {
  const health = instance.health;
  if (health === undefined || health.taskId !== instance.task?.id) return [];
  return health.results.filter((result) => result !== undefined);
}

/** As Marathon writes what a `check` gave; an empty object for one that gave nothing yet. */
function checkResult({ command, http, tcp }: NonNullable<InstanceTask['checkStatus']>): unknown {
  return {
    ...(command && { command: { exitCode: command.exit_code } }),
    ...(http && { http: { statusCode: http.status_code } }),
    ...(tcp && { tcp: { succeeded: tcp.succeeded } }),
  };
}

/**
 * A task as every list shows it. `servicePorts` is filled only by `GET /v2/tasks`. Times, ports and version only while
 * the task is active. `draining` is longrun's: the task is being taken out, gets no new
 * requests and may finish those in flight.
 */
export function presentTask(
  instance: Instance,
  servicePorts: readonly number[] = [],
): Readonly<Record<string, unknown>> {
  const { task } = instance;
  const active = isActive(instance.condition);
  return {
    id: task?.id,
    appId: instance.appId,
    host: task?.hostname,
    slaveId: task?.agentId,
    state: stateOf[instance.condition],
    ...(active && task
      ? { stagedAt: task.stagedAt, startedAt: task.startedAt, version: task.runSpecVersion }
      : {}),
    ports: active ? (task?.hostPorts ?? []) : [],
    servicePorts,
    ipAddresses: task?.ipAddresses ?? [],
    healthCheckResults: currentResults(instance).map((result) => ({ ...result, instanceId: instance.id })),
    checkResult: task?.checkStatus && checkResult(task.checkStatus),
    localVolumes: [],
    region: task?.region,
    zone: task?.zone,
    role: instance.role,
    draining:
      instance.takingOut?.phase === 'draining'
        ? { reason: instance.takingOut.reason, since: instance.takingOut.since }
        : undefined,
  };
}
