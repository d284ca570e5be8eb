import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import { writeBackup } from './backup-file.js';
import type { DurableWriter } from './durable-writer.js';
import { decodeRecord } from './record-codec.js';
import {
  type ScanOptions,
  type StateStore,
  type StoreBatch,
  StoreError,
  type StoreHealth,
  type StoreRecord,
} from './state-store.js';

/** Where a store is in its life. `crashed`: its process died, which only a simulated one outlives. */
export type StoreState = 'new' | 'open' | 'closed' | 'crashed';

/** What every store does in the same way, whatever keeps its bytes: checks that it is open, decodes, commits, backs up. */
export abstract class RecordStore implements StateStore {
  protected state: StoreState = 'new';
  protected abstract readonly writer: DurableWriter;

  /** `title`: how messages call it, such as `the store in /var/lib/longrun/store`. */
  protected constructor(
    protected readonly title: string,
    protected readonly clock: Clock,
    protected readonly log: Log,
    /** The format that its records have once it is open. */
    protected readonly format: number,
  ) {}

  abstract open(): Promise<void>;
  abstract close(): Promise<void>;

  /** The bytes under a key, undefined when absent. */
  protected abstract bytes(key: string): Buffer | undefined;
  /** Decoded records under a prefix, without the store's own, in key order and as of one moment. */
  protected abstract slices(prefix: string, options: ScanOptions): AsyncIterable<readonly StoreRecord[]>;

  async get(key: string): Promise<unknown> {
    this.#checkOpen();
    return this.read(key);
  }

  async *scan(prefix: string, options: ScanOptions = {}): AsyncGenerator<StoreRecord> {
    this.#checkOpen();
    for await (const slice of this.slices(prefix, options)) yield* slice;
  }

  async commit(batch: StoreBatch): Promise<void> {
    this.#checkOpen();
    await this.writer.commit(batch);
  }

  health(): StoreHealth {
    return this.writer.health();
  }

  onHealth(listener: (health: StoreHealth) => void): () => void {
    return this.writer.onHealth(listener);
  }

  async backup(file: string): Promise<void> {
    this.#checkOpen();
    const records = await this.writeCopy(file, this.format);
    this.log.info('backup written', { file, records });
  }

  protected checkNew(): void {
    if (this.state !== 'new') throw new StoreError('closed', 'a store is opened once');
  }

  /** For a scan that is under way when the store closes. */
  protected checkNotClosed(): void {
    if (this.state === 'closed' || this.state === 'crashed')
      throw new StoreError('closed', `${this.title} was closed`);
  }

  protected read(key: string): unknown {
    const bytes = this.bytes(key);
    return bytes && decodeRecord(key, bytes);
  }

  /** All records in one file; returns how many. */
  protected writeCopy(file: string, format: number): Promise<number> {
    const head = { format, at: timestamp(this.clock.wallMs()) };
    return writeBackup(file, head, this.slices('', this.leavingOut('the backup')));
  }

  /** Scans without the records that cannot be read; `what` goes without them. */
  protected leavingOut(what: string): ScanOptions {
    return {
      onCorrupt: ({ key, problem }) =>
        this.log.error(`${what} goes without a corrupt record`, { key, problem }),
    };
  }

  #checkOpen(): void {
    if (this.state !== 'open') throw new StoreError('closed', `${this.title} is not open`);
  }
}
