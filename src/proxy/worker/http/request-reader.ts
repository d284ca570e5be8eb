import { isTokenCharacter } from './characters.js';
import { HeadRefused, MAX_HEAD_BYTES } from './head-fields.js';
import { type RequestHead, readRequestHead } from './request-head.js';

const HEAD_END = Buffer.from('\r\n\r\n');
/** Empty lines before a request that are overlooked (RFC 9112 2.2). */
const MAX_LEADING_EMPTY_LINES = 2;

/** Keeps what a client has sent and nobody has taken yet, and finds the heads of requests in it. */
export class RequestReader {
  #pending: Buffer | undefined;
  /** Bytes of it in which the end of the head was not found. */
  #searched = 0;

  /** Nothing is kept. */
  get empty(): boolean {
    return this.#pending === undefined;
  }

  add(bytes: Buffer): void {
    this.#pending = this.#pending ? Buffer.concat([this.#pending, bytes]) : bytes;
  }

  /** Everything that is kept (bytes behind a head); it is the caller's then. */
  take(): Buffer | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#searched = 0;
    return pending;
  }

  /** The next request's head, taken from what is kept; undefined: it is not whole yet. Throws HeadRefused. */
  next(): RequestHead | undefined {
    const bytes = this.#pending;
    if (!bytes) return undefined;
    let start = 0;
    while (start < 2 * MAX_LEADING_EMPTY_LINES && bytes[start] === 0x0d && bytes[start + 1] === 0x0a)
      start += 2;
    const end = bytes.indexOf(HEAD_END, Math.max(start, this.#searched - 3));
    if ((end < 0 ? bytes.length : end) - start > MAX_HEAD_BYTES)
      throw new HeadRefused(`the request head is longer than ${MAX_HEAD_BYTES} bytes`, 431);
    if (end < 0) {
      // Whoever speaks another protocol (TLS, say) is told so at once.
      const first = bytes[start];
      if (first !== undefined && first !== 0x0d && !isTokenCharacter(first))
        throw new HeadRefused('this is no HTTP request');
      this.#searched = bytes.length;
      return undefined;
    }
    this.#searched = 0;
    this.#pending = end + 4 < bytes.length ? bytes.subarray(end + 4) : undefined;
    return readRequestHead(bytes.toString('latin1', start, end + 4));
  }
}
