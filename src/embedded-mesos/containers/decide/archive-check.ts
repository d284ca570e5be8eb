/** What lies in an archive, as its own list says. */
export interface ArchiveEntry {
  /** As written there; bytes that are no text are kept as they are (latin1). */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'symlink' | 'hardlink' | 'other';
  readonly bytes: number;
  /** The twelve permission bits. */
  readonly mode: number;
  /** Of links. */
  readonly target?: string;
}

export interface ArchiveLimits {
  readonly bytes: number;
  readonly entries: number;
}

export interface ArchiveVerdict {
  /** Why the archive is refused. */
  readonly problem?: string;
  /** Every folder that an entry lies in, relative to the sandbox: none of them may be a link there. */
  readonly folders: readonly string[];
}

const SET_ID_BITS = 0o6000;

/**
 * Whether an archive may be unpacked into a sandbox. Refused: names that are absolute or have `..`, devices and pipes, setuid and
 * setgid files, and links that reach out, in themselves or by way of others:
 *
 * - An entry never lies below a link of the same archive, so that the folder of each entry is a real one.
 * - `..` stands only at the begin of a link's target, no more often than the link lies deep. From a real folder such a climb ends
 *   in the sandbox, and from there on the target only goes down, perhaps over links for which the same holds.
 * - A hard link leads to a file that came before it in the archive, never to a link, which it would put at another depth.
 */
export function checkArchive(entries: readonly ArchiveEntry[], limits: ArchiveLimits): ArchiveVerdict {
  if (entries.length > limits.entries) return refused(`it has more than ${limits.entries} entries`);
  const links = new Set<string>();
  const files = new Set<string>();
  const folders = new Set<string>();
  let bytes = 0;
  for (const entry of entries) {
    const parts = namesOf(entry.path);
    const problem = entryProblem(entry, parts);
    if (problem !== undefined) return refused(`${shown(entry.path)} ${problem}`);
    bytes += entry.bytes;
    const path = parts.join('/');
    if (entry.kind === 'hardlink' && !files.has(namesOf(entry.target ?? '').join('/')))
      return refused(
        `${shown(entry.path)} is a hard link to something that is no file before it in the archive`,
      );
    if (entry.kind === 'symlink') links.add(path);
    if (entry.kind === 'file' || entry.kind === 'hardlink') files.add(path);
    addFolders(folders, parts, entry.kind === 'folder');
  }
  for (const link of links) {
    if (files.has(link)) return refused(`${shown(link)} is a file and a link`);
  }
  if (bytes > limits.bytes)
    return refused(`it unpacks to ${bytes} bytes; at most ${limits.bytes} are unpacked`);
  for (const folder of folders) {
    if (links.has(folder)) return refused(`${shown(folder)} is a link that other entries lie behind`);
  }
  return { folders: [...folders] };
}

function refused(problem: string): ArchiveVerdict {
  return { problem, folders: [] };
}

const shown = (path: string): string => `'${path.slice(0, 100)}'`;

/** The names of a path; `.` and doubled slashes mean nothing. */
function namesOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function addFolders(folders: Set<string>, parts: readonly string[], itself: boolean): void {
  for (let length = itself ? parts.length : parts.length - 1; length > 0; length--) {
    const folder = parts.slice(0, length).join('/');
    if (folders.has(folder)) return;
    folders.add(folder);
  }
}

function entryProblem(
  { path, kind, mode, target }: ArchiveEntry,
  parts: readonly string[],
): string | undefined {
  const name = pathProblem(path, parts);
  if (name !== undefined) return name;
  switch (kind) {
    case 'other':
      return 'is a device, a pipe or something else that is no file, folder or link';
    case 'symlink':
      return symlinkProblem(target ?? '', parts.length - 1);
    case 'hardlink':
      return pathProblem(target ?? '', namesOf(target ?? '')) && `is a link that leads out of the sandbox`;
    default:
      return kind === 'file' && (mode & SET_ID_BITS) !== 0
        ? 'would run as another user (setuid or setgid)'
        : undefined;
  }
}

function pathProblem(path: string, parts: readonly string[]): string | undefined {
  if (path.includes('\0')) return 'has a NUL in its name';
  if (path.startsWith('/')) return 'has an absolute path';
  return parts.includes('..') ? "leads out of its folder with '..'" : undefined;
}

function symlinkProblem(target: string, depth: number): string | undefined {
  if (target === '' || target.startsWith('/') || target.includes('\0'))
    return 'is a link that leads out of the sandbox';
  const parts = namesOf(target);
  const down = parts.findIndex((part) => part !== '..');
  const climbs = down === -1 ? parts.length : down;
  if (climbs > depth) return 'is a link that leads out of the sandbox';
  return parts.slice(climbs).includes('..') ? "is a link with '..' after a name" : undefined;
}
