import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import {
  fieldLines,
  fieldsOfLines,
  type Http2Request,
  requestFields,
  responseHeadText,
} from '../../decide/http2-fields.js';
import { ChunkedBody } from '../http/chunked-body.js';
import type { ServerConnections } from './server-connections.js';
import { VirtualSocket } from './virtual-socket.js';

const { NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;
const HEAD_END = Buffer.from('\r\n\r\n');
/** So much of a request is kept in case that the server says it has not looked at it (REFUSED_STREAM, GOAWAY). */
const MAX_KEPT_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

/**
 * A connection to a server that speaks HTTP/2, as one that speaks HTTP/1.1: a request is written, its answer is read. Each is
 * one stream of a connection that it shares with others.
 *
 * INVARIANTS
 * - One request, whose answer says `Connection: close`.
 * - A request that the server says it has not processed is sent once more on another connection, as long as all of it is at hand.
 */
export class ServerStream extends VirtualSocket {
  #stream: ClientHttp2Stream | undefined;
  #headBytes: Buffer | undefined;
  #request: Http2Request | undefined;
  #chunks: ChunkedBody | undefined;
  #left = 0;
  #trailers = '';
  #kept: Buffer[] | undefined = [];
  #keptBytes = 0;
  #requestDone = false;
  #responded = false;
  #answered = false;
  #again = false;

  constructor(private readonly connections: ServerConnections) {
    super();
    connections.ready(
      () => {
        if (!this.destroyed) this.emit('connect');
      },
      (error) => this.destroy(error),
    );
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    try {
      if (this.#request) this.#body(chunk, done);
      else this.#head(chunk, done);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  override _final(done: Done): void {
    if (this.#request && !this.#requestDone) this.#stream?.destroy(new Error('the request broke off'));
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#kept = undefined;
    // `close` alone would first say that the request is whole.
    if (stream && !stream.closed) {
      if (this.#answered && this.#requestDone) stream.close(NGHTTP2_NO_ERROR);
      else stream.destroy(new Error('the request is not wanted any more'));
    }
    done(error);
  }

  #head(chunk: Buffer, done: Done): void {
    const bytes = this.#headBytes ? Buffer.concat([this.#headBytes, chunk]) : chunk;
    this.#headBytes = undefined;
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      this.#headBytes = bytes;
      done();
      return;
    }
    this.#request = requestFields(bytes.toString('latin1', 0, end + 4));
    const { length } = this.#request;
    if (length === 'chunked')
      this.#chunks = new ChunkedBody('client', (line) => {
        this.#trailers += `${line}\r\n`;
      });
    else this.#left = length;
    this.#requestDone = length === 0;
    this.#send();
    const rest = bytes.subarray(end + 4);
    if (rest.length > 0) this.#body(rest, done);
    else done();
  }

  #body(chunk: Buffer, done: Done): void {
    const pieces: Buffer[] = [];
    if (this.#chunks) {
      this.#chunks.read(chunk, 0, (piece) => pieces.push(piece));
      this.#requestDone = this.#chunks.done;
    } else {
      const take = Math.min(this.#left, chunk.length);
      this.#left -= take;
      this.#requestDone = this.#left === 0;
      if (take > 0) pieces.push(chunk.subarray(0, take));
    }
    for (const piece of pieces) this.#keep(piece);
    const stream = this.#stream;
    if (!stream || stream.closed || stream.destroyed) {
      done();
      return;
    }
    if (pieces.length > 0)
      stream.write(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces), () => done());
    else done();
    if (this.#requestDone && !stream.writableEnded) stream.end();
  }

  #keep(piece: Buffer): void {
    if (!this.#kept) return;
    this.#kept.push(piece);
    this.#keptBytes += piece.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) this.#kept = undefined;
  }

  /** Opens the stream, with what was written of the request so far. */
  #send(): void {
    const request = this.#request;
    if (!request || this.destroyed) return;
    const endStream = this.#requestDone && this.#keptBytes === 0 && !this.#chunks;
    const stream = this.connections.request(request.headers, {
      endStream,
      waitForTrailers: this.#chunks !== undefined,
    });
    this.#stream = stream;
    stream.on('continue', () => this.give('HTTP/1.1 100 Continue\r\n\r\n'));
    stream.on('headers', (headers) => this.#interim(headers));
    stream.on('response', (headers, flags) =>
      this.#response(stream, headers, (flags & NGHTTP2_FLAG_END_STREAM) !== 0),
    );
    stream.on('wantTrailers', () => {
      if (!stream.closed) stream.sendTrailers(fieldsOfLines(this.#trailers));
    });
    stream.on('error', () => undefined);
    stream.on('close', () => this.#closed(stream));
    if (endStream) return;
    for (const piece of this.#kept ?? []) stream.write(piece);
    if (this.#requestDone) stream.end();
  }

  #interim(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    const status = headers[':status'] ?? 0;
    if (status <= 100 || status === 101) return;
    const text = responseHeadText(headers, status);
    if (text !== undefined) this.give(`${text}\r\n`);
  }

  #response(
    stream: ClientHttp2Stream,
    headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
    only: boolean,
  ): void {
    const status = headers[':status'] ?? 0;
    const text = responseHeadText(headers, status);
    if (text === undefined) {
      this.destroy(new Error('a header of its answer cannot be passed on'));
      return;
    }
    this.#responded = true;
    this.#kept = undefined;
    const bodiless = this.#request?.method === 'HEAD' || status === 204 || status === 304;
    const known = headers['content-length'] !== undefined;
    // Nothing but headers (`only`): the answer is over with them.
    const chunked = !bodiless && !known && !only;
    const length = only && !known && !bodiless ? 'content-length: 0\r\n' : '';
    this.give(`${text}${length}${chunked ? 'transfer-encoding: chunked\r\n' : ''}connection: close\r\n\r\n`);
    let trailers = '';
    stream.on('data', (chunk: Buffer) => {
      if (chunk.length === 0 || this.destroyed) return;
      const room = chunked
        ? this.give(
            Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
          )
        : this.give(chunk);
      if (!room) stream.pause();
    });
    stream.on('trailers', (fields: IncomingHttpHeaders) => {
      trailers = fieldLines(fields) ?? '';
    });
    stream.on('end', () => {
      if (this.destroyed || stream.rstCode !== NGHTTP2_NO_ERROR || stream.aborted) return;
      this.#answered = true;
      if (chunked) this.give(`0\r\n${trailers}\r\n`);
    });
  }

  #closed(stream: ClientHttp2Stream): void {
    if (this.destroyed || stream !== this.#stream) return;
    if (this.#answered) {
      this.push(null);
      return;
    }
    // Whatever the answer was to be, it is not whole.
    const refused = stream.rstCode === NGHTTP2_REFUSED_STREAM && !this.#responded;
    if (refused && !this.#again && this.#kept) {
      this.#again = true;
      this.connections.ready(
        () => this.#send(),
        (error) => this.destroy(error),
      );
      return;
    }
    this.destroy(new Error(`the server reset the stream (${stream.rstCode})`));
  }
}
