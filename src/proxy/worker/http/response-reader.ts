import type { Socket } from 'node:net';
import { ChunksBroken } from './chunked-body.js';
import { HeadRefused, MAX_HEAD_BYTES } from './head-fields.js';
import type { RequestHead } from './request-head.js';
import { ResponseBody, responseLength } from './response-body.js';
import { type ResponseHead, readResponseHead } from './response-head.js';

/** What a response's reader reports to its exchange. */
export interface ResponseSink {
  readonly retiring: boolean;
  readonly requestEnded: boolean;
  /** Header lines that the load balancer adds to the final answer, each with its line end. */
  readonly ownFields: string;
  /** The final answer's header lines as the client gets them. */
  linesToClient(lines: string): string;
  /** Where the answer goes. */
  readonly target: Socket;
  /** To the target, together with what others write in this turn of the event loop. */
  write(text: string): void;
  /** A final answer with this status has come: true when another server is asked instead of passing it on. */
  triesElsewhere(status: number): boolean;
  responseHead(status: number): void;
  /** All was passed on. `reusable`: the server keeps its connection; `extraBytes`: it sent more than its answer. */
  responseDone(reusable: boolean, extraBytes: number): void;
  responseBroken(reason: string): void;
  switched(head: string, first: Buffer): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
/** A head and a body up to this size go out as one string: one system call, no copying in between. */
const SMALL_BODY_BYTES = 16 * 1024;
/** Interim answers (1xx) before the final one. */
const MAX_INTERIM = 16;

/**
 * Reads a server's answer as it comes and passes it on: the head rewritten for the client's connection, the body as it is
 * (without its chunks for an HTTP/1.0 client), interim answers for HTTP/1.1 clients. Chunks are lent: what is kept is copied.
 */
export class ResponseReader {
  /** Bytes of the final answer went out. */
  started = false;
  /** The client's connection may carry another request after this answer. Valid once started. */
  keepAlive = false;
  /** The client can tell the end of the answer from the end of the connection. Valid once started. */
  delimited = false;
  #pending: Buffer | undefined;
  #body: ResponseBody | undefined;
  #reusable = false;
  #interim = 0;
  #over = false;
  readonly #unchunk: boolean;

  constructor(
    private readonly request: RequestHead,
    private readonly clientKeepAlive: boolean,
    private readonly sink: ResponseSink,
  ) {
    this.#unchunk = request.minor === 0;
  }

  /** The answer's end is its connection's end. */
  get endsWithConnection(): boolean {
    return this.#body?.length.kind === 'close';
  }

  /** Nothing was passed on; another server answers. */
  reset(): void {
    this.#pending = undefined;
    this.#interim = 0;
  }

  push(chunk: Buffer): void {
    try {
      if (this.#body) this.#passOn(chunk, 0, '');
      else this.#readHead(chunk);
    } catch (error) {
      if (!(error instanceof HeadRefused || error instanceof ChunksBroken)) throw error;
      this.#over = true;
      this.sink.responseBroken(error.message);
    }
  }

  #readHead(chunk: Buffer): void {
    let bytes = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk;
    this.#pending = undefined;
    while (!this.#over && !this.#body) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0 ? bytes.length > MAX_HEAD_BYTES : end > MAX_HEAD_BYTES)
        throw new HeadRefused('its head is too long', 502);
      if (end < 0) {
        if (bytes.length > 0) this.#pending = Buffer.from(bytes);
        return;
      }
      const head = readResponseHead(bytes.toString('latin1', 0, end + 4));
      bytes = bytes.subarray(end + 4);
      if (head.status < 200) this.#interimHead(head, bytes);
      else if (this.sink.triesElsewhere(head.status)) return;
      else this.#finalHead(head, bytes);
    }
  }

  #interimHead(head: ResponseHead, rest: Buffer): void {
    if (head.status === 101) {
      if (this.request.fields.upgrade === undefined)
        throw new HeadRefused('it switched protocols unasked', 502);
      const upgrade = head.fields.upgrade ?? this.request.fields.upgrade;
      this.#over = true;
      this.sink.responseHead(101);
      this.sink.switched(
        `${statusLine(head)}${head.fields.forward}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`,
        Buffer.from(rest),
      );
      return;
    }
    if (++this.#interim > MAX_INTERIM) throw new HeadRefused('too many interim answers', 502);
    if (this.request.minor === 1)
      this.sink.target.write(`${statusLine(head)}${head.fields.forward}\r\n`, 'latin1');
  }

  #finalHead(head: ResponseHead, rest: Buffer): void {
    const length = responseLength(this.request.method, head);
    this.#body = new ResponseBody(length);
    const { fields } = head;
    this.#reusable = length.kind !== 'close' && (head.minor === 1 ? !fields.close : fields.keepAlive);
    this.delimited = length.kind !== 'close' && !(length.kind === 'chunked' && this.#unchunk);
    this.keepAlive = this.clientKeepAlive && this.delimited && this.sink.requestEnded && !this.sink.retiring;
    this.started = true;
    let text = statusLine(head) + this.sink.linesToClient(fields.forward) + this.sink.ownFields;
    if (fields.chunked) text += this.#unchunk ? '' : 'Transfer-Encoding: chunked\r\n';
    else if (fields.contentLength >= 0 && head.status !== 204)
      text += `Content-Length: ${fields.contentLength}\r\n`;
    if (!this.keepAlive) text += 'Connection: close\r\n';
    else if (this.request.minor === 0) text += 'Connection: keep-alive\r\n';
    text += '\r\n';
    this.sink.responseHead(head.status);
    this.#passOn(rest, 0, text);
  }

  /** Sends `head` (if any) and what of `chunk` belongs to the body. */
  #passOn(chunk: Buffer, start: number, head: string): void {
    const body = this.#body;
    if (!body || this.#over) return;
    const { target } = this.sink;
    if (this.#unchunk && body.length.kind === 'chunked') {
      if (head !== '') target.write(head, 'latin1');
      const end = body.read(chunk, start, (piece) => target.write(Buffer.from(piece)));
      this.#finish(body, chunk.length - end);
      return;
    }
    const end = body.read(chunk, start);
    const bytes = end - start;
    if (head !== '' && bytes <= SMALL_BODY_BYTES) {
      this.sink.write(bytes === 0 ? head : head + chunk.toString('latin1', start, end));
    } else {
      if (head !== '') {
        target.cork();
        target.write(head, 'latin1');
      }
      if (bytes > 0) target.write(Buffer.from(chunk.subarray(start, end)));
      if (head !== '') target.uncork();
    }
    this.#finish(body, chunk.length - end);
  }

  #finish(body: ResponseBody, extraBytes: number): void {
    if (!body.ended) return;
    this.#over = true;
    this.sink.responseDone(this.#reusable, extraBytes);
  }
}

function statusLine(head: ResponseHead): string {
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
}
