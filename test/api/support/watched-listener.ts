import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { gunzipSync, inflateSync } from 'node:zlib';
import { headerTexts, judgeAnswer, violationText } from '../../support/checked-answers.js';

interface Watched {
  readonly method: string;
  readonly path: string;
  readonly response: ServerResponse;
  readonly chunks: Buffer[];
  headers: Readonly<Record<string, string>>;
  ended: boolean;
}

/**
 * Sees every answer that goes out through a listener, whoever asked and however. Nothing is looked at before `check`: the
 * server's own time is not taken.
 */
export class AnswerWatch {
  #waiting: Watched[] = [];

  listener(inner: RequestListener): RequestListener {
    return (request, response) => {
      this.#watch(request, response);
      inner(request, response);
    };
  }

  /** Throws when an answer since the last look was not as the contract says. */
  check(): void {
    const done = this.#waiting.filter(({ ended }) => ended);
    this.#waiting = this.#waiting.filter(({ ended }) => !ended);
    const texts = done.flatMap((watched) => {
      const answer = {
        method: watched.method,
        path: watched.path,
        status: watched.response.statusCode,
        headers: watched.headers,
        body: watched.response.writableFinished || watched.response.writableEnded ? body(watched) : undefined,
      };
      const findings = judgeAnswer(answer);
      return findings.length > 0 ? [violationText(answer, findings)] : [];
    });
    if (texts.length > 0) throw new Error([...new Set(texts)].slice(0, 5).join('\n'));
  }

  #watch(request: IncomingMessage, response: ServerResponse): void {
    const watched: Watched = {
      method: request.method ?? '',
      path: request.url ?? '',
      response,
      chunks: [],
      headers: {},
      ended: false,
    };
    this.#waiting.push(watched);
    const { write, end, writeHead } = response;
    const keep = (chunk: unknown, encoding: unknown): void => {
      if (typeof chunk === 'string')
        watched.chunks.push(
          Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'),
        );
      else if (chunk instanceof Uint8Array) watched.chunks.push(Buffer.from(chunk));
    };
    let more: Readonly<Record<string, string>> = {};
    response.writeHead = ((...args: Parameters<typeof writeHead>) => {
      const given = args.find((argument) => typeof argument === 'object' && !Array.isArray(argument));
      more = headerTexts((given ?? {}) as Record<string, string>);
      return writeHead.apply(response, args);
    }) as typeof writeHead;
    response.write = ((...args: Parameters<typeof write>) => {
      keep(args[0], args[1]);
      return write.apply(response, args);
    }) as typeof write;
    response.end = ((...args: unknown[]) => {
      keep(args[0], args[1]);
      const answer = (end as (...all: unknown[]) => ServerResponse).apply(response, args);
      watched.headers = { ...headerTexts(response.getHeaders()), ...more };
      watched.ended = true;
      return answer;
    }) as typeof end;
    response.once('close', () => {
      if (watched.ended) return;
      // Torn or a stream: nothing but its head can be judged, and only when that went out.
      watched.headers = { ...headerTexts(response.getHeaders()), ...more };
      watched.chunks.length = 0;
      if (response.headersSent) watched.ended = true;
      else this.#waiting = this.#waiting.filter((one) => one !== watched);
    });
  }
}

function body({ chunks, headers }: Watched): Buffer {
  const bytes = Buffer.concat(chunks);
  const coding = headers['content-encoding'];
  if (coding === undefined || bytes.length === 0) return bytes;
  return coding === 'gzip' ? gunzipSync(bytes) : inflateSync(bytes);
}
