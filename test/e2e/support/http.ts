import { request } from 'node:http';
import { connect } from 'node:net';
import { expectContractAnswer, headerTexts } from '../../support/checked-answers.js';
import { patience } from '../../support/wait-for.js';

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/** The APIs whose answers are held against openapi.yaml. */
const apis = new Set<string>();

/** From now on `ask` fails when this API answers what openapi.yaml does not say. */
export function checkAnswersOf(url: string): void {
  apis.add(new URL(url).origin);
}

/** One request on a connection of its own, with any Host, method, path and headers. */
export function ask(
  url: string,
  options: {
    method?: string;
    path?: string;
    host?: string;
    headers?: Record<string, string>;
    body?: string | Buffer;
  } = {},
): Promise<Got> {
  return new Promise((done, fail) => {
    const sent = request(
      url,
      {
        method: options.method ?? 'GET',
        ...(options.path === undefined ? {} : { path: options.path }),
        headers: { ...(options.host === undefined ? {} : { host: options.host }), ...options.headers },
        agent: false,
        timeout: 20_000 * patience,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', fail);
        response.on('end', () => {
          const got = { status: response.statusCode ?? 0, headers: response.headers, text };
          try {
            if (apis.has(new URL(url).origin)) checkGot(url, options, got);
            done(got);
          } catch (error) {
            fail(error);
          }
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${20 * patience} s`)));
    sent.on('error', fail);
    sent.end(options.body);
  });
}

function checkGot(url: string, { method = 'GET', path }: { method?: string; path?: string }, got: Got): void {
  const { pathname, search } = new URL(url);
  expectContractAnswer({
    method,
    path: path ?? pathname + search,
    status: got.status,
    headers: headerTexts(got.headers),
    body: Buffer.from(got.text),
  });
}

/** Sends these bytes as they are and answers everything that came back until the connection ended (or `limitMs`). */
export function sendRaw(url: string, text: string, limitMs = 5_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((done) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = '';
    const limit = setTimeout(() => socket.destroy(), limitMs * patience);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      received += chunk;
      if (/^HTTP\/1\.1 \d{3}/.test(received) && received.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(limit);
      done(received);
    });
  });
}
