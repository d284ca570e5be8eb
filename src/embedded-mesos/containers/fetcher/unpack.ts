import { constants } from 'node:fs';
import { lstat, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { type ArchiveEntry, checkArchive } from '../decide/archive-check.js';
import { archiveKind } from '../decide/fetch-plan.js';
import { FetchFailure } from './fetch-order.js';
import { FileSink } from './file-sink.js';
import { extractTar, listTar, startProgram } from './unpack-tar.js';
import { extractZip, listZip } from './unpack-zip.js';

/** An archive may have no more entries than this. */
const MAX_ENTRIES = 200_000;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Unpacks a file of a sandbox into the sandbox, if its name says that it is an archive; false when it does not. All that is
 * refused is refused before the first byte is unpacked. Throws FetchFailure.
 */
export async function unpack(sandbox: string, name: string, limitBytes: number): Promise<boolean> {
  const archive = archiveKind(name);
  if (!archive) return false;
  const path = join(sandbox, name);
  try {
    if (archive.kind === 'tar') {
      await requireGood(await listTar(path, MAX_ENTRIES), sandbox, limitBytes);
      await extractTar(path, sandbox);
    } else if (archive.kind === 'zip') {
      await unpackZip(path, sandbox, limitBytes);
    } else {
      await unpackSingle(path, archive.kind, join(sandbox, archive.inner), limitBytes);
    }
  } catch (error) {
    throw new FetchFailure(`it cannot be unpacked: ${(error as Error).message}`);
  }
  return true;
}

async function requireGood(
  entries: readonly ArchiveEntry[],
  sandbox: string,
  limitBytes: number,
): Promise<void> {
  const { problem, folders } = checkArchive(entries, { bytes: limitBytes, entries: MAX_ENTRIES });
  if (problem !== undefined) throw new FetchFailure(problem);
  for (const folder of folders) await requireNoLink(sandbox, folder);
}

/** What was fetched before may have put a link there. */
async function requireNoLink(sandbox: string, folder: string): Promise<void> {
  const path = Buffer.concat([Buffer.from(`${sandbox}/`), Buffer.from(folder, 'latin1')]);
  try {
    if ((await lstat(path)).isSymbolicLink())
      throw new FetchFailure(
        `'${folder.slice(0, 100)}' is a link in the sandbox that its entries lie behind`,
      );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function unpackZip(path: string, sandbox: string, limitBytes: number): Promise<void> {
  const zip = await open(path, READ);
  try {
    const entries = await listZip(zip, MAX_ENTRIES);
    await requireGood(entries, sandbox, limitBytes);
    await extractZip(zip, entries, sandbox);
  } finally {
    await zip.close();
  }
}

/** A single packed file, beside itself under its name without the suffix. */
async function unpackSingle(
  path: string,
  kind: 'gzip' | 'bzip2' | 'xz',
  target: string,
  limitBytes: number,
): Promise<void> {
  await rm(target, { force: true });
  const file = await open(target, NEW_FILE, 0o644);
  try {
    const sink = new FileSink(file.fd, limitBytes);
    if (kind === 'gzip') await gunzipInto(path, sink);
    else await runInto(kind, path, sink);
  } finally {
    await file.close();
  }
}

async function gunzipInto(path: string, sink: FileSink): Promise<void> {
  const packed = await open(path, READ);
  try {
    const source = packed.createReadStream({ autoClose: false });
    const plain = source.pipe(createGunzip());
    source.on('error', (error) => plain.destroy(error));
    for await (const chunk of plain as AsyncIterable<Buffer>) await sink.take(chunk);
  } finally {
    await packed.close();
  }
}

async function runInto(program: string, path: string, sink: FileSink): Promise<void> {
  const running = startProgram(program, ['--decompress', '--stdout', '--', path]);
  try {
    for await (const chunk of running.output) await sink.take(chunk as Buffer);
    await running.ended;
  } finally {
    running.kill();
  }
}
