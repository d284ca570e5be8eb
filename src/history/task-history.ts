import type { App, AppId } from '../apps/app.js';
import type { Log } from '../logging/log.js';
import type { TaskEnd, TaskMemory } from '../scheduler/scheduler.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { type CorruptRecord, keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import type { Clock, Timer } from '../util/clock.js';
import type { Timestamp } from '../util/timestamp.js';
import { causeOfDeath, useOf } from './decide/cause-of-death.js';
import type { HistoryPage } from './deployment-history.js';
import type { EndedTask, TaskOutput } from './ended-task.js';
import { HistoryIndex, type HistoryLimits, type Place } from './history-index.js';
import { type DueOutput, OutputKeeper } from './output-keeper.js';
import type { ReadsOutput } from './output-reader.js';

/** How often, and how many of the apps with a history, are looked at whether they are forgotten. */
export const SWEEP_MS = 10_000;
export const SWEPT_APPS = 200;
/** Entries deleted in one batch. */
const MAX_BATCH = 250;
/** Characters kept of a status's message: an out-of-memory one ends in the kernel's whole statistics. */
export const KEPT_MESSAGE_CHARACTERS = 600;

export interface TaskHistoryOptions {
  readonly store: Pick<StateStore, 'get' | 'scan' | 'commit'>;
  readonly epoch: number;
  readonly reader: ReadsOutput;
  /** Values of secrets that a task of this app gets: what it printed of them is not kept. */
  readonly secretsOf?: (app: App) => readonly string[];
  /** The app is deleted and nothing is kept of it any more. */
  readonly isForgotten: (appId: AppId) => boolean;
  readonly limits: HistoryLimits;
  readonly clock: Clock;
  readonly log: Log;
}

/** An ended task with what it wrote; `output` undefined: not fetched yet. */
export type EndedTaskWithOutput = EndedTask & { readonly output: TaskOutput | undefined };

/**
 * The tasks that are over, per app: durable with their very end, bounded, newest first. What they wrote comes a moment later.
 */
export class TaskHistory implements TaskMemory {
  readonly #index: HistoryIndex<AppId>;
  readonly #output: OutputKeeper;
  #sweep: Timer | undefined;
  #swept: Iterator<AppId> | undefined;

  constructor(private readonly options: TaskHistoryOptions) {
    this.#index = new HistoryIndex(options.limits);
    this.#output = new OutputKeeper({
      ...options,
      isKept: ({ appId, seq }) => this.#index.has({ owner: appId, seq }),
    });
  }

  /** Finds what is stored. Rejects with StoreError when the store cannot be read. */
  async load(): Promise<void> {
    const places: Place<AppId>[] = [];
    const onCorrupt = (record: CorruptRecord): void => this.#unreadable(record);
    for await (const { value } of this.options.store.scan(keys.endedTask(), { onCorrupt })) {
      const { appId, seq } = value as EndedTask;
      places.push({ owner: appId, seq });
    }
    this.#index.load(places);
  }

  /** Fetches what the last run of the server did not come to; from now on forgets with the apps. */
  async start(): Promise<void> {
    const { store, clock } = this.options;
    const onCorrupt = (record: CorruptRecord): void => this.#unreadable(record);
    const due: DueOutput[] = [];
    for await (const { value } of store.scan(keys.endedTaskOutputDue(), { onCorrupt }))
      due.push(value as DueOutput);
    for (const task of due) this.#output.fetch(task);
    this.#sweep = clock.every(SWEEP_MS, () => void this.#forgetSome());
  }

  async stop(): Promise<void> {
    this.#sweep?.cancel();
    await this.#output.stop();
  }

  remember(end: TaskEnd): readonly StoreWrite[] {
    const { appId, id, incarnation, task } = end.instance;
    const { seq, evicted } = this.#index.add(appId);
    const use = useOf(end);
    const healthyAt = healthySince(end);
    const message = end.status?.message;
    const entry: EndedTask = {
      seq,
      appId,
      instanceId: id,
      taskId: task.id,
      incarnation,
      agentId: task.agentId,
      host: task.hostname,
      version: task.runSpecVersion,
      stagedAt: task.stagedAt,
      ...(task.startedAt === undefined ? {} : { startedAt: task.startedAt }),
      ...(healthyAt === undefined ? {} : { healthyAt }),
      endedAt: end.at,
      state: end.status?.state ?? 'TASK_UNREACHABLE',
      cause: causeOfDeath(end),
      ...(message === undefined ? {} : { message: message.trim().slice(0, KEPT_MESSAGE_CHARACTERS) }),
      ...(use === undefined ? {} : { use }),
    };
    const due = { seq, appId, taskId: task.id, agentId: task.agentId, version: task.runSpecVersion };
    this.#output.fetch(due);
    return [
      { op: 'put', key: keys.endedTask(appId, seq), value: entry },
      { op: 'put', key: keys.endedTaskOutputDue(seq), value: due },
      ...evicted.flatMap(removal),
    ];
  }

  /** Whether anything is remembered of the app. */
  knows(appId: AppId): boolean {
    return !this.#index.newestFirst(appId, undefined).next().done;
  }

  /** At most `limit`, newest first, older than `after`. */
  async page(
    appId: AppId,
    { limit, after }: { readonly limit: number; readonly after: number | undefined },
  ): Promise<HistoryPage<EndedTaskWithOutput>> {
    const entries: EndedTaskWithOutput[] = [];
    for (const seq of this.#index.newestFirst(appId, after)) {
      if (entries.length >= limit) return { entries, next: entries.at(-1)?.seq };
      const entry = (await this.#read(keys.endedTask(appId, seq))) as EndedTask | undefined;
      const output = (await this.#read(keys.endedTaskOutput(appId, seq))) as TaskOutput | undefined;
      if (entry !== undefined) entries.push({ ...entry, output });
    }
    return { entries, next: undefined };
  }

  #read(key: string): Promise<unknown> {
    return getUnlessCorrupt(this.options.store, key, (record) => this.#unreadable(record));
  }

  #unreadable({ key, problem }: CorruptRecord): void {
    this.options.log.error('a record of an ended task cannot be read; it is left out', { key, problem });
  }

  /** The next few apps in turn: what is forgotten has no history either. */
  async #forgetSome(): Promise<void> {
    const { store, epoch, isForgotten, log } = this.options;
    const going: Place<AppId>[] = [];
    for (let looks = 0; looks < Math.min(SWEPT_APPS, this.#index.ownerCount); looks++) {
      this.#swept ??= this.#index.owners()[Symbol.iterator]();
      const next = this.#swept.next();
      if (next.done) {
        this.#swept = undefined;
        continue;
      }
      if (!isForgotten(next.value)) continue;
      for (const seq of this.#index.newestFirst(next.value, undefined))
        going.push({ owner: next.value, seq });
      if (going.length >= MAX_BATCH) break;
    }
    if (going.length === 0) return;
    try {
      await store.commit({ epoch, writes: going.flatMap(removal) });
      for (const place of going) this.#index.drop(place);
    } catch (error) {
      log.warn('the history of deleted apps could not be removed; tried again later', {
        error: String(error),
      });
    }
  }
}

function removal({ owner, seq }: Place<AppId>): readonly StoreWrite[] {
  return [
    { op: 'delete', key: keys.endedTask(owner, seq) },
    { op: 'delete', key: keys.endedTaskOutput(owner, seq) },
    { op: 'delete', key: keys.endedTaskOutputDue(seq) },
  ];
}

/** When the last of its checks first succeeded; undefined while one never did, or without checks. */
function healthySince({ instance: { health, task } }: TaskEnd): Timestamp | undefined {
  if (health === undefined || health.taskId !== task.id || health.results.length === 0) return undefined;
  const firsts = health.results.map((result) => result?.firstSuccess);
  if (firsts.includes(undefined)) return undefined;
  return firsts.sort().at(-1);
}
