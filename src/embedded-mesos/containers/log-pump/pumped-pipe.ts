import { constants, openSync, readSync, rmSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { OutputFile } from './output-file.js';

/** Bytes read at once: a pipe holds no more. One buffer serves all pipes, since what is read is written before the next read. */
const shared = Buffer.allocUnsafe(64 * 1024);

/**
 * Moves what comes out of one pipe into its files. Between a read and its write nothing waits, so that even a SIGKILL
 * loses no more than what was in hand in that moment.
 */
export class PumpedPipe {
  readonly #descriptor: number;
  readonly #socket: Socket;
  #closed = false;
  #lostBytes = 0;
  #lostWhy = '';

  /** Opens the pipe; throws when it is not there. `onEnd`: all its writers are gone and everything is written. */
  constructor(
    readonly path: string,
    private readonly output: OutputFile,
    private readonly onEnd: (pipe: PumpedPipe) => void,
  ) {
    this.#descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd: this.#descriptor,
      readable: true,
      writable: false,
      onread: {
        buffer: shared,
        callback: (bytes) => {
          this.#write(shared.subarray(0, bytes));
          return true;
        },
      },
    };
    this.#socket = new Socket(options);
    this.#socket.on('end', () => this.finish());
    this.#socket.on('error', () => this.finish());
    this.#socket.resume();
  }

  /** Empties the pipe now, without waiting for anything, removes it and ends. */
  finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#empty();
    this.#socket.destroy();
    this.output.close();
    rmSync(this.path, { force: true });
    this.onEnd(this);
  }

  #empty(): void {
    for (;;) {
      let bytes: number;
      try {
        bytes = readSync(this.#descriptor, shared);
      } catch {
        // EAGAIN: nothing is left in it. Anything else: nothing more can be had from it.
        return;
      }
      if (bytes === 0) return;
      this.#write(shared.subarray(0, bytes));
    }
  }

  /**
   * A full or broken disk must not stop tasks, so what it refuses is dropped; the file says how much as soon as it takes
   * writes again.
   */
  #write(chunk: Uint8Array): void {
    try {
      if (this.#lostBytes > 0) {
        this.output.write(
          Buffer.from(`\n[longrun: ${this.#lostBytes} bytes of output were lost here: ${this.#lostWhy}]\n`),
        );
        this.#lostBytes = 0;
      }
      this.output.write(chunk);
    } catch (error) {
      this.#lostBytes += chunk.length;
      this.#lostWhy = (error as Error).message;
    }
  }
}
