import type { Clock, Timer } from '../util/clock.js';
import type { Steps } from '../util/steps.js';
import { checkKey, encodeRecord, encodeRecordInSteps, INTERNAL_PREFIX } from './record-codec.js';
import { type StoreBatch, StoreError, type StoreWrite } from './state-store.js';

/** One write as the storage engine gets it: `bytes` undefined deletes. */
export interface EngineWrite {
  readonly key: string;
  readonly bytes: Buffer | undefined;
}

/** At most so many writes and bytes share one transaction (one batch is never split). */
const GROUP_WRITES = 2_000;
const GROUP_BYTES = 8 * 1024 * 1024;
/** A batch of more writes, or parts of writes, is encoded piece by piece, in slices that let the event loop go on. */
export const ENCODED_AT_ONCE = 500;
const ENCODE_SLICE_MS = 5;
/** What a write counts for until it is encoded. */
const OPEN_WRITE_BYTES = 1_024;
/** At most so many bytes wait for the disk; more is refused. */
export const WAITING_BYTES = 64 * 1024 * 1024;
/** A flush that takes longer counts as failed for whoever writes next. */
export const FLUSH_LIMIT_MS = 30_000;
const FLUSH_LOOKS = 6;

export const EPOCH_KEY = `${INTERNAL_PREFIX}epoch`;

interface Waiting {
  readonly epoch: number;
  readonly size: number;
  writes: readonly EngineWrite[];
  bytes: number;
  /** Not encoded yet. */
  open: readonly StoreWrite[] | undefined;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/** How the storage engine is driven and told about. */
export interface GroupCommitPort {
  /** Applies all writes atomically and durably, or none of them; rejects with StoreError. */
  flush(writes: readonly EngineWrite[]): Promise<void>;
  /** A flush failed, or takes longer than FLUSH_LIMIT_MS. */
  failed(error: StoreError): void;
  /** A flush that had been reported as too long ended well. */
  late(): void;
}

/**
 * Group commit: one flush at a time; all batches that arrive meanwhile share the next one.
 *
 * INVARIANTS
 * - Batches reach the engine in the order of their `commit` calls; a batch is never split over two transactions.
 * - When a flush fails, every batch of it and every batch behind it is refused: nothing is applied that its writer may
 *   have built upon a write that is not there.
 * - The epoch never falls: a batch with a lower one than any batch before it is refused.
 */
export class GroupCommit {
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #epoch = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly port: GroupCommitPort,
    private readonly clock: Clock,
  ) {}

  /** The highest epoch ever committed, from the store at its opening. */
  startAt(epoch: number): void {
    this.#epoch = epoch;
  }

  /**
   * Resolves when the whole batch is durable; rejects with StoreError and nothing of it is applied. The values of a batch
   * of more than ENCODED_AT_ONCE writes, or parts of them, must stay as they are until then.
   */
  commit(batch: StoreBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new StoreError('closed', 'the store is closed');
      const size = batch.writes.length;
      const parts = batch.writes.reduce((sum, write) => sum + partsOf(write), 0);
      const open = parts > ENCODED_AT_ONCE ? batch.writes : undefined;
      const writes = open ? [] : batch.writes.map(encodeWrite);
      const bytes = open ? parts * OPEN_WRITE_BYTES : sumOfBytes(writes);
      if (this.#waiting.length > 0 && this.#waitingBytes + bytes > WAITING_BYTES) throw tooMuchWaits();
      this.#waiting.push({ epoch: batch.epoch, size, writes, bytes, open, resolve, reject });
      this.#waitingBytes += bytes;
      // A microtask later, so that all commits of one turn share the first flush.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /** Refuses new batches and resolves when those before it have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Forgets all that waits, unanswered, as the death of the process would. */
  abandon(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting[0]?.open) await this.#encode(this.#waiting[0]);
      const { group, writes, epoch } = this.#takeGroup();
      if (group.length === 0) continue;
      try {
        await this.#flush(writes);
        this.#epoch = Math.max(this.#epoch, epoch);
        for (const { resolve } of group) resolve();
      } catch (error) {
        const failure =
          error instanceof StoreError
            ? error
            : new StoreError('store-failed', String(error), { cause: error });
        this.port.failed(failure);
        const behind = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        for (const { reject } of [...group, ...behind]) reject(failure);
      }
    }
    this.#running = undefined;
  }

  /** The next group: as many waiting batches as fit, those of a deposed writer refused. */
  #takeGroup(): { group: Waiting[]; writes: EngineWrite[]; epoch: number } {
    const group: Waiting[] = [];
    const writes: EngineWrite[] = [];
    let [epoch, bytes, taken] = [this.#epoch, 0, 0];
    for (const batch of this.#waiting) {
      if (batch.open) break;
      const fits = writes.length + batch.size <= GROUP_WRITES && bytes + batch.bytes <= GROUP_BYTES;
      if (taken > 0 && !fits) break;
      taken++;
      this.#waitingBytes -= batch.bytes;
      if (batch.epoch < epoch) {
        batch.reject(new StoreError('stale-epoch', `epoch ${batch.epoch} was deposed by epoch ${epoch}`));
        continue;
      }
      epoch = batch.epoch;
      bytes += batch.bytes;
      group.push(batch);
      for (const write of batch.writes) writes.push(write);
    }
    this.#waiting = taken === this.#waiting.length ? [] : this.#waiting.slice(taken);
    if (epoch > this.#epoch) writes.push({ key: EPOCH_KEY, bytes: encodeRecord(EPOCH_KEY, epoch) });
    return { group, writes, epoch };
  }

  /** Encodes the first in line, while the others gather behind it; refuses it when a value is no JSON. */
  async #encode(batch: Waiting): Promise<void> {
    const writes: EngineWrite[] = [];
    let until = this.clock.monotonicMs() + ENCODE_SLICE_MS;
    try {
      const steps = encodeWrites(batch.open ?? [], writes);
      while (!steps.next().done) {
        if (this.clock.monotonicMs() < until) continue;
        await new Promise<void>((next) => setImmediate(next));
        until = this.clock.monotonicMs() + ENCODE_SLICE_MS;
      }
    } catch (error) {
      this.#recount(batch, 0);
      if (this.#waiting[0] === batch) this.#waiting.shift();
      batch.reject(error instanceof StoreError ? error : new StoreError('store-failed', String(error)));
      return;
    }
    batch.open = undefined;
    batch.writes = writes;
    this.#recount(batch, sumOfBytes(writes));
  }

  /** An abandoned line counts nothing any more. */
  #recount(batch: Waiting, bytes: number): void {
    if (this.#waiting[0] === batch) this.#waitingBytes += bytes - batch.bytes;
    batch.bytes = bytes;
  }

  async #flush(writes: readonly EngineWrite[]): Promise<void> {
    let overdue = false;
    let looks = 0;
    // In steps: a process that was stopped meanwhile looks once for all the time it slept, and blames no disk for it.
    const limit: Timer = this.clock.every(FLUSH_LIMIT_MS / FLUSH_LOOKS, () => {
      looks += 1;
      if (looks !== FLUSH_LOOKS) return;
      overdue = true;
      this.port.failed(
        new StoreError(
          'flush-failed',
          `a flush has not ended for ${FLUSH_LIMIT_MS / 1000} s: is the disk alive?`,
        ),
      );
    });
    try {
      await this.port.flush(writes);
      if (overdue) this.port.late();
    } finally {
      limit.cancel();
    }
  }
}

function encodeWrite(write: StoreWrite): EngineWrite {
  checkKey(write.key);
  return { key: write.key, bytes: write.op === 'put' ? encodeRecord(write.key, write.value) : undefined };
}

/** One after the other into `encoded`, those of many parts in several steps. */
function* encodeWrites(writes: readonly StoreWrite[], encoded: EngineWrite[]): Steps<void> {
  for (const write of writes) {
    if (write.op === 'put' && partsOf(write) > 1) {
      checkKey(write.key);
      encoded.push({ key: write.key, bytes: yield* encodeRecordInSteps(write.key, write.value) });
    } else encoded.push(encodeWrite(write));
    yield;
  }
}

function partsOf(write: StoreWrite): number {
  return write.op === 'put' ? (write.parts ?? 1) : 1;
}

function sumOfBytes(writes: readonly EngineWrite[]): number {
  return writes.reduce((sum, { key, bytes }) => sum + key.length + (bytes?.length ?? 0), 0);
}

function tooMuchWaits(): StoreError {
  return new StoreError('store-failed', `more than ${WAITING_BYTES} bytes of writes wait for the disk`);
}
