import { createHash } from 'node:crypto';
import { write } from 'node:fs';
import { promisify } from 'node:util';
import { FetchFailure } from './fetch-order.js';

const writeAt = promisify(write);

/** Takes bytes into a file from its begin: counts them, sums them up, and refuses more than it may take. */
export class FileSink {
  #bytes = 0;
  #hash = createHash('sha256');

  constructor(
    private readonly fd: number,
    private readonly limitBytes: number,
    private readonly onBytes: (bytes: number) => void = () => undefined,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws FetchFailure beyond the limit. */
  async take(chunk: Uint8Array): Promise<void> {
    if (this.#bytes + chunk.length > this.limitBytes) throw tooLarge(this.limitBytes);
    this.#hash.update(chunk);
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await writeAt(this.fd, chunk, done, chunk.length - done, this.#bytes + done);
      done += bytesWritten;
    }
    this.#bytes += chunk.length;
    this.onBytes(this.#bytes);
  }

  /** What came so far is void: a transfer begins anew, and overwrites it. */
  restart(): void {
    this.#bytes = 0;
    this.#hash = createHash('sha256');
  }

  /** The sum of all; nothing can be taken after it. */
  sha256(): string {
    return this.#hash.digest('hex');
  }
}

export function tooLarge(limitBytes: number): FetchFailure {
  return new FetchFailure(`it is larger than ${limitBytes} bytes, the most that is fetched`, {
    tooLarge: true,
  });
}
