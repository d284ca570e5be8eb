import type { TaskStatus } from '../../embedded-mesos/protocol/v1.js';
import { type Timestamp, timestamp } from '../../util/timestamp.js';
import { type Condition, type Instance, type InstanceTask, isTerminal } from '../instance.js';
import { conditionOf } from './condition.js';
import type { Effect, StepContext, StepResult } from './instance-event.js';
import { rescheduled } from './new-instance.js';
import { failureOf } from './task-failure.js';
import { becomeUnreachable, isAway } from './unreachable-step.js';

/** How far a launch has come; a status that lags behind (a reconciliation answer may) never moves it back. */
const progress: Partial<Record<Condition, number>> = {
  Provisioned: 0,
  Staging: 1,
  Starting: 2,
  Running: 3,
  Killing: 4,
};

type Addresses = InstanceTask['ipAddresses'];

function addressesOf(status: TaskStatus): Addresses | undefined {
  const infos = status.container_status?.network_infos;
  if (infos === undefined) return undefined;
  return infos.flatMap((info) =>
    (info.ip_addresses ?? []).map((each) => ({
      ipAddress: each.ip_address,
      protocol: each.protocol ?? 'IPv4',
    })),
  );
}

function sameAddresses(a: Addresses, b: Addresses): boolean {
  return a.length === b.length && a.every((each, index) => each.ipAddress === b[index]?.ipAddress);
}

/** The task as a status leaves it. */
export function taskAfter(task: InstanceTask, status: TaskStatus, now: Timestamp): InstanceTask {
  const { message: _message, reason: _reason, ...rest } = task;
  const startedAt =
    task.startedAt ??
    (status.state === 'TASK_RUNNING'
      ? status.timestamp !== undefined && Number.isFinite(status.timestamp) && status.timestamp > 0
        ? timestamp(Math.round(status.timestamp * 1_000))
        : now
      : undefined);
  return {
    ...rest,
    mesosState: status.state,
    ipAddresses: addressesOf(status) ?? task.ipAddresses,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...checksAfter(task, status, now),
    ...(status.message === undefined ? {} : { message: status.message }),
    ...(status.reason === undefined ? {} : { reason: status.reason }),
  };
}

const HEALTH_REASON = 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED';

/**
 * What checks by the agent say in a status. Every status repeats the last word on health; a new word is one that differs, or one
 * that was sent for its own sake and later.
 */
function checksAfter(
  task: InstanceTask,
  status: TaskStatus,
  now: Timestamp,
): Pick<InstanceTask, 'agentHealth' | 'checkStatus'> {
  const { healthy, check_status: checkStatus, message } = status;
  const known = task.agentHealth;
  const at = status.timestamp === undefined ? now : timestamp(Math.round(status.timestamp * 1_000));
  const isNew =
    healthy !== undefined &&
    (known?.healthy !== healthy || (status.reason === HEALTH_REASON && known.at < at));
  return {
    ...(isNew && { agentHealth: { healthy, at, ...(message === undefined ? {} : { message }) } }),
    ...(checkStatus && { checkStatus }),
  };
}

function tellsChecks(before: InstanceTask, after: InstanceTask): boolean {
  return (
    before.agentHealth !== after.agentHealth ||
    JSON.stringify(before.checkStatus) !== JSON.stringify(after.checkStatus)
  );
}

/** What is fetched or pulled for a task is said while it is staged. */
function tellsProgress(condition: Condition, before: InstanceTask, after: InstanceTask): boolean {
  return condition === 'Staging' && after.message !== undefined && after.message !== before.message;
}

function onAlive(
  instance: Instance,
  task: InstanceTask,
  status: TaskStatus,
  condition: Condition,
  now: Timestamp,
): StepResult {
  const returning = isAway(instance.condition);
  const lags = !returning && (progress[condition] ?? 0) < (progress[instance.condition] ?? 0);
  const next = taskAfter(task, status, now);
  const nothingNew =
    condition === instance.condition &&
    sameAddresses(next.ipAddresses, task.ipAddresses) &&
    !tellsProgress(condition, task, next) &&
    !tellsChecks(task, next);
  if (lags || nothingNew) return { instance, effects: [] };
  const { unreachableSince: _since, replacedBy, ...rest } = instance;
  const after: Instance = {
    ...rest,
    condition,
    since: condition === instance.condition ? instance.since : now,
    task: next,
  };
  const onlyChecks = condition === instance.condition && tellsChecks(task, next);
  const effects: Effect[] = onlyChecks ? [] : [{ kind: 'publish-status', instance: after, status }];
  if (condition !== instance.condition) {
    effects.push({ kind: 'publish-condition', instance: after, condition });
    if (condition !== 'Killing') effects.push({ kind: 'backoff', what: 'progress' });
    // A kill sent before the task existed, or while its agent was away, may have met nobody.
    if (after.takingOut?.phase === 'killing' && condition !== 'Killing') {
      effects.push({ kind: 'take-out', instanceId: instance.id });
    }
  }
  if (returning && replacedBy !== undefined)
    effects.push({ kind: 'surplus', pair: [instance.id, replacedBy] });
  return { instance: after, effects };
}

const failures: ReadonlySet<Condition> = new Set<Condition>([
  'Failed',
  'Error',
  'Dropped',
  'Gone',
  'Finished',
]);

/** What an end means for the launch backoff (Marathon reference 7.4). A launch that never happened is nobody's failure. */
function backoffAfterEnd(instance: Instance, condition: Condition, status: TaskStatus): Effect[] {
  if (status.reason === 'REASON_AGENT_DRAINING') return [{ kind: 'backoff', what: 'forget' }];
  const neverHappened =
    status.reason === 'REASON_INVALID_OFFERS' ||
    (instance.condition === 'Provisioned' && status.reason === 'REASON_RECONCILIATION');
  const ours = instance.takingOut !== undefined || instance.goal !== 'Running';
  return failures.has(condition) && !neverHappened && !ours ? [{ kind: 'backoff', what: 'failure' }] : [];
}

/** A launch that a vanished offer undid was none. */
function endedEffect(instance: Instance, task: InstanceTask, status: TaskStatus, at: Timestamp): Effect[] {
  if (status.reason === 'REASON_INVALID_OFFERS') return [];
  return [{ kind: 'ended', end: { instance: { ...instance, task }, status, at } }];
}

function onTerminal(
  instance: Instance,
  task: InstanceTask,
  status: TaskStatus,
  condition: Condition,
  context: StepContext,
): StepResult {
  const ended: Instance = {
    ...instance,
    condition,
    since: context.now,
    task: taskAfter(task, status, context.now),
  };
  const failure = failureOf(instance, status, condition, context.now);
  const effects: Effect[] = [
    { kind: 'publish-status', instance: ended, status },
    { kind: 'publish-condition', instance: ended, condition },
    ...(failure === undefined ? [] : [{ kind: 'record-failure', failure } as const]),
    ...endedEffect(instance, taskAfter(task, status, context.now), status, context.now),
    ...backoffAfterEnd(instance, condition, status),
  ];
  // An inactive one has been replaced long ago: launching it again would be one too many.
  if (instance.goal === 'Decommissioned' || instance.condition === 'UnreachableInactive') {
    return { instance: undefined, effects };
  }
  if (instance.goal === 'Stopped') {
    const { takingOut: _takingOut, health: _health, ...kept } = ended;
    return { instance: kept, effects };
  }
  const again = rescheduled(instance, context.record, context.now);
  return {
    instance: again,
    effects: [...effects, { kind: 'publish-condition', instance: again, condition: 'Scheduled' }],
  };
}

/** A status of the instance's current task, for every state, goal and condition (Marathon reference 4.3, 7.6). */
export function onUpdate(instance: Instance, status: TaskStatus, context: StepContext): StepResult {
  const task = instance.task;
  if (!task || isTerminal(instance.condition)) return { instance, effects: [] };
  const condition = conditionOf(status);
  if (condition === 'Unreachable') {
    if (isAway(instance.condition)) return { instance, effects: [] };
    const away: Instance = { ...instance, task: taskAfter(task, status, context.now) };
    return becomeUnreachable(away, status, context);
  }
  return isTerminal(condition)
    ? onTerminal(instance, task, status, condition, context)
    : onAlive(instance, task, status, condition, context.now);
}
