import { join } from 'node:path';
import type { Log } from '../logging/log.js';
import { type Clock, SystemClock } from '../util/clock.js';
import type { PidLock } from '../util/pid-lock.js';
import { timestamp } from '../util/timestamp.js';
import { writeBackup } from './backup-file.js';
import { DurableWriter } from './durable-writer.js';
import {
  currentFormat,
  FORMAT_KEY,
  formatBytes,
  formatHistory,
  type Migration,
  migrateRecord,
  migrationsFrom,
  parseFormat,
} from './format.js';
import type { EngineWrite } from './group-commit.js';
import { readEpoch } from './highest-epoch.js';
import { LmdbEnvironment } from './lmdb-environment.js';
import { decodeRecord, decodeRecords, encodeRecord, INTERNAL_PREFIX } from './record-codec.js';
import {
  type ScanOptions,
  type StateStore,
  type StoreBatch,
  StoreError,
  type StoreHealth,
  type StoreRecord,
} from './state-store.js';
import { takeStoreLock } from './store-lock.js';

export { restoreLmdb } from './restore-lmdb.js';

export interface LmdbStoreOptions {
  /** Directory of the store alone; created with mode 0700. */
  readonly dir: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** Someone else (the parent of `up`) already keeps other processes away from `dir`. */
  readonly guarded?: boolean;
  /** Formats known beyond the first; the default is all there are. */
  readonly migrations?: readonly Migration[];
}

/** The durable store of one machine, on LMDB. See state-store.ts for what it promises. */
export class LmdbStore implements StateStore {
  readonly #environment: LmdbEnvironment;
  readonly #writer: DurableWriter;
  readonly #migrations: readonly Migration[];
  readonly #clock: Clock;
  #lock: PidLock | undefined;
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(private readonly options: LmdbStoreOptions) {
    this.#clock = options.clock ?? new SystemClock();
    this.#migrations = options.migrations ?? formatHistory;
    this.#environment = new LmdbEnvironment(options.dir);
    this.#writer = new DurableWriter(this.#environment, this.#clock, options.log);
  }

  async open(): Promise<void> {
    if (this.#state !== 'new') throw new StoreError('closed', 'a store is opened once');
    if (this.options.guarded !== true) this.#lock = takeStoreLock(this.options.dir);
    try {
      this.#environment.open();
      await this.#checkFormat();
      this.#writer.startAt(readEpoch((key) => this.#read(key), this.options.log));
      this.#state = 'open';
    } catch (error) {
      await this.#environment.close();
      this.#lock?.release();
      throw error;
    }
  }

  async get(key: string): Promise<unknown> {
    this.#checkOpen();
    return this.#read(key);
  }

  async *scan(prefix: string, options: ScanOptions = {}): AsyncGenerator<StoreRecord> {
    this.#checkOpen();
    for await (const slice of this.#slices(prefix, options)) yield* slice;
  }

  async commit(batch: StoreBatch): Promise<void> {
    this.#checkOpen();
    await this.#writer.commit(batch);
  }

  health(): StoreHealth {
    return this.#writer.health();
  }

  onHealth(listener: (health: StoreHealth) => void): () => void {
    return this.#writer.onHealth(listener);
  }

  async backup(file: string): Promise<void> {
    this.#checkOpen();
    const head = { format: currentFormat(this.#migrations), at: timestamp(this.#clock.wallMs()) };
    const records = await writeBackup(file, head, this.#slices('', this.#leavingOut('the backup')));
    this.options.log.info('backup written', { file, records });
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    await this.#writer.close();
    // Closing would pull the map away under a reader; readers end at their next slice, since the state says closed.
    while (this.#environment.readers > 0) await new Promise<void>((next) => setImmediate(next));
    await this.#environment.close();
    this.#lock?.release();
  }

  #checkOpen(): void {
    if (this.#state !== 'open')
      throw new StoreError('closed', `the store in ${this.options.dir} is not open`);
  }

  #read(key: string): unknown {
    const bytes = this.#environment.get(key);
    return bytes && decodeRecord(key, bytes);
  }

  #leavingOut(what: string): ScanOptions {
    return {
      onCorrupt: ({ key, problem }) =>
        this.options.log.error(`${what} goes without a corrupt record`, { key, problem }),
    };
  }

  /** Decoded records under a prefix, without the store's own, as of one moment. */
  async *#slices(prefix: string, options: ScanOptions): AsyncGenerator<readonly StoreRecord[]> {
    const from = Buffer.from(prefix, 'utf8');
    // No UTF-8 text holds the byte 0xff, so this is behind every key with the prefix.
    const to = Buffer.concat([from, Buffer.from([0xff])]);
    for await (const slice of this.#environment.snapshot(from.length > 0 ? from : Buffer.from([0]), to)) {
      if (this.#state === 'closed')
        throw new StoreError('closed', `the store in ${this.options.dir} was closed`);
      yield decodeRecords(slice, options);
    }
  }

  async #checkFormat(): Promise<void> {
    const current = currentFormat(this.#migrations);
    const bytes = this.#environment.get(FORMAT_KEY);
    if (bytes) {
      await this.#migrate(parseFormat(bytes), current);
      return;
    }
    for await (const slice of this.#environment.snapshot(Buffer.from([0]), Buffer.from([0xff]))) {
      const names = slice.map(({ key }) => key);
      // The very first flush of a new store may have failed after a probe had been written.
      if (names.some((key) => !key.startsWith(INTERNAL_PREFIX))) {
        throw new StoreError('corrupt-record', `the record ${FORMAT_KEY} of ${this.options.dir} is missing`);
      }
    }
    await this.#environment.flush([{ key: FORMAT_KEY, bytes: formatBytes(current) }]);
  }

  async #migrate(found: number, current: number): Promise<void> {
    const { dir, log } = this.options;
    const steps = migrationsFrom(found, this.#migrations, `the store in ${dir}`);
    if (steps.length === 0) return;
    const at = timestamp(this.#clock.wallMs());
    const backup = join(dir, `before-format-${current}-${at.replaceAll(':', '')}.backup`);
    await writeBackup(backup, { format: found, at }, this.#slices('', this.#leavingOut('the backup')));
    log.warn('the store is migrated', {
      from: found,
      to: current,
      backup,
      steps: steps.map(({ what }) => what),
    });
    const writes = new Map<string, EngineWrite>();
    const removed: EngineWrite[] = [];
    for await (const slice of this.#slices('', this.#leavingOut('the migration'))) {
      for (const record of slice) {
        const after = migrateRecord(record, steps);
        if (!after.some(({ key }) => key === record.key)) removed.push({ key: record.key, bytes: undefined });
        for (const { key, value } of after) writes.set(key, { key, bytes: encodeRecord(key, value) });
      }
    }
    const format = { key: FORMAT_KEY, bytes: formatBytes(current) };
    await this.#environment.flush([...removed, ...writes.values(), format]);
  }
}
