import { isDeepStrictEqual } from 'node:util';
import type { AppId } from '../apps/app.js';
import type { AppChange } from '../apps/app-registry.js';
import type { Event } from '../embedded-mesos/protocol/v1.js';
import { type CorruptRecord, keys } from '../store/state-store.js';
import type { Timer } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import { type Assembly, assemble, type SchedulerParts } from './assembly.js';
import { schedulerDisconnected, schedulerRegistered, schedulerReregistered } from './decide/event-bodies.js';
import { isAway } from './decide/unreachable-step.js';
import { whyPending } from './decide/why-pending.js';
import { loadFramework } from './framework-record.js';
import type { AgentId, Instance, InstanceId, StopOrigin } from './instance.js';
import type { AppQueue } from './launch-queue.js';
import type { Goals, HealthFact, InstanceChange, QueueEntry, Scheduler, TaskFailure } from './scheduler.js';
import type { InstanceTracker } from './tracker.js';

export type { SchedulerParts } from './assembly.js';

/**
 * The scheduler: instances and their life below the goals that deployments set. It puts the parts of this room together; each of
 * them is one idea in one file, and what they decide is in `decide/`.
 */
export class SchedulerService implements Scheduler {
  readonly instances: InstanceTracker;
  readonly #parts: SchedulerParts;
  readonly #all: Assembly;
  readonly #failures = new Map<AppId, TaskFailure>();
  #orphanSweep: Timer | undefined;
  #registeredBefore = false;
  #stopped = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#all = assemble(parts, {
      onSubscribed: (subscribed) => this.#onSubscribed(subscribed),
      onLost: () => this.#onLost(),
      onEvent: (event) => this.#onEvent(event),
      onTaskFailure: (failure) => this.#failures.set(failure.appId, failure),
    });
    this.instances = this.#all.tracker;
  }

  /** Loads what is stored, then subscribes. Rejects with StoreError when the store cannot be read. */
  async start(): Promise<void> {
    const { store, clock } = this.#parts;
    const onCorrupt = ({ key, problem }: CorruptRecord): void => {
      const prefix = keys.instance('');
      const lost = key.startsWith(prefix);
      if (lost) this.#all.strangers.unreadable(key.slice(prefix.length) as InstanceId);
      this.#all.log.error('a record cannot be read; it stays where it is and the others are loaded', {
        key,
        problem,
        effect: lost ? 'its task is drained and ended, and another instance started' : 'forgotten',
      });
    };
    for await (const { value } of store.scan(keys.instance(''), { onCorrupt })) this.#load(value as Instance);
    for await (const { value } of store.scan(keys.taskFailure(''), { onCorrupt })) {
      const failure = value as TaskFailure;
      this.#failures.set(failure.appId, failure);
    }
    const framework = await loadFramework(store, this.#all.log);
    this.#registeredBefore = framework !== undefined;
    this.instances.onChange((change) => this.#onChange(change));
    this.#all.journal.start();
    for (const instance of [...this.instances.all()]) this.#resume(instance);
    this.#all.reconciler.start();
    this.#orphanSweep = clock.every(this.#all.settings.orphanSweepMs, () => this.#sweepOrphans());
    this.#all.log.info('loaded', { instances: this.instances.size, framework: framework?.id });
    this.#all.subscription.start(framework?.id);
  }

  /** Stops everything; writes under way are finished first, later effects do not leave. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#all.launcher.stop();
    this.#all.takingOut.stop();
    this.#all.strangers.stop();
    this.#all.reconciler.stop();
    this.#orphanSweep?.cancel();
    this.#all.deadlines.stop();
    await this.#all.journal.stop();
    this.#all.subscription.stop();
  }

  /** Launch nothing any more: the tasks are about to be ended by their agents and shall start again with the next start only. */
  quiesce(): void {
    this.#all.launcher.quiesce();
  }

  want(appId: AppId, goals: Goals): Promise<void> {
    return this.#all.requests.want(appId, goals);
  }

  kill(
    ids: readonly InstanceId[],
    options: { readonly decommission: boolean; readonly wipe: boolean; readonly by?: StopOrigin },
  ): Promise<void> {
    return this.#all.requests.kill(ids, options);
  }

  report(fact: HealthFact): void {
    if (this.#stopped) return;
    const instance = this.instances.get(fact.instanceId);
    if (fact.kind === 'health') {
      const event = { kind: 'health', health: fact.health } as const;
      if (fact.flip) this.#all.life.happen(fact.instanceId, event);
      else this.#all.life.note(fact.instanceId, event);
      return;
    }
    if (instance?.task?.id !== fact.taskId || instance.takingOut || instance.condition !== 'Running') return;
    this.#all.metrics.count('tasks.unhealthy-killed.counter');
    this.#all.life.happen(fact.instanceId, {
      kind: 'take-out',
      reason: 'failed health checks',
      decommission: false,
      immediate: true,
      failure: fact.reason,
    });
  }

  /**
   * Definitions changed: who is away already is waited for as its app says now. The instances of a deleted app are its
   * deployment's.
   */
  appsChanged(changes: readonly AppChange[]): void {
    for (const { appId, before, after } of changes) {
      if (!after || isDeepStrictEqual(before?.app.unreachableStrategy, after.app.unreachableStrategy))
        continue;
      for (const instance of this.instances.ofApp(appId))
        if (isAway(instance.condition)) this.#all.life.arm(instance, instance.id);
    }
  }

  queue(): readonly QueueEntry[] {
    const shown: QueueEntry[] = [];
    for (const entry of this.#all.queue.entries()) if (entry.count > 0) shown.push(this.#show(entry));
    return shown;
  }

  queueEntry(appId: AppId): QueueEntry | undefined {
    const entry = this.#all.queue.get(appId);
    return entry && entry.count > 0 ? this.#show(entry) : undefined;
  }

  resetDelay(appId: AppId): boolean {
    return this.#all.delays.reset(appId);
  }

  lastTaskFailure(appId: AppId): TaskFailure | undefined {
    return this.#failures.get(appId);
  }

  forget(appId: AppId): void {
    this.resetDelay(appId);
    if (this.#failures.delete(appId)) this.#all.journal.record(keys.taskFailure(appId), undefined);
  }

  get settling(): boolean {
    return this.#all.reconciler.settling;
  }

  get frameworkId(): string | undefined {
    return this.#all.subscription.frameworkId;
  }

  #load(instance: Instance): void {
    this.instances.load(instance);
    this.#all.queue.change({ before: undefined, after: instance });
  }

  /** What was going on when we stopped goes on. */
  #resume(instance: Instance): void {
    this.#all.life.arm(instance, instance.id);
    if (instance.takingOut) this.#all.takingOut.takeOut(instance.id);
  }

  #show(entry: AppQueue): QueueEntry {
    const backoffMs = this.#all.queue.backoffMs(entry.appId);
    const why = whyPending({
      count: entry.count,
      record: this.#parts.apps.get(entry.appId),
      backoffUntil:
        backoffMs === undefined ? undefined : timestamp(this.#parts.clock.wallMs() + Math.ceil(backoffMs)),
      backoffMs: backoffMs ?? 0,
      connected: this.#all.launcher.connected,
      launching: this.#all.launcher.launching,
      storeWritable: this.#all.journal.writable,
      processedOffers: entry.processedOffers,
      refusals: [...entry.refusals.values()],
    });
    return this.#all.queue.show(entry, entry.waiting.size === 0 ? [] : why);
  }

  #onChange(change: InstanceChange): void {
    const { before, after } = change;
    this.#all.queue.change(change);
    this.#all.book.change(change);
    this.#all.takingOut.change(change);
    const taskLeft = before?.task !== undefined && before.task.id !== after?.task?.id;
    if (taskLeft) this.#all.reconciler.gone(before.task.id);
    if (before?.condition === 'Scheduled' || after?.condition === 'Scheduled') this.#all.launcher.poke();
    if (taskLeft && (this.#all.queue.get(before.appId)?.waiting.size ?? 0) > 0) this.#all.launcher.freed();
  }

  #onSubscribed(subscribed: Extract<Event, { type: 'SUBSCRIBED' }>['subscribed']): void {
    const id = subscribed.framework_id.value;
    const master = subscribed.master_info;
    const address = master
      ? `${master.hostname ?? master.address?.hostname ?? master.id}:${master.port}`
      : '';
    for (const key of [keys.framework(), keys.frameworkCopy()]) this.#all.journal.record(key, { id });
    this.#all.launcher.localRegion = master?.domain?.fault_domain?.region.name;
    this.#parts.events.publish(
      this.#registeredBefore ? schedulerReregistered(address) : schedulerRegistered(id, address),
    );
    this.#registeredBefore = true;
    this.#all.log.info('subscribed', { framework: id, master: address });
    this.#all.strangers.connected();
    this.#all.reconciler.subscribed();
    this.#all.takingOut.connected();
    this.#all.launcher.subscribed();
  }

  #onLost(): void {
    this.#all.launcher.disconnected();
    this.#all.takingOut.disconnected();
    this.#all.reconciler.disconnected();
    this.#parts.events.publish(schedulerDisconnected());
  }

  #onEvent(event: Event): void {
    if (this.#stopped) return;
    switch (event.type) {
      case 'OFFERS':
        this.#all.metrics.count('mesos.offers.incoming.counter', event.offers.offers.length);
        this.#all.launcher.offers(event.offers.offers);
        return;
      case 'RESCIND':
        this.#all.launcher.rescind(event.rescind.offer_id.value);
        return;
      case 'UPDATE':
        this.#all.intake.heard(event.update.status);
        return;
      case 'FAILURE':
        if (event.failure.agent_id && !event.failure.executor_id)
          this.#onAgentLost(event.failure.agent_id.value);
        return;
      default:
        this.#all.log.debug('an event that means nothing to the scheduler', { type: event.type });
    }
  }

  #onAgentLost(agentId: string): void {
    this.#all.log.warn('the master gave an agent up', { agent: agentId });
    this.#all.book.lost(agentId as AgentId);
  }

  /** Instances whose app is gone and that no deployment takes out any more. */
  #sweepOrphans(): void {
    if (this.settling) return;
    for (const appId of [...this.instances.appIds()]) {
      if (this.#parts.apps.get(appId) || this.#parts.apps.isSetAside?.(appId)) continue;
      for (const instance of this.instances.ofApp(appId)) {
        if (instance.goal === 'Decommissioned') continue;
        this.#all.life.happen(instance.id, {
          kind: 'take-out',
          reason: 'app deleted',
          decommission: true,
          immediate: false,
        });
      }
    }
  }
}
