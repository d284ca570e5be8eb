import { portCount } from '../../apps/app-ports.js';
import { assert, assertNever } from '../../util/assert.js';
import { type Instance, isActive, isTerminal, type TakingOut } from '../instance.js';
import type { Effect, InstanceEvent, StepContext, StepResult } from './instance-event.js';
import { healthKillFailure } from './task-failure.js';
import { becomeInactive, expunge, isAway } from './unreachable-step.js';
import { onUpdate } from './update-step.js';

type Of<Kind extends InstanceEvent['kind']> = Extract<InstanceEvent, { kind: Kind }>;

function onLaunched(instance: Instance, event: Of<'launched'>, context: StepContext): StepResult {
  assert(
    instance.condition === 'Scheduled',
    `instance ${instance.id} is launched while ${instance.condition}`,
  );
  const after: Instance = {
    id: instance.id,
    appId: instance.appId,
    goal: instance.goal,
    condition: 'Provisioned',
    since: context.now,
    runSpecVersion: event.record.app.version,
    launchHash: event.record.launchHash,
    incarnation: instance.incarnation + 1,
    role: event.record.app.role,
    task: event.task,
  };
  return {
    instance: after,
    effects: [
      { kind: 'publish-condition', instance: after, condition: 'Provisioned' },
      { kind: 'backoff', what: 'progress' },
    ],
  };
}

/**
 * Whether requests may be on their way to it. A container with an address of its own has ports and no host ports; of a
 * definition that is not the app's any more nobody knows, and a drain of what was never routed is over at once.
 */
function mayBeRouted({ task, launchHash }: Instance, { record }: StepContext): boolean {
  if (task !== undefined && task.hostPorts.length > 0) return true;
  return record?.launchHash !== launchHash || portCount(record.app) > 0;
}

function needsDrain(instance: Instance, immediate: boolean, context: StepContext): boolean {
  return !immediate && instance.condition === 'Running' && mayBeRouted(instance, context);
}

/** The intention to take a live task out, or a sharper one than before; undefined when nothing changes. */
function sharpened(instance: Instance, event: Of<'take-out'>, context: StepContext): TakingOut | undefined {
  const before = instance.takingOut;
  const drops = event.decommission && instance.goal !== 'Decommissioned';
  if (!before) {
    return {
      reason: event.reason,
      since: context.now,
      phase: needsDrain(instance, event.immediate, context) ? 'draining' : 'killing',
      ...(event.immediate ? { immediate: true } : {}),
      ...(event.by === undefined ? {} : { by: event.by }),
    };
  }
  const hurries = event.immediate && before.phase === 'draining';
  if (!drops && !hurries) return undefined;
  return {
    ...before,
    reason: drops ? event.reason : before.reason,
    ...(drops && event.by !== undefined ? { by: event.by } : {}),
    ...(hurries ? { phase: 'killing', immediate: true } : {}),
  };
}

function onTakeOut(instance: Instance, event: Of<'take-out'>, context: StepContext): StepResult {
  const goal = event.decommission ? 'Decommissioned' : instance.goal;
  const leaving: Instance = { ...instance, goal };
  const told: Effect[] =
    goal === instance.goal
      ? []
      : [{ kind: 'publish-condition', instance: leaving, condition: instance.condition }];
  if (instance.condition === 'Scheduled' || isTerminal(instance.condition)) {
    return event.decommission ? { instance: undefined, effects: told } : { instance, effects: [] };
  }
  // Nobody can confirm this kill; should the task return, it is killed as one that nobody knows.
  if (isAway(instance.condition)) return expunge(leaving, context, told);
  const takingOut = sharpened(instance, event, context);
  if (!takingOut) return { instance, effects: [] };
  const failure =
    event.failure === undefined ? undefined : healthKillFailure(instance, event.failure, context.now);
  return {
    instance: { ...leaving, takingOut },
    effects: [
      ...told,
      ...(failure === undefined ? [] : [{ kind: 'record-failure', failure } as const]),
      { kind: 'take-out', instanceId: instance.id },
    ],
  };
}

function onDrained(instance: Instance, event: Of<'drained'>): StepResult {
  if (instance.task?.id !== event.taskId || instance.takingOut?.phase !== 'draining')
    return { instance, effects: [] };
  return {
    instance: { ...instance, takingOut: { ...instance.takingOut, phase: 'killing' } },
    effects: [{ kind: 'take-out', instanceId: instance.id }],
  };
}

function onHealth(instance: Instance, event: Of<'health'>): StepResult {
  const current = instance.task?.id === event.health.taskId && isActive(instance.condition);
  return current
    ? { instance: { ...instance, health: event.health }, effects: [] }
    : { instance, effects: [] };
}

/**
 * The life of an instance: state and event in, state and effects out. Nothing here looks at a clock or acts.
 * - goal Running and task ended: the same instance waits for an offer again;
 * - goal Decommissioned and task ended: forgotten;
 * - goal Stopped and task ended: kept as it is.
 */
export function stepInstance(instance: Instance, event: InstanceEvent, context: StepContext): StepResult {
  switch (event.kind) {
    case 'launched':
      return onLaunched(instance, event, context);
    case 'update':
      return onUpdate(instance, event.status, context);
    case 'take-out':
      return onTakeOut(instance, event, context);
    case 'drained':
      return onDrained(instance, event);
    case 'inactive': {
      if (instance.condition !== 'Unreachable') return { instance, effects: [] };
      const strategy = context.record?.app.unreachableStrategy;
      if (strategy === 'disabled') return { instance, effects: [] };
      const forgets = strategy === undefined || strategy.expungeAfterSeconds <= strategy.inactiveAfterSeconds;
      return forgets ? expunge(instance, context, []) : becomeInactive(instance, context, []);
    }
    case 'expunge':
      return isAway(instance.condition) ? expunge(instance, context, []) : { instance, effects: [] };
    case 'health':
      return onHealth(instance, event);
    default:
      return assertNever(event, 'instance event');
  }
}
