import { closeSync, constants, fstatSync, lstatSync, opendirSync, openSync } from 'node:fs';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Each level of folders holds a descriptor while it is walked. */
const MAX_DEPTH = 500;
/** Files and folders that are counted; so many take some seconds. */
const MAX_ENTRIES = 1_000_000;
/** What lies on a disk is counted in these, whatever the file system's own are (st_blocks). */
const BLOCK_BYTES = 512;

export interface FolderSize {
  readonly bytes: number;
  readonly entries: number;
  /** Why the size is at least this much, but may be more. */
  readonly incomplete?: 'too deep' | 'too many entries';
}

interface Walk {
  bytes: number;
  entries: number;
  incomplete: FolderSize['incomplete'];
  readonly device: number;
  /** Files with several names, by their numbers: each counts once. */
  readonly linked: Set<number>;
}

/**
 * What a folder takes of its disk. Folders are opened one below the other and no link is followed, so that whatever its owner does
 * meanwhile the walk stays inside; other file systems that are mounted in there do not count. Throws the errors of open(2).
 */
export function walkFolder(path: string): FolderSize {
  const top = openSync(path, FOLDER);
  try {
    const { dev, blocks } = fstatSync(top);
    const walk: Walk = {
      bytes: blocks * BLOCK_BYTES,
      entries: 1,
      incomplete: undefined,
      device: dev,
      linked: new Set(),
    };
    walkBelow(top, walk, 1);
    const { bytes, entries, incomplete } = walk;
    return { bytes, entries, ...(incomplete !== undefined && { incomplete }) };
  } finally {
    closeSync(top);
  }
}

function walkBelow(folder: number, walk: Walk, depth: number): void {
  const listing = opendirSync(`/proc/self/fd/${folder}`);
  try {
    for (let entry = listing.readSync(); entry; entry = listing.readSync()) {
      if (walk.entries >= MAX_ENTRIES) {
        walk.incomplete = 'too many entries';
        return;
      }
      count(folder, entry.name, walk, depth);
    }
  } finally {
    listing.closeSync();
  }
}

function count(folder: number, name: string, walk: Walk, depth: number): void {
  const path = `/proc/self/fd/${folder}/${name}`;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats || stats.dev !== walk.device) return;
  walk.entries++;
  if (!stats.isDirectory()) {
    if (stats.nlink > 1) {
      if (walk.linked.has(stats.ino)) return;
      walk.linked.add(stats.ino);
    }
    walk.bytes += stats.blocks * BLOCK_BYTES;
    return;
  }
  walk.bytes += stats.blocks * BLOCK_BYTES;
  if (depth >= MAX_DEPTH) walk.incomplete = 'too deep';
  else enter(path, walk, depth);
}

function enter(path: string, walk: Walk, depth: number): void {
  let inner: number;
  try {
    inner = openSync(path, FOLDER);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It is gone, or something else by now: the next walk sees what.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return;
    // A folder that its owner closed to an agent that is not root: what lies in it cannot be counted.
    if (code === 'EACCES') return;
    throw error;
  }
  try {
    walkBelow(inner, walk, depth + 1);
  } finally {
    closeSync(inner);
  }
}
