import type { AppRecord, UnreachableStrategy } from '../../src/apps/app.js';
import type { TaskState, TaskStatus } from '../../src/embedded-mesos/protocol/v1.js';
import { conditionOf } from '../../src/scheduler/decide/condition.js';
import { nextDeadline, stillStands } from '../../src/scheduler/decide/instance-deadline.js';
import type { StepContext, StepResult } from '../../src/scheduler/decide/instance-event.js';
import { stepInstance } from '../../src/scheduler/decide/instance-step.js';
import type { AgentId, Condition, Goal, Instance, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import { isTerminal } from '../../src/scheduler/instance.js';
import { timestamp } from '../../src/util/timestamp.js';
import { appRecord } from './support/world.js';

const t0 = timestamp(Date.UTC(2026, 0, 1));
const now = timestamp(Date.UTC(2026, 0, 2));
const record = appRecord('/web', {}, 'hash-2');
const replacementId = 'web.instance-new' as InstanceId;
const context: StepContext = { now, record, replacementId };

function instance(condition: Condition, goal: Goal, more: Partial<Instance> = {}): Instance {
  const base: Instance = {
    id: 'web.instance-1' as InstanceId,
    appId: record.app.id,
    goal,
    condition,
    since: t0,
    runSpecVersion: t0,
    launchHash: 'hash-1',
    incarnation: 1,
    role: '*',
  };
  if (condition === 'Scheduled') return { ...base, ...more };
  return {
    ...base,
    task: {
      id: 'web.instance-1._app.1' as TaskId,
      agentId: 'a1' as AgentId,
      hostname: 'host-a1',
      attributes: {},
      hostPorts: [31000],
      ipAddresses: [],
      stagedAt: t0,
      mesosState: 'TASK_STAGING',
      runSpecVersion: t0,
    },
    ...more,
  };
}

function update(
  from: Instance,
  state: TaskState,
  more: Partial<TaskStatus> = {},
  strategy?: UnreachableStrategy,
): StepResult {
  const status: TaskStatus = {
    task_id: { value: from.task?.id ?? '' },
    state,
    agent_id: { value: 'a1' },
    ...more,
  };
  const own =
    strategy === undefined ? record : appRecord('/web', { unreachableStrategy: strategy }, 'hash-2');
  return stepInstance(from, { kind: 'update', status }, { ...context, record: own });
}

const states: readonly TaskState[] = [
  'TASK_STAGING',
  'TASK_STARTING',
  'TASK_RUNNING',
  'TASK_KILLING',
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_UNREACHABLE',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
  'TASK_UNKNOWN',
];
const goals: readonly Goal[] = ['Running', 'Stopped', 'Decommissioned'];
const live: readonly Condition[] = [
  'Provisioned',
  'Staging',
  'Starting',
  'Running',
  'Killing',
  'Unreachable',
  'UnreachableInactive',
];
const order: readonly Condition[] = ['Provisioned', 'Staging', 'Starting', 'Running', 'Killing'];

describe('a status update, for every state, goal and condition', () => {
  const table = states.flatMap((state) =>
    goals.flatMap((goal) => live.map((condition) => [state, goal, condition] as const)),
  );
  it.each(table)('%s with goal %s while %s', (state, goal, condition) => {
    const before = instance(condition, goal);
    const { instance: after, created, effects } = update(before, state);
    const meant = conditionOf({ task_id: { value: '' }, state });
    const away = condition === 'Unreachable' || condition === 'UnreachableInactive';
    const kinds = effects.map((effect) => effect.kind);
    if (isTerminal(meant)) {
      expect(kinds.slice(0, 2)).toEqual(['publish-status', 'publish-condition']);
      if (goal === 'Decommissioned' || condition === 'UnreachableInactive') {
        expect(after).toBeUndefined();
      } else if (goal === 'Stopped') {
        expect(after).toMatchObject({ condition: meant, goal: 'Stopped' });
      } else {
        expect(after).toMatchObject({
          id: before.id,
          condition: 'Scheduled',
          incarnation: 1,
          launchHash: 'hash-2',
        });
        expect(after?.task).toBeUndefined();
        expect(after?.takingOut).toBeUndefined();
      }
      expect(created).toBeUndefined();
    } else if (meant === 'Unreachable') {
      if (away) {
        expect(after).toBe(before);
      } else {
        // Default strategy {0,0}: replaced at once when still wanted.
        expect(after).toBeUndefined();
        expect(created?.id).toBe(goal === 'Running' ? replacementId : undefined);
        if (created)
          expect(created).toMatchObject({ condition: 'Scheduled', launchHash: 'hash-2', incarnation: 0 });
      }
    } else if (away || order.indexOf(meant) > order.indexOf(condition)) {
      expect(after).toMatchObject({ condition: meant, since: now, goal });
      expect(after?.unreachableSince).toBeUndefined();
      expect(kinds.slice(0, 2)).toEqual(['publish-status', 'publish-condition']);
    } else {
      expect(after).toBe(before);
      expect(effects).toEqual([]);
    }
  });

  it('means nothing to an instance that waits for an offer', () => {
    const waiting = instance('Scheduled', 'Running');
    for (const state of states) expect(update(waiting, state).instance).toBe(waiting);
  });

  it('counts as a failure only what the app did by itself', () => {
    const backoff = (from: Instance, state: TaskState, more: Partial<TaskStatus> = {}): unknown =>
      update(from, state, more).effects.find((effect) => effect.kind === 'backoff');
    const running = instance('Running', 'Running');
    for (const state of [
      'TASK_FAILED',
      'TASK_ERROR',
      'TASK_DROPPED',
      'TASK_GONE',
      'TASK_FINISHED',
    ] as const) {
      expect(backoff(running, state)).toEqual({ kind: 'backoff', what: 'failure' });
    }
    expect(backoff(running, 'TASK_KILLED')).toBeUndefined();
    expect(backoff(running, 'TASK_DROPPED', { reason: 'REASON_INVALID_OFFERS' })).toBeUndefined();
    expect(backoff(running, 'TASK_FAILED', { reason: 'REASON_AGENT_DRAINING' })).toEqual({
      kind: 'backoff',
      what: 'forget',
    });
    expect(
      backoff(instance('Provisioned', 'Running'), 'TASK_GONE', { reason: 'REASON_RECONCILIATION' }),
    ).toBeUndefined();
    const leaving = instance('Running', 'Running', {
      takingOut: { reason: 'killed by request', since: t0, phase: 'killing' },
    });
    expect(backoff(leaving, 'TASK_FAILED')).toBeUndefined();
  });

  it('records a last failure for failures, never for finishes or kills', () => {
    const failure = (state: TaskState): string | undefined => {
      const effect = update(instance('Running', 'Running'), state, { message: 'why' }).effects.find(
        (each) => each.kind === 'record-failure',
      );
      return effect?.kind === 'record-failure' ? effect.failure.state : undefined;
    };
    const recorded = states.filter((state) => failure(state) !== undefined);
    expect(recorded).toEqual([
      'TASK_FAILED',
      'TASK_ERROR',
      'TASK_LOST',
      'TASK_DROPPED',
      'TASK_GONE',
      'TASK_GONE_BY_OPERATOR',
      'TASK_UNKNOWN',
    ]);
  });

  it('reads TASK_LOST by its reason', () => {
    const lost = (reason: string, message = ''): Condition =>
      conditionOf({ task_id: { value: 't' }, state: 'TASK_LOST', reason, message });
    expect(lost('REASON_AGENT_REMOVED')).toBe('Unreachable');
    expect(lost('REASON_RECONCILIATION', 'Reconciliation: Task is unreachable')).toBe('Unreachable');
    expect(lost('REASON_RECONCILIATION', 'Reconciliation: Task is unknown to the agent')).toBe('Gone');
    expect(lost('REASON_RECONCILIATION', 'Reconciliation: Task is unknown')).toBe('Unknown');
    expect(lost('REASON_INVALID_OFFERS')).toBe('Dropped');
    expect(lost('')).toBe('Unknown');
  });
});

describe('an unreachable agent', () => {
  const running = instance('Running', 'Running');
  const patient = { inactiveAfterSeconds: 10, expungeAfterSeconds: 30 };

  it('is waited for as the strategy says', () => {
    expect(update(running, 'TASK_UNREACHABLE', {}, patient)).toMatchObject({
      instance: { condition: 'Unreachable', unreachableSince: now },
    });
    expect(update(running, 'TASK_UNREACHABLE', {}, 'disabled').instance?.condition).toBe('Unreachable');
    const atOnce = update(
      running,
      'TASK_UNREACHABLE',
      {},
      { inactiveAfterSeconds: 0, expungeAfterSeconds: 30 },
    );
    expect(atOnce).toMatchObject({
      instance: { condition: 'UnreachableInactive', replacedBy: replacementId },
      created: { id: replacementId },
    });
  });

  it('takes its deadlines from the strategy, and a wall clock that jumps never lengthens them', () => {
    const away = instance('Unreachable', 'Running', { unreachableSince: t0 });
    const own = appRecord('/web', { unreachableStrategy: patient });
    const limits = { launchConfirmTimeoutMs: 300_000, launchTimeoutMs: 300_000 };
    const at = (offsetMs: number): unknown => nextDeadline(away, own, Date.parse(t0) + offsetMs, limits);
    expect(at(0)).toEqual({ kind: 'inactive', inMs: 10_000, spanMs: 10_000 });
    expect(at(4_000)).toEqual({ kind: 'inactive', inMs: 6_000, spanMs: 10_000 });
    expect(at(3_600_000)).toEqual({ kind: 'inactive', inMs: 0, spanMs: 10_000 });
    expect(at(-3_600_000)).toEqual({ kind: 'inactive', inMs: 10_000, spanMs: 10_000 });
    expect(nextDeadline({ ...away, condition: 'UnreachableInactive' }, own, Date.parse(t0), limits)).toEqual({
      kind: 'expunge',
      inMs: 30_000,
      spanMs: 30_000,
    });
    expect(
      nextDeadline(away, appRecord('/web', { unreachableStrategy: 'disabled' }), Date.parse(t0), limits),
    ).toBeUndefined();
  });

  it('is judged by what the app says when its time has come, however the wall clock stands then', () => {
    const come = { kind: 'inactive', inMs: 4_000, spanMs: 10_000 } as const;
    expect(stillStands(come, { ...come, inMs: 10_000 })).toBe(true);
    expect(stillStands(come, { ...come, spanMs: 5_000 })).toBe(true);
    expect(stillStands(come, { ...come, inMs: 1, spanMs: 20_000 })).toBe(false);
    expect(stillStands(come, { ...come, kind: 'expunge' })).toBe(false);
    expect(stillStands(come, undefined)).toBe(false);
    const away = instance('Unreachable', 'Running', { unreachableSince: t0 });
    const own = { ...context, record: appRecord('/web', { unreachableStrategy: 'disabled' }) };
    expect(stepInstance(away, { kind: 'inactive' }, own).instance).toBe(away);
  });

  it('is replaced once: at inactive, not again at expunge', () => {
    const away = instance('Unreachable', 'Running', { unreachableSince: t0 });
    const own = { ...context, record: appRecord('/web', { unreachableStrategy: patient }) };
    const inactive = stepInstance(away, { kind: 'inactive' }, own);
    expect(inactive.created?.id).toBe(replacementId);
    const gone = stepInstance(inactive.instance ?? away, { kind: 'expunge' }, own);
    expect(gone).toMatchObject({ instance: undefined });
    expect(gone.created).toBeUndefined();
  });

  it('with i = e is expunged and replaced at that time', () => {
    const own = {
      ...context,
      record: appRecord('/web', { unreachableStrategy: { inactiveAfterSeconds: 5, expungeAfterSeconds: 5 } }),
    };
    const result = stepInstance(
      instance('Unreachable', 'Running', { unreachableSince: t0 }),
      { kind: 'inactive' },
      own,
    );
    expect(result).toMatchObject({ instance: undefined, created: { id: replacementId } });
  });

  it('that returns after its replacement began leaves one too many, and says so', () => {
    const inactive = instance('UnreachableInactive', 'Running', { replacedBy: replacementId });
    const result = update(inactive, 'TASK_RUNNING');
    expect(result.instance).toMatchObject({ condition: 'Running' });
    expect(result.instance?.replacedBy).toBeUndefined();
    expect(result.effects).toContainEqual({ kind: 'surplus', pair: [inactive.id, replacementId] });
  });

  it('cannot confirm a kill: the instance is forgotten, or replaced when it shall run', () => {
    const away = instance('Unreachable', 'Running');
    const kill = { kind: 'take-out', reason: 'killed by request', immediate: false } as const;
    expect(stepInstance(away, { ...kill, decommission: true }, context)).toMatchObject({
      instance: undefined,
    });
    expect(stepInstance(away, { ...kill, decommission: true }, context).created).toBeUndefined();
    expect(stepInstance(away, { ...kill, decommission: false }, context).created?.id).toBe(replacementId);
  });
});

describe('taking out', () => {
  const event = { kind: 'take-out', reason: 'scale down', decommission: true, immediate: false } as const;

  it.each([
    ['Running', 'draining'],
    ['Staging', 'killing'],
    ['Starting', 'killing'],
    ['Provisioned', 'killing'],
    ['Killing', 'killing'],
  ] as const)('%s begins %s', (condition, phase) => {
    const result = stepInstance(instance(condition, 'Running'), event, context);
    expect(result.instance).toMatchObject({
      goal: 'Decommissioned',
      takingOut: { phase, since: now, reason: 'scale down' },
    });
    expect(result.effects.at(-1)).toEqual({ kind: 'take-out', instanceId: 'web.instance-1' });
  });

  it('forgets at once what only waits', () => {
    expect(stepInstance(instance('Scheduled', 'Running'), event, context).instance).toBeUndefined();
  });

  it('leaves a waiting instance alone when it shall be launched again anyway', () => {
    const waiting = instance('Scheduled', 'Running');
    expect(stepInstance(waiting, { ...event, decommission: false }, context).instance).toBe(waiting);
  });

  it('skips the drain without ports or when told to', () => {
    const running = instance('Running', 'Running');
    const portless: Instance = {
      ...running,
      ...(running.task ? { task: { ...running.task, hostPorts: [] } } : {}),
    };
    const of = (app: AppRecord | undefined): string | undefined =>
      stepInstance(portless, event, { ...context, record: app }).instance?.takingOut?.phase;
    expect(of(appRecord('/web'))).toBe('killing');
    expect(of(appRecord('/web', { portDefinitions: [{ port: 1, protocol: 'tcp' }] }))).toBe('draining');
    expect([of(record), of(undefined)]).toEqual(['draining', 'draining']);
    expect(stepInstance(running, { ...event, immediate: true }, context).instance?.takingOut?.phase).toBe(
      'killing',
    );
  });

  it('can be sharpened, never softened', () => {
    const draining = stepInstance(
      instance('Running', 'Running'),
      { ...event, decommission: false },
      context,
    ).instance;
    if (!draining) throw new Error('gone');
    expect(stepInstance(draining, { ...event, decommission: false }, context).instance).toBe(draining);
    const dropped = stepInstance(draining, event, context).instance;
    expect(dropped).toMatchObject({ goal: 'Decommissioned', takingOut: { phase: 'draining' } });
    const hurried = stepInstance(
      draining,
      { ...event, decommission: false, immediate: true },
      context,
    ).instance;
    expect(hurried).toMatchObject({ goal: 'Running', takingOut: { phase: 'killing', immediate: true } });
    expect(stepInstance(dropped ?? draining, { ...event, decommission: false }, context).instance?.goal).toBe(
      'Decommissioned',
    );
  });

  it('goes from drained to killing, for the task that was drained only', () => {
    const draining = stepInstance(instance('Running', 'Running'), event, context).instance;
    if (!draining?.task) throw new Error('gone');
    expect(stepInstance(draining, { kind: 'drained', taskId: 'other' as TaskId }, context).instance).toBe(
      draining,
    );
    expect(
      stepInstance(draining, { kind: 'drained', taskId: draining.task.id }, context).instance?.takingOut
        ?.phase,
    ).toBe('killing');
  });

  it('repeats a kill that may have met nobody', () => {
    const killing = instance('Provisioned', 'Decommissioned', {
      takingOut: { reason: 'scale down', since: t0, phase: 'killing' },
    });
    expect(update(killing, 'TASK_RUNNING').effects).toContainEqual({
      kind: 'take-out',
      instanceId: killing.id,
    });
  });
});
