import type { ArchiveEntry } from './archive-check.js';

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
export const END_BYTES = 22;
/** The end of a zip file: its record and the longest comment. */
export const LONGEST_END_BYTES = END_BYTES + 0xffff;
const ENTRY_BYTES = 46;
const MADE_BY_UNIX = 3;
const TYPE_BITS = 0o170000;
const SYMLINK = 0o120000;
const FILE = 0o100000;
const FOLDER = 0o040000;
const ENCRYPTED = 1;

/** An entry and where its content lies. A link's target is its content. */
export interface ZipEntry extends ArchiveEntry {
  readonly method: 'stored' | 'deflated';
  readonly packedBytes: number;
  readonly crc32: number;
  /** Of its local header in the file. */
  readonly offset: number;
}

export interface ZipEnd {
  readonly directoryOffset: number;
  readonly directoryBytes: number;
  readonly entries: number;
}

/** Finds the directory of a zip file from its last bytes; a string says why it cannot be. */
export function findZipEnd(tail: Buffer): ZipEnd | string {
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (
      tail.readUInt32LE(at) !== END_SIGNATURE ||
      at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.length
    )
      continue;
    const entries = tail.readUInt16LE(at + 10);
    const directoryBytes = tail.readUInt32LE(at + 12);
    const directoryOffset = tail.readUInt32LE(at + 16);
    if (entries === 0xffff || directoryBytes === 0xffffffff || directoryOffset === 0xffffffff)
      return 'it is a zip64 archive, which is not supported';
    if (entries !== tail.readUInt16LE(at + 8)) return 'it is one part of several';
    return { directoryOffset, directoryBytes, entries };
  }
  return 'it is no zip archive, or it is cut off';
}

/** All entries of a zip's directory; a string says what is wrong with it. */
export function readZipDirectory(directory: Buffer, count: number): readonly ZipEntry[] | string {
  const entries: ZipEntry[] = [];
  let at = 0;
  while (entries.length < count) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY_SIGNATURE)
      return 'its directory is damaged';
    const nameBytes = directory.readUInt16LE(at + 28);
    const end =
      at + ENTRY_BYTES + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    if (end > directory.length) return 'its directory is damaged';
    const entry = readEntry(directory, at, nameBytes);
    if (typeof entry === 'string') return entry;
    entries.push(entry);
    at = end;
  }
  return entries;
}

function readEntry(directory: Buffer, at: number, nameBytes: number): ZipEntry | string {
  const path = directory.toString('latin1', at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
  const shown = `'${path.slice(0, 100)}'`;
  if ((directory.readUInt16LE(at + 8) & ENCRYPTED) !== 0) return `${shown} is encrypted`;
  const method = directory.readUInt16LE(at + 10);
  if (method !== 0 && method !== 8) return `${shown} is packed in a way that is not supported (${method})`;
  const packedBytes = directory.readUInt32LE(at + 20);
  const bytes = directory.readUInt32LE(at + 24);
  const offset = directory.readUInt32LE(at + 42);
  if (packedBytes === 0xffffffff || bytes === 0xffffffff || offset === 0xffffffff)
    return 'it is a zip64 archive, which is not supported';
  const unix = directory[at + 5] === MADE_BY_UNIX ? directory.readUInt16LE(at + 40) : 0;
  const kind = kindOf(path, unix);
  return {
    path,
    kind,
    bytes,
    mode: unix === 0 ? (kind === 'folder' ? 0o755 : 0o644) : unix & 0o7777,
    method: method === 0 ? 'stored' : 'deflated',
    packedBytes,
    crc32: directory.readUInt32LE(at + 16),
    offset,
  };
}

function kindOf(path: string, unixMode: number): ArchiveEntry['kind'] {
  switch (unixMode & TYPE_BITS) {
    case SYMLINK:
      return 'symlink';
    case FOLDER:
      return 'folder';
    case FILE:
    case 0:
      return path.endsWith('/') ? 'folder' : 'file';
    default:
      return 'other';
  }
}
