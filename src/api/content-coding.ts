import type { ServerResponse } from 'node:http';
import {
  createDeflate,
  createGzip,
  type Deflate,
  deflate,
  type Gzip,
  gzip,
  type ZlibOptions,
} from 'node:zlib';
import type { CodingName } from './decide/content-coding.js';

/** Bodies below this gain nothing. */
export const MIN_CODED_BYTES = 1_024;

/** Level 1: three times as fast as the default for a few percent more bytes; answers are made on demand. */
const options: ZlibOptions = { level: 1 };

/** How one answer's body is to be coded. */
export interface ContentCoding {
  readonly name: CodingName;
  /** Told the coded bytes. */
  readonly count: (bytes: number) => void;
}

/** By response, so that whoever writes a body finds it. */
const wanted = new WeakMap<ServerResponse, ContentCoding>();

export function wishCoding(response: ServerResponse, coding: ContentCoding): void {
  wanted.set(response, coding);
}

/** The coding that a response's client asked for; undefined: send the body as it is. */
export function codingOf(response: ServerResponse): ContentCoding | undefined {
  return wanted.get(response);
}

/** Codes a whole body, off the event loop. */
export function codeWhole(body: Buffer, { name }: ContentCoding): Promise<Buffer> {
  const code = name === 'gzip' ? gzip : deflate;
  return new Promise((resolve, reject) => {
    code(body, options, (error, coded) => (error ? reject(error) : resolve(coded)));
  });
}

/** Codes a body as it is made. */
export function makeCoder({ name, count }: ContentCoding): Gzip | Deflate {
  const coder = name === 'gzip' ? createGzip(options) : createDeflate(options);
  coder.on('data', (bytes: Buffer) => count(bytes.length));
  return coder;
}
