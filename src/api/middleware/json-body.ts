import type { Request } from 'express';
import { CatalogError } from '../../errors/registry.js';
import type { Clock } from '../../util/clock.js';
import { JsonDepth, MAX_JSON_DEPTH } from '../decide/json-depth.js';

/** Bounds of request bodies. */
export interface BodyLimits {
  /** Largest body, in bytes. */
  readonly maxBytes: number;
  /** Bytes that all bodies being read may hold together. */
  readonly maxBufferedBytes: number;
  /** Longest time from the first look at a body to its end. */
  readonly maxReadMs: number;
}

export const bodyLimits: BodyLimits = {
  maxBytes: 10 * 1024 * 1024,
  maxBufferedBytes: 64 * 1024 * 1024,
  maxReadMs: 30_000,
};

/**
 * Reads requests' bodies as JSON. Refusals: 413 over the limit (by its declared length before a byte is read), 408
 * when it comes too slowly, 503 when too many are being read, 400 when it is empty or no JSON in UTF-8.
 */
export class JsonBodies {
  #bufferedBytes = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limits: BodyLimits = bodyLimits,
  ) {}

  /** Bytes held at this moment for all bodies being read. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  async read(request: Request): Promise<unknown> {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
      throw new CatalogError('unsupported-content-encoding');
    const text = await this.#text(request);
    if (text.trim() === '') throw new CatalogError('empty-body', {}, 'the body is empty');
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new CatalogError('invalid-json-syntax', {}, error instanceof Error ? error.message : 'not JSON');
    }
  }

  async #text(request: Request): Promise<string> {
    const { maxBytes } = this.limits;
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > maxBytes) throw new CatalogError('body-too-large', { max: maxBytes });
    let held = 0;
    try {
      const chunks = await this.#chunks(request, (bytes) => {
        held += bytes;
        this.#bufferedBytes += bytes;
        if (held > maxBytes) throw new CatalogError('body-too-large', { max: maxBytes });
        if (this.#bufferedBytes > this.limits.maxBufferedBytes) throw new CatalogError('too-busy');
      });
      return decodeUtf8(chunks);
    } finally {
      this.#bufferedBytes -= held;
    }
  }

  #chunks(request: Request, take: (bytes: number) => void): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const depth = new JsonDepth();
      const timer = this.clock.after(this.limits.maxReadMs, () => settle(new CatalogError('body-too-slow')));
      const onData = (chunk: Buffer): void => {
        try {
          take(chunk.length);
          if (!depth.push(chunk)) throw tooDeep();
          chunks.push(chunk);
        } catch (error) {
          settle(error);
        }
      };
      const onEnd = (): void => settle(undefined);
      const onClose = (): void => settle(new CatalogError('invalid-json-syntax', {}, 'the body ended early'));
      function settle(error: unknown): void {
        timer.cancel();
        request.off('data', onData);
        request.off('end', onEnd);
        request.off('close', onClose);
        request.off('error', onClose);
        // A request that fails later (the client went away while we answer) must not bring the process down.
        request.on('error', () => undefined);
        if (error === undefined) resolve(chunks);
        else {
          request.pause();
          reject(error);
        }
      }
      request.on('data', onData);
      request.on('end', onEnd);
      request.on('close', onClose);
      request.on('error', onClose);
    });
  }
}

function tooDeep(): CatalogError {
  return new CatalogError('bad-request', {
    reason: `The JSON document nests deeper than ${MAX_JSON_DEPTH} levels`,
    hint: 'No resource of this API needs that.',
  });
}

function decodeUtf8(chunks: readonly Buffer[]): string {
  const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CatalogError('invalid-json-syntax', {}, 'the body is not UTF-8');
  }
}
