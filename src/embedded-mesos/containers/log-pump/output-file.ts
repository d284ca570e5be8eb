import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { nextOutputStep } from '../decide/cut-output.js';

/**
 * One stream's files: `<path>` is written, `<path>.1` is the one before, and so on; `files` in all, none above `limitBytes`.
 * Opened at the first byte, so that silent tasks cost no descriptor.
 */
export class OutputFile {
  #descriptor: number | undefined;
  #sizeBytes = 0;
  #atLineStart = true;

  constructor(
    private readonly path: string,
    private readonly limitBytes: number,
    private readonly files: number,
  ) {}

  /** Writes all of `chunk` (whose memory may be reused afterwards). Throws when the disk refuses. */
  write(chunk: Uint8Array): void {
    let from = 0;
    while (from < chunk.length) {
      this.#open();
      const position = { sizeBytes: this.#sizeBytes, atLineStart: this.#atLineStart };
      const step = nextOutputStep(position, chunk, from, this.limitBytes);
      if (step.takeBytes > 0) this.#append(chunk, from, step.takeBytes);
      from += step.takeBytes;
      if (step.thenRotate) this.#rotate();
    }
  }

  #append(chunk: Uint8Array, from: number, bytes: number): void {
    let done = 0;
    while (done < bytes) {
      const wrote = writeSync(this.#open(), chunk, from + done, bytes - done);
      done += wrote;
      this.#sizeBytes += wrote;
      this.#atLineStart = chunk[from + done - 1] === 10;
    }
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    const flags = constants.O_CREAT | constants.O_APPEND | constants.O_RDWR | constants.O_NOFOLLOW;
    const descriptor = openSync(this.path, flags, 0o640);
    this.#descriptor = descriptor;
    this.#sizeBytes = fstatSync(descriptor).size;
    const last = new Uint8Array(1);
    this.#atLineStart =
      this.#sizeBytes === 0 ||
      (readSync(descriptor, last, 0, 1, this.#sizeBytes - 1) === 1 && last[0] === 10);
    return descriptor;
  }

  /** From the oldest on, so that a crash between two renames loses no file but one that was to go. */
  #rotate(): void {
    this.close();
    for (let age = this.files - 1; age >= 1; age--) {
      const younger = age === 1 ? this.path : `${this.path}.${age - 1}`;
      try {
        renameSync(younger, `${this.path}.${age}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    if (this.files === 1) rmSync(this.path, { force: true });
    // Readers always find the newest file under its name.
    this.#open();
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
