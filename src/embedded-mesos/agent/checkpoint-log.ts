import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Log } from '../../logging/log.js';

const HEADER = 'longrun-checkpoints 1\n';
/** A log below this size is never rewritten ... */
const REWRITE_FROM_BYTES = 4 * 1024 * 1024;
/** ... and above it when less than this part of it still counts. */
const REWRITE_BELOW_LIVE_SHARE = 0.25;

interface Write {
  readonly key: string;
  /** The record's line, undefined to delete. */
  readonly value: string | undefined;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/** The log belongs to a newer longrun; going on would lose what that one knows. */
export class CheckpointsTooNew extends Error {
  override readonly name = 'CheckpointsTooNew';
}

/**
 * Small durable records by key: an append-only file of lines `<crc32> <json>`, one fdatasync for all writes of a moment, now
 * and then rewritten whole (new file, fsync, rename, fsync of the folder).
 *
 * INVARIANTS
 * - A promise of `put` or `delete` resolves only when the change is on the disk; changes are durable in the order of their calls.
 * - After a failed write the file's tail is not trusted: the next write makes a new file from memory.
 * - A torn tail (crash while writing) is dropped; a damaged line elsewhere is reported and skipped.
 */
export class CheckpointLog {
  #handle: FileHandle | undefined;
  #fileBytes = 0;
  #tidyFromBytes = REWRITE_FROM_BYTES;
  #liveBytes = 0;
  #damaged = false;
  #flushing: Promise<void> | undefined;
  #queue: Write[] = [];
  readonly #lines = new Map<string, string>();

  constructor(
    private readonly path: string,
    private readonly log: Log,
  ) {}

  /** Opens the file (made if absent). Returns every value by its key. Throws CheckpointsTooNew. */
  async open(): Promise<ReadonlyMap<string, unknown>> {
    this.#handle = await open(this.path, 'a+', 0o600);
    const text = await this.#handle.readFile('utf8');
    if (text !== '' && !text.startsWith(HEADER)) {
      try {
        this.#refuseOther(text);
      } catch (error) {
        await this.close();
        throw error;
      }
    }
    const values = this.#read(text);
    this.#damaged = true;
    await this.#rewrite();
    return values;
  }

  #refuseOther(text: string): void {
    const version = /^longrun-checkpoints (\d+)\n/.exec(text)?.[1];
    if (version)
      throw new CheckpointsTooNew(
        `${this.path} has format ${version}; this longrun knows format 1 only. Use the newer longrun that wrote it.`,
      );
    if (!HEADER.startsWith(text))
      this.log.error('the checkpoints have no readable head; what can be read of them is used', {
        path: this.path,
      });
  }

  #read(text: string): ReadonlyMap<string, unknown> {
    const values = new Map<string, unknown>();
    const lines = text.split('\n');
    lines.forEach((line, index) => {
      if (line === '' || index === 0) return;
      const json = line.slice(9);
      if (line.slice(0, 8) !== checksum(json)) {
        if (index < lines.length - 1)
          this.log.error('a damaged checkpoint is skipped', { path: this.path, line: index + 1 });
        return;
      }
      const { key, value } = JSON.parse(json) as { key: string; value?: unknown };
      this.#apply(key, value === undefined ? undefined : `${line}\n`);
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    });
    return values;
  }

  #apply(key: string, line: string | undefined): void {
    this.#liveBytes -= this.#lines.get(key)?.length ?? 0;
    if (line === undefined) {
      this.#lines.delete(key);
    } else {
      this.#lines.set(key, line);
      this.#liveBytes += line.length;
    }
  }

  /** Makes `value` (a plain JSON value) durable under `key`. */
  put(key: string, value: unknown): Promise<void> {
    return this.#write(key, lineOf({ key, value }));
  }

  delete(key: string): Promise<void> {
    return this.#write(key, undefined);
  }

  #write(key: string, value: string | undefined): Promise<void> {
    return new Promise((done, failed) => {
      this.#queue.push({ key, value, done, failed });
      this.#flushing ??= this.#flush();
    });
  }

  async #flush(): Promise<void> {
    // One turn later, so that all writes of this turn share the flush.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#commit(batch);
        for (const write of batch) write.done();
      } catch (error) {
        this.#damaged = true;
        for (const write of batch) write.failed(error as Error);
      }
    }
    this.#flushing = undefined;
  }

  async #commit(batch: readonly Write[]): Promise<void> {
    if (!this.#handle) throw new Error('the checkpoints are closed');
    if (this.#damaged) await this.#rewrite();
    const text = Buffer.from(batch.map(({ key, value }) => value ?? lineOf({ key })).join(''));
    await this.#append(text);
    for (const { key, value } of batch) this.#apply(key, value);
    await this.#tidy();
  }

  /** What was written is durable whatever comes of this: on a full disk there may be no room for a second file. */
  async #tidy(): Promise<void> {
    if (this.#fileBytes <= this.#tidyFromBytes) return;
    if (this.#liveBytes >= this.#fileBytes * REWRITE_BELOW_LIVE_SHARE) return;
    try {
      await this.#rewrite();
      this.#tidyFromBytes = REWRITE_FROM_BYTES;
    } catch (error) {
      this.#tidyFromBytes = this.#fileBytes + REWRITE_FROM_BYTES;
      this.log.warn('the checkpoints could not be written anew; they grow on for now', {
        error: (error as Error).message,
      });
    }
  }

  async #append(text: Buffer): Promise<void> {
    if (!this.#handle) throw new Error('the checkpoints are closed');
    for (let from = 0; from < text.length; ) {
      const { bytesWritten } = await this.#handle.write(text, from, text.length - from);
      from += bytesWritten;
      this.#fileBytes += bytesWritten;
    }
    await this.#handle.datasync();
  }

  async #rewrite(): Promise<void> {
    const draft = `${this.path}.new`;
    const text = Buffer.from(`${HEADER}${[...this.#lines.values()].join('')}`);
    await rm(draft, { force: true });
    const handle = await open(draft, 'a', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
      // From here on the name may lead to the new file: if anything fails, the old one must not be written to.
      this.#damaged = true;
      await rename(draft, this.path);
      await syncFolder(dirname(this.path));
    } catch (error) {
      await handle.close();
      throw error;
    }
    await this.#handle?.close();
    this.#handle = handle;
    this.#fileBytes = text.length;
    this.#damaged = false;
  }

  /** Waits for what is under way, then closes. Later writes fail. */
  async close(): Promise<void> {
    await this.#flushing;
    await this.#handle?.close();
    this.#handle = undefined;
  }
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0');
}

function lineOf(record: { readonly key: string; readonly value?: unknown }): string {
  const json = JSON.stringify(record);
  return `${checksum(json)} ${json}\n`;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
