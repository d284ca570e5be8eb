import { readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { ProxyStats } from '../stats/proxy-stats.js';
import type { Wanted } from './stats-desk.js';
import { sendStats } from './stats-line.js';

/**
 * Each worker listens on a socket in the work dir's `run` directory (mode 0700), so that its siblings find its statistics
 * and the next parent finds the worker when its own parent is gone. One line of JSON each way per connection, but for statistics,
 * which are many.
 */
export type ControlRequest =
  | { readonly do: 'identify' }
  /** `inLines`: see stats-line.ts. Without it, who asks is of an earlier binary and reads one text. */
  | ({ readonly do: 'stats'; readonly inLines?: boolean } & Partial<Wanted>)
  /** Ask the server for the whole table anew. */
  | { readonly do: 'refetch' }
  | { readonly do: 'retire' }
  | { readonly do: 'exit' }
  /** End, and leave HAProxy running for who comes next. */
  | { readonly do: 'hand-over' };

export interface WorkerIdentity {
  readonly pid: number;
  readonly lbPort: number;
  readonly statsPort: number;
  /** Absent: no such port is open. */
  readonly appIdPort?: number;
  readonly httpsPort?: number;
  readonly retiring: boolean;
  /** Another program carries the traffic; absent: the worker itself does. */
  readonly plane?: 'haproxy';
}

export interface ControlAnswers {
  identify(): WorkerIdentity;
  stats(wanted: Wanted): Promise<ProxyStats>;
  refetch(): WorkerIdentity;
  /** Resolves when no socket is listened on any more. */
  retire(): Promise<WorkerIdentity>;
  exit(): WorkerIdentity;
  /** Absent: as `retire`. */
  handOver?(): Promise<WorkerIdentity>;
}

const MAX_REQUEST_BYTES = 16_384;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const namePattern = /^proxy-(\d+)\.sock$/;

export function controlSocketPath(runDir: string, pid: number): string {
  return join(runDir, `proxy-${pid}.sock`);
}

/** The sockets of all workers of a work dir, dead ones included. */
export function findControlSockets(
  runDir: string,
): readonly { readonly pid: number; readonly path: string }[] {
  let names: string[];
  try {
    names = readdirSync(runDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => {
    const pid = namePattern.exec(name)?.[1];
    return pid === undefined ? [] : [{ pid: Number(pid), path: join(runDir, name) }];
  });
}

/** Asks a worker; rejects when it does not answer in time. */
export function askWorker<T>(path: string, request: ControlRequest, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const pieces: Buffer[] = [];
    let bytes = 0;
    const fail = (reason: Error): void => {
      socket.destroy();
      reject(reason);
    };
    socket.setTimeout(timeoutMs, () =>
      fail(new Error(`the worker at ${path} did not answer within ${timeoutMs} ms`)),
    );
    socket.on('error', fail);
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > MAX_ANSWER_BYTES) fail(new Error(`the worker at ${path} answered too much`));
    });
    socket.on('end', () => {
      socket.destroy();
      try {
        resolve(JSON.parse(Buffer.concat(pieces).toString('utf8')) as T);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

/** The worker's end. */
export class ControlSocket {
  readonly #server: Server;

  constructor(
    private readonly path: string,
    answers: ControlAnswers,
    log: Log,
  ) {
    this.#server = createServer((socket) => {
      let text = '';
      socket.setTimeout(5_000, () => socket.destroy());
      socket.on('error', () => socket.destroy());
      socket.on('data', (piece: Buffer) => {
        text += piece.toString('utf8');
        if (text.length > MAX_REQUEST_BYTES) socket.destroy();
        if (!text.endsWith('\n')) return;
        socket.setTimeout(0);
        answer(text, answers, socket).catch((error: unknown) => {
          log.warn('a request on the control socket failed', { error: String(error) });
          socket.destroy();
        });
      });
    });
    this.#server.on('error', (error) =>
      log.error('the control socket cannot listen; the next start cannot find this worker', {
        path,
        error: error.message,
      }),
    );
  }

  open(): void {
    rmSync(this.path, { force: true });
    this.#server.listen(this.path);
    this.#server.unref();
  }

  close(): void {
    this.#server.close();
    rmSync(this.path, { force: true });
  }
}

async function answer(text: string, answers: ControlAnswers, socket: Socket): Promise<void> {
  const request = JSON.parse(text) as ControlRequest;
  if (request.do === 'stats' && request.inLines) {
    await sendStats(socket, await answers.stats({ ...request, detail: request.detail ?? 'all' }));
    return;
  }
  socket.end(JSON.stringify(await replyTo(request, answers)));
}

function replyTo(request: ControlRequest, answers: ControlAnswers): unknown {
  switch (request.do) {
    case 'identify':
      return answers.identify();
    case 'stats':
      return answers.stats({ ...request, detail: request.detail ?? 'all' });
    case 'refetch':
      return answers.refetch();
    case 'retire':
      return answers.retire();
    case 'exit':
      return answers.exit();
    case 'hand-over':
      return (answers.handOver ?? answers.retire)();
    default:
      throw new Error(`'${JSON.stringify(request)}' is no request`);
  }
}
