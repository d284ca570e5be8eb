import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import { keys, type StoreWrite } from '../store/state-store.js';
import { assertNever } from '../util/assert.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { timestamp } from '../util/timestamp.js';
import type { Deadlines } from './deadlines.js';
import { conditionOf } from './decide/condition.js';
import { instanceChanged, statusUpdate } from './decide/event-bodies.js';
import { makeInstanceId } from './decide/ids.js';
import {
  type InstanceDeadline,
  type LaunchLimits,
  nextDeadline,
  stillStands,
} from './decide/instance-deadline.js';
import type { Effect, InstanceEvent, StepContext, StepResult } from './decide/instance-event.js';
import { stepInstance } from './decide/instance-step.js';
import { isAway } from './decide/unreachable-step.js';
import { selectVictims } from './decide/victims.js';
import type { Instance, InstanceId } from './instance.js';
import type { EffectGroup, Journal } from './journal.js';
import type { AppSource, TaskEnd, TaskFailure } from './scheduler.js';
import type { InstanceTracker } from './tracker.js';

/** Things that may happen to one instance while a request holds it; beyond that its state is asked for again afterwards. */
export const MAX_DEFERRED = 100;

/** What other parts of the scheduler do for a step's effects. */
export interface LifeEffects {
  takeOut(id: InstanceId): void;
  backoff(instance: Instance, what: 'failure' | 'progress' | 'forget'): void;
  failed(failure: TaskFailure): void;
  /** The writes that remember a task's end. */
  ended(end: TaskEnd): readonly StoreWrite[];
  /** Things that happened to the instance were not taken in: what its task does is asked for. */
  recheck(instance: Instance): void;
}

/** What waits until an instance is held no longer. */
interface Deferred {
  readonly waiting: { readonly event: InstanceEvent; readonly durable: (() => void) | undefined }[];
  overflown: boolean;
}

/**
 * The thin shell around `stepInstance`: takes what happened, asks for the step, records it, tells everyone, and lets the
 * effects that leave this process out when the record is durable.
 */
export class InstanceLife {
  readonly #deferred = new Map<InstanceId, Deferred>();

  constructor(
    private readonly tracker: InstanceTracker,
    private readonly journal: Journal,
    private readonly deadlines: Deadlines,
    private readonly apps: AppSource,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly dice: Dice,
    private readonly log: Log,
    private readonly limits: LaunchLimits,
    private readonly effects: LifeEffects,
  ) {}

  /** The surroundings in which a step of this instance is decided now; a fresh id only for events that may need one. */
  context(instance: Instance, event: InstanceEvent): StepContext {
    return {
      now: timestamp(this.clock.wallMs()),
      record: this.apps.get(instance.appId),
      ...(this.apps.isSetAside?.(instance.appId) ? { setAside: true } : {}),
      replacementId: mayReplace(instance, event)
        ? makeInstanceId(instance.appId, this.dice.timeUuid())
        : ('' as InstanceId),
    };
  }

  isPinned(id: InstanceId): boolean {
    return this.journal.isPinned(keys.instance(id));
  }

  /**
   * Something happened to an instance. `durable` runs when what it led to is durable, also when it changed nothing.
   * While a request holds the instance it waits for that request; false when too much waits already: then it is not taken in
   * (nor acknowledged), and the instance is looked at anew once it is free.
   */
  happen(id: InstanceId, event: InstanceEvent, durable?: () => void): boolean {
    if (this.isPinned(id)) return this.#defer(id, event, durable);
    const before = this.tracker.get(id);
    if (!before) {
      durable?.();
      return true;
    }
    const result = stepInstance(before, event, this.context(before, event));
    if (result.instance === before) {
      if (durable) this.journal.afterKey(keys.instance(id), durable);
    } else {
      this.#record(id, result, durable);
    }
    return true;
  }

  #defer(id: InstanceId, event: InstanceEvent, durable: (() => void) | undefined): boolean {
    const deferred = this.#deferred.get(id) ?? { waiting: [], overflown: false };
    this.#deferred.set(id, deferred);
    const { waiting } = deferred;
    // Of what is known of its health only the last word counts.
    const same = event.kind !== 'health' ? -1 : waiting.findIndex((each) => each.event.kind === 'health');
    if (same >= 0) waiting.splice(same, 1);
    if (waiting.length < MAX_DEFERRED) {
      waiting.push({ event, durable });
      return true;
    }
    if (!deferred.overflown)
      this.log.error(
        'too much happens to an instance that a request holds; it is looked at anew afterwards',
        {
          instance: id,
          event: event.kind,
        },
      );
    deferred.overflown = true;
    return false;
  }

  /** A health count that may wait for company in the store. */
  note(id: InstanceId, event: Extract<InstanceEvent, { kind: 'health' }>): void {
    if (this.isPinned(id)) {
      this.happen(id, event);
      return;
    }
    const before = this.tracker.get(id);
    const after = before && stepInstance(before, event, this.context(before, event)).instance;
    if (!before || !after || after === before) return;
    this.journal.recordLazily(keys.instance(id), after);
    this.tracker.set(id, after);
  }

  /** A launch: durable together with the other launches of its offer. */
  launch(id: InstanceId, event: Extract<InstanceEvent, { kind: 'launched' }>, group: EffectGroup): void {
    const before = this.tracker.get(id);
    if (!before) return;
    const result = stepInstance(before, event, this.context(before, event));
    group.put(keys.instance(id), result.instance);
    this.#tell(id, result);
  }

  /** A result that a request has already made durable. */
  adopt(id: InstanceId, result: StepResult): void {
    this.#tell(id, result);
    for (const effect of result.effects)
      if (effect.kind === 'take-out') this.effects.takeOut(effect.instanceId);
    for (const { key, value } of this.#memories(result)) this.journal.record(key, value);
  }

  /** The request that held these instances is over: what waited for it happens now. */
  released(ids: readonly InstanceId[]): void {
    for (const id of ids) {
      const deferred = this.#deferred.get(id);
      if (!deferred) continue;
      this.#deferred.delete(id);
      for (const { event, durable } of deferred.waiting) this.happen(id, event, durable);
      const instance = this.tracker.get(id);
      if (!deferred.overflown || !instance) continue;
      this.arm(instance, id);
      this.effects.recheck(instance);
    }
  }

  /** Sets the deadline that an instance's state asks for, or clears it. */
  arm(instance: Instance | undefined, id: InstanceId): void {
    const due = instance && this.#deadlineOf(instance);
    const key = `instance:${id}`;
    if (!due) {
      this.deadlines.clear(key);
      return;
    }
    this.deadlines.set(key, due.inMs, () => this.#come(id, due));
  }

  #come(id: InstanceId, due: InstanceDeadline): void {
    const instance = this.tracker.get(id);
    if (due.kind === 'overdue')
      this.happen(id, { kind: 'take-out', reason: 'launch overdue', decommission: false, immediate: true });
    else if (stillStands(due, instance && this.#deadlineOf(instance))) this.happen(id, { kind: due.kind });
    else this.arm(instance, id);
  }

  #deadlineOf(instance: Instance): InstanceDeadline | undefined {
    if (isAway(instance.condition) && this.apps.isSetAside?.(instance.appId)) return undefined;
    return nextDeadline(instance, this.apps.get(instance.appId), this.clock.wallMs(), this.limits);
  }

  #record(id: InstanceId, result: StepResult, durable: (() => void) | undefined): void {
    const out = result.effects.filter((effect) => effect.kind === 'take-out');
    const effect = (): void => {
      for (const each of out) this.effects.takeOut(each.instanceId);
      durable?.();
    };
    const created = result.created;
    const memories = this.#memories(result);
    if (out.length === 0 && !durable && !created && memories.length === 0) {
      this.journal.record(keys.instance(id), result.instance);
    } else {
      const group = this.journal.group(effect);
      group.put(keys.instance(id), result.instance);
      if (created) group.put(keys.instance(created.id), created);
      for (const { key, value } of memories) group.put(key, value);
      group.close();
    }
    this.#tell(id, result);
  }

  /** What remembers the tasks that this step ended; without a value: to be deleted. */
  #memories({ effects }: StepResult): readonly { readonly key: string; readonly value: unknown }[] {
    return effects
      .flatMap((effect) => (effect.kind === 'ended' ? this.effects.ended(effect.end) : []))
      .map((write) => ({ key: write.key, value: write.op === 'put' ? write.value : undefined }));
  }

  /** Events first, then the new state for all who watch it; timers last. */
  #tell(id: InstanceId, result: StepResult): void {
    const before = this.tracker.get(id);
    for (const effect of result.effects) this.#perform(effect, before);
    this.tracker.set(id, result.instance);
    if (result.created) this.tracker.set(result.created.id, result.created);
    if (needsArming(before, result.instance)) this.arm(result.instance, id);
    for (const effect of result.effects) if (effect.kind === 'surplus') this.#settleSurplus(effect.pair);
  }

  #perform(effect: Effect, before: Instance | undefined): void {
    switch (effect.kind) {
      case 'publish-condition':
        this.events.publish(instanceChanged(effect.instance, effect.condition));
        return;
      case 'publish-status': {
        const body = statusUpdate(effect.instance, effect.status);
        if (body) this.events.publish(body);
        return;
      }
      case 'record-failure':
        this.journal.record(keys.taskFailure(effect.failure.appId), effect.failure);
        this.effects.failed(effect.failure);
        return;
      case 'backoff':
        if (before) this.effects.backoff(before, effect.what);
        return;
      case 'take-out':
      case 'ended':
      case 'surplus':
        return;
      default:
        assertNever(effect, 'effect');
    }
  }

  /** The replaced one came back: of the two, the one worth less goes. */
  #settleSurplus(pair: readonly InstanceId[]): void {
    const alive = pair.flatMap((id) => this.tracker.get(id) ?? []).filter((each) => each.goal === 'Running');
    const [first] = alive;
    if (alive.length < 2 || !first) return;
    const record = this.apps.get(first.appId);
    const outdated = alive.find((each) => each.launchHash !== record?.launchHash);
    const victim =
      outdated?.id ?? (record && selectVictims({ app: record.app, instances: alive, count: 1 })[0]);
    if (victim === undefined) return;
    this.log.info('an instance that was replaced is back; one of the two goes', { kept: pair, victim });
    this.happen(victim, { kind: 'take-out', reason: 'surplus', decommission: true, immediate: false });
  }
}

/** Whether this may end in a new instance that takes the place of this one. */
function mayReplace(instance: Instance, event: InstanceEvent): boolean {
  if (event.kind === 'update') return conditionOf(event.status) === 'Unreachable';
  return isAway(instance.condition) && event.kind !== 'health';
}

/** A launch that makes progress is given its whole time again. */
function needsArming(before: Instance | undefined, after: Instance | undefined): boolean {
  return (
    before?.condition !== after?.condition ||
    (after?.condition === 'Staging' && before?.task?.message !== after.task?.message) ||
    before?.task?.id !== after?.task?.id ||
    (before?.takingOut === undefined) !== (after?.takingOut === undefined)
  );
}
