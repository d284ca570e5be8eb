import { isFieldValue, skipToken } from './characters.js';

/** Longest chunk-size line (extensions included), and all trailer lines together. */
export const MAX_CHUNK_LINE = 1_024;
export const MAX_TRAILER_BYTES = 8 * 1_024;

/** The framing is broken; where the message ends cannot be known. */
export class ChunksBroken extends Error {
  override readonly name = 'ChunksBroken';
}

const sizeLine = /^([0-9A-Fa-f]{1,12})(;[\t\x20-\x7e\x80-\xff]*)?$/;
/** Some servers fill up their sizes with blanks. */
const paddedSizeLine = /^([0-9A-Fa-f]{1,12})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?$/;
/** A client that says these behind its body hopes that somebody believes it. */
const notTrailers: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'host']);

/**
 * Follows the framing of a chunked body (RFC 9112 section 7.1) without copying: it says where the body ends. Lines must end
 * in CRLF exactly; sizes are plain hex.
 */
export class ChunkedBody {
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  #line = '';
  #remaining = 0;
  #trailerBytes = 0;

  /** `from`: a client's body is read more strictly than a server's. `onTrailer` gets each trailer line, without its end. */
  constructor(
    private readonly from: 'client' | 'server',
    private readonly onTrailer?: (line: string) => void,
  ) {}

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * Reads on from `chunk[start]` and returns the index behind the last byte that belongs to the body. `onData` gets the
   * pieces of content, for a receiver that does not understand chunks. Throws ChunksBroken.
   */
  read(chunk: Buffer, start: number, onData?: (piece: Buffer) => void): number {
    let at = start;
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'data') {
        const take = Math.min(this.#remaining, chunk.length - at);
        onData?.(chunk.subarray(at, at + take));
        at += take;
        this.#remaining -= take;
        if (this.#remaining === 0) this.#state = 'data-end';
      } else {
        at = this.#readLine(chunk, at);
      }
    }
    return at;
  }

  /** Takes bytes up to and including the next LF; acts on the line once it is whole. */
  #readLine(chunk: Buffer, start: number): number {
    const newline = chunk.indexOf(0x0a, start);
    const end = newline < 0 ? chunk.length : newline + 1;
    const limit = this.#state === 'trailer' ? MAX_TRAILER_BYTES : MAX_CHUNK_LINE;
    if (this.#line.length + (end - start) > limit)
      throw new ChunksBroken('a line of the chunked body is too long');
    this.#line += chunk.toString('latin1', start, end);
    if (newline < 0) return end;
    const line = this.#line;
    this.#line = '';
    if (line.charCodeAt(line.length - 2) !== 0x0d)
      throw new ChunksBroken('a line of the chunked body does not end in CRLF');
    this.#actOn(line.slice(0, -2));
    return end;
  }

  #actOn(line: string): void {
    switch (this.#state) {
      case 'size': {
        const size = (this.from === 'client' ? sizeLine : paddedSizeLine).exec(line)?.[1];
        if (size === undefined) throw new ChunksBroken('malformed chunk size');
        this.#remaining = Number.parseInt(size, 16);
        this.#state = this.#remaining > 0 ? 'data' : 'trailer';
        break;
      }
      case 'data-end':
        if (line !== '') throw new ChunksBroken('a chunk is longer than its size');
        this.#state = 'size';
        break;
      case 'trailer':
        if (line === '') {
          this.#state = 'done';
          break;
        }
        this.#trailerBytes += line.length + 2;
        if (this.#trailerBytes > MAX_TRAILER_BYTES) throw new ChunksBroken('the trailers are too long');
        if (!isTrailer(line, this.from)) throw new ChunksBroken('malformed trailer');
        this.onTrailer?.(line);
        break;
      default:
        throw new ChunksBroken(`no line is due in state ${this.#state}`);
    }
  }
}

function isTrailer(line: string, from: 'client' | 'server'): boolean {
  const colon = skipToken(line, 0, line.length);
  if (from === 'client' && notTrailers.has(line.slice(0, colon).toLowerCase())) return false;
  return colon > 0 && line.charCodeAt(colon) === 0x3a && isFieldValue(line, colon + 1, line.length);
}
