import {
  type ScanOptions,
  type StateStore,
  type StoreBatch,
  StoreError,
  type StoreErrorCode,
  type StoreHealth,
  type StoreRecord,
} from '../../../src/store/state-store.js';

/** Never settles: what a caller sees whose process is gone. */
const NEVER = new Promise<never>(() => undefined);

/** A store whose commits succeed in the next turn, fail, are held, or are lost in a crash, as the test says. */
export class FakeStore implements StateStore {
  readonly records: Map<string, string>;
  commits = 0;
  /** Commits from this number on (1-based) never happen: the process "crashed". */
  crashAtCommit = Number.POSITIVE_INFINITY;
  refusing: StoreErrorCode | undefined;
  /** Keys whose records do not match their checksums. */
  readonly corrupt = new Set<string>();
  #held: (() => void)[] | undefined;
  readonly #listeners = new Set<(health: StoreHealth) => void>();
  onCommit: ((batch: StoreBatch) => void) | undefined;

  constructor(records: ReadonlyMap<string, string> = new Map()) {
    this.records = new Map(records);
  }

  get crashed(): boolean {
    return this.commits >= this.crashAtCommit;
  }

  async open(): Promise<void> {}

  async get(key: string): Promise<unknown> {
    if (this.corrupt.has(key)) throw new StoreError('corrupt-record', `the record ${key} is corrupt`);
    const text = this.records.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async *scan(prefix: string, { onCorrupt }: ScanOptions = {}): AsyncIterable<StoreRecord> {
    for (const [key, text] of [...this.records].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!key.startsWith(prefix)) continue;
      if (this.corrupt.has(key) && !onCorrupt)
        throw new StoreError('corrupt-record', `the record ${key} is corrupt`);
      if (this.corrupt.has(key)) onCorrupt?.({ key, problem: 'its checksum does not match' });
      else yield { key, value: JSON.parse(text) };
    }
  }

  async commit(batch: StoreBatch): Promise<void> {
    this.commits += 1;
    if (this.crashed) return NEVER;
    const { refusing } = this;
    if (refusing) throw new StoreError(refusing, `the fake store refuses: ${refusing}`);
    if (this.#held) await new Promise<void>((go) => this.#held?.push(go));
    this.onCommit?.(batch);
    for (const write of batch.writes) {
      if (write.op === 'put') this.records.set(write.key, JSON.stringify(write.value));
      else this.records.delete(write.key);
    }
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  refuse(code: StoreErrorCode): void {
    this.refusing = code;
    for (const listener of this.#listeners) listener({ writable: false, code, message: 'refused' });
  }

  recover(): void {
    this.refusing = undefined;
    for (const listener of this.#listeners) listener({ writable: true });
  }

  health(): StoreHealth {
    return this.refusing ? { writable: false, code: this.refusing, message: 'refused' } : { writable: true };
  }

  onHealth(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async backup(): Promise<void> {}

  async close(): Promise<void> {}
}
