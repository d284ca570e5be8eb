import { randomBytes } from 'node:crypto';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import { keys, type StateStore, type StoreWrite } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import { timestamp } from '../util/timestamp.js';
import { NONCE_BYTES, type Sealed, type SealingKey, seal, unseal } from './decide/seal.js';
import type { KeyFile } from './key-file.js';
import {
  type DueRestart,
  MAX_ALL_SECRET_BYTES,
  MAX_SECRETS,
  MAX_TOLD_VERSIONS,
  type SecretFacts,
  type SecretRecord,
} from './secret.js';

/** Secrets that are sealed anew in one batch of a change of the key. */
const RESEAL_AT_ONCE = 50;

export interface SecretBookOptions {
  readonly store: Pick<StateStore, 'scan' | 'commit'>;
  readonly epoch: number;
  readonly keyFile: KeyFile;
  /** Seals anew, with the current key, what others have sealed with a former one; before that is forgotten. */
  readonly alsoReseal?: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PutSecret {
  readonly path: string;
  readonly value: Buffer;
  readonly by: DueRestart['by'];
  /** Asked when the value really changes: the apps that are to be restarted for it, remembered in the same batch. */
  readonly restarts: () => readonly DueRestart['appId'][];
}

export interface PutResult {
  readonly facts: SecretFacts;
  readonly outcome: 'created' | 'changed' | 'same';
  readonly restarts: readonly DueRestart[];
}

/**
 * The secrets.
 *
 * INVARIANTS
 * - A value is in the store only sealed, in memory only sealed but while it is being used, and in no answer of the API.
 * - A secret is there once it is durable, and no longer once its removal is asked for.
 * - Changes are made one after the other; the key that something is sealed with is in the key file before that is stored.
 */
export class SecretBook {
  readonly #records = new Map<string, SecretRecord>();
  /** Being removed: not there any more for whoever asks. */
  readonly #leaving = new Set<string>();
  #bytes = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: SecretBookOptions) {}

  /** Reads what is stored, and finishes a change of the key that was cut short. Rejects when the key file cannot be used. */
  async start(): Promise<void> {
    const { store, keyFile, log } = this.options;
    keyFile.load();
    const onCorrupt = ({ key, problem }: { key: string; problem: string }): void =>
      log.error('a secret cannot be read; set it anew', { key, problem });
    for await (const { value } of store.scan(keys.secret(''), { onCorrupt }))
      this.#keep(value as SecretRecord);
    const lost = [...this.#records.values()].filter(({ sealed }) => !keyFile.find(sealed.keyId));
    if (lost.length > 0)
      log.error('secrets cannot be opened: their key is not in the key file; put it back, or set them anew', {
        count: lost.length,
        first: lost[0]?.path,
      });
    if (keyFile.hasFormer) await this.#serially(() => this.#reseal());
  }

  /** By path. */
  list(): readonly SecretFacts[] {
    return [...this.#records.values()]
      .filter(({ path }) => !this.#leaving.has(path))
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(factsOf);
  }

  has(path: string): boolean {
    return this.#records.has(path) && !this.#leaving.has(path);
  }

  get(path: string): SecretFacts | undefined {
    const record = this.#records.get(path);
    return record && this.has(path) ? factsOf(record) : undefined;
  }

  /** The value; undefined when there is no such secret. Throws when it cannot be opened. */
  open(path: string): Buffer | undefined {
    const record = this.#records.get(path);
    return record && this.has(path) ? this.#opened(record) : undefined;
  }

  /** Durable when it resolves. The value that is there already changes nothing. Errors: too-many-secrets, StoreError. */
  put(wanted: PutSecret): Promise<PutResult> {
    return this.#serially(() => this.#put(wanted));
  }

  /** False when there is no such secret. `refuse` throws when it must stay; it is asked at the last moment. */
  remove(path: string, refuse: () => void): Promise<boolean> {
    return this.#serially(async () => {
      const record = this.#records.get(path);
      if (record === undefined) return false;
      refuse();
      this.#leaving.add(path);
      try {
        await this.#commit([{ op: 'delete', key: keys.secret(path) }]);
        this.#records.delete(path);
        this.#bytes -= record.size;
        return true;
      } finally {
        this.#leaving.delete(path);
      }
    });
  }

  /** A new key: everything is sealed with it when this resolves, and the former ones are gone. */
  rotateKey(): Promise<{ readonly keyId: string; readonly secrets: number }> {
    return this.#serially(async () => {
      const { keyFile, clock } = this.options;
      const { id } = keyFile.add(clock.wallMs());
      return { keyId: id, secrets: await this.#reseal() };
    });
  }

  /** Undefined when nothing was ever sealed. */
  key(): { readonly keyId: string; readonly createdAt: string } | undefined {
    const { current } = this.options.keyFile;
    return current && { keyId: current.id, createdAt: current.createdAt };
  }

  async #put({ path, value, by, restarts }: PutSecret): Promise<PutResult> {
    const { clock } = this.options;
    const before = this.#records.get(path);
    if (before !== undefined && this.#isSame(before, value))
      return { facts: factsOf(before), outcome: 'same', restarts: [] };
    const bytes = this.#bytes - (before?.size ?? 0) + value.length;
    if ((before === undefined && this.#records.size >= MAX_SECRETS) || bytes > MAX_ALL_SECRET_BYTES)
      throw new CatalogError('too-many-secrets', { max: MAX_SECRETS, bytes: MAX_ALL_SECRET_BYTES });
    const version = (before?.version ?? 0) + 1;
    const told = { version, createdAt: timestamp(clock.wallMs()), createdBy: by.principal };
    const record: SecretRecord = {
      format: 1,
      path,
      version,
      size: value.length,
      versions: [...(before?.versions ?? []), told].slice(-MAX_TOLD_VERSIONS),
      sealed: this.#sealed(value, { path, version }),
    };
    const due = before === undefined ? [] : restarts().map((appId): DueRestart => ({ appId, path, by }));
    const writes = due.map(
      (each) => ({ op: 'put', key: keys.secretRestart(each.appId), value: each }) as const,
    );
    await this.#commit([{ op: 'put', key: keys.secret(path), value: record }, ...writes]);
    this.#keep(record);
    return { facts: factsOf(record), outcome: before === undefined ? 'created' : 'changed', restarts: due };
  }

  /** Seals everything that a former key holds with the current one; then the former keys go. */
  async #reseal(): Promise<number> {
    const { keyFile, log } = this.options;
    const current = keyFile.current;
    const old = [...this.#records.values()].filter(({ sealed }) => sealed.keyId !== current?.id);
    const readable = old.filter(({ sealed }) => keyFile.find(sealed.keyId));
    for (let first = 0; first < readable.length; first += RESEAL_AT_ONCE) {
      const records = readable
        .slice(first, first + RESEAL_AT_ONCE)
        .map((record) => ({ ...record, sealed: this.#sealed(this.#opened(record), record) }));
      await this.#commit(
        records.map((record) => ({ op: 'put', key: keys.secret(record.path), value: record })),
      );
      for (const record of records) this.#keep(record);
    }
    await this.options.alsoReseal?.();
    keyFile.dropFormer();
    log.info('secrets are sealed with a new key', { keyId: current?.id, secrets: readable.length });
    return readable.length;
  }

  #sealed(value: Buffer, purpose: { readonly path: string; readonly version: number }): Sealed {
    const { keyFile, clock } = this.options;
    return seal(value, purpose, keyFile.current ?? keyFile.add(clock.wallMs()), randomBytes(NONCE_BYTES));
  }

  #opened(record: SecretRecord): Buffer {
    const key: SealingKey | undefined = this.options.keyFile.find(record.sealed.keyId);
    if (key === undefined) throw new Error(`the key of secret ${record.path} is not in the key file`);
    return unseal(record.sealed, record, key);
  }

  /** One that cannot be opened any more is none: it may be set anew. */
  #isSame(record: SecretRecord, value: Buffer): boolean {
    try {
      return this.#opened(record).equals(value);
    } catch {
      // Told at the start, and to whoever uses it.
      return false;
    }
  }

  #keep(record: SecretRecord): void {
    this.#bytes += record.size - (this.#records.get(record.path)?.size ?? 0);
    this.#records.set(record.path, record);
  }

  #commit(writes: readonly StoreWrite[]): Promise<void> {
    const { store, epoch } = this.options;
    return store.commit({ epoch, writes });
  }

  #serially<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function factsOf({ path, version, size, versions }: SecretRecord): SecretFacts {
  return { path, version, size, versions };
}
