import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../support/wait-for.js';

/** What came of a case. */
export interface Outcome {
  /** Statuses in a row, or `closed`. */
  readonly answer: string;
  /** The targets that the server saw. */
  readonly reached: readonly string[];
}

/** So long either load balancer waits for a client or a server here. */
export const LIMIT_MS = 250;
const PIECE_PAUSE_MS = 2;

/** A server with Node's own parser: it answers 200 to all that is in order, and keeps what it saw. */
export class Target {
  readonly seen: string[] = [];
  /** What its parser would not take. */
  refused = 0;
  private constructor(private readonly server: Server) {}

  static async start(): Promise<Target> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      request.resume();
      request.on('error', () => response.destroy());
      request.on('end', () => {
        target.seen.push(`${request.url} ${request.headers['x-case'] ?? ''}`);
        response.end('fine');
      });
    });
    const target = new Target(server);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') target.refused += 1;
      socket.destroy();
    });
    server.on('upgrade', (_request, socket) => socket.destroy());
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
    const limits = ['client', 'server', 'http-request', 'http-keep-alive'].map((name) => ` timeout ${name} ${LIMIT_MS}`);
    const lines = [
      'global',
      ' nbthread 1',
      ' maxconn 512',
      'defaults',
      ' mode http',
      ' timeout connect 1s',
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
  await waitFor(() => over, { what: () => `the end after ${JSON.stringify(text.slice(0, 300))}`, timeoutMs: 5_000 });
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
  const pieces = (typeof of.send === 'string' ? [of.send] : of.send).map((piece) => piece.replaceAll('@', id));
  const text = await talk(port, pieces, of.ends === true);
  const statuses = [...text.matchAll(/(?:^|fine|\n|\r\n\r\n)HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => status);
  return {
    answer: statuses.length > 0 ? statuses.join(' ') : 'closed',
    reached: target.seen.filter((seen) => seen.includes(id)),
  };
}
