import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { fieldLines, fieldsOfLines, requestHeadText } from '../../decide/http2-fields.js';
import { ResponseBody, responseLength } from '../http/response-body.js';
import { type ResponseHead, readResponseHead } from '../http/response-head.js';
import { VirtualSocket } from './virtual-socket.js';

const { NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants;
const BROKE_OFF = 'the answer broke off';
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * A client's HTTP/2 stream as the connection of an HTTP/1.1 client: what is read here is the request's head and body, what is
 * written becomes the stream's answer, interim answers and trailers included.
 *
 * INVARIANTS
 * - One request, then the connection ends. An answer that breaks off resets the stream; one that is whole never does, unless the
 *   client has not finished its request, which then is not wanted any more (RFC 9113 8.1).
 * - What waits in the stream counts as not yet written, so that a slow client pauses its server.
 */
export class ClientStream extends VirtualSocket {
  readonly #method: string;
  #headBytes: Buffer | undefined;
  #body: ResponseBody | undefined;
  #trailers = '';
  #answered = false;
  #requestEnded: boolean;

  constructor(
    private readonly stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    /** Of the client's connection: where it has connected to. */
    readonly localAddress: string | undefined,
    readonly localPort: number | undefined,
  ) {
    super();
    this.#method = headers[':method'] ?? '';
    const bodiless = stream.endAfterHeaders;
    this.#requestEnded = bodiless;
    stream.on('error', (error) => this.destroy(error));
    stream.on('close', () => this.destroy());
    stream.on('aborted', () => this.destroy());
    stream.on('wantTrailers', () => this.#sendTrailers());
    const head = requestHeadText(headers, bodiless);
    if ('problem' in head) {
      this.#reject(head.status);
      return;
    }
    this.give(head.text);
    if (bodiless) stream.resume();
    else this.#readBody(head.chunked);
  }

  override _read(): void {
    this.stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      if (this.#body) this.#passOn(this.#body, chunk, done);
      else this.#readHead(chunk, done);
    } catch (error) {
      // Our own side wrote it: an answer that cannot be said in HTTP/2 breaks off.
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    const { stream } = this;
    if (this.#body?.length.kind === 'close') this.#answered = true;
    if (!this.#answered) {
      done(new Error(BROKE_OFF));
      return;
    }
    if (!stream.writableEnded) stream.end();
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { stream } = this;
    this.#headBytes = undefined;
    if (!stream.closed && !stream.destroyed) {
      // `close` would first say that the answer is whole.
      if (!this.#answered) stream.destroy(new Error(BROKE_OFF));
      else if (!this.#requestEnded) stream.close(NGHTTP2_NO_ERROR);
    }
    // The session of HTTP/1.1 sees the end; the error itself is the stream's.
    done(error?.message === BROKE_OFF ? null : error);
  }

  #readBody(chunked: boolean): void {
    const { stream } = this;
    let trailers = '';
    stream.on('data', (chunk: Buffer) => {
      if (chunk.length === 0) return;
      const room = chunked
        ? this.give(
            Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
          )
        : this.give(chunk);
      if (!room) stream.pause();
    });
    stream.on('trailers', (headers: IncomingHttpHeaders) => {
      trailers = fieldLines(headers) ?? '';
    });
    stream.on('end', () => {
      if (this.destroyed || this.readableEnded || stream.aborted) return;
      this.#requestEnded = true;
      if (chunked) this.give(`0\r\n${trailers}\r\n`);
    });
  }

  #readHead(chunk: Buffer, done: (error?: Error | null) => void): void {
    let bytes = this.#headBytes ? Buffer.concat([this.#headBytes, chunk]) : chunk;
    this.#headBytes = undefined;
    while (!this.#body) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) {
        this.#headBytes = bytes;
        done();
        return;
      }
      const head = readResponseHead(bytes.toString('latin1', 0, end + 4));
      bytes = bytes.subarray(end + 4);
      if (head.status < 200) this.#interim(head);
      else this.#begin(head);
    }
    if (this.#body.ended) this.#ended();
    if (bytes.length > 0) this.#passOn(this.#body, bytes, done);
    else done();
  }

  #interim(head: ResponseHead): void {
    const { stream } = this;
    if (!stream.headersSent && !stream.closed)
      stream.additionalHeaders({ ...fieldsOfLines(head.fields.forward), ':status': head.status });
  }

  #begin(head: ResponseHead): void {
    const { fields } = head;
    const length = responseLength(this.#method, head);
    this.#body = new ResponseBody(length, (line) => {
      this.#trailers += `${line}\r\n`;
    });
    const headers = fieldsOfLines(fields.forward);
    const known = fields.contentLength >= 0 && !fields.chunked && head.status !== 204;
    // An answer of gRPC that is nothing but trailers has no length.
    const onlyTrailers =
      fields.contentLength === 0 && String(headers['content-type']).startsWith('application/grpc');
    if (known && !onlyTrailers) headers['content-length'] = fields.contentLength;
    if (this.stream.closed) return;
    const endStream = this.#body.ended;
    this.stream.respond(
      { ...headers, ':status': head.status },
      { endStream, waitForTrailers: !endStream && length.kind === 'chunked' },
    );
  }

  #passOn(body: ResponseBody, chunk: Buffer, done: (error?: Error | null) => void): void {
    const { stream } = this;
    const pieces: Buffer[] = [];
    if (!body.ended) {
      const end = body.read(chunk, 0, (piece) => pieces.push(piece));
      if (body.length.kind !== 'chunked' && end > 0) pieces.push(chunk.subarray(0, end));
    }
    if (body.ended) this.#answered = true;
    if (pieces.length > 0 && !stream.closed) {
      stream.write(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces), () => done());
    } else {
      done();
    }
    if (body.ended) this.#ended();
  }

  #ended(): void {
    this.#answered = true;
    if (!this.stream.writableEnded && !this.stream.closed) this.stream.end();
  }

  #sendTrailers(): void {
    const { stream } = this;
    if (stream.closed || stream.destroyed) return;
    stream.sendTrailers(fieldsOfLines(this.#trailers));
  }

  /** A request that has no place in HTTP/1.1. */
  #reject(status: number): void {
    const { stream } = this;
    if (status === 501 && !stream.headersSent) {
      this.#answered = true;
      stream.respond({ ':status': status }, { endStream: true });
    } else {
      stream.close(NGHTTP2_PROTOCOL_ERROR);
    }
    this.push(null);
  }
}
