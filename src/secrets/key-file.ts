import { randomBytes, randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type Timestamp, timestamp } from '../util/timestamp.js';
import { KEY_BYTES, type SealingKey } from './decide/seal.js';

interface StoredKey {
  readonly id: string;
  readonly createdAt: Timestamp;
  /** base64 */
  readonly key: string;
}

interface Contents {
  readonly format: 1;
  /** The newest last: what is sealed is sealed with it. Former ones stay until nothing is sealed with them any more. */
  readonly keys: readonly StoredKey[];
}

/**
 * The keys that secrets are sealed with, in a file of their own (mode 0600) beside the store, never in it: a backup of the
 * store alone tells nobody a secret.
 */
export class KeyFile {
  #contents: Contents = { format: 1, keys: [] };

  constructor(private readonly path: string) {}

  /**
   * Reads the file. Throws with a sentence when it is there and cannot be used, or others than its owner may read it: what was
   * sealed must not silently get another key.
   */
  load(): void {
    let text: string;
    try {
      if ((statSync(this.path).mode & 0o077) !== 0)
        throw new Error('others than its owner may read it; chmod 600 it, and rotate the key');
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw new Error(`the key file of secrets ${this.path} cannot be used: ${(error as Error).message}`);
    }
    this.#contents = parsed(text, this.path);
  }

  /** Undefined when there is none yet. */
  get current(): (SealingKey & { readonly createdAt: Timestamp }) | undefined {
    const newest = this.#contents.keys.at(-1);
    return newest && { ...opened(newest), createdAt: newest.createdAt };
  }

  get hasFormer(): boolean {
    return this.#contents.keys.length > 1;
  }

  find(id: string): SealingKey | undefined {
    const found = this.#contents.keys.find((each) => each.id === id);
    return found && opened(found);
  }

  /** A new key, durable when this returns; the former ones are kept. */
  add(wallMs: number): SealingKey & { readonly createdAt: Timestamp } {
    const added = {
      id: randomUUID().slice(0, 8),
      createdAt: timestamp(wallMs),
      key: randomBytes(KEY_BYTES).toString('base64'),
    };
    this.#write({ format: 1, keys: [...this.#contents.keys, added] });
    return { ...opened(added), createdAt: added.createdAt };
  }

  /** Nothing is sealed with the former keys any more. */
  dropFormer(): void {
    if (this.hasFormer) this.#write({ format: 1, keys: this.#contents.keys.slice(-1) });
  }

  #write(contents: Contents): void {
    const fresh = `${this.path}.new`;
    const file = openSync(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
    try {
      writeSync(file, `${JSON.stringify(contents, undefined, 1)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, this.path);
    const folder = openSync(dirname(this.path), constants.O_RDONLY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    this.#contents = contents;
  }
}

const opened = ({ id, key }: StoredKey): SealingKey => ({ id, key: Buffer.from(key, 'base64') });

function parsed(text: string, path: string): Contents {
  try {
    const contents = JSON.parse(text) as Contents;
    const keys = contents.keys.every(
      ({ id, key }) => typeof id === 'string' && Buffer.from(key, 'base64').length === KEY_BYTES,
    );
    if (contents.format === 1 && keys && contents.keys.length > 0) return contents;
  } catch {
    // The parser's words might quote a key.
  }
  throw new Error(
    `the key file of secrets ${path} is damaged; put back a copy of it, or remove it and set every secret anew`,
  );
}
