/**
 * A process of its own that fetches: for one task, or one file for the cache. It reads its order (one line of JSON), becomes the
 * task's user, says on standard output how it goes, and ends; it ends too, with all that it started, when its input does.
 */
import { createInterface } from 'node:readline';
import { download } from './download.js';
import { FetchFailure, type FetchOrder, type FetchSaying, type LoadOrder } from './fetch-order.js';
import { FileSink } from './file-sink.js';
import { placeFiles } from './place-files.js';

const PROGRESS_MS = 500;

function say(saying: FetchSaying): void {
  process.stdout.write(`${JSON.stringify(saying)}\n`);
}

/** For ever: nothing of root's is left that could be taken back. */
function become({ account }: FetchOrder): void {
  process.umask(0o022);
  if (!account || process.getuid?.() !== 0) return;
  process.setgroups?.([...account.groups]);
  process.setgid?.(account.gid);
  process.setuid?.(account.uid);
}

function progressOf(): (shown: string, bytes: number, totalBytes: number | undefined) => void {
  let againMs = 0;
  return (shown, bytes, totalBytes) => {
    const nowMs = performance.now();
    if (nowMs < againMs) return;
    againMs = nowMs + PROGRESS_MS;
    say({ type: 'progress', shown, bytes, ...(totalBytes !== undefined && { totalBytes }) });
  };
}

async function load(order: LoadOrder): Promise<FetchSaying> {
  const { uri, shown, fd, limitBytes, stallMs, validator } = order;
  const onProgress = progressOf();
  let total: number | undefined;
  const sink = new FileSink(fd, limitBytes, (bytes) => onProgress(shown, bytes, total));
  try {
    const found = await download(uri, sink, fd, {
      limitBytes,
      stallMs,
      ...(validator && { validator }),
      onTotal: (bytes) => (total = bytes),
    });
    if (found === 'unchanged') return { type: 'unchanged' };
    return { type: 'loaded', bytes: sink.bytes, sha256: sink.sha256(), validator: found };
  } catch (error) {
    const more = error instanceof FetchFailure ? error.more : {};
    return { type: 'failed', message: `Failed to fetch ${shown}: ${(error as Error).message}`, ...more };
  }
}

async function carryOut(order: FetchOrder): Promise<FetchSaying> {
  if (order.type === 'load') return load(order);
  try {
    await placeFiles(order, {
      onBytes: progressOf(),
      onUnpacking: (shown, unpackingSeconds) => say({ type: 'progress', shown, bytes: 0, unpackingSeconds }),
    });
    return { type: 'placed' };
  } catch (error) {
    const more = error instanceof FetchFailure ? error.more : {};
    return { type: 'failed', message: (error as Error).message, ...more };
  }
}

/** With tar and whatever else it started: they are of its own process group. */
function endAll(): never {
  process.kill(-process.pid, 'SIGKILL');
  throw new Error('unreachable');
}

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => {
  const order = JSON.parse(line) as FetchOrder;
  become(order);
  void carryOut(order).then((saying) => {
    process.stdout.write(`${JSON.stringify(saying)}\n`, () => process.exit(0));
  });
});
lines.once('close', endAll);
process.stdout.on('error', endAll);
