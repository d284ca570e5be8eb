import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { type EngineWrite, GroupCommit } from './group-commit.js';
import { encodeRecord, INTERNAL_PREFIX } from './record-codec.js';
import { type StoreBatch, StoreError, type StoreHealth } from './state-store.js';
import { WriteHealth } from './write-health.js';

const PROBE_KEY = `${INTERNAL_PREFIX}probe`;

/** What a storage engine must do so that a store can be built on it. */
export interface StorageEngine {
  /** Atomic and durable, or nothing; rejects with StoreError. Never called twice at a time. */
  flush(writes: readonly EngineWrite[]): Promise<void>;
  /** After a failure, before the next flush: makes the engine fit to write again; rejects with StoreError while it cannot. */
  repair(): Promise<void>;
}

/**
 * The write side that every store shares: group commit, and health with automatic recovery. While the engine is known
 * not to be writable, commits are refused at once with the code of the failure.
 */
export class DurableWriter {
  readonly #group: GroupCommit;
  readonly #health: WriteHealth;
  #flushing = false;
  #closed = false;

  constructor(
    private readonly engine: StorageEngine,
    clock: Clock,
    log: Log,
  ) {
    this.#health = new WriteHealth(() => this.#probe(), clock, log);
    this.#group = new GroupCommit(
      {
        flush: (writes) => this.#flush(writes),
        failed: (error) => this.#health.failed(error),
        late: () => this.#health.succeeded(),
      },
      clock,
    );
  }

  startAt(epoch: number): void {
    this.#group.startAt(epoch);
  }

  commit(batch: StoreBatch): Promise<void> {
    const health = this.#health.current();
    if (!health.writable && !this.#closed) return Promise.reject(new StoreError(health.code, health.message));
    return this.#group.commit(batch);
  }

  health(): StoreHealth {
    return this.#health.current();
  }

  onHealth(listener: (health: StoreHealth) => void): () => void {
    return this.#health.onChange(listener);
  }

  /** Lets what was accepted end, refuses the rest. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#group.close();
    this.#health.stop();
  }

  abandon(): void {
    this.#closed = true;
    this.#group.abandon();
    this.#health.stop();
  }

  async #flush(writes: readonly EngineWrite[]): Promise<void> {
    this.#flushing = true;
    try {
      await this.engine.flush(writes);
    } finally {
      this.#flushing = false;
    }
  }

  async #probe(): Promise<void> {
    // A flush that hangs is its own probe: its end tells.
    if (this.#flushing) throw new StoreError('flush-failed', 'a flush has not ended: is the disk alive?');
    await this.engine.repair();
    await this.#flush([{ key: PROBE_KEY, bytes: encodeRecord(PROBE_KEY, 0) }]);
  }
}
