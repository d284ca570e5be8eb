import { setImmediate as turn } from 'node:timers/promises';
import type { AppId, AppRecord } from '../apps/app.js';
import type { TaskUsage } from '../embedded-mesos/protocol/agent-line.js';
import type { Log } from '../logging/log.js';
import type { StateStore } from '../store/state-store.js';
import type { Clock, Timer } from '../util/clock.js';
import { chunkOfSlot, oldestKept, type Resolution, slotAt } from './decide/resolution.js';
import { mergeChunk, newChunk, type UsageChunk } from './decide/usage-chunk.js';
import { pointsOf, type UsagePoint } from './decide/usage-points.js';
import { OpenChunks } from './open-chunks.js';
import { UsageShelf } from './usage-shelf.js';

/** How often the book looks for something to store. */
export const TICK_MS = 10_000;
/** What is new waits so long, so that one write serves several looks; a crash loses at most about this much. */
export const STORE_AFTER_MS = 60_000;
/** Apps stored per tick: ten thousand of them take turns of four minutes. */
export const STORED_PER_TICK = 400;
/** Apps in one batch. */
const BATCH_APPS = 10;
/** Apps per tick that are looked at for what is too old, or removed. */
const SWEPT_PER_TICK = 200;
/** How long a clean stop may take to store the rest. */
const STOP_LIMIT_MS = 3_000;
/** After so long a look at a task says nothing of now. */
export const FRESH_MS = 35_000;
/** What an agent may say of one look at most; more is a defect of it. */
const MAX_SECONDS = 120;

/** The last look at a task. */
export interface TaskNow {
  readonly usage: TaskUsage;
  /** Wall clock. */
  readonly atMs: number;
}

interface Entry {
  readonly open: OpenChunks;
  readonly newest: Map<string, TaskNow>;
}

export interface UsageBookOptions {
  readonly store: Pick<StateStore, 'get' | 'scan' | 'commit'>;
  readonly epoch: number;
  readonly apps: { get(appId: AppId): AppRecord | undefined };
  /** There is no such app any more; one that cannot be read is not deleted. */
  readonly isDeleted: (appId: AppId) => boolean;
  /** Whose task it is; undefined: nobody's that runs. */
  readonly appOf: (taskId: string) => AppId | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What apps use: taken from the agents' reports, added up at three resolutions, stored a little later, shown with what is
 * not stored yet.
 *
 * INVARIANTS
 * - Reports only add to memory; the store is written once a minute per app at most, some apps at a time.
 * - One store operation at a time; what is deleted with its app never comes back.
 */
export class UsageBook {
  readonly #entries = new Map<AppId, Entry>();
  /** Apps with something new, longest waiting first; since when (monotonic). */
  readonly #dirty = new Map<AppId, number>();
  readonly #deleted = new Set<AppId>();
  readonly #shelf: UsageShelf;
  #swept: Iterator<AppId> | undefined;
  #timer: Timer | undefined;
  #work: Promise<void> | undefined;
  #failing = false;

  constructor(private readonly options: UsageBookOptions) {
    this.#shelf = new UsageShelf(options.store, options.epoch, options.log);
  }

  /** Finds what is stored. Rejects with StoreError when the store cannot be read. */
  async load(): Promise<void> {
    await this.#shelf.load();
    for (const appId of this.#shelf.apps()) if (this.options.isDeleted(appId)) this.#deleted.add(appId);
  }

  start(): void {
    this.#timer = this.options.clock.every(TICK_MS, () => {
      this.#work ??= this.#tick().finally(() => {
        this.#work = undefined;
      });
    });
  }

  /** Stores what is new, within some seconds. */
  async stop(): Promise<void> {
    const { clock } = this.options;
    this.#timer?.cancel();
    await this.#work;
    const untilMs = clock.monotonicMs() + STOP_LIMIT_MS;
    while (this.#dirty.size > 0 && clock.monotonicMs() < untilMs)
      if (!(await this.#store([...this.#dirty.keys()].slice(0, BATCH_APPS)))) return;
  }

  /** A report of an agent. Tasks of nobody, and numbers that are none, are left out. */
  take(tasks: readonly TaskUsage[]): void {
    const { clock, apps, appOf } = this.options;
    const atMs = clock.wallMs();
    for (const usage of tasks) {
      const appId = appOf(usage.taskId);
      const app = appId && apps.get(appId)?.app;
      if (appId === undefined || app === undefined || !isSound(usage)) continue;
      const entry = this.#entry(appId);
      entry.newest.set(usage.taskId, { usage, atMs });
      const { seconds, cpus, throttled } = usage;
      const use = { seconds, cpus, throttled, memoryMiB: usage.memoryBytes / (1024 * 1024) };
      entry.open.add(use, atMs, { cpus: app.cpus, memMiB: app.mem });
      if (!this.#dirty.has(appId)) this.#dirty.set(appId, clock.monotonicMs());
    }
  }

  #entry(appId: AppId): Entry {
    const known = this.#entries.get(appId);
    if (known) return known;
    const made: Entry = { open: new OpenChunks(), newest: new Map() };
    this.#entries.set(appId, made);
    return made;
  }

  /** The app is deleted: so is what it used. */
  forget(appId: AppId): void {
    this.#entries.delete(appId);
    this.#dirty.delete(appId);
    this.#deleted.add(appId);
  }

  /** The last look at each of an app's tasks, not older than half a minute. */
  now(appId: AppId): readonly TaskNow[] {
    const sinceMs = this.options.clock.wallMs() - FRESH_MS;
    return [...(this.#entries.get(appId)?.newest.values() ?? [])].filter(({ atMs }) => atMs >= sinceMs);
  }

  /** Apps of which something was seen lately. */
  apps(): Iterable<AppId> {
    return this.#entries.keys();
  }

  /** Points of an app from `fromMs` on and before `toMs`, oldest first. Rejects with StoreError. */
  async points(
    appId: AppId,
    resolution: Resolution,
    between: { readonly fromMs: number; readonly toMs: number },
  ): Promise<readonly UsagePoint[]> {
    const nowMs = this.options.clock.wallMs();
    const from = Math.max(
      oldestKept(resolution, nowMs),
      chunkOfSlot(resolution, slotAt(resolution, between.fromMs)),
    );
    const to = Math.min(
      chunkOfSlot(resolution, slotAt(resolution, between.toMs)),
      chunkOfSlot(resolution, slotAt(resolution, nowMs)),
    );
    const points: UsagePoint[] = [];
    for (let index = from; index <= to; index++) {
      const chunk = await this.#chunk(appId, resolution, index);
      if (chunk) points.push(...pointsOf(resolution, index, chunk, between));
    }
    return points;
  }

  async #chunk(appId: AppId, resolution: Resolution, index: number): Promise<UsageChunk | undefined> {
    if (this.#deleted.has(appId)) return this.#entries.get(appId)?.open.get(resolution, index)?.chunk;
    const complete = this.#entries.get(appId)?.open.get(resolution, index)?.complete === true;
    const stored = complete ? undefined : await this.#shelf.read(appId, resolution, index);
    // It may have been completed meanwhile.
    const open = this.#entries.get(appId)?.open.get(resolution, index);
    if (open?.complete || !stored) return open?.chunk;
    if (!open) return stored;
    const whole = newChunk(resolution);
    mergeChunk(whole, stored);
    mergeChunk(whole, open.chunk);
    return whole;
  }

  async #tick(): Promise<void> {
    const { clock } = this.options;
    if (!(await this.#removeDeleted())) return;
    const nowMs = clock.monotonicMs();
    this.#sweep(nowMs);
    const due: AppId[] = [];
    for (const [appId, sinceMs] of this.#dirty) {
      if (due.length >= STORED_PER_TICK || nowMs - sinceMs < STORE_AFTER_MS) break;
      due.push(appId);
    }
    for (let from = 0; from < due.length; from += BATCH_APPS) {
      if (!(await this.#store(due.slice(from, from + BATCH_APPS)))) return;
      await turn();
    }
  }

  /** False: the store does not take it, and the same is tried again with the next tick. */
  async #attempt(write: () => Promise<void>): Promise<boolean> {
    try {
      await write();
      this.#failing = false;
      return true;
    } catch (error) {
      if (!this.#failing)
        this.options.log.warn('what apps use cannot be stored just now; it is tried again', {
          error: String(error),
        });
      this.#failing = true;
      return false;
    }
  }

  async #removeDeleted(): Promise<boolean> {
    const going = [...this.#deleted].slice(0, BATCH_APPS);
    if (going.length === 0) return true;
    const removed = await this.#attempt(() => this.#shelf.remove(going));
    if (removed) for (const appId of going) this.#deleted.delete(appId);
    return removed;
  }

  /** The next few apps in turn: what is too old goes also when nothing new comes. */
  #sweep(nowMs: number): void {
    const wallMs = this.options.clock.wallMs();
    for (let looks = 0; looks < Math.min(SWEPT_PER_TICK, this.#shelf.size); looks++) {
      this.#swept ??= this.#shelf.apps()[Symbol.iterator]();
      const next = this.#swept.next();
      if (next.done) {
        this.#swept = undefined;
        return;
      }
      if (this.#dirty.has(next.value)) continue;
      if (this.#shelf.hasExpired(next.value, wallMs)) this.#dirty.set(next.value, nowMs);
      else this.#close(next.value, wallMs);
    }
  }

  async #store(appIds: readonly AppId[]): Promise<boolean> {
    const wallMs = this.options.clock.wallMs();
    const apps = appIds
      .filter((appId) => !this.#deleted.has(appId))
      .map((appId) => ({ appId, open: this.#entries.get(appId)?.open ?? new OpenChunks() }));
    for (const appId of appIds) this.#dirty.delete(appId);
    const stored = await this.#attempt(() => this.#shelf.save(apps, wallMs));
    for (const { appId } of apps) {
      if (stored) this.#close(appId, wallMs);
      else if (!this.#deleted.has(appId) && !this.#dirty.has(appId))
        this.#dirty.set(appId, Number.NEGATIVE_INFINITY);
    }
    return stored;
  }

  /** Lets go of what is over and stored, and of tasks that are gone. */
  #close(appId: AppId, wallMs: number): void {
    const entry = this.#entries.get(appId);
    if (!entry) return;
    for (const [taskId, { atMs }] of entry.newest) if (atMs < wallMs - FRESH_MS) entry.newest.delete(taskId);
    entry.open.close(wallMs);
    if (entry.open.isEmpty && entry.newest.size === 0) this.#entries.delete(appId);
  }
}

function isSound({ seconds, cpus, throttled, memoryBytes }: TaskUsage): boolean {
  return (
    seconds > 0 &&
    seconds <= MAX_SECONDS &&
    cpus >= 0 &&
    Number.isFinite(cpus) &&
    throttled >= 0 &&
    throttled <= 1 &&
    memoryBytes >= 0 &&
    Number.isFinite(memoryBytes)
  );
}
