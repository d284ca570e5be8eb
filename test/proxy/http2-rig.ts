import {
  type ClientHttp2Session,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';

/** What came of a request over HTTP/2. */
export interface Http2Answer {
  readonly headers: IncomingHttpHeaders & { readonly ':status'?: number };
  readonly interim: readonly number[];
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

/** A server that speaks HTTP/2 without TLS, as gRPC servers do. */
export class Http2Backend {
  readonly sessions = new Set<ServerHttp2Session>();
  port = 0;
  connections = 0;

  private constructor(readonly server: Http2Server) {
    server.on('session', (session) => {
      this.connections += 1;
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
    });
  }

  static async start(
    onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  ): Promise<Http2Backend> {
    const backend = new Http2Backend(createServer());
    backend.server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      onStream(stream, headers);
    });
    await new Promise<void>((listening) => backend.server.listen(0, '127.0.0.1', listening));
    backend.port = (backend.server.address() as AddressInfo).port;
    return backend;
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }
}

/** A session with the load balancer, at `http://` (known in advance) or `https://`. */
export async function http2Client(
  url: string,
  options: { readonly servername?: string; readonly ca?: string } = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, options);
  session.on('error', () => undefined);
  await new Promise<void>((connected, failed) => {
    session.once('connect', () => connected());
    session.once('error', failed);
  });
  return session;
}

/** Sends a request with a body and waits for all of the answer. Rejects when the stream is reset. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let answer: Http2Answer['headers'] = {};
    let trailers: IncomingHttpHeaders = {};
    const interim: number[] = [];
    const pieces: Buffer[] = [];
    stream.on('headers', (fields) => interim.push(fields[':status'] ?? 0));
    stream.on('response', (fields) => {
      answer = fields as Http2Answer['headers'];
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode !== 0) reject(new Error(`reset with ${stream.rstCode}`));
      else resolve({ headers: answer, interim, body: Buffer.concat(pieces).toString('latin1'), trailers });
    });
    if (body !== undefined) stream.end(body);
  });
}
