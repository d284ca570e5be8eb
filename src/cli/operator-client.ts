import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type Dispatcher, request } from 'undici';
import { notedApiCert } from '../config/work-dir.js';
import { tlsDispatcher } from './rest/server-connection.js';

/** An operator's command could not be carried out; the message says what to do. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
}

/** No server answered at all, as against one that refused. */
export class NoAnswer extends OperatorError {}

/** Talks to a running server with the work dir's token: down and backup. */
export class OperatorClient {
  readonly #token: string;
  readonly #dispatcher: Dispatcher | undefined;

  constructor(
    private readonly url: string,
    workDir: string,
  ) {
    this.#dispatcher = url.startsWith('https:') ? tlsDispatcher(undefined, notedApiCert(workDir)) : undefined;
    try {
      this.#token = readFileSync(join(workDir, 'token'), 'utf8').trim();
    } catch (error) {
      throw new OperatorError(
        `cannot read the token of the work dir ${workDir} (${error instanceof Error ? error.message : String(error)}); name the right one with --work-dir, as the user that runs longrun`,
      );
    }
  }

  async post(path: string): Promise<unknown> {
    const answer = await this.#request('POST', path);
    return answer.body.json();
  }

  async download(path: string): Promise<Readable> {
    return (await this.#request('GET', path)).body;
  }

  async #request(method: 'GET' | 'POST', path: string): Promise<Awaited<ReturnType<typeof request>>> {
    let answer: Awaited<ReturnType<typeof request>>;
    try {
      answer = await request(new URL(path, this.url), {
        method,
        headers: { authorization: `Bearer ${this.#token}` },
        ...(this.#dispatcher === undefined ? {} : { dispatcher: this.#dispatcher }),
      });
    } catch (error) {
      throw new NoAnswer(
        `no server answers at ${this.url} (${error instanceof Error ? error.message : String(error)}); is longrun up? Name another with --url`,
      );
    }
    if (answer.statusCode >= 400) {
      const body = (await answer.body.json().catch(() => ({}))) as { message?: string; hint?: string };
      throw new OperatorError(
        `${body.message ?? `the server answered ${answer.statusCode}`}${body.hint ? `\n${body.hint}` : ''}`,
      );
    }
    return answer;
  }
}
