import { request } from 'node:http';
import { connect } from 'node:net';

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
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
        timeout: 20_000,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', fail);
        response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, text }));
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer in 20 s')));
    sent.on('error', fail);
    sent.end(options.body);
  });
}

/** Sends these bytes as they are and answers everything that came back until the connection ended (or `limitMs`). */
export function sendRaw(url: string, text: string, limitMs = 5_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((done) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let received = '';
    const limit = setTimeout(() => socket.destroy(), limitMs);
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
