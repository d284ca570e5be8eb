import { randomUUID } from 'node:crypto';
import { constants, read } from 'node:fs';
import { chmod, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { download } from './download.js';
import { type CachedCopy, FetchFailure, type PlaceOrder } from './fetch-order.js';
import { FileSink } from './file-sink.js';
import { unpack } from './unpack.js';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Transfers of one task at a time. */
const PARALLEL = 4;
const CHUNK_BYTES = 256 * 1024;
/** While something is unpacked that is said this often. */
const UNPACKING_MS = 2_000;
const readAt = promisify(read);

type Item = PlaceOrder['items'][number];

/** Who hears how far it is. */
export interface Listener {
  readonly onBytes: (shown: string, bytes: number, totalBytes: number | undefined) => void;
  readonly onUnpacking: (shown: string, seconds: number) => void;
}

/**
 * Brings all files of a task into its sandbox: loads them side by side under names of their own, then gives them their names and
 * unpacks them, one after the other in their order. Throws FetchFailure that names the URI.
 */
export async function placeFiles(order: PlaceOrder, listener: Listener): Promise<void> {
  const loaded = new Map<number, string>();
  const waiting = [...order.items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, item] = next;
      loaded.set(index, await load(order, item, index, listener));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  for (const [index, item] of order.items.entries()) {
    const path = loaded.get(index);
    if (path !== undefined) await settle(order, item, path, listener);
  }
}

async function load(order: PlaceOrder, item: Item, index: number, { onBytes }: Listener): Promise<string> {
  const { sandbox, limitBytes, stallMs } = order;
  const path = join(sandbox, `.fetch-${randomUUID()}`);
  let total = item.copy?.bytes;
  const file = await open(path, NEW_FILE, 0o644);
  try {
    const sink = new FileSink(file.fd, limitBytes, (bytes) => onBytes(item.shown, bytes, total));
    if (item.copy) await copyInto(sink, item.copy, index);
    else
      await download(item.uri, sink, file.fd, { limitBytes, stallMs, onTotal: (bytes) => (total = bytes) });
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw named(item, error as Error);
  } finally {
    await file.close();
  }
}

function named({ shown }: Item, error: Error): FetchFailure {
  const more = error instanceof FetchFailure ? error.more : {};
  return new FetchFailure(`Failed to fetch ${shown}: ${error.message}`, more);
}

/** From the cache; what is not exactly what was put there is not used. */
async function copyInto(sink: FileSink, { fd, bytes, sha256 }: CachedCopy, index: number): Promise<void> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await readAt(fd, buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) break;
    await sink.take(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  if (sink.bytes !== bytes || sink.sha256() !== sha256)
    throw new FetchFailure('its copy in the cache is damaged', { damaged: index });
}

async function unpackAloud(
  { sandbox, limitBytes }: PlaceOrder,
  { name, shown }: Item,
  onUnpacking: Listener['onUnpacking'],
): Promise<boolean> {
  const beganMs = performance.now();
  const say = (): void => onUnpacking(shown, Math.round((performance.now() - beganMs) / 1000));
  const timer = setInterval(say, UNPACKING_MS);
  try {
    return await unpack(sandbox, name, limitBytes);
  } finally {
    clearInterval(timer);
  }
}

async function settle(order: PlaceOrder, item: Item, path: string, { onUnpacking }: Listener): Promise<void> {
  const { sandbox } = order;
  const { name, extract, executable, copy } = item;
  const target = join(sandbox, name);
  try {
    await makeFolders(sandbox, dirname(name));
    await rename(path, target);
    if (executable) await chmod(target, 0o755);
    const unpacked = extract && (await unpackAloud(order, item, onUnpacking));
    // As Mesos has it: an archive stays beside what was in it, unless the cache has it.
    if (unpacked && copy) await rm(target, { force: true });
  } catch (error) {
    throw named(item, error as Error);
  }
}

/** Over no link, which an archive might have brought. */
async function makeFolders(sandbox: string, folder: string): Promise<void> {
  if (folder === '.') return;
  let at = sandbox;
  for (const name of folder.split('/')) {
    at = join(at, name);
    await mkdir(at, { recursive: true, mode: 0o755 });
    if ((await lstat(at)).isSymbolicLink())
      throw new FetchFailure(`'${folder}' leads over a link in the sandbox`);
  }
}
