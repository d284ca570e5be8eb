import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { failureMessage } from './decide/classify-failure.js';
import { DurableWriter, type StorageEngine } from './durable-writer.js';
import {
  currentFormat,
  FORMAT_KEY,
  formatBytes,
  formatHistory,
  migrationsFrom,
  parseFormat,
} from './format.js';
import type { EngineWrite } from './group-commit.js';
import { readEpoch } from './highest-epoch.js';
import { decodeRecords, INTERNAL_PREFIX } from './record-codec.js';
import { RecordStore } from './record-store.js';
import { type ScanOptions, StoreError, type StoreErrorCode, type StoreRecord } from './state-store.js';

/** What survives a crash: the durable bytes by key. Give it to the next MemoryStore, as a disk to the next process. */
export class MemoryDisk {
  readonly records = new Map<string, Buffer>();

  apply(writes: readonly EngineWrite[]): void {
    for (const { key, bytes } of writes) {
      if (bytes) this.records.set(key, bytes);
      else this.records.delete(key);
    }
  }
}

/** One group of writes on its way to the disk. */
export interface MemoryFlush {
  /** 1 for the first flush of this store. */
  readonly number: number;
  readonly keys: readonly string[];
}

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly disk?: MemoryDisk;
  /** How long a flush takes on `clock`; 0 (the default) = until the next microtask. */
  readonly flushMs?: number;
  /** Asked before each flush: `hold` keeps it under way until `releaseFlushes` or `crash`. */
  readonly fate?: (flush: MemoryFlush) => 'proceed' | 'hold';
}

const SLICE_RECORDS = 200;

/**
 * The store's contract without a disk: for the simulated world and tests. Faults are part of it, since its purpose is to
 * show what the other rooms do when the disk fails, is full, is slow, or loses what was not flushed.
 */
export class MemoryStore extends RecordStore {
  readonly disk: MemoryDisk;
  protected readonly writer: DurableWriter;
  readonly #held: { readonly go: () => void }[] = [];
  #flushes = 0;
  #holding = false;
  #full = false;
  #nextFailure: StoreErrorCode | undefined;
  #inFlight: readonly EngineWrite[] = [];

  constructor(private readonly options: MemoryStoreOptions) {
    super('the store in memory', options.clock, options.log, currentFormat(formatHistory));
    this.disk = options.disk ?? new MemoryDisk();
    const engine: StorageEngine = {
      flush: (writes) => this.#flush(writes),
      repair: () => Promise.resolve(),
    };
    this.writer = new DurableWriter(engine, options.clock, options.log);
  }

  async open(): Promise<void> {
    this.checkNew();
    const format = this.disk.records.get(FORMAT_KEY);
    if (format) migrationsFrom(parseFormat(format), formatHistory, this.title);
    else this.disk.apply([{ key: FORMAT_KEY, bytes: formatBytes(this.format) }]);
    this.writer.startAt(readEpoch((key) => this.read(key), this.log));
    this.state = 'open';
  }

  async close(): Promise<void> {
    if (this.state === 'closed' || this.state === 'crashed') return;
    this.state = 'closed';
    await this.writer.close();
  }

  /** Flushes begun so far. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Flushes that are held right now. */
  get heldFlushes(): number {
    return this.#held.length;
  }

  /** The next flush fails with that code and applies nothing. */
  failNextFlush(code: StoreErrorCode = 'flush-failed'): void {
    this.#nextFailure = code;
  }

  /** While full every flush fails with `disk-full`. */
  setDiskFull(full: boolean): void {
    this.#full = full;
  }

  /** From now on flushes stay under way until `releaseFlushes`. */
  holdFlushes(): void {
    this.#holding = true;
  }

  /** Lets held flushes end, and later ones pass. */
  releaseFlushes(): void {
    this.#holding = false;
    for (const { go } of this.#held.splice(0)) go();
  }

  /**
   * The process dies: nothing waiting is ever answered. The flush under way is lost (the default) or reaches the disk
   * without anybody having been told, as with a real crash. Returns what survives.
   */
  crash(inFlight: 'lost' | 'kept' = 'lost'): MemoryDisk {
    if (inFlight === 'kept') this.disk.apply(this.#inFlight);
    this.state = 'crashed';
    this.#inFlight = [];
    this.#held.length = 0;
    this.writer.abandon();
    return this.disk;
  }

  protected bytes(key: string): Buffer | undefined {
    return this.disk.records.get(key);
  }

  protected async *slices(prefix: string, options: ScanOptions): AsyncGenerator<readonly StoreRecord[]> {
    const records = [...this.disk.records]
      .filter(([key]) => key.startsWith(prefix) && !key.startsWith(INTERNAL_PREFIX))
      .map(([key, bytes]) => ({ key, bytes, order: Buffer.from(key, 'utf8') }))
      .sort((a, b) => Buffer.compare(a.order, b.order));
    for (let start = 0; start < records.length; start += SLICE_RECORDS) {
      this.checkNotClosed();
      yield decodeRecords(records.slice(start, start + SLICE_RECORDS), options);
    }
  }

  async #flush(writes: readonly EngineWrite[]): Promise<void> {
    this.#flushes++;
    this.#inFlight = writes;
    const { clock, flushMs = 0, fate } = this.options;
    if (flushMs > 0) await new Promise<void>((done) => clock.after(flushMs, done));
    const keys = writes.map(({ key }) => key);
    if (this.#holding || fate?.({ number: this.#flushes, keys }) === 'hold') {
      await new Promise<void>((go) => this.#held.push({ go }));
    }
    // A dead process gets no answer.
    if (this.state === 'crashed') return new Promise<never>(() => undefined);
    this.#inFlight = [];
    const code = this.#full ? 'disk-full' : this.#nextFailure;
    this.#nextFailure = undefined;
    if (code) throw new StoreError(code, failureMessage(code, 'memory', 'a fault was injected'));
    this.disk.apply(writes);
  }
}
