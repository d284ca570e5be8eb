import type { UnreachableStrategy } from '../../apps/app.js';
import type { TaskStatus } from '../../embedded-mesos/protocol/v1.js';
import { type Timestamp, timestamp, timestampMs } from '../../util/timestamp.js';
import type { Condition, Instance } from '../instance.js';
import type { Effect, StepContext, StepResult } from './instance-event.js';
import { newInstance } from './new-instance.js';

const AT_ONCE: UnreachableStrategy = { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 };

export function isAway(condition: Condition): boolean {
  return condition === 'Unreachable' || condition === 'UnreachableInactive';
}

/** When the master says since when, and that lies in the past, its word counts; otherwise now. */
function awaySince(status: TaskStatus, now: Timestamp): Timestamp {
  const saidMs = (status.unreachable_time?.nanoseconds ?? Number.POSITIVE_INFINITY) / 1e6;
  return saidMs > 0 && saidMs < timestampMs(now) ? timestamp(Math.floor(saidMs)) : now;
}

/** Forgets an instance that is away, with a new one in its place if it is still wanted and not replaced yet. */
export function expunge(instance: Instance, context: StepContext, before: readonly Effect[]): StepResult {
  const wanted = instance.goal === 'Running' && instance.condition !== 'UnreachableInactive';
  const { task } = instance;
  const effects: readonly Effect[] =
    task === undefined
      ? before
      : [...before, { kind: 'ended', end: { instance: { ...instance, task }, at: context.now } }];
  if (!wanted || !context.record) return { instance: undefined, effects };
  const created = newInstance(context.record, context.replacementId, context.now);
  return {
    instance: undefined,
    created,
    effects: [...effects, { kind: 'publish-condition', instance: created, condition: 'Scheduled' }],
  };
}

/** Given up for now: a replacement is started; if the instance returns, one of the two goes (Marathon reference 7.6). */
export function becomeInactive(
  instance: Instance,
  context: StepContext,
  effects: readonly Effect[],
): StepResult {
  const created = context.record && newInstance(context.record, context.replacementId, context.now);
  const after: Instance = {
    ...instance,
    condition: 'UnreachableInactive',
    since: context.now,
    ...(created === undefined ? {} : { replacedBy: created.id }),
  };
  return {
    instance: after,
    ...(created === undefined ? {} : { created }),
    effects: [
      ...effects,
      { kind: 'publish-condition', instance: after, condition: 'UnreachableInactive' },
      ...(created === undefined
        ? []
        : [{ kind: 'publish-condition', instance: created, condition: 'Scheduled' } as const]),
    ],
  };
}

/**
 * The agent is durably marked unreachable. What we were taking out anyway is forgotten (and killed should it return); for the
 * others the app's strategy decides: replaced at once, active for a while, or waited for without end (Marathon reference 7.6).
 */
export function becomeUnreachable(instance: Instance, status: TaskStatus, context: StepContext): StepResult {
  const since = awaySince(status, context.now);
  const away: Instance = {
    ...instance,
    condition: 'Unreachable',
    since: context.now,
    unreachableSince: since,
  };
  const effects: Effect[] = [
    { kind: 'publish-status', instance: away, status },
    { kind: 'publish-condition', instance: away, condition: 'Unreachable' },
  ];
  if (instance.goal !== 'Running' || instance.takingOut !== undefined) return expunge(away, context, effects);
  const unknown = context.setAside ? 'disabled' : AT_ONCE;
  const strategy = context.record?.app.unreachableStrategy ?? unknown;
  if (strategy === 'disabled') return { instance: away, effects };
  if (strategy.inactiveAfterSeconds > 0) return { instance: away, effects };
  if (strategy.expungeAfterSeconds <= 0) return expunge(away, context, effects);
  return becomeInactive(away, context, effects);
}
