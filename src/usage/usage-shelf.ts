import type { AppId } from '../apps/app.js';
import type { Log } from '../logging/log.js';
import { getUnlessCorrupt } from '../store/get-unless-corrupt.js';
import { type CorruptRecord, keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import { oldestKept, type Resolution, type ResolutionName, resolutions } from './decide/resolution.js';
import {
  decodeChunk,
  encodeChunk,
  mergeChunk,
  type StoredChunk,
  type UsageChunk,
} from './decide/usage-chunk.js';
import type { OpenChunk, OpenChunks } from './open-chunks.js';

/** The first and the last stored chunk of each resolution. */
type Ranges = { readonly [Name in ResolutionName]?: readonly [oldest: number, newest: number] };

/** Which chunks are stored of an app. */
interface UsageIndex {
  readonly appId: AppId;
  readonly ranges: Ranges;
}

/**
 * What is stored of the apps' use. Only its index is kept in memory: all of it would be a gigabyte for ten thousand apps.
 *
 * INVARIANTS
 * - Every stored chunk lies within its app's index, which is written with it in one batch: nothing is ever left behind.
 * - What cannot be stored stays dirty, and is stored later.
 */
export class UsageShelf {
  readonly #indexes = new Map<AppId, Ranges>();

  constructor(
    private readonly store: Pick<StateStore, 'get' | 'scan' | 'commit'>,
    private readonly epoch: number,
    private readonly log: Log,
  ) {}

  /** Finds the indexes. Rejects with StoreError when the store cannot be read. */
  async load(): Promise<void> {
    const onCorrupt = (record: CorruptRecord): void => this.#unreadable(record);
    for await (const { value } of this.store.scan(keys.usage(), { onCorrupt })) {
      const { appId, ranges } = value as UsageIndex;
      this.#indexes.set(appId, ranges);
    }
  }

  apps(): Iterable<AppId> {
    return this.#indexes.keys();
  }

  get size(): number {
    return this.#indexes.size;
  }

  /** The numbers of the stored chunks of a resolution that may hold something between two, oldest first. */
  *stored(appId: AppId, { name }: Resolution, from: number, to: number): Generator<number> {
    const [oldest, newest] = this.#indexes.get(appId)?.[name] ?? [0, -1];
    for (let index = Math.max(from, oldest); index <= Math.min(to, newest); index++) yield index;
  }

  async read(appId: AppId, resolution: Resolution, index: number): Promise<UsageChunk | undefined> {
    const [oldest, newest] = this.#indexes.get(appId)?.[resolution.name] ?? [0, -1];
    if (index < oldest || index > newest) return undefined;
    const key = keys.usageChunk(appId, resolution.name, index);
    const stored = await getUnlessCorrupt(this.store, key, (record) => this.#unreadable(record));
    return stored === undefined ? undefined : decodeChunk(resolution, stored as StoredChunk);
  }

  /**
   * Stores what is new of some apps, and removes what is too old of them, in one batch. Rejects with StoreError, and then
   * everything is as new as before.
   */
  async save(
    apps: readonly { readonly appId: AppId; readonly open: OpenChunks }[],
    nowMs: number,
  ): Promise<void> {
    const writes: StoreWrite[] = [];
    const saved: OpenChunk[] = [];
    const indexes = new Map<AppId, Ranges>();
    for (const { appId, open } of apps) {
      const dirty = [...open.all()].filter((each) => each.dirty);
      for (const each of dirty) await this.#complete(appId, each);
      const { kept, removed } = trimmed(this.#indexes.get(appId) ?? {}, nowMs);
      const worth = dirty.filter(({ resolution, index }) => index >= oldestKept(resolution, nowMs));
      const ranges = extended(kept, worth);
      writes.push(...removed.map(([name, index]) => removal(appId, name, index)));
      for (const { resolution, index, chunk } of worth) {
        const key = keys.usageChunk(appId, resolution.name, index);
        writes.push({ op: 'put', key, value: encodeChunk(chunk) });
      }
      for (const each of dirty) each.dirty = false;
      saved.push(...dirty);
      indexes.set(appId, ranges);
      const key = keys.usage(appId);
      if (Object.keys(ranges).length === 0) writes.push({ op: 'delete', key });
      else if (!sameRanges(ranges, this.#indexes.get(appId)))
        writes.push({ op: 'put', key, value: { appId, ranges } satisfies UsageIndex });
    }
    try {
      await this.store.commit({ epoch: this.epoch, writes });
    } catch (error) {
      for (const each of saved) each.dirty = true;
      throw error;
    }
    for (const [appId, ranges] of indexes) {
      if (Object.keys(ranges).length === 0) this.#indexes.delete(appId);
      else this.#indexes.set(appId, ranges);
    }
  }

  /** A chunk that was begun after a restart gets what the last run had stored of it. */
  async #complete(appId: AppId, open: OpenChunk): Promise<void> {
    if (open.complete) return;
    const stored = await this.read(appId, open.resolution, open.index);
    if (stored) mergeChunk(open.chunk, stored);
    open.complete = true;
  }

  /** Whether something of an app is too old to be kept. */
  hasExpired(appId: AppId, nowMs: number): boolean {
    const ranges = this.#indexes.get(appId) ?? {};
    return resolutions.some(
      (resolution) =>
        (ranges[resolution.name]?.[0] ?? Number.POSITIVE_INFINITY) < oldestKept(resolution, nowMs),
    );
  }

  /** Removes everything of some apps. Rejects with StoreError when the store does not take it. */
  async remove(apps: readonly AppId[]): Promise<void> {
    const writes = apps.flatMap((appId) => [
      ...Object.entries(this.#indexes.get(appId) ?? {}).flatMap(([name, [oldest, newest]]) =>
        numbers(oldest, newest).map((index) => removal(appId, name as ResolutionName, index)),
      ),
      { op: 'delete', key: keys.usage(appId) } as const,
    ]);
    await this.store.commit({ epoch: this.epoch, writes });
    for (const appId of apps) this.#indexes.delete(appId);
  }

  #unreadable({ key, problem }: CorruptRecord): void {
    this.log.error('a record of what an app used cannot be read; it is left out', { key, problem });
  }
}

function removal(appId: AppId, name: ResolutionName, index: number): StoreWrite {
  return { op: 'delete', key: keys.usageChunk(appId, name, index) };
}

const numbers = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, step) => from + step);

function extended(ranges: Ranges, chunks: readonly OpenChunk[]): Ranges {
  const grown: { -readonly [Name in ResolutionName]?: readonly [number, number] } = { ...ranges };
  for (const { resolution, index } of chunks) {
    const [oldest, newest] = grown[resolution.name] ?? [index, index];
    grown[resolution.name] = [Math.min(oldest, index), Math.max(newest, index)];
  }
  return grown;
}

/** Without what is too old. */
function trimmed(
  ranges: Ranges,
  nowMs: number,
): { readonly kept: Ranges; readonly removed: readonly (readonly [ResolutionName, number])[] } {
  const kept: { -readonly [Name in ResolutionName]?: readonly [number, number] } = {};
  const removed: (readonly [ResolutionName, number])[] = [];
  for (const resolution of resolutions) {
    const { name } = resolution;
    const [oldest, newest] = ranges[name] ?? [0, -1];
    const first = Math.max(oldest, oldestKept(resolution, nowMs));
    for (const index of numbers(oldest, Math.min(newest, first - 1))) removed.push([name, index]);
    if (first <= newest) kept[name] = [first, newest];
  }
  return { kept, removed };
}

function sameRanges(some: Ranges, others: Ranges | undefined): boolean {
  return resolutions.every(
    ({ name }) => some[name]?.[0] === others?.[name]?.[0] && some[name]?.[1] === others?.[name]?.[1],
  );
}
