import type { AppId } from '../apps/app.js';
import type { Event, SchedulerDriver } from '../embedded-mesos/protocol/v1.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import { keys, type StateStore } from '../store/state-store.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { timestamp } from '../util/timestamp.js';
import { Deadlines } from './deadlines.js';
import { schedulerDisconnected, schedulerRegistered, schedulerReregistered } from './decide/event-bodies.js';
import { whyPending } from './decide/why-pending.js';
import type { AgentId, Instance, InstanceId } from './instance.js';
import { InstanceLife } from './instance-life.js';
import { Journal } from './journal.js';
import { LaunchDelays } from './launch-delays.js';
import { type AppQueue, LaunchQueue } from './launch-queue.js';
import { Launcher } from './launcher.js';
import { OfferDemand } from './offer-demand.js';
import { PlacementBook } from './placement-book.js';
import { Reconciler } from './reconciler.js';
import { Requests } from './requests.js';
import type {
  AppSource,
  Drainer,
  Goals,
  HealthFact,
  InstanceChange,
  QueueEntry,
  Scheduler,
  TaskFailure,
} from './scheduler.js';
import {
  type CompleteSettings,
  completeSettings,
  noMetrics,
  type SchedulerMetrics,
  type SchedulerSettings,
} from './scheduler-settings.js';
import { StatusIntake } from './status-intake.js';
import { Strangers } from './strangers.js';
import { Subscription } from './subscription.js';
import { TakingOutService } from './taking-out.js';
import { InstanceTracker } from './tracker.js';

export interface SchedulerParts {
  readonly store: StateStore;
  readonly epoch: number;
  readonly apps: AppSource;
  readonly driver: SchedulerDriver;
  readonly drainer: Drainer;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  readonly settings: SchedulerSettings;
  readonly metrics?: SchedulerMetrics;
}

/**
 * The scheduler: instances and their life below the goals that deployments set. It puts the parts of this room together; each of
 * them is one idea in one file, and what they decide is in `decide/`.
 */
export class SchedulerService implements Scheduler {
  readonly instances: InstanceTracker;
  readonly #parts: SchedulerParts;
  readonly #settings: CompleteSettings;
  readonly #log: Log;
  readonly #metrics: SchedulerMetrics;
  readonly #deadlines: Deadlines;
  readonly #journal: Journal;
  readonly #queue: LaunchQueue;
  readonly #book: PlacementBook;
  readonly #life: InstanceLife;
  readonly #launcher: Launcher;
  readonly #takingOut: TakingOutService;
  readonly #reconciler: Reconciler;
  readonly #strangers: Strangers;
  readonly #delays: LaunchDelays;
  readonly #intake: StatusIntake;
  readonly #requests: Requests;
  readonly #subscription: Subscription;
  readonly #failures = new Map<AppId, TaskFailure>();
  #orphanSweep: Timer | undefined;
  #registeredBefore = false;
  #stopped = false;

  constructor(parts: SchedulerParts) {
    const { store, epoch, apps, driver, drainer, events, clock, dice } = parts;
    this.#parts = parts;
    this.#log = parts.log.child('scheduler');
    this.#metrics = parts.metrics ?? noMetrics;
    const settings = completeSettings(parts.settings);
    this.#settings = settings;
    const log = this.#log;
    const tracker = new InstanceTracker(log);
    this.instances = tracker;
    this.#deadlines = new Deadlines(clock);
    this.#journal = new Journal(store, epoch, clock, log, () => this.#launcher.poke());
    this.#queue = new LaunchQueue(apps, clock);
    this.#book = new PlacementBook(tracker, this.#queue, clock);
    this.#subscription = new Subscription(driver, clock, dice, log, settings, {
      onSubscribed: (subscribed) => this.#onSubscribed(subscribed),
      onLost: () => this.#onLost(),
      onEvent: (event) => this.#onEvent(event),
      onFrameworkRemoved: () => this.#journal.record(keys.framework(), undefined),
      onSuperseded: () => this.#launcher.quiesce(),
    });
    const life = new InstanceLife(
      tracker,
      this.#journal,
      this.#deadlines,
      apps,
      events,
      clock,
      dice,
      log,
      settings,
      {
        takeOut: (id) => this.#takingOut.takeOut(id),
        backoff: (instance, what) => this.#delays.happened(instance.appId, what),
        failed: (failure) => this.#failures.set(failure.appId, failure),
      },
    );
    this.#life = life;
    this.#launcher = new Launcher({
      tracker,
      life,
      journal: this.#journal,
      queue: this.#queue,
      book: this.#book,
      demand: new OfferDemand((call) => this.#subscription.call(call)),
      drainer,
      deadlines: this.#deadlines,
      clock,
      dice,
      log,
      metrics: this.#metrics,
      settings,
      accept: (accept) => this.#subscription.call({ type: 'ACCEPT', accept }),
    });
    this.#takingOut = new TakingOutService(
      tracker,
      drainer,
      apps,
      this.#deadlines,
      clock,
      log,
      settings,
      (kill) => {
        this.#metrics.count('tasks.killed');
        this.#subscription.call({ type: 'KILL', kill });
      },
      (id, taskId) => void life.happen(id, { kind: 'drained', taskId }),
    );
    this.#reconciler = new Reconciler(
      tracker,
      clock,
      log,
      {
        reconcileIntervalMs: settings.reconcileIntervalMs,
        settleMs: settings.agentReregisterTimeoutSeconds * 1_000,
      },
      (taskId) => this.#launcher.isUnsent(taskId),
      (tasks) => this.#subscription.call({ type: 'RECONCILE', reconcile: { tasks } }),
      () => this.#log.info('every recovered task is accounted for, or the time to wait is over'),
    );
    this.#strangers = new Strangers(tracker, events, clock, log, settings.killRetryMs, (kill) =>
      this.#subscription.call({ type: 'KILL', kill }),
    );
    this.#delays = new LaunchDelays(this.#queue, this.#deadlines, () => this.#launcher.poke());
    this.#intake = new StatusIntake(
      tracker,
      life,
      this.#journal,
      this.#reconciler,
      this.#strangers,
      this.#metrics,
      (acknowledge) => this.#subscription.call({ type: 'ACKNOWLEDGE', acknowledge }),
    );
    this.#requests = new Requests(tracker, this.#journal, life, apps, clock, dice, () =>
      this.#launcher.poke(),
    );
  }

  /** Loads what is stored, then subscribes. Rejects with StoreError when the store cannot be read. */
  async start(): Promise<void> {
    const { store, clock } = this.#parts;
    for await (const { value } of store.scan(keys.instance(''))) this.#load(value as Instance);
    for await (const { value } of store.scan(keys.taskFailure(''))) {
      const failure = value as TaskFailure;
      this.#failures.set(failure.appId, failure);
    }
    const framework = (await store.get(keys.framework())) as { readonly id: string } | undefined;
    this.#registeredBefore = framework !== undefined;
    this.instances.onChange((change) => this.#onChange(change));
    this.#journal.start();
    for (const instance of [...this.instances.all()]) this.#resume(instance);
    this.#reconciler.start();
    this.#orphanSweep = clock.every(this.#settings.reconcileIntervalMs, () => this.#sweepOrphans());
    this.#log.info('loaded', { instances: this.instances.size, framework: framework?.id });
    this.#subscription.start(framework?.id);
  }

  /** Stops everything; writes under way are finished first, later effects do not leave. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#launcher.stop();
    this.#takingOut.stop();
    this.#reconciler.stop();
    this.#orphanSweep?.cancel();
    this.#deadlines.stop();
    await this.#journal.stop();
    this.#subscription.stop();
  }

  /** Launch nothing any more: the tasks are about to be ended by their agents and shall start again with the next start only. */
  quiesce(): void {
    this.#launcher.quiesce();
  }

  want(appId: AppId, goals: Goals): Promise<void> {
    return this.#requests.want(appId, goals);
  }

  kill(
    ids: readonly InstanceId[],
    options: { readonly decommission: boolean; readonly wipe: boolean },
  ): Promise<void> {
    return this.#requests.kill(ids, options);
  }

  report(fact: HealthFact): void {
    if (this.#stopped) return;
    const instance = this.instances.get(fact.instanceId);
    if (fact.kind === 'health') {
      const event = { kind: 'health', health: fact.health } as const;
      if (fact.flip) this.#life.happen(fact.instanceId, event);
      else this.#life.note(fact.instanceId, event);
      return;
    }
    if (instance?.task?.id !== fact.taskId || instance.takingOut || instance.condition !== 'Running') return;
    this.#metrics.count('tasks.unhealthy-killed');
    this.#life.happen(fact.instanceId, {
      kind: 'take-out',
      reason: 'failed health checks',
      decommission: false,
      immediate: true,
      failure: fact.reason,
    });
  }

  queue(): readonly QueueEntry[] {
    const shown: QueueEntry[] = [];
    for (const entry of this.#queue.entries()) if (entry.count > 0) shown.push(this.#show(entry));
    return shown;
  }

  queueEntry(appId: AppId): QueueEntry | undefined {
    const entry = this.#queue.get(appId);
    return entry && entry.count > 0 ? this.#show(entry) : undefined;
  }

  resetDelay(appId: AppId): boolean {
    return this.#delays.reset(appId);
  }

  lastTaskFailure(appId: AppId): TaskFailure | undefined {
    return this.#failures.get(appId);
  }

  forget(appId: AppId): void {
    this.resetDelay(appId);
    if (this.#failures.delete(appId)) this.#journal.record(keys.taskFailure(appId), undefined);
  }

  get settling(): boolean {
    return this.#reconciler.settling;
  }

  get frameworkId(): string | undefined {
    return this.#subscription.frameworkId;
  }

  #load(instance: Instance): void {
    this.instances.load(instance);
    this.#queue.change({ before: undefined, after: instance });
  }

  /** What was going on when we stopped goes on. */
  #resume(instance: Instance): void {
    this.#life.arm(instance, instance.id);
    if (instance.takingOut) this.#takingOut.takeOut(instance.id);
  }

  #show(entry: AppQueue): QueueEntry {
    const backoffMs = this.#queue.backoffMs(entry.appId);
    const why = whyPending({
      count: entry.count,
      record: this.#parts.apps.get(entry.appId),
      backoffUntil:
        backoffMs === undefined ? undefined : timestamp(this.#parts.clock.wallMs() + Math.ceil(backoffMs)),
      backoffMs: backoffMs ?? 0,
      connected: this.#launcher.connected,
      launching: this.#launcher.launching,
      storeWritable: this.#journal.writable,
      processedOffers: entry.processedOffers,
      refusals: [...entry.refusals.values()],
    });
    return this.#queue.show(entry, entry.waiting.size === 0 ? [] : why);
  }

  #onChange(change: InstanceChange): void {
    const { before, after } = change;
    this.#queue.change(change);
    this.#book.change(change);
    this.#takingOut.change(change);
    const taskLeft = before?.task !== undefined && before.task.id !== after?.task?.id;
    if (taskLeft) this.#reconciler.gone(before.task.id);
    if (before?.condition === 'Scheduled' || after?.condition === 'Scheduled') this.#launcher.poke();
    if (taskLeft && (this.#queue.get(before.appId)?.waiting.size ?? 0) > 0) this.#launcher.freed();
  }

  #onSubscribed(subscribed: Extract<Event, { type: 'SUBSCRIBED' }>['subscribed']): void {
    const id = subscribed.framework_id.value;
    const master = subscribed.master_info;
    const address = master
      ? `${master.hostname ?? master.address?.hostname ?? master.id}:${master.port}`
      : '';
    this.#journal.record(keys.framework(), { id });
    this.#parts.events.publish(
      this.#registeredBefore ? schedulerReregistered(address) : schedulerRegistered(id, address),
    );
    this.#registeredBefore = true;
    this.#log.info('subscribed', { framework: id, master: address });
    this.#strangers.connected();
    this.#reconciler.subscribed();
    this.#takingOut.connected();
    this.#launcher.subscribed();
  }

  #onLost(): void {
    this.#launcher.disconnected();
    this.#takingOut.disconnected();
    this.#reconciler.disconnected();
    this.#parts.events.publish(schedulerDisconnected());
  }

  #onEvent(event: Event): void {
    if (this.#stopped) return;
    switch (event.type) {
      case 'OFFERS':
        this.#launcher.offers(event.offers.offers);
        return;
      case 'RESCIND':
        this.#launcher.rescind(event.rescind.offer_id.value);
        return;
      case 'UPDATE':
        this.#intake.heard(event.update.status);
        return;
      case 'FAILURE':
        if (event.failure.agent_id && !event.failure.executor_id)
          this.#onAgentLost(event.failure.agent_id.value);
        return;
      default:
        this.#log.debug('an event that means nothing to the scheduler', { type: event.type });
    }
  }

  #onAgentLost(agentId: string): void {
    this.#log.warn('the master gave an agent up', { agent: agentId });
    this.#book.lost(agentId as AgentId);
  }

  /** Instances whose app is gone and that no deployment takes out any more. */
  #sweepOrphans(): void {
    if (this.settling) return;
    for (const appId of [...this.instances.appIds()]) {
      if (this.#parts.apps.get(appId)) continue;
      for (const instance of this.instances.ofApp(appId)) {
        if (instance.goal === 'Decommissioned') continue;
        this.#life.happen(instance.id, {
          kind: 'take-out',
          reason: 'app deleted',
          decommission: true,
          immediate: false,
        });
      }
    }
  }
}
