import type { AppId, AppRecord } from '../apps/app.js';
import type { Call, Offer, TaskStatus } from '../embedded-mesos/protocol/v1.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { timestamp } from '../util/timestamp.js';
import type { Deadlines } from './deadlines.js';
import type { PlacedView } from './decide/constraints.js';
import { makeTaskId } from './decide/ids.js';
import { isLasting, matchOffer, takeResources } from './decide/match-offer.js';
import { taskInfo } from './decide/task-info.js';
import { HeldOffer, type HeldTask } from './held-offer.js';
import type { InstanceId, InstanceTask, TaskId } from './instance.js';
import type { InstanceLife } from './instance-life.js';
import type { Journal } from './journal.js';
import type { AppQueue, LaunchQueue } from './launch-queue.js';
import type { OfferDemand } from './offer-demand.js';
import type { PlacementBook } from './placement-book.js';
import type { Drainer } from './scheduler.js';
import type { CompleteSettings, SchedulerMetrics } from './scheduler-settings.js';
import type { InstanceTracker } from './tracker.js';

/** Fitting offers looked at for one instance before the least crowded of them is taken. */
export const MAX_CANDIDATES = 16;
/** Offers held at once; more are declined for now and come back. */
export const MAX_OFFERS_HELD = 10_000;
/** Apps that fit nowhere are tried again after this even if nothing seems to have changed. */
export const RETRY_MS = 10_000;
/** As RETRY_MS when only resting ports stood in the way. */
export const RESTING_RETRY_MS = 1_000;
/** Ended instances may make room under a constraint; their pokes are gathered for so long. */
export const FREED_MS = 50;

type Accept = Extract<Call, { type: 'ACCEPT' }>['accept'];

export interface LauncherParts {
  readonly tracker: InstanceTracker;
  readonly life: InstanceLife;
  readonly journal: Journal;
  readonly queue: LaunchQueue;
  readonly book: PlacementBook;
  readonly demand: OfferDemand;
  readonly drainer: Drainer;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
  readonly metrics: SchedulerMetrics;
  readonly settings: CompleteSettings;
  readonly accept: (accept: Accept) => void;
}

/**
 * Puts waiting instances on offers: app by app in turn, in slices that never hold the event loop for long, many tasks per ACCEPT.
 *
 * INVARIANTS
 * - An ACCEPT leaves only when every launch in it is durable, and only with launches that are still wanted.
 * - An offer is used for one ACCEPT at most, never after it was rescinded or the subscription was lost.
 */
export class Launcher {
  #held: HeldOffer[] = [];
  readonly #dispatched = new Map<string, HeldOffer>();
  readonly #unsent = new Set<TaskId>();
  readonly #exhausted = new Set<AppId>();
  #views = new Map<AppId, PlacedView>();
  #cursor = 0;
  #generation = 0;
  #connected = false;
  #launching = true;
  #stopped = false;
  #queued = false;
  #sawResting = false;
  localRegion: string | undefined;

  constructor(private readonly parts: LauncherParts) {}

  get launching(): boolean {
    return this.#launching;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Whether this task's ACCEPT has not left yet. */
  isUnsent(taskId: TaskId): boolean {
    return this.#unsent.has(taskId);
  }

  subscribed(): void {
    this.#connected = true;
    this.#drop();
    this.parts.demand.subscribed();
    this.poke();
  }

  disconnected(): void {
    this.#connected = false;
    this.#drop();
  }

  /** No launches any more; instances that end stay Scheduled. */
  quiesce(): void {
    this.#launching = false;
    this.poke();
  }

  stop(): void {
    this.#stopped = true;
    this.#held = [];
  }

  offers(offers: readonly Offer[]): void {
    const surplus: string[] = [];
    for (const offer of offers) {
      if (this.#held.length >= MAX_OFFERS_HELD) {
        surplus.push(offer.id.value);
        continue;
      }
      const held = new HeldOffer(offer);
      this.#held.push(held);
      this.parts.book.offered(held.pool.agent, held.pool.role);
    }
    this.parts.demand.decline(surplus, 1);
    this.#exhausted.clear();
    this.poke();
  }

  rescind(offerId: string): void {
    this.#held = this.#held.filter((held) => held.offer.id.value !== offerId);
    const dispatched = this.#dispatched.get(offerId);
    if (dispatched) dispatched.rescinded = true;
  }

  /** Something may be launchable now, or no longer: looked at once, at the end of this turn. */
  poke(): void {
    if (this.#queued || this.#stopped) return;
    this.#queued = true;
    queueMicrotask(() => this.#look());
  }

  /** An instance has left its place while others of its app wait: a constraint may hold now that did not before. */
  freed(): void {
    if (!this.parts.deadlines.has('freed')) this.parts.deadlines.set('freed', FREED_MS, () => this.poke());
  }

  #drop(): void {
    this.#generation += 1;
    this.#held = [];
    this.#exhausted.clear();
  }

  #look(): void {
    this.#queued = false;
    if (this.#stopped || !this.#connected) return;
    const { journal, queue, demand } = this.parts;
    const able = this.#launching && journal.writable && !journal.saturated;
    if (this.#held.length > 0) {
      if (able) this.#slice();
      else this.#declineHeld();
      return;
    }
    const wanted = able && queue.launchable().length > 0;
    if (wanted) demand.want();
    else demand.suppress();
  }

  #slice(): void {
    const { clock, queue, settings } = this.parts;
    const endMs = clock.monotonicMs() + settings.matchSliceMs;
    this.#views = new Map();
    let ring = queue.launchable().filter(({ entry }) => !this.#exhausted.has(entry.appId));
    let unfinished = false;
    while (ring.length > 0 && !unfinished) {
      const again: typeof ring = [];
      for (const turn of ring) {
        if (clock.monotonicMs() >= endMs) {
          unfinished = true;
          break;
        }
        if (!this.#placeOne(turn.entry, turn.record)) this.#exhausted.add(turn.entry.appId);
        else if (turn.entry.waiting.size > 0) again.push(turn);
        queue.rotate(turn.entry.appId);
      }
      ring = again;
    }
    this.#dispatchUsed(unfinished);
    if (unfinished && this.#held.length > 0) {
      this.#queued = true;
      clock.after(0, () => this.#look());
      return;
    }
    this.#declineHeld();
    this.#askAgain();
  }

  /** After all held offers are used or declined. */
  #askAgain(): void {
    const { queue, deadlines, demand } = this.parts;
    if (queue.launchable().length === 0) {
      demand.suppress();
      return;
    }
    const inMs = this.#sawResting ? RESTING_RETRY_MS : RETRY_MS;
    this.#sawResting = false;
    deadlines.set('retry', inMs, () => this.poke());
  }

  #placeOne(entry: AppQueue, record: AppRecord): boolean {
    const id = this.#nextWaiting(entry);
    if (id === undefined) return false;
    const chosen = this.#choose(record) ?? (this.#retryGroups(record) ? this.#choose(record) : undefined);
    if (!chosen) return false;
    this.#place(id, record, chosen.held, chosen.hostPorts);
    return true;
  }

  #nextWaiting(entry: AppQueue): InstanceId | undefined {
    for (const id of entry.waiting) if (!this.parts.life.isPinned(id)) return id;
    return undefined;
  }

  /** Agents that turned out to lack something no longer count as at hand: GROUP_BY may now accept the others. */
  #retryGroups(record: AppRecord): boolean {
    if (!record.app.constraints.some((constraint) => constraint[1] === 'GROUP_BY')) return false;
    const at = timestamp(this.parts.clock.wallMs());
    for (const held of this.#held) if (held.refusing.has(record.app.id)) held.book(this.parts.queue, at);
    return this.#views.delete(record.app.id);
  }

  #view(record: AppRecord): PlacedView {
    let view = this.#views.get(record.app.id);
    if (!view) {
      view = this.parts.book.view(record);
      this.#views.set(record.app.id, view);
    }
    return view;
  }

  /** The least crowded of the first fitting offers, beginning at another one each time. */
  #choose(record: AppRecord): { held: HeldOffer; hostPorts: readonly number[] } | undefined {
    const { book, clock, dice, drainer, settings } = this.parts;
    const appId = record.app.id;
    const counts = book.counts(record);
    const placed = this.#view(record);
    const groups = record.app.constraints.filter((constraint) => constraint[1] === 'GROUP_BY').length;
    let best: { held: HeldOffer; hostPorts: readonly number[] } | undefined;
    let crowd = Number.POSITIVE_INFINITY;
    let candidates = 0;
    this.#cursor += 1;
    for (let step = 0; step < this.#held.length && candidates < MAX_CANDIDATES && crowd > 0; step++) {
      const held = this.#held[(this.#cursor + step) % this.#held.length];
      if (!held || held.refusing.has(appId) || held.tasks.length >= settings.maxInstancesPerOffer) continue;
      const { agentId } = held.pool.agent;
      const match = matchOffer(record, held.pool, {
        placed,
        nowMs: clock.wallMs(),
        startAt: dice.random(),
        ...(this.localRegion === undefined ? {} : { localRegion: this.localRegion }),
        resting: (port) => drainer.portResting(agentId, port),
      });
      if (match.kind === 'refusal') {
        held.refused(record, match);
        this.#sawResting ||= match.resting === true;
        if (isLasting(match.reasons)) held.refusing.add(appId);
        continue;
      }
      candidates += 1;
      const here = counts.onAgent(agentId);
      if (here >= crowd) continue;
      crowd = here;
      best = { held, hostPorts: match.hostPorts };
      // Under GROUP_BY any accepted group is a smallest one already.
      if (groups > 0 && here === 0) break;
    }
    return best;
  }

  #place(id: InstanceId, record: AppRecord, held: HeldOffer, hostPorts: readonly number[]): void {
    const { tracker, life, journal, clock } = this.parts;
    const instance = tracker.get(id);
    if (!instance) return;
    const { agentId, hostname, attributes, region, zone } = held.pool.agent;
    const taskId = makeTaskId(id, instance.incarnation + 1);
    const resources = takeResources(record, held.pool, hostPorts);
    const task: InstanceTask = {
      id: taskId,
      agentId,
      hostname,
      attributes,
      ...(region === undefined ? {} : { region }),
      ...(zone === undefined ? {} : { zone }),
      hostPorts,
      ipAddresses: [],
      stagedAt: timestamp(clock.wallMs()),
      mesosState: 'TASK_STAGING',
      runSpecVersion: record.app.version,
    };
    const generation = this.#generation;
    held.group ??= journal.group(() => this.#accept(held, generation));
    held.used(record.app.id);
    held.tasks.push({
      instanceId: id,
      taskId,
      info: taskInfo(record, { taskId, agentId, hostname, hostPorts, resources }),
    });
    this.#unsent.add(taskId);
    life.launch(id, { kind: 'launched', task, record }, held.group);
  }

  /** Used offers leave our hands: their ACCEPT follows as soon as the launches are durable. */
  #dispatchUsed(unfinished: boolean): void {
    const { queue, clock, settings } = this.parts;
    const at = timestamp(clock.wallMs());
    const used = this.#held.filter((held) => held.group !== undefined);
    if (used.length === 0) return;
    this.#held = this.#held.filter((held) => held.group === undefined);
    for (const held of used) {
      held.book(queue, at);
      held.hungry = unfinished || held.tasks.length >= settings.maxInstancesPerOffer;
      this.#dispatched.set(held.offer.id.value, held);
      held.group?.close();
    }
  }

  #accept(held: HeldOffer, generation: number): void {
    const { demand, settings, metrics } = this.parts;
    this.#dispatched.delete(held.offer.id.value);
    for (const task of held.tasks) this.#unsent.delete(task.taskId);
    if (generation !== this.#generation || held.rescinded) {
      this.#undo(held.tasks, 'TASK_DROPPED', 'The offer was gone before the launch could leave');
      return;
    }
    const wanted = held.tasks.filter((task) => this.#isWanted(task));
    const refuseSeconds = held.hungry ? 0 : settings.refuseSeconds;
    if (wanted.length === 0) {
      demand.decline([held.offer.id.value], 0);
    } else {
      demand.filtered(refuseSeconds);
      metrics.count('tasks.launched', wanted.length);
      this.parts.accept({
        offer_ids: [held.offer.id],
        operations: [{ type: 'LAUNCH', launch: { task_infos: wanted.map((task) => task.info) } }],
        filters: { refuse_seconds: refuseSeconds },
      });
    }
    if (wanted.length < held.tasks.length) {
      const unwanted = held.tasks.filter((task) => !wanted.includes(task));
      this.#undo(unwanted, 'TASK_KILLED', 'Killed before its launch left');
    }
  }

  #isWanted(task: HeldTask): boolean {
    const instance = this.parts.tracker.get(task.instanceId);
    return (
      instance?.task?.id === task.taskId &&
      instance.condition === 'Provisioned' &&
      instance.takingOut === undefined
    );
  }

  /** Launches that certainly never left: their instances wait again (or are forgotten), without waiting for anybody's word. */
  #undo(tasks: readonly HeldTask[], state: TaskStatus['state'], message: string): void {
    for (const { instanceId, taskId } of tasks) {
      if (this.parts.tracker.get(instanceId)?.task?.id !== taskId) continue;
      const status: TaskStatus = {
        task_id: { value: taskId },
        state,
        message,
        reason: 'REASON_INVALID_OFFERS',
      };
      this.parts.life.happen(instanceId, { kind: 'update', status });
    }
    this.parts.log.info('launches undone before they left', { tasks: tasks.length, why: message });
  }

  #declineHeld(): void {
    const { queue, clock, demand, settings, metrics } = this.parts;
    if (this.#held.length === 0) return;
    const at = timestamp(clock.wallMs());
    for (const held of this.#held) held.book(queue, at);
    metrics.count('offers.declined', this.#held.length);
    demand.decline(
      this.#held.map((held) => held.offer.id.value),
      settings.refuseSeconds,
    );
    this.#held = [];
    this.#exhausted.clear();
    if (!this.#launching) demand.suppress();
  }
}
