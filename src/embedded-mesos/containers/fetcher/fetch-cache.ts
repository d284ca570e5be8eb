import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../logging/log.js';
import type { Clock } from '../../../util/clock.js';
import type { Dice } from '../../../util/ids.js';
import type { Validator } from './fetch-order.js';

const FORMAT = 1;

/** A file that the cache keeps. */
export interface CacheEntry {
  readonly format: typeof FORMAT;
  /** Its name in the cache's folder. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly validator: Validator;
}

/** Named after the user that loaded it and the URI: what one user may read is nothing to another. */
export function cacheKey(uid: number, uri: string): string {
  return createHash('sha256').update(`${uid}\0${uri}`).digest('hex');
}

/**
 * Fetched files that are kept for the next task: in a folder that only the agent can enter. Each has a note beside it with its size
 * and sum; a file without note is void. The least lately used go when there is no room.
 */
export class FetchCache {
  readonly #entries = new Map<string, CacheEntry & { usedAtMs: number }>();
  #bytes = 0;

  constructor(
    private readonly folder: string,
    /** Most bytes of all files together. */
    readonly limitBytes: number,
    private readonly clock: Clock,
    private readonly dice: Dice,
    private readonly log: Log,
  ) {}

  /** Bytes of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Finds what a former agent kept, and removes what it left half done. */
  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const names = await readdir(this.folder);
    for (const name of names) if (name.endsWith('.json')) await this.#recover(name.slice(0, -'.json'.length));
    const known = new Set([...this.#entries].flatMap(([key, { file }]) => [`${key}.json`, file]));
    for (const name of names)
      if (!known.has(name)) await rm(join(this.folder, name), { recursive: true, force: true });
    await this.#makeRoom();
  }

  async #recover(key: string): Promise<void> {
    try {
      const entry = JSON.parse(await readFile(this.#note(key), 'utf8')) as CacheEntry;
      const { mtimeMs } = await stat(this.#note(key));
      const { size } = await stat(join(this.folder, entry.file));
      if (entry.format === FORMAT && size === entry.bytes) this.#add(key, entry, mtimeMs);
    } catch (error) {
      this.log.warn('a file of the fetcher’s cache is removed: its note cannot be read', {
        key,
        error: (error as Error).message,
      });
    }
  }

  #note(key: string): string {
    return join(this.folder, `${key}.json`);
  }

  #add(key: string, entry: CacheEntry, usedAtMs: number): void {
    this.#bytes += entry.bytes - (this.#entries.get(key)?.bytes ?? 0);
    this.#entries.set(key, { ...entry, usedAtMs });
  }

  find(key: string): CacheEntry | undefined {
    return this.#entries.get(key);
  }

  /** An open file for a new one, of which nobody knows before `keep`. */
  async begin(): Promise<{ file: string; handle: FileHandle }> {
    const file = this.dice.uuid();
    return { file, handle: await open(join(this.folder, file), 'wx', 0o600) };
  }

  async discard(file: string): Promise<void> {
    await rm(join(this.folder, file), { force: true });
  }

  /** Durable, then found; what was kept under the key before is removed. */
  async keep(key: string, handle: FileHandle, entry: Omit<CacheEntry, 'format'>): Promise<void> {
    await handle.datasync();
    const full: CacheEntry = { format: FORMAT, ...entry };
    const draft = `${this.#note(key)}.${this.dice.uuid()}`;
    const note = await open(draft, 'wx', 0o600);
    try {
      await note.writeFile(JSON.stringify(full));
      await note.datasync();
    } finally {
      await note.close();
    }
    await rename(draft, this.#note(key));
    const former = this.#entries.get(key)?.file;
    this.#add(key, full, this.clock.wallMs());
    if (former !== undefined) await this.discard(former);
    await this.#makeRoom(key);
  }

  /** Opens what is kept under a key, and counts that as use; undefined: it is not there any more. */
  async use(key: string): Promise<{ entry: CacheEntry; handle: FileHandle } | undefined> {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    try {
      const handle = await open(join(this.folder, entry.file), 'r');
      entry.usedAtMs = this.clock.wallMs();
      await utimes(this.#note(key), entry.usedAtMs / 1000, entry.usedAtMs / 1000);
      return { entry, handle };
    } catch (error) {
      this.log.warn('a file of the fetcher’s cache is gone', { error: (error as Error).message });
      await this.drop(key);
      return undefined;
    }
  }

  /** Whoever has it open reads on. */
  async drop(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    await rm(this.#note(key), { force: true });
    await this.discard(entry.file);
  }

  async #makeRoom(except?: string): Promise<void> {
    while (this.#bytes > this.limitBytes) {
      const oldest = [...this.#entries]
        .filter(([key]) => key !== except)
        .reduce<[string, number] | undefined>(
          (least, [key, { usedAtMs }]) => (least && least[1] <= usedAtMs ? least : [key, usedAtMs]),
          undefined,
        );
      if (!oldest) return;
      await this.drop(oldest[0]);
    }
  }
}
