import { ChunkedBody } from './chunked-body.js';
import type { ResponseHead } from './response-head.js';

/** How the end of a response is found, RFC 9112 section 6.3. */
export type ResponseLength =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' };

/** The length of the answer to a request with this method. */
export function responseLength(method: string, head: ResponseHead): ResponseLength {
  const { status, fields } = head;
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'none' };
  if (fields.chunked) return { kind: 'chunked' };
  if (fields.contentLength >= 0) return { kind: 'length', bytes: fields.contentLength };
  return { kind: 'close' };
}

/** Follows a response's body to its end. */
export class ResponseBody {
  #left: number;
  readonly #chunks: ChunkedBody | undefined;

  constructor(
    readonly length: ResponseLength,
    /** Gets each trailer line, without its end. */
    onTrailer?: (line: string) => void,
  ) {
    this.#left = length.kind === 'length' ? length.bytes : 0;
    this.#chunks = length.kind === 'chunked' ? new ChunkedBody('server', onTrailer) : undefined;
  }

  /** True when the last byte was read; never for a body that ends with its connection. */
  get ended(): boolean {
    if (this.length.kind === 'close') return false;
    return this.#chunks ? this.#chunks.done : this.#left === 0;
  }

  /** Index behind the last byte of `chunk` (from `start`) that belongs to the body. Throws ChunksBroken. */
  read(chunk: Buffer, start: number, onData?: (piece: Buffer) => void): number {
    if (this.#chunks) return this.#chunks.read(chunk, start, onData);
    if (this.length.kind === 'close') return chunk.length;
    const take = Math.min(this.#left, chunk.length - start);
    this.#left -= take;
    return start + take;
  }
}
