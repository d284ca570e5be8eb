import type { Writable } from 'node:stream';
import type { Request, Response } from 'express';
import type { Clock } from '../util/clock.js';
import { type ContentCoding, codeWhole, codingOf, MIN_CODED_BYTES, makeCoder } from './content-coding.js';

/** Longest time that one answer may hold the event loop before others have their turn. */
const SLICE_MS = 5;
/** Text collected before it is written. */
const CHUNK_CHARACTERS = 64 * 1024;
/** A reader that takes nothing for so long is cut off. */
const STALLED_READER_MS = 30_000;

export const JSON_TYPE = 'application/json';

/** Sends a text as the whole answer, coded when the client takes that and it is worth it. */
export function sendText(response: Response, status: number, text: string, type: string): void {
  const body = Buffer.from(text);
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  const coding = body.length < MIN_CODED_BYTES ? undefined : codingOf(response);
  if (coding === undefined) sendBody(response, body);
  else {
    codeWhole(body, coding).then(
      (coded) => {
        response.setHeader('Content-Encoding', coding.name);
        coding.count(coded.length);
        sendBody(response, coded);
      },
      // Whatever the coder lacks (memory), the plain body is as good an answer.
      () => sendBody(response, body),
    );
  }
}

function sendBody(response: Response, body: Buffer): void {
  if (response.destroyed) return;
  response.setHeader('Content-Length', body.length);
  response.end(body);
}

/** Sends a value as the whole answer. */
export function sendJson(response: Response, status: number, value: unknown): void {
  sendText(response, status, JSON.stringify(value), JSON_TYPE);
}

/** Resolves true when the reader has taken what waits, false when it is gone or takes nothing for too long. */
function drained(sink: Writable, response: Response, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(STALLED_READER_MS, () => settle(false));
    const onDrain = (): void => settle(true);
    const onClose = (): void => settle(false);
    function settle(alive: boolean): void {
      timer.cancel();
      sink.off('drain', onDrain);
      response.off('close', onClose);
      if (!alive) response.destroy();
      resolve(alive);
    }
    sink.on('drain', onDrain);
    response.on('close', onClose);
  });
}

/** Where the pieces of a long answer go: the response itself, or a coder in front of it. */
function openSink(response: Response, coding: ContentCoding | undefined, type: string): Writable {
  response.statusCode = 200;
  response.setHeader('Content-Type', type);
  if (coding === undefined) return response;
  response.setHeader('Content-Encoding', coding.name);
  const coder = makeCoder(coding);
  coder.once('error', () => response.destroy());
  response.once('close', () => coder.destroy());
  coder.pipe(response);
  return coder;
}

/**
 * Sends pieces of text (JSON unless `type` says otherwise) as one answer. Pieces are made on demand, in slices of a few
 * milliseconds, and wait for the reader: an answer of any size neither stalls the event loop nor piles up in memory. A
 * short answer goes out whole, with its length, however slowly it is made. When a piece cannot be made after the head is out, the connection is cut:
 * a torn answer must not look complete. Resolves when the last byte is handed over or the reader is gone.
 */
export async function sendPieces(
  request: Request,
  response: Response,
  pieces: Iterable<string>,
  clock: Clock,
  type = JSON_TYPE,
): Promise<void> {
  let chunk = '';
  let sliceStart = performance.now();
  let sink: Writable | undefined;
  try {
    for (const piece of pieces) {
      chunk += piece;
      if (chunk.length < CHUNK_CHARACTERS && performance.now() - sliceStart < SLICE_MS) continue;
      if (chunk.length >= CHUNK_CHARACTERS) {
        sink ??= openSink(response, codingOf(response), type);
        if (request.method === 'HEAD') break;
        const taken = sink.write(chunk);
        chunk = '';
        if (!taken && !(await drained(sink, response, clock))) return;
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (response.destroyed) return;
      sliceStart = performance.now();
    }
  } catch (error) {
    if (sink !== undefined) response.destroy();
    throw error;
  }
  if (sink !== undefined) sink.end(chunk);
  else sendText(response, 200, chunk, type);
}
