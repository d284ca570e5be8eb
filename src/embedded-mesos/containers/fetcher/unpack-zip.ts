import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import { findZipEnd, LONGEST_END_BYTES, readZipDirectory, type ZipEntry } from '../decide/zip-directory.js';
import { FetchFailure } from './fetch-order.js';

const MAX_DIRECTORY_BYTES = 32 * 1024 * 1024;
const MAX_TARGET_BYTES = 4_096;
const CHUNK_BYTES = 256 * 1024;
const LOCAL_HEADER_BYTES = 30;
const LOCAL_SIGNATURE = 0x04034b50;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What a zip file holds, the targets of its links included. Throws FetchFailure. */
export async function listZip(zip: FileHandle, maxEntries: number): Promise<readonly ZipEntry[]> {
  const { size } = await zip.stat();
  const tail = await readExactly(
    zip,
    Math.max(0, size - LONGEST_END_BYTES),
    Math.min(size, LONGEST_END_BYTES),
  );
  const end = findZipEnd(tail);
  if (typeof end === 'string') throw new FetchFailure(end);
  if (end.entries > maxEntries || end.directoryBytes > MAX_DIRECTORY_BYTES)
    throw new FetchFailure(`it has more than ${maxEntries} entries`);
  const directory = await readExactly(zip, end.directoryOffset, end.directoryBytes);
  const entries = readZipDirectory(directory, end.entries);
  if (typeof entries === 'string') throw new FetchFailure(entries);
  const known: ZipEntry[] = [];
  for (const entry of entries)
    known.push(entry.kind === 'symlink' ? { ...entry, target: await targetOf(zip, entry) } : entry);
  return known;
}

async function targetOf(zip: FileHandle, entry: ZipEntry): Promise<string> {
  if (entry.bytes > MAX_TARGET_BYTES)
    throw new FetchFailure(`the target of its link '${entry.path}' is too long`);
  const parts: Buffer[] = [];
  for await (const part of contentOf(zip, entry)) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}

async function readExactly(zip: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await zip.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new FetchFailure('it is cut off');
    done += bytesRead;
  }
  return buffer;
}

async function* bytesOf(zip: FileHandle, start: number, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < length; ) {
    const buffer = Buffer.alloc(Math.min(CHUNK_BYTES, length - at));
    const { bytesRead } = await zip.read(buffer, 0, buffer.length, start + at);
    if (bytesRead === 0) throw new FetchFailure('it is cut off');
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** An entry's bytes; throws FetchFailure when they are not as many, or not those, that the directory promises. */
async function* contentOf(zip: FileHandle, entry: ZipEntry): AsyncGenerator<Buffer> {
  const { path, method, bytes, packedBytes, offset } = entry;
  const header = await readExactly(zip, offset, LOCAL_HEADER_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw new FetchFailure(`its entry '${path}' is damaged`);
  const start = offset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = Readable.from(bytesOf(zip, start, packedBytes));
  const source = method === 'stored' ? packed : packed.pipe(createInflateRaw());
  packed.on('error', (error: Error) => source.destroy(error));
  let taken = 0;
  let sum = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      taken += chunk.length;
      if (taken > bytes) break;
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw new FetchFailure(`its entry '${path}' is damaged: ${(error as Error).message}`);
  } finally {
    packed.destroy();
  }
  if (taken !== bytes || sum !== entry.crc32)
    throw new FetchFailure(`its entry '${path}' is damaged: it is not what the directory says`);
}

const onDisk = (folder: string, path: string): Buffer => Buffer.from(join(folder, '.', path), 'latin1');

/** Unpacks a zip file whose list was found good. Links come last: nothing is written over one. Throws FetchFailure. */
export async function extractZip(
  zip: FileHandle,
  entries: readonly ZipEntry[],
  folder: string,
): Promise<void> {
  const root = Buffer.from(folder).toString('latin1');
  const made: ZipEntry[] = [];
  for (const entry of entries) {
    if (entry.kind === 'symlink') continue;
    const target = onDisk(root, entry.path.replace(/\/+$/, ''));
    if (entry.kind === 'folder') {
      await mkdir(target, { recursive: true, mode: 0o755 });
      made.push(entry);
      continue;
    }
    await mkdir(onDisk(root, dirname(entry.path)), { recursive: true, mode: 0o755 });
    await rm(target, { force: true });
    await writeEntry(zip, entry, target);
  }
  for (const { kind, path, target = '' } of entries) {
    if (kind !== 'symlink') continue;
    await mkdir(onDisk(root, dirname(path)), { recursive: true, mode: 0o755 });
    await rm(onDisk(root, path), { force: true });
    await symlink(Buffer.from(target, 'latin1'), onDisk(root, path));
  }
  // Deepest first: a folder may take away the right to enter it.
  for (const { path, mode } of made.reverse())
    await chmod(onDisk(root, path.replace(/\/+$/, '')), mode & 0o777);
}

async function writeEntry(zip: FileHandle, entry: ZipEntry, target: Buffer): Promise<void> {
  const file = await open(target, NEW_FILE, 0o600);
  try {
    for await (const chunk of contentOf(zip, entry)) await file.writeFile(chunk);
    await file.chmod(entry.mode & 0o777);
  } finally {
    await file.close();
  }
}
