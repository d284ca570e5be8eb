import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a load generator is asked to do to one peer. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: readonly string[];
  /** About so many requests per second in all instead of as many as can be, by random pauses of each connection. */
  readonly perSecond?: number;
  /** Every request over a connection of its own. */
  readonly fresh?: boolean;
  /** The processor that it runs on. */
  readonly cpu: number;
}

/** What came of it. */
export interface Loaded {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Refused, broken, timed out, or answered with another status than 2xx and 3xx. */
  readonly errors: number;
  /** Processor time of the peer's processes for one request. */
  readonly cpuUsPerRequest: number;
}

/** As a browser behind a gateway sends them. */
export const HEADERS = [
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Encoding: gzip, deflate, br',
  'Accept-Language: en-GB,en;q=0.5',
  'Cache-Control: no-cache',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark',
  'DNT: 1',
  'Origin: http://localhost',
  'Pragma: no-cache',
  'Referer: http://localhost/a/page/of/the/shop',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Site: same-origin',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'X-B3-SpanId: 0123456789abcdef',
  'X-B3-TraceId: 0123456789abcdef0123456789abcdef',
  'X-Client-Version: 4.20.1',
  'X-Correlation-Id: 7f4e1f0a-51aa-4f1c-9b9d-2f6d1f3f2f10',
  'X-Requested-With: XMLHttpRequest',
];

const TICKS_PER_SECOND = 100;

/** Processor seconds that the processes have used so far; those that are gone count as nothing. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  return ticks / TICKS_PER_SECOND;
}

export function residentMiB(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids)
    kib += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return kib / 1_024;
}

/** Runs wrk, pinned, against a peer of these processes. Throws with wrk's words when it fails. */
export async function wrk(load: Load, pids: readonly number[]): Promise<Loaded> {
  const dir = mkdtempSync(join(tmpdir(), 'longrun-wrk-'));
  try {
    const script = join(dir, 'load.lua');
    const pauseMs =
      load.perSecond === undefined ? 0 : Math.round((1_000 * load.connections) / load.perSecond);
    writeFileSync(script, pauseMs > 0 ? `function delay() return math.random(0, ${2 * pauseMs}) end\n` : '');
    const headers = [...(load.headers ?? []), ...(load.fresh ? ['Connection: close'] : [])];
    const before = cpuSeconds(pids);
    const text = await output('taskset', [
      '-c',
      String(load.cpu),
      'wrk',
      '-t1',
      `-c${load.connections}`,
      `-d${load.seconds}s`,
      '--latency',
      ...headers.flatMap((header) => ['-H', header]),
      '-s',
      script,
      load.url,
    ]);
    return { ...readWrk(text), cpuUsPerRequest: perRequest(cpuSeconds(pids) - before, text) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(text) : reject(new Error(`${program}: ${text}`))));
  });
}

function perRequest(seconds: number, text: string): number {
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? Number.NaN);
  return (1_000_000 * seconds) / requests;
}

function readWrk(text: string): Omit<Loaded, 'cpuUsPerRequest'> {
  const milliseconds = (label: string): number => {
    const found = new RegExp(`${label}\\s+([\\d.]+)(us|ms|s)`).exec(text);
    const unit = { us: 0.001, ms: 1, s: 1_000 }[found?.[2] ?? 'ms'] ?? 1;
    return Number(found?.[1] ?? Number.NaN) * unit;
  };
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? Number.NaN),
    p50Ms: milliseconds('50%'),
    p99Ms: milliseconds('99%'),
    errors: (socket ?? []).slice(1).reduce((sum, count) => sum + Number(count), bad),
  };
}

/** The run in the middle, by requests per second; its errors are those of all. */
export function medianOf(runs: readonly Loaded[]): Loaded {
  const sorted = [...runs].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error('nothing was measured');
  return { ...middle, errors: runs.reduce((sum, { errors }) => sum + errors, 0) };
}
