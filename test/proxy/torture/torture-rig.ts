import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../support/wait-for.js';
import type { Answer } from './responses.js';

/** What came of a case. */
export interface Outcome {
  /** Statuses in a row, or `closed`. */
  readonly answer: string;
  /** The targets that the server saw. */
  readonly reached: readonly string[];
}

/** So long either load balancer waits for a client here. */
export const LIMIT_MS = 500;
/** And for a server. */
export const SERVER_LIMIT_MS = 4_000;
const PIECE_PAUSE_MS = 2;

/** A server with Node's own parser: it answers 200 to all that is in order, and keeps what it saw. */
export class Target {
  readonly seen: string[] = [];
  /** What its parser would not take. */
  refused = 0;
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Target> {
    const server = createServer(
      { keepAliveTimeout: 60_000, maxHeaderSize: 64 * 1_024 },
      (request, response) => {
        request.resume();
        request.on('error', () => response.destroy());
        request.on('end', () => {
          target.seen.push(`${request.url} ${request.headers['x-case'] ?? ''}`);
          response.end('fine');
        });
      },
    );
    const target = new Target(server);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') target.refused += 1;
      socket.destroy();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return target;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Whether HAProxy is installed here. */
export function hasHaproxy(): boolean {
  return spawnSync('haproxy', ['-v'], { stdio: 'ignore' }).status === 0;
}

/** The real HAProxy in front of a server, with the same time limits. */
export class Haproxy {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly dir: string,
  ) {}

  static async start(serverPort: number): Promise<Haproxy> {
    const dir = mkdtempSync(join(tmpdir(), 'torture-'));
    const port = await freePort();
    const file = join(dir, 'haproxy.cfg');
    const limits = ['client', 'http-request', 'http-keep-alive'].map(
      (name) => ` timeout ${name} ${LIMIT_MS}`,
    );
    const lines = [
      'global',
      ' nbthread 1',
      ' maxconn 512',
      'defaults',
      ' mode http',
      ' timeout connect 4s',
      ` timeout server ${SERVER_LIMIT_MS}`,
      ' retries 0',
      ...limits,
      'listen torture',
      ` bind 127.0.0.1:${port}`,
      ' option forwardfor',
      ` server one 127.0.0.1:${serverPort}`,
      '',
    ];
    writeFileSync(file, lines.join('\n'));
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' });
    await waitFor(() => answers(port), { what: 'HAProxy' });
    return new Haproxy(port, child, dir);
  }

  stop(): void {
    this.child.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Sends the pieces and reads until the other side is done with the connection. */
export async function talk(port: number, pieces: readonly string[], ends: boolean): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  let text = '';
  let over = false;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  for (const event of ['end', 'close'] as const)
    socket.on(event, () => {
      over = true;
    });
  socket.on('error', () => undefined);
  await new Promise<void>((connected) => socket.once('connect', () => connected()));
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await new Promise((later) => setTimeout(later, PIECE_PAUSE_MS));
    if (!over) socket.write(piece, 'latin1');
  }
  if (ends) socket.end();
  await waitFor(() => over, {
    what: () => `the end after ${JSON.stringify(text.slice(0, 300))}`,
    timeoutMs: 20_000,
  });
  socket.destroy();
  return text;
}

let numbers = 0;

/** Plays a case against a load balancer. */
export async function play(
  port: number,
  target: Target,
  of: { readonly send: string | readonly string[]; readonly ends?: true },
): Promise<Outcome> {
  numbers += 1;
  const id = `case-${numbers}.`;
  const pieces = (typeof of.send === 'string' ? [of.send] : of.send).map((piece) =>
    piece.replaceAll('~', id),
  );
  const text = await talk(port, pieces, of.ends === true);
  const statuses = [...text.matchAll(/(?:^|fine|\n|\r\n\r\n)HTTP\/1\.[01] (\d{3}) /g)].map(
    ([, status]) => status,
  );
  return {
    answer: statuses.length > 0 ? statuses.join(' ') : 'closed',
    reached: target.seen.filter((seen) => seen.includes(id)),
  };
}

export interface Liar {
  readonly port: number;
  /** A client got the head of its n-th answer. */
  headArrived(index: number): void;
  stop(): void;
}

/** A server that answers `/answer-<n>` as the n-th of `answers` says, everything else with 200 `fine`. */
export async function startLiar(answers: readonly Answer[]): Promise<Liar> {
  const sockets = new Set<Socket>();
  const arrived = new Set<number>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      const index = /^\w+ \/answer-(\d+) /.exec(text)?.[1];
      text = '';
      const answer = index === undefined ? undefined : answers[Number(index)];
      tell(socket, answer, () => arrived.has(Number(index))).catch(() => socket.destroy());
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    port: (server.address() as AddressInfo).port,
    headArrived: (index) => void arrived.add(index),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** @param headArrived did the client get the answer's head? What comes after a head depends on whether it was passed on */
async function tell(socket: Socket, answer: Answer | undefined, headArrived: () => boolean): Promise<void> {
  const send = answer?.send ?? 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine';
  let sent = '';
  const later = async (): Promise<void> => {
    if (sent.includes('\r\n\r\n'))
      await waitFor(() => headArrived() || socket.destroyed, { what: () => `the head of ${sent}` });
    await new Promise((passed) => setTimeout(passed, PIECE_PAUSE_MS));
  };
  for (const piece of typeof send === 'string' ? [send] : send) {
    if (sent !== '') await later();
    if (!socket.destroyed) socket.write(piece, 'latin1');
    sent += piece;
  }
  if (answer?.afterwards === 'close') socket.end();
  else if (answer?.afterwards === 'reset') {
    await later();
    socket.resetAndDestroy();
  }
}

/** What a strict client gets, as Answer.gets tells it, and then for a second request over the same agent. */
export async function ask(
  port: number,
  liar: Liar,
  index: number,
  method: 'GET' | 'HEAD' = 'GET',
): Promise<{ readonly got: string; readonly next: string }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const fetch = (path: string): Promise<string> =>
    new Promise((resolve) => {
      const headers = { Host: 'web.test' };
      const asked = request({ port, host: '127.0.0.1', path, method, agent, headers }, (response) => {
        if (path !== '/next') liar.headArrived(index);
        let body = '';
        const { statusCode } = response;
        response.on('data', (chunk) => {
          body += String(chunk);
        });
        response.on('end', () => resolve(`${statusCode} ${(statusCode ?? 0) > 499 ? 'page' : body}`));
        response.on('error', () => resolve(`${statusCode} cut`));
      });
      asked.on('error', (error: NodeJS.ErrnoException) => resolve(`failed: ${error.code}`));
      asked.end();
    });
  const got = await fetch(`/answer-${index}`);
  const next = await fetch('/next');
  agent.destroy();
  return { got, next };
}
