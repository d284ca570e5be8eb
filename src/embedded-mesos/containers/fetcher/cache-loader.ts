import type { FileHandle } from 'node:fs/promises';
import type { Log } from '../../../logging/log.js';
import type { Clock } from '../../../util/clock.js';
import type { Account } from '../containerizer.js';
import type { FetchItem } from '../decide/fetch-plan.js';
import { type CacheEntry, cacheKey, type FetchCache } from './fetch-cache.js';
import type { LoadOrder } from './fetch-order.js';
import type { FetchProgress, FetchResult } from './fetch-process.js';
import type { ProcessSlots } from './process-slots.js';

/** So long after its source was asked a file is taken for what it is: a deployment asks once, not once per instance. */
const FRESH_MS = 5_000;

export interface LoadRules {
  readonly limitBytes: number;
  readonly stallMs: number;
  readonly timeLimitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly stopped: AbortSignal;
}

interface Load {
  readonly done: Promise<void>;
  readonly listeners: Set<(progress: FetchProgress) => void>;
}

/** An open file of the cache; whoever got it closes it. */
export interface KeptFile {
  readonly entry: CacheEntry;
  readonly handle: FileHandle;
}

/** Keeps the cache in step with its sources: one transfer per file, however many tasks wait for it. */
export class CacheLoader {
  readonly #loads = new Map<string, Load>();
  readonly #askedAtMs = new Map<string, number>();

  constructor(
    private readonly cache: FetchCache,
    private readonly slots: ProcessSlots,
    private readonly rules: LoadRules,
  ) {}

  /**
   * The file of an item as the cache has it after its source was asked; undefined when the cache cannot have it (too large, no
   * room on the disk, its source refuses): then the task loads it itself, and says what is wrong.
   */
  async obtain(
    item: FetchItem,
    account: Account | undefined,
    onProgress: (progress: FetchProgress) => void,
    signal: AbortSignal,
  ): Promise<KeptFile | undefined> {
    const key = cacheKey(uidOf(account), item.uri);
    const nowMs = this.rules.clock.monotonicMs();
    if (!this.cache.find(key) || nowMs - (this.#askedAtMs.get(key) ?? Number.NEGATIVE_INFINITY) >= FRESH_MS) {
      const load = this.#loads.get(key) ?? this.#begin(key, item, account);
      load.listeners.add(onProgress);
      await Promise.race([load.done, aborted(signal)]);
      load.listeners.delete(onProgress);
    }
    return signal.aborted ? undefined : this.cache.use(key);
  }

  /** What is kept of a URI is void. */
  forget(uri: string, account: Account | undefined): Promise<void> {
    return this.cache.drop(cacheKey(uidOf(account), uri));
  }

  #begin(key: string, item: FetchItem, account: Account | undefined): Load {
    const listeners: Load['listeners'] = new Set();
    const onProgress = (progress: FetchProgress): void => {
      for (const listener of listeners) listener(progress);
    };
    const done = this.#load(key, item, account, onProgress)
      .catch((error: Error) => {
        this.rules.log.warn('a file cannot be cached; tasks load it themselves', {
          uri: item.shown,
          error: error.message,
        });
      })
      .finally(() => this.#loads.delete(key));
    const load: Load = { done, listeners };
    this.#loads.set(key, load);
    return load;
  }

  async #load(
    key: string,
    { uri, shown }: FetchItem,
    account: Account | undefined,
    onProgress: (progress: FetchProgress) => void,
  ): Promise<void> {
    const { limitBytes, stallMs, timeLimitMs, clock, stopped } = this.rules;
    const known = this.cache.find(key);
    const { file, handle } = await this.cache.begin();
    const control = new AbortController();
    const abort = (): void => control.abort();
    const timer = clock.after(timeLimitMs, abort);
    stopped.addEventListener('abort', abort);
    if (stopped.aborted) abort();
    let kept = false;
    try {
      const order: LoadOrder = {
        type: 'load',
        uri,
        shown,
        fd: 3,
        ...(account && { account }),
        limitBytes,
        stallMs,
        ...(known && { validator: known.validator }),
      };
      const result = await this.slots.run({ order, files: [handle.fd], onProgress, signal: control.signal });
      if (result.type === 'loaded') {
        const { bytes, sha256, validator } = result;
        await this.cache.keep(key, handle, { file, bytes, sha256, validator });
        kept = true;
      }
      if (!control.signal.aborted) await this.#judge(key, result, shown);
    } finally {
      timer.cancel();
      stopped.removeEventListener('abort', abort);
      await handle.close();
      if (!kept) await this.cache.discard(file);
    }
  }

  /** A source out of reach leaves the last known good; one that says no takes it away. */
  async #judge(key: string, result: FetchResult, shown: string): Promise<void> {
    if (result.type === 'loaded' || result.type === 'unchanged') {
      this.#askedAtMs.set(key, this.rules.clock.monotonicMs());
      this.#boundMemory();
      return;
    }
    if (result.type !== 'failed') return;
    if (!result.unreachable) await this.cache.drop(key);
    else if (this.cache.find(key))
      this.rules.log.warn('a cached file is used though its source cannot be asked', {
        uri: shown,
        error: result.message,
      });
  }

  #boundMemory(): void {
    for (const key of this.#askedAtMs.keys()) if (!this.cache.find(key)) this.#askedAtMs.delete(key);
  }
}

function uidOf(account: Account | undefined): number {
  return account?.uid ?? process.getuid?.() ?? 0;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
