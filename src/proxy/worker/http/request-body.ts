import { ChunkedBody } from './chunked-body.js';
import type { HeadFields } from './head-fields.js';

/** So much of a request's body is kept in case that the request must be sent again. */
export const MAX_REPLAY_BYTES = 64 * 1024;

/** Follows a request's body to its end, and keeps what was read until it need not be sent (again). */
export class RequestBody {
  #left: number;
  readonly #chunks: ChunkedBody | undefined;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #complete = true;

  constructor(fields: HeadFields) {
    this.#left = Math.max(0, fields.contentLength);
    this.#chunks = fields.chunked ? new ChunkedBody('client') : undefined;
  }

  /** The whole body was read. */
  get ended(): boolean {
    return this.#chunks ? this.#chunks.done : this.#left === 0;
  }

  /** Everything read so far is still kept. */
  get replayable(): boolean {
    return this.#complete;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  get kept(): readonly Buffer[] {
    return this.#kept;
  }

  /** The part of `chunk` that belongs to the body: its end. Throws ChunksBroken. */
  read(chunk: Buffer): number {
    if (this.#chunks) return this.#chunks.read(chunk, 0);
    const take = Math.min(this.#left, chunk.length);
    this.#left -= take;
    return take;
  }

  keep(piece: Buffer): void {
    if (!this.#complete) return;
    this.#kept.push(piece);
    this.#keptBytes += piece.length;
  }

  /** What was kept is sent: forget it when it is too much, or when it may not be sent twice. */
  sent(repeatable: boolean): void {
    if (repeatable && this.#keptBytes <= MAX_REPLAY_BYTES) return;
    if (this.#keptBytes > 0) this.#complete = false;
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
