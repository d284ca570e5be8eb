import type { Account, ContainerLimits, ContainerSpec } from '../../containers/containerizer.js';
import type { Resource, TaskInfo } from '../../protocol/v1.js';
import type { TaskRecord } from '../task-record.js';
import { bridgeFault, bridgeOf } from './bridge-task.js';
import { checkPlans } from './check-plan.js';
import { dockerSpecOf, dockerTaskProblem, hasImage } from './docker-task.js';
import { labelFault, labelIsolation, labelLimits } from './label-limits.js';
import { secretFault } from './secret-refs.js';
import { launchFailure, type Outcome } from './status.js';

/** Mesos's default when no kill policy is given. */
export const DEFAULT_KILL_GRACE_MS = 3_000;

export interface RunAsRules {
  /** The agent's own. */
  readonly agentUid: number;
  readonly agentUser: string;
  readonly defaultUser: string;
  readonly allowRootTasks: boolean;
}

/**
 * Name of the user to look up for a task; undefined: it runs as the agent itself, or has an image, whose users are its own.
 */
export function userFor(task: TaskInfo, rules: RunAsRules): string | undefined {
  if (hasImage(task)) return undefined;
  const asked = task.command?.user;
  if (rules.agentUid === 0) return asked ?? rules.defaultUser;
  return asked === undefined || asked === rules.agentUser || asked === String(rules.agentUid)
    ? undefined
    : asked;
}

/**
 * Why a task may not run, if it may not: what it needs and this agent lacks, and the rule that a root agent runs tasks as root
 * only when that was allowed. `account`: what `userFor` was found to be.
 */
export function refusalOf(
  task: TaskInfo,
  account: Account | undefined,
  rules: RunAsRules,
): Outcome | undefined {
  const lacks = missingFeature(task) ?? labelFault(task) ?? bridgeFault(task) ?? checkPlans(task).fault;
  if (lacks) return { state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID', message: lacks };
  const user = userFor(task, rules);
  if (user === undefined) return undefined;
  if (rules.agentUid !== 0) {
    return launchFailure(`this agent does not run as root and cannot run a task as user '${user}'`);
  }
  if (!account) return launchFailure(`there is no user '${user}' on this host`);
  if (account.uid === 0 && !rules.allowRootTasks) {
    const message = `Tasks may not run as root on this agent: name another user, or start the agent with --allow-root-tasks`;
    return { state: 'TASK_ERROR', reason: 'REASON_TASK_UNAUTHORIZED', message };
  }
  return undefined;
}

/** Why a task cannot be launched whose ports others listen on (`taken`: which; empty = none). */
export function portsRefusal(taken: readonly number[]): Outcome | undefined {
  if (taken.length === 0) return undefined;
  const which = taken.length === 1 ? `port ${taken[0]}` : `ports ${taken.slice(0, 10).join(', ')}`;
  return launchFailure(`another program listens on ${which} of this host`);
}

function missingFeature(task: TaskInfo): string | undefined {
  const { command, container } = task;
  if (!command) return 'Task has no command; this agent runs commands only';
  const unknownToEngine = container && dockerTaskProblem(task);
  if (unknownToEngine) return unknownToEngine;
  return secretFault(task);
}

function scalar(resources: readonly Resource[], name: string): number {
  return resources.reduce(
    (sum, resource) => (resource.name === name ? sum + (resource.scalar?.value ?? 0) : sum),
    0,
  );
}

function limitsOf(task: TaskInfo): ContainerLimits {
  const ceiling = (name: string): number | undefined => {
    const value = task.limits?.[name]?.value;
    return value === 'Infinity' ? Number.POSITIVE_INFINITY : value;
  };
  const cpusLimit = ceiling('cpus');
  const memLimitMiB = ceiling('mem');
  const diskMiB = scalar(task.resources, 'disk');
  return {
    cpus: scalar(task.resources, 'cpus'),
    memMiB: scalar(task.resources, 'mem'),
    ...(cpusLimit !== undefined && { cpusLimit }),
    ...(memLimitMiB !== undefined && { memLimitMiB }),
    ...(diskMiB > 0 && { diskMiB }),
    ...labelLimits(task),
  };
}

/** The container of a task. Its environment: what Mesos's agent tells every task, then the command's own. */
export function containerOf(record: TaskRecord, agentId: string): ContainerSpec {
  const { task, frameworkId, account, containerId, mounts } = record;
  const command = task.command;
  const docker = dockerSpecOf(task);
  const isolation = labelIsolation(task);
  const bridge = bridgeOf(task);
  const own = [
    { name: 'MESOS_FRAMEWORK_ID', value: frameworkId },
    { name: 'MESOS_EXECUTOR_ID', value: task.task_id.value },
    { name: 'MESOS_SLAVE_ID', value: agentId },
    { name: 'MESOS_CHECKPOINT', value: '1' },
  ];
  const asked = (command?.environment?.variables ?? []).map(({ name, value }) => ({
    name,
    value: value ?? '',
  }));
  return {
    id: containerId,
    command: {
      shell: command?.shell ?? true,
      value: command?.value ?? '',
      arguments: command?.arguments ?? [],
    },
    environment: [...own, ...asked],
    ...(account && { account }),
    limits: limitsOf(task),
    ...(isolation && { isolation }),
    ...(bridge && { bridge }),
    ...(mounts && mounts.length > 0 && { mounts }),
    ...(docker && { docker }),
  };
}

/** The grace of a kill: the call's, else the task's, else Mesos's default. */
export function killGraceMs(task: TaskInfo, policy: TaskInfo['kill_policy']): number {
  const nanoseconds = (policy?.grace_period ?? task.kill_policy?.grace_period)?.nanoseconds;
  return nanoseconds === undefined ? DEFAULT_KILL_GRACE_MS : nanoseconds / 1e6;
}
