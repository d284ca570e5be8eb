import { join } from 'node:path';
import type { Log } from '../logging/log.js';
import { type Clock, SystemClock } from '../util/clock.js';
import type { PidLock } from '../util/pid-lock.js';
import { timestamp } from '../util/timestamp.js';
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
import { decodeRecords, encodeRecord, INTERNAL_PREFIX } from './record-codec.js';
import { RecordStore } from './record-store.js';
import { type ScanOptions, StoreError, type StoreRecord } from './state-store.js';
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
export class LmdbStore extends RecordStore {
  protected readonly writer: DurableWriter;
  readonly #environment: LmdbEnvironment;
  readonly #migrations: readonly Migration[];
  #lock: PidLock | undefined;

  constructor(private readonly options: LmdbStoreOptions) {
    const migrations = options.migrations ?? formatHistory;
    super(
      `the store in ${options.dir}`,
      options.clock ?? new SystemClock(),
      options.log,
      currentFormat(migrations),
    );
    this.#migrations = migrations;
    this.#environment = new LmdbEnvironment(options.dir);
    this.writer = new DurableWriter(this.#environment, this.clock, options.log);
  }

  async open(): Promise<void> {
    this.checkNew();
    if (this.options.guarded !== true) this.#lock = takeStoreLock(this.options.dir);
    try {
      this.#environment.open();
      await this.#checkFormat();
      this.writer.startAt(readEpoch((key) => this.read(key), this.log));
      this.state = 'open';
    } catch (error) {
      await this.#environment.close();
      this.#lock?.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.state = 'closed';
    await this.writer.close();
    // Closing would pull the map away under a reader; readers end at their next slice, since the state says closed.
    while (this.#environment.readers > 0) await new Promise<void>((next) => setImmediate(next));
    await this.#environment.close();
    this.#lock?.release();
  }

  protected bytes(key: string): Buffer | undefined {
    return this.#environment.get(key);
  }

  protected async *slices(prefix: string, options: ScanOptions): AsyncGenerator<readonly StoreRecord[]> {
    const from = Buffer.from(prefix, 'utf8');
    // No UTF-8 text holds the byte 0xff, so this is behind every key with the prefix.
    const to = Buffer.concat([from, Buffer.from([0xff])]);
    for await (const slice of this.#environment.snapshot(from.length > 0 ? from : Buffer.from([0]), to)) {
      this.checkNotClosed();
      yield decodeRecords(slice, options);
    }
  }

  async #checkFormat(): Promise<void> {
    const bytes = this.#environment.get(FORMAT_KEY);
    if (bytes) {
      await this.#migrate(parseFormat(bytes));
      return;
    }
    for await (const slice of this.#environment.snapshot(Buffer.from([0]), Buffer.from([0xff]))) {
      const names = slice.map(({ key }) => key);
      // The very first flush of a new store may have failed after a probe had been written.
      if (names.some((key) => !key.startsWith(INTERNAL_PREFIX))) {
        throw new StoreError('corrupt-record', `the record ${FORMAT_KEY} of ${this.options.dir} is missing`);
      }
    }
    await this.#environment.flush([{ key: FORMAT_KEY, bytes: formatBytes(this.format) }]);
  }

  async #migrate(found: number): Promise<void> {
    const steps = migrationsFrom(found, this.#migrations, this.title);
    if (steps.length === 0) return;
    const at = timestamp(this.clock.wallMs()).replaceAll(':', '');
    const backup = join(this.options.dir, `before-format-${this.format}-${at}.backup`);
    await this.writeCopy(backup, found);
    this.log.warn('the store is migrated', {
      from: found,
      to: this.format,
      backup,
      steps: steps.map(({ what }) => what),
    });
    const writes = new Map<string, EngineWrite>();
    const removed: EngineWrite[] = [];
    for await (const slice of this.slices('', this.leavingOut('the migration'))) {
      for (const record of slice) {
        const after = migrateRecord(record, steps);
        if (!after.some(({ key }) => key === record.key)) removed.push({ key: record.key, bytes: undefined });
        for (const { key, value } of after) writes.set(key, { key, bytes: encodeRecord(key, value) });
      }
    }
    const format = { key: FORMAT_KEY, bytes: formatBytes(this.format) };
    await this.#environment.flush([...removed, ...writes.values(), format]);
  }
}
