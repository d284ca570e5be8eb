import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import type { LogSink } from './log-sink.js';

/** Whether the file is still there is looked at so often. */
const LOOK_PERIOD_MS = 1_000;

/**
 * Lines in a file that becomes `<path>.1` when it is full, that `<path>.2`, and so on; the oldest beyond `files` is overwritten.
 * A file that somebody moved away or removed is begun anew.
 */
export class LogFile implements LogSink {
  #file: FileHandle | undefined;
  #bytes = 0;
  #inode = 0;
  #closed = false;
  #busy = false;
  #lookedMs = 0;

  constructor(
    private readonly path: string,
    private readonly maxBytes: number,
    private readonly files: number,
    /** Monotonic. */
    private readonly nowMs: () => number,
  ) {}

  async write(lines: Buffer): Promise<void> {
    this.#busy = true;
    try {
      let file = await this.#present();
      if (this.#bytes > 0 && this.#bytes + lines.length > this.maxBytes) {
        await this.#rotate();
        file = await this.#open();
      }
      await file.write(lines);
      this.#bytes += lines.length;
    } finally {
      this.#busy = false;
      if (this.#closed) this.close();
    }
  }

  writeLast(lines: Buffer): void {
    const file = openSync(this.path, 'a', 0o600);
    try {
      // Beyond its size by what is left at the end: the next start goes on with a file of its own.
      if (fstatSync(file).isFile()) writeSync(file, lines);
    } finally {
      closeSync(file);
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#busy) return;
    const file = this.#file;
    this.#file = undefined;
    // Nothing is lost by a failure here: what was written is written.
    void file?.close().catch(() => undefined);
  }

  /** The file at the path, opened. */
  async #present(): Promise<FileHandle> {
    if (this.#file !== undefined && this.nowMs() - this.#lookedMs < LOOK_PERIOD_MS) return this.#file;
    this.#lookedMs = this.nowMs();
    if (this.#file !== undefined) {
      const there = await stat(this.path).catch(() => undefined);
      if (there?.ino === this.#inode) return this.#file;
      await this.#shut();
    }
    return this.#open();
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.path, 'a', 0o600);
    const { size, ino } = await file.stat();
    this.#file = file;
    this.#bytes = size;
    this.#inode = ino;
    return file;
  }

  async #rotate(): Promise<void> {
    await this.#shut();
    for (let number = this.files - 1; number >= 1; number--) {
      const from = number === 1 ? this.path : `${this.path}.${number - 1}`;
      await rename(from, `${this.path}.${number}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    if (this.files === 1) await open(this.path, 'w', 0o600).then((file) => file.close());
  }

  async #shut(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
