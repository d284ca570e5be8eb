import type { AppId, AppRecord } from '../apps/app.js';
import { generatedPortCount } from '../apps/app-ports.js';
import type { Offer } from '../embedded-mesos/protocol/v1.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { timestamp } from '../util/timestamp.js';
import type { Deadlines } from './deadlines.js';
import type { PlacedView } from './decide/constraints.js';
import { makeTaskId } from './decide/ids.js';
import { isLasting, matchOffer, takeResources } from './decide/match-offer.js';
import { taskInfo } from './decide/task-info.js';
import { HeldOffer } from './held-offer.js';
import type { InstanceId, InstanceTask, TaskId } from './instance.js';
import { type DispatchParts, LaunchDispatch } from './launch-dispatch.js';
import type { AppQueue } from './launch-queue.js';
import type { PlacementBook } from './placement-book.js';
import type { Drainer } from './scheduler.js';

/** Fitting offers looked at for one instance before the least crowded of them is taken. */
export const MAX_CANDIDATES = 16;
/** Offers held at once; more are declined for now and come back. */
export const MAX_OFFERS_HELD = 10_000;
/** Apps that fit nowhere are tried again after this even if nothing seems to have changed. */
export const RETRY_MS = 10_000;
/** As RETRY_MS when only resting ports stood in the way. */
export const RESTING_RETRY_MS = 1_000;
/** For ports that an app leaves to us in a network of its own (Marathon reference 2.3). */
const GENERATED_PORTS = { min: 1_025, max: 65_535 };
/** Ended instances may make room under a constraint; their pokes are gathered for so long. */
export const FREED_MS = 50;

export interface LauncherParts extends DispatchParts {
  readonly book: PlacementBook;
  readonly drainer: Drainer;
  readonly deadlines: Deadlines;
  /** Apps of these roles wait: the subscription must have them. */
  needRoles(roles: ReadonlySet<string>, suppressed: readonly string[]): void;
  readonly clock: Clock;
  readonly dice: Dice;
}

/**
 * Puts waiting instances on offers: app by app in turn, in slices that never hold the event loop for long, many tasks per ACCEPT.
 *
 * How a used offer then leaves is in launch-dispatch.ts.
 */
export class Launcher {
  #held: HeldOffer[] = [];
  readonly #dispatch: LaunchDispatch;
  readonly #exhausted = new Set<AppId>();
  #views = new Map<AppId, PlacedView>();
  #cursor = 0;
  #connected = false;
  #launching = true;
  #stopped = false;
  #queued = false;
  #sawResting = false;
  localRegion: string | undefined;

  constructor(private readonly parts: LauncherParts) {
    this.#dispatch = new LaunchDispatch(parts);
  }

  get launching(): boolean {
    return this.#launching;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Whether this task's ACCEPT has not left yet. */
  isUnsent(taskId: TaskId): boolean {
    return this.#dispatch.isUnsent(taskId);
  }

  subscribed(): void {
    this.#connected = true;
    this.#drop();
    this.parts.demand.begun();
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
    this.#dispatch.rescind(offerId);
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
    this.#dispatch.drop();
    this.#held = [];
    this.#exhausted.clear();
  }

  #look(): void {
    this.#queued = false;
    if (this.#stopped || !this.#connected) return;
    const { journal, queue, demand } = this.parts;
    const able = this.#launching && journal.writable && !journal.saturated;
    const wanted = able ? queue.launchableRoles() : new Set<string>();
    this.parts.needRoles(wanted, demand.suppressedRoles);
    if (this.#held.length > 0) {
      if (able) this.#slice();
      else this.#declineHeld();
      return;
    }
    demand.want(wanted);
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
    const wanted = queue.launchableRoles();
    demand.only(wanted);
    if (wanted.size === 0) return;
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
    const { tracker, life, clock, settings } = this.parts;
    const instance = tracker.get(id);
    if (!instance) return;
    const { agentId, hostname, attributes, region, zone } = held.pool.agent;
    const taskId = makeTaskId(id, instance.incarnation + 1);
    const resources = takeResources(record, held.pool, hostPorts);
    const generatedPorts = this.#generatePorts(record);
    const context = settings.taskContext(record.app, hostname);
    const task: InstanceTask = {
      id: taskId,
      agentId,
      hostname,
      attributes,
      ...(region === undefined ? {} : { region }),
      ...(zone === undefined ? {} : { zone }),
      hostPorts,
      ...(generatedPorts.length === 0 ? {} : { generatedPorts }),
      ipAddresses: [],
      stagedAt: timestamp(clock.wallMs()),
      mesosState: 'TASK_STAGING',
      runSpecVersion: record.app.version,
    };
    held.group ??= this.#dispatch.open(held);
    held.used(record.app.id);
    this.#dispatch.put(held, {
      instanceId: id,
      taskId,
      info: taskInfo(
        record,
        { taskId, agentId, hostname, hostPorts, generatedPorts, resources, context },
        settings.envVarsPrefix,
      ),
    });
    life.launch(id, { kind: 'launched', task, record }, held.group);
  }

  /** Ports inside a container that has the whole range for itself. */
  #generatePorts({ app }: AppRecord): readonly number[] {
    const { min, max } = GENERATED_PORTS;
    const ports = new Set<number>();
    for (const wanted = generatedPortCount(app); ports.size < wanted; ) {
      let port = min + Math.floor(this.parts.dice.random() * (max - min + 1));
      while (ports.has(port)) port = port === max ? min : port + 1;
      ports.add(port);
    }
    return [...ports];
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
      this.#dispatch.leave(held, unfinished || held.tasks.length >= settings.maxInstancesPerOffer);
    }
  }

  #declineHeld(): void {
    const { queue, clock, demand, settings, metrics } = this.parts;
    if (this.#held.length === 0) return;
    const at = timestamp(clock.wallMs());
    for (const held of this.#held) held.book(queue, at);
    metrics.count('mesos.offers.declined.counter', this.#held.length);
    demand.decline(
      this.#held.map((held) => held.offer.id.value),
      settings.refuseSeconds,
    );
    this.#held = [];
    this.#exhausted.clear();
    if (!this.#launching) demand.suppress();
  }
}
