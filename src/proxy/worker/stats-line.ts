import { connect, type Socket } from 'node:net';
import type { ProxyStats, ServiceStats } from '../stats/proxy-stats.js';
import { Slices } from '../stats/slices.js';

/** Services and servers in one line, about. */
const ROWS_PER_LINE = 40;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const NEWLINE = 10;

/** Statistics on their way between workers: a line of JSON with everything but the services, then lines of some services each. */
type StatsLine = ProxyStats | { readonly services: readonly ServiceStats[] };

/** Writes the statistics of a worker and ends the connection; others have their turn in between. */
export async function sendStats(socket: Socket, stats: ProxyStats): Promise<void> {
  const slices = new Slices();
  const { services } = stats;
  let room = socket.write(lineOf({ ...stats, services: [] }));
  for (let first = 0; first < services.length; ) {
    if (!room) await drained(socket);
    if (slices.over) await slices.rest();
    if (socket.destroyed) return;
    let end = first;
    for (let rows = 0; rows < ROWS_PER_LINE && end < services.length; end++)
      rows += 1 + (services[end]?.servers.length ?? 0);
    room = socket.write(lineOf({ services: services.slice(first, end) }));
    first = end;
  }
  socket.end();
}

/**
 * Asks a worker for its statistics; `request` is its line. Rejects when it is silent for `timeoutMs`. A worker of an earlier binary
 * tells all in one line.
 */
export function askStats(path: string, request: string, timeoutMs: number): Promise<ProxyStats> {
  return new Promise((resolve, reject) => {
    const slices = new Slices();
    const socket = connect(path);
    const services: ServiceStats[] = [];
    let head: ProxyStats | undefined;
    let rest: Buffer[] = [];
    let bytes = 0;
    const fail = (reason: unknown): void => {
      socket.destroy();
      reject(reason instanceof Error ? reason : new Error(String(reason)));
    };
    const take = (text: string): void => {
      const line = JSON.parse(text) as StatsLine;
      if ('workers' in line) head = line;
      for (const each of line.services) services.push(each);
    };
    const read = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes > MAX_ANSWER_BYTES) throw new Error(`the worker at ${path} answered too much`);
      let from = 0;
      for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
        take(Buffer.concat([...rest, piece.subarray(from, end)]).toString('utf8'));
        rest = [];
        from = end + 1;
      }
      if (from < piece.length) rest.push(piece.subarray(from));
      if (!slices.over) return;
      socket.pause();
      void slices.rest().then(() => socket.resume());
    };
    socket.setTimeout(timeoutMs, () =>
      fail(new Error(`the worker at ${path} did not answer within ${timeoutMs} ms`)),
    );
    socket.on('error', fail);
    socket.on('connect', () => socket.write(`${request}\n`));
    socket.on('data', (piece: Buffer) => {
      try {
        read(piece);
      } catch (error) {
        fail(error);
      }
    });
    socket.on('end', () => {
      socket.destroy();
      try {
        if (rest.length > 0) take(Buffer.concat(rest).toString('utf8'));
        if (head) resolve({ ...head, services });
        else reject(new Error(`the worker at ${path} broke off`));
      } catch (error) {
        fail(error);
      }
    });
  });
}

function lineOf(line: StatsLine): string {
  return `${JSON.stringify(line)}\n`;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resume) => {
    const over = (): void => {
      for (const event of ['drain', 'close'] as const) socket.removeListener(event, over);
      resume();
    };
    for (const event of ['drain', 'close'] as const) socket.once(event, over);
  });
}
