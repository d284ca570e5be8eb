import type { Event, SchedulerDriver } from '../embedded-mesos/protocol/v1.js';
import type { EventBus } from '../events/event-bus.js';
import type { Log } from '../logging/log.js';
import { keys, type StateStore } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { Deadlines } from './deadlines.js';
import { InstanceLife } from './instance-life.js';
import { Journal } from './journal.js';
import { LaunchDelays } from './launch-delays.js';
import { LaunchQueue } from './launch-queue.js';
import { Launcher } from './launcher.js';
import { OfferDemand } from './offer-demand.js';
import { PlacementBook } from './placement-book.js';
import { Reconciler } from './reconciler.js';
import { Requests } from './requests.js';
import type { AppSource, Drainer, TaskFailure, TaskMemory } from './scheduler.js';
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

/** What the scheduler is given. */
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
  /** Remembers tasks that ended. */
  readonly memory?: TaskMemory;
}

/** What the service itself does when the parts call. */
export interface AssemblyHooks {
  onSubscribed(subscribed: Extract<Event, { type: 'SUBSCRIBED' }>['subscribed']): void;
  onLost(): void;
  onEvent(event: Event): void;
  onTaskFailure(failure: TaskFailure): void;
}

/** What is known: instances, their records, deadlines, and where things are. */
interface Memory {
  readonly log: Log;
  readonly settings: CompleteSettings;
  readonly metrics: SchedulerMetrics;
  readonly tracker: InstanceTracker;
  readonly deadlines: Deadlines;
  readonly journal: Journal;
  readonly queue: LaunchQueue;
  readonly book: PlacementBook;
}

/** All parts of the scheduler, wired. */
export interface Assembly extends Memory {
  readonly subscription: Subscription;
  readonly life: InstanceLife;
  readonly launcher: Launcher;
  readonly takingOut: TakingOutService;
  readonly reconciler: Reconciler;
  readonly strangers: Strangers;
  readonly delays: LaunchDelays;
  readonly intake: StatusIntake;
  readonly requests: Requests;
}

function remember(parts: SchedulerParts, onWritable: () => void): Memory {
  const { store, epoch, apps, clock } = parts;
  const log = parts.log.child('scheduler');
  const tracker = new InstanceTracker(log);
  const queue = new LaunchQueue(apps, clock);
  return {
    log,
    settings: completeSettings(parts.settings),
    metrics: parts.metrics ?? noMetrics,
    tracker,
    deadlines: new Deadlines(clock),
    journal: new Journal(store, epoch, clock, log, onWritable),
    queue,
    book: new PlacementBook(tracker, queue, clock),
  };
}

function subscriptionOf(
  parts: SchedulerParts,
  memory: Memory,
  hooks: AssemblyHooks,
  onSuperseded: () => void,
): Subscription {
  const { driver, clock, dice } = parts;
  return new Subscription(driver, clock, dice, memory.log, memory.settings, {
    onSubscribed: (subscribed) => hooks.onSubscribed(subscribed),
    onLost: () => hooks.onLost(),
    onEvent: (event) => hooks.onEvent(event),
    onFrameworkRemoved: () => {
      for (const key of [keys.framework(), keys.frameworkCopy()]) memory.journal.record(key, undefined);
    },
    onSuperseded,
  });
}

function launcherOf(
  parts: SchedulerParts,
  memory: Memory,
  life: InstanceLife,
  subscription: Subscription,
): Launcher {
  const { drainer, clock, dice } = parts;
  return new Launcher({
    ...memory,
    life,
    drainer,
    clock,
    dice,
    needRoles: (roles, suppressed) => subscription.needRoles(roles, suppressed),
    demand: new OfferDemand(
      (call) => {
        if (call.type !== 'DECLINE') memory.metrics.count(`mesos.calls.${call.type.toLowerCase()}.counter`);
        subscription.call(call);
      },
      () => subscription.roles,
    ),
    accept: (accept) => subscription.call({ type: 'ACCEPT', accept }),
  });
}

function takingOutOf(
  parts: SchedulerParts,
  memory: Memory,
  life: InstanceLife,
  subscription: Subscription,
): TakingOutService {
  const { tracker, deadlines, log, settings, metrics } = memory;
  return new TakingOutService(
    tracker,
    parts.drainer,
    parts.apps,
    deadlines,
    parts.clock,
    log,
    settings,
    (kill) => {
      metrics.count('tasks.killed.counter');
      subscription.call({ type: 'KILL', kill });
    },
    (id, taskId) => void life.happen(id, { kind: 'drained', taskId }),
  );
}

/** Builds every part of the scheduler; nothing runs yet. */
export function assemble(parts: SchedulerParts, hooks: AssemblyHooks): Assembly {
  const { apps, events, clock, dice } = parts;
  const memory = remember(parts, () => launcher.poke());
  const { tracker, journal, deadlines, queue, log, settings, metrics } = memory;
  const subscription = subscriptionOf(parts, memory, hooks, () => launcher.quiesce());
  const life: InstanceLife = new InstanceLife(
    tracker,
    journal,
    deadlines,
    apps,
    events,
    clock,
    dice,
    log,
    settings,
    {
      takeOut: (id) => takingOut.takeOut(id),
      backoff: (instance, what) => delays.happened(instance.appId, what),
      failed: (failure) => hooks.onTaskFailure(failure),
      ended: (end) => parts.memory?.remember(end) ?? [],
      recheck: (instance) => {
        reconciler.askFor(instance);
        if (instance.takingOut)
          journal.afterKey(keys.instance(instance.id), () => takingOut.takeOut(instance.id));
      },
    },
  );
  const launcher = launcherOf(parts, memory, life, subscription);
  const takingOut = takingOutOf(parts, memory, life, subscription);
  const delays = new LaunchDelays(queue, deadlines, () => launcher.poke());
  const reconciler = new Reconciler(
    tracker,
    clock,
    log,
    {
      reconcileIntervalMs: settings.reconcileIntervalMs,
      settleMs: settings.agentReregisterTimeoutSeconds * 1_000,
    },
    (taskId) => launcher.isUnsent(taskId),
    (tasks) => subscription.call({ type: 'RECONCILE', reconcile: { tasks } }),
    () => log.info('every recovered task is accounted for, or the time to wait is over'),
    (taskId) => {
      const instance = tracker.byTask(taskId);
      // The intention may be decided and not durable yet: then its own effect is on the way, and this one waits for it.
      if (instance?.takingOut)
        journal.afterKey(keys.instance(instance.id), () => takingOut.takeOut(instance.id));
    },
  );
  const strangers = new Strangers(tracker, events, parts.drainer, clock, log, settings.killRetryMs, (kill) =>
    subscription.call({ type: 'KILL', kill }),
  );
  const intake = new StatusIntake(tracker, life, journal, reconciler, strangers, metrics, (acknowledge) =>
    subscription.call({ type: 'ACKNOWLEDGE', acknowledge }),
  );
  const requests = new Requests(tracker, journal, life, apps, clock, dice, () => launcher.poke());
  return {
    ...memory,
    subscription,
    life,
    launcher,
    takingOut,
    reconciler,
    strangers,
    delays,
    intake,
    requests,
  };
}
