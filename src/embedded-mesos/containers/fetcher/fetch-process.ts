import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { FetchOrder, FetchSaying } from './fetch-order.js';

/** Keeps a process small that mostly moves bytes; lists of large archives need some room. */
const NODE_FLAGS = ['--max-semi-space-size=2', '--max-old-space-size=192', '--v8-pool-size=1'];
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ERROR_TEXT_BYTES = 500;

export type FetchResult = Exclude<FetchSaying, { type: 'progress' }>;
export type FetchProgress = Extract<FetchSaying, { type: 'progress' }>;

export interface FetchProcessOptions {
  /** The compiled `fetcher/main.js`. */
  readonly script: string;
  readonly order: FetchOrder;
  /** Open files that it inherits, as descriptors 3, 4 ... */
  readonly files: readonly number[];
  readonly onProgress: (progress: FetchProgress) => void;
  /** Aborted: the process and all that it started are killed. */
  readonly signal: AbortSignal;
}

/**
 * Runs one order in a process of its own, which ends with this one whatever happens. Resolves when it is gone; a process that
 * ends without a word has failed.
 */
export function runFetchProcess(options: FetchProcessOptions): Promise<FetchResult> {
  const { script, order, files, onProgress, signal } = options;
  if (signal.aborted) return Promise.resolve({ type: 'failed', message: 'cancelled' });
  const certificates = process.env['NODE_EXTRA_CA_CERTS'];
  const child = spawn(process.execPath, [...NODE_FLAGS, script], {
    env: { PATH, ...(certificates !== undefined && { NODE_EXTRA_CA_CERTS: certificates }) },
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...files],
  });
  const { stdin, stdout, stderr, pid } = child;
  if (!stdin || !stdout || !stderr) throw new Error('the fetching process has no pipes');
  const kill = (): void => {
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  let result: FetchResult | undefined;
  let words = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    if (words.length < ERROR_TEXT_BYTES) words += text.slice(0, ERROR_TEXT_BYTES - words.length);
  });
  createInterface({ input: stdout }).on('line', (line) => {
    const saying = parseSaying(line);
    if (saying?.type === 'progress') onProgress(saying);
    else if (saying) result = saying;
  });
  // It may be gone already: its end says so.
  stdin.on('error', () => undefined);
  stdin.write(`${JSON.stringify(order)}\n`);
  signal.addEventListener('abort', kill);
  return new Promise((resolve) => {
    let failure: string | undefined;
    child.once('error', (error) => {
      failure = error.message;
      if (pid === undefined)
        resolve({ type: 'failed', message: `the fetcher cannot be started: ${failure}` });
    });
    child.once('close', (code, signalName) => {
      signal.removeEventListener('abort', kill);
      kill();
      const why = failure ?? (words.trim() || `it ended with ${code ?? signalName}`);
      resolve(result ?? { type: 'failed', message: `the fetcher failed: ${why}` });
    });
  });
}

function parseSaying(line: string): FetchSaying | undefined {
  try {
    return JSON.parse(line) as FetchSaying;
  } catch {
    // Half a line of a process that was killed: its end says so.
    return undefined;
  }
}
