import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { open as openFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase, type Transaction } from 'lmdb';
import { classifyFailure, failureMessage } from './decide/classify-failure.js';
import type { StorageEngine } from './durable-writer.js';
import type { EngineWrite } from './group-commit.js';
import { StoreError } from './state-store.js';

/** Address space of the map, not disk space: the file grows only with what is stored. */
const MAP_BYTES = 16 * 1024 ** 3;
const MAX_READERS = 126;
/** At least what LMDB wants for its lock table with MAX_READERS. */
const LOCK_TABLE_BYTES = 16 * 1024;
/** A trial write of this size must succeed before a full disk counts as free again. */
const TRIAL_BYTES = 64 * 1024;
/** Records per slice of a long read: about a millisecond, so that the event loop goes on. */
const SLICE_RECORDS = 200;

export const DATA_FILE = 'data.mdb';
const LOCK_FILE = 'lock.mdb';

/** A stored record as it lies on disk. */
export interface RawRecord {
  readonly key: string;
  readonly bytes: Buffer;
}

/**
 * One LMDB environment: raw bytes in key order, atomic durable batches, snapshots. Knows nothing of records' content.
 *
 * Without LMDB's overlapping sync, so that a transaction becomes visible only after its flush: a failed flush applies
 * nothing. A failed write of LMDB's meta page poisons the environment for good, so it is opened anew after any failure.
 */
export class LmdbEnvironment implements StorageEngine {
  #db: RootDatabase<Buffer, Buffer> | undefined;
  #openError: StoreError | undefined;
  #snapshots = 0;

  constructor(readonly dir: string) {}

  /** Opens or creates. Throws StoreError. */
  open(): void {
    try {
      mkdirSync(this.dir, { recursive: true, mode: 0o700 });
      reserveLockTable(this.dir);
      this.#db = open<Buffer, Buffer>({
        path: this.dir,
        noSubdir: false,
        mapSize: MAP_BYTES,
        maxReaders: MAX_READERS,
        overlappingSync: false,
        eventTurnBatching: false,
        encoding: 'binary',
        keyEncoding: 'binary',
      });
      this.#openError = undefined;
    } catch (error) {
      this.#db = undefined;
      this.#openError = this.#failure(error, undefined);
      throw this.#openError;
    }
  }

  get(key: string): Buffer | undefined {
    return this.#open().getBinary(Buffer.from(key, 'utf8'));
  }

  async flush(writes: readonly EngineWrite[]): Promise<void> {
    const db = this.#open();
    try {
      await db.batch(() => {
        for (const { key, bytes } of writes) {
          const binaryKey = Buffer.from(key, 'utf8');
          // The batch's own promise stands for all of them.
          if (bytes) void db.put(binaryKey, bytes);
          else void db.remove(binaryKey);
        }
      });
    } catch (error) {
      throw this.#failure(await causeOf(error), await this.#trialWrite());
    }
  }

  async repair(): Promise<void> {
    const trialCode = await this.#trialWrite();
    if (trialCode !== undefined) throw this.#failure(undefined, trialCode);
    // Closing would pull the map away under a reader: the next attempt is soon.
    if (this.#snapshots > 0)
      throw new StoreError('flush-failed', `the store in ${this.dir} waits for its readers`);
    await this.close();
    this.open();
  }

  /**
   * All records with `from` <= key < `to` (bytes) as of one moment, in slices that let the event loop go on. Throws
   * StoreError when the environment is not open.
   */
  async *snapshot(from: Buffer, to: Buffer): AsyncGenerator<readonly RawRecord[]> {
    const db = this.#open();
    const transaction: Transaction = db.useReadTransaction();
    this.#snapshots++;
    try {
      let [start, exclusiveStart] = [from, false];
      for (;;) {
        const slice: RawRecord[] = [];
        for (const { key, value } of db.getRange({
          start,
          end: to,
          exclusiveStart,
          limit: SLICE_RECORDS,
          transaction,
        })) {
          slice.push({ key: Buffer.from(key).toString('utf8'), bytes: Buffer.from(value) });
          start = Buffer.from(key);
        }
        if (slice.length === 0) return;
        yield slice;
        if (slice.length < SLICE_RECORDS) return;
        exclusiveStart = true;
        await new Promise<void>((next) => setImmediate(next));
      }
    } finally {
      this.#snapshots--;
      transaction.done();
    }
  }

  /** Readers that hold a snapshot right now. */
  get readers(): number {
    return this.#snapshots;
  }

  async close(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    await db?.close();
  }

  #open(): RootDatabase<Buffer, Buffer> {
    if (!this.#db) throw this.#openError ?? new StoreError('closed', `the store in ${this.dir} is closed`);
    return this.#db;
  }

  /** Writes and flushes a plain file beside the data: the error's code when that fails, undefined when it works. */
  async #trialWrite(): Promise<string | undefined> {
    const file = join(this.dir, 'write-trial');
    try {
      const handle = await openFile(file, 'w', 0o600);
      try {
        await handle.write(Buffer.alloc(TRIAL_BYTES, 1));
        await handle.datasync();
      } finally {
        await handle.close();
      }
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'EIO';
    } finally {
      // What cannot be removed now is overwritten by the next trial.
      await rm(file, { force: true }).catch(() => undefined);
    }
  }

  #failure(error: unknown, trialCode: string | undefined): StoreError {
    if (error instanceof StoreError) return error;
    const code = classifyFailure({
      code: (error as { code?: number | string } | undefined)?.code,
      trialCode,
    });
    const cause = error instanceof Error ? error.message : (trialCode ?? String(error));
    return new StoreError(code, failureMessage(code, this.dir, cause), { cause: error });
  }
}

/** lmdb tells a failed commit by a general error that carries a promise, which rejects with the engine's own error. */
async function causeOf(error: unknown): Promise<unknown> {
  const commitError = (error as { commitError?: Promise<unknown> } | undefined)?.commitError;
  if (!commitError) return error;
  return commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
}

/**
 * Gives LMDB's lock table real blocks before it is mapped: on a full disk its first touch would otherwise end the process
 * with SIGBUS. Throws what the file system says. Only while nobody else has the environment open.
 */
function reserveLockTable(dir: string): void {
  const file = join(dir, LOCK_FILE);
  const known = statSync(file, { throwIfNoEntry: false });
  if (known && known.size >= LOCK_TABLE_BYTES && known.blocks * 512 >= LOCK_TABLE_BYTES) return;
  const descriptor = openSync(file, 'w', 0o600);
  try {
    if (writeSync(descriptor, Buffer.alloc(LOCK_TABLE_BYTES)) < LOCK_TABLE_BYTES) {
      ftruncateSync(descriptor, 0);
      throw Object.assign(new Error(`no space for ${file}`), { code: 'ENOSPC' });
    }
    fdatasyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
