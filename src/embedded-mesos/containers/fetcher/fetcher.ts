import { chownSync, mkdirSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Log } from '../../../logging/log.js';
import type { Clock } from '../../../util/clock.js';
import type { Dice } from '../../../util/ids.js';
import type { CommandUri } from '../../protocol/v1.js';
import type { Account } from '../containerizer.js';
import { type FetchItem, fetchPlan } from '../decide/fetch-plan.js';
import { progressText } from '../decide/fetch-progress.js';
import { removeTree } from '../remove-tree.js';
import { CacheLoader } from './cache-loader.js';
import { FetchCache } from './fetch-cache.js';
import type { PlaceOrder } from './fetch-order.js';
import type { FetchProgress, FetchResult } from './fetch-process.js';
import { ProcessSlots } from './process-slots.js';

/** Mesos's fetcher_cache_size. */
const DEFAULT_CACHE_BYTES = 2 * 1024 ** 3;
const DEFAULT_LIMIT_BYTES = 4 * 1024 ** 3;
/** All files of one task must be there after this. */
const DEFAULT_TIME_LIMIT_MS = 30 * 60_000;
/** Mesos's fetcher_stall_timeout. */
const DEFAULT_STALL_MS = 60_000;
/** What is over sooner is not worth a word; what takes longer is told this often. */
const PROGRESS_MS = 2_000;
/** Descriptors that one process inherits at most; further files are loaded anew. */
const MAX_COPIES = 64;

export interface FetcherOptions {
  /** The cache's folder; only the agent may enter it. */
  readonly cacheFolder: string;
  /** The compiled `fetcher/main.js`. */
  readonly script: string;
  readonly cacheBytes?: number;
  /** Of one file, and of all that one archive unpacks to. */
  readonly limitBytes?: number;
  readonly timeLimitMs?: number;
  readonly stallMs?: number;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

export interface FetchRequest {
  readonly containerId: string;
  readonly sandbox: string;
  /** Who fetches, and whom the files belong to; absent: the agent itself. */
  readonly account?: Account;
  readonly uris: readonly CommandUri[];
  readonly onProgress: (message: string) => void;
}

/** Tasks whose files were fetched, or could not be, since the start; and what the cache may hold and holds. */
export interface FetchTotals {
  readonly succeeded: number;
  readonly failed: number;
  readonly cacheBytes: number;
  readonly cacheUsedBytes: number;
}

export type FetchEnd =
  | { readonly type: 'fetched' }
  | { readonly type: 'cancelled' }
  | { readonly type: 'failed'; readonly message: string };

/**
 * Brings files into sandboxes before their tasks start.
 *
 * INVARIANTS
 * - Nothing is read, written or unpacked with other rights than the task's user has; the cache is out of that user's reach.
 * - No transfer has more processes, bytes or time than the limits named here.
 * - A process that fetches does not outlive the agent; what it did not finish is begun again.
 */
export class Fetcher {
  readonly #ends = { succeeded: 0, failed: 0 };
  readonly cache: FetchCache;
  readonly #slots: ProcessSlots;
  readonly #loader: CacheLoader;
  readonly #running = new Map<string, AbortController>();
  readonly #stopped = new AbortController();

  constructor(private readonly options: FetcherOptions) {
    const { cacheFolder, script, clock, dice, log } = options;
    this.cache = new FetchCache(cacheFolder, options.cacheBytes ?? DEFAULT_CACHE_BYTES, clock, dice, log);
    this.#slots = new ProcessSlots(script);
    this.#loader = new CacheLoader(this.cache, this.#slots, {
      limitBytes: Math.min(this.#limitBytes, this.cache.limitBytes),
      stallMs: options.stallMs ?? DEFAULT_STALL_MS,
      timeLimitMs: this.#timeLimitMs,
      clock,
      log,
      stopped: this.#stopped.signal,
    });
  }

  get #limitBytes(): number {
    return this.options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  }

  get #timeLimitMs(): number {
    return this.options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS;
  }

  get totals(): FetchTotals {
    return { ...this.#ends, cacheBytes: this.cache.limitBytes, cacheUsedBytes: this.cache.bytes };
  }

  start(): Promise<void> {
    return this.cache.start();
  }

  /** Fetches all or nothing that counts: into a new sandbox, whatever an interrupted try left of one. Never throws. */
  async fetch(request: FetchRequest): Promise<FetchEnd> {
    const plan = fetchPlan(request.uris);
    if ('problem' in plan) return this.#failed(plan.problem);
    const control = new AbortController();
    this.#running.set(request.containerId, control);
    let late = false;
    const timer = this.options.clock.after(this.#timeLimitMs, () => {
      late = true;
      control.abort();
    });
    try {
      const result = await this.#fetch(request, plan.items, control.signal);
      if (late) return this.#failed(lateText(plan.items, this.#timeLimitMs));
      if (control.signal.aborted) return { type: 'cancelled' };
      if (result.type !== 'placed')
        return this.#failed(result.type === 'failed' ? result.message : 'the fetcher said something else');
      this.#ends.succeeded++;
      return { type: 'fetched' };
    } catch (error) {
      return control.signal.aborted && !late ? { type: 'cancelled' } : this.#failed((error as Error).message);
    } finally {
      timer.cancel();
      this.#running.delete(request.containerId);
    }
  }

  #failed(message: string): FetchEnd {
    this.#ends.failed++;
    return { type: 'failed', message };
  }

  async #fetch(
    request: FetchRequest,
    items: readonly FetchItem[],
    signal: AbortSignal,
  ): Promise<FetchResult> {
    await makeSandbox(request);
    const onProgress = this.#progressOf(request);
    const result = await this.#place(request, items, true, onProgress, signal);
    if (result.type !== 'failed' || result.damaged === undefined) return result;
    const damaged = items[result.damaged];
    this.options.log.warn('a file of the fetcher’s cache is damaged; it is loaded anew', {
      uri: damaged?.shown,
    });
    if (damaged) await this.#loader.forget(damaged.uri, request.account);
    await makeSandbox(request);
    return this.#place(request, items, false, onProgress, signal);
  }

  async #place(
    { sandbox, account }: FetchRequest,
    items: readonly FetchItem[],
    fromCache: boolean,
    onProgress: (progress: FetchProgress) => void,
    signal: AbortSignal,
  ): Promise<FetchResult> {
    const handles: FileHandle[] = [];
    try {
      const placed: PlaceOrder['items'][number][] = [];
      for (const found of await Promise.all(
        items.map(async (item) =>
          fromCache && item.cache && copiesBefore(items, item) < MAX_COPIES
            ? { item, kept: await this.#loader.obtain(item, account, onProgress, signal) }
            : { item, kept: undefined },
        ),
      )) {
        const { item, kept } = found;
        if (!kept) {
          placed.push(item);
          continue;
        }
        const { bytes, sha256 } = kept.entry;
        placed.push({ ...item, copy: { fd: 3 + handles.length, bytes, sha256 } });
        handles.push(kept.handle);
      }
      const order: PlaceOrder = {
        type: 'place',
        sandbox,
        items: placed,
        ...(account && { account }),
        limitBytes: this.#limitBytes,
        stallMs: this.options.stallMs ?? DEFAULT_STALL_MS,
      };
      return await this.#slots.run({ order, files: handles.map(({ fd }) => fd), onProgress, signal });
    } finally {
      for (const handle of handles) await handle.close();
    }
  }

  /** Says now and then how far it is. */
  #progressOf({ onProgress }: FetchRequest): (progress: FetchProgress) => void {
    const { clock } = this.options;
    let againMs = clock.monotonicMs() + PROGRESS_MS / 2;
    return (progress) => {
      const nowMs = clock.monotonicMs();
      if (nowMs < againMs) return;
      againMs = nowMs + PROGRESS_MS;
      onProgress(progressText(progress));
    };
  }

  /** Ends a fetch, which then says that it was cancelled. One that does not run: nothing. */
  cancel(containerId: string): void {
    this.#running.get(containerId)?.abort();
  }

  /** Nothing of it runs any more; a fetch that did is said to be cancelled. */
  stop(): void {
    this.#stopped.abort();
    for (const control of this.#running.values()) control.abort();
  }
}

function copiesBefore(items: readonly FetchItem[], item: FetchItem): number {
  return items.slice(0, items.indexOf(item)).filter(({ cache }) => cache).length;
}

function lateText(items: readonly FetchItem[], limitMs: number): string {
  const which = items.length === 1 ? items[0]?.shown : `${items.length} files (${items[0]?.shown} ...)`;
  return `Failed to fetch ${which}: it was not done after ${Math.round(limitMs / 1000)} s`;
}

/** A new sandbox: whatever an interrupted try left is removed, over no link. */
async function makeSandbox({ sandbox, account }: FetchRequest): Promise<void> {
  await removeTree(sandbox);
  mkdirSync(sandbox, { mode: 0o750 });
  if (account && process.getuid?.() === 0) chownSync(sandbox, account.uid, account.gid);
}
