import type { CommandUri } from '../../protocol/v1.js';

/** A task may name no more files than this. */
export const MAX_FETCHED_FILES = 256;
const MAX_NAME_BYTES = 1_024;

/** One file that a task's sandbox is to have. */
export interface FetchItem {
  readonly uri: string;
  /** The URI as people may read it: without a password. */
  readonly shown: string;
  /** Where it goes, relative to the sandbox. */
  readonly name: string;
  readonly extract: boolean;
  readonly executable: boolean;
  readonly cache: boolean;
}

export type FetchPlan = { readonly items: readonly FetchItem[] } | { readonly problem: string };

/** What is to be fetched for a task, or why that cannot be. */
export function fetchPlan(uris: readonly CommandUri[]): FetchPlan {
  if (uris.length > MAX_FETCHED_FILES)
    return { problem: `it asks for ${uris.length} files; at most ${MAX_FETCHED_FILES} are fetched` };
  const items: FetchItem[] = [];
  for (const { value, extract, executable, cache, output_file } of uris) {
    const shown = shownUri(value);
    const asked = output_file ?? nameIn(value);
    const problem = uriProblem(value) ?? nameProblem(asked);
    if (problem !== undefined) return { problem: `Failed to fetch ${shown}: ${problem}` };
    items.push({
      uri: value,
      shown,
      name: namesOf(asked).join('/'),
      executable: executable ?? false,
      extract: (extract ?? true) && !executable,
      cache: cache ?? false,
    });
  }
  return { items };
}

/** Whether this is something that agents fetch: http, https, a file URI or an absolute path. */
export function uriProblem(uri: string): string | undefined {
  if (uri.includes('\0')) return 'it contains a NUL';
  if (uri.startsWith('/')) return undefined;
  if (!URL.canParse(uri)) return 'it is neither a URI nor an absolute path';
  const { protocol, host } = new URL(uri);
  if (protocol === 'http:' || protocol === 'https:') return undefined;
  if (protocol !== 'file:') return `${protocol}// is not fetched; http, https, file and absolute paths are`;
  return host === '' ? undefined : 'a file URI names no host: write file:///path';
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'it names no file; give a destPath';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return 'the name of its file is too long';
  if (name.startsWith('/') || name.includes('\0')) return `its file '${name}' must lie in the sandbox`;
  const parts = namesOf(name);
  if (parts.length === 0) return 'it names no file; give a destPath';
  return parts.includes('..') ? `its file '${name}' must lie in the sandbox, without '..'` : undefined;
}

const namesOf = (path: string): readonly string[] =>
  path.split('/').filter((part) => part !== '' && part !== '.');

/** The last name of a URI's path, as it is written there. */
function nameIn(uri: string): string {
  const path = uri.startsWith('/') || !URL.canParse(uri) ? uri : new URL(uri).pathname;
  const last = path.slice(path.lastIndexOf('/') + 1);
  if (uri.startsWith('/')) return last;
  try {
    const plain = decodeURIComponent(last);
    return plain.includes('/') ? last : plain;
  } catch {
    // Not an escaped name after all: it is taken as it is.
    return last;
  }
}

/** Without user, password and query, any of which may hold a secret. */
export function shownUri(uri: string): string {
  if (uri.startsWith('/') || !URL.canParse(uri)) return uri.slice(0, 200);
  const { protocol, host, pathname } = new URL(uri);
  return `${protocol}//${host}${pathname}`.slice(0, 200);
}

export type ArchiveKind = 'tar' | 'zip' | 'gzip' | 'bzip2' | 'xz';

const suffixes: readonly (readonly [string, ArchiveKind])[] = [
  ['.tar', 'tar'],
  ['.tar.gz', 'tar'],
  ['.tgz', 'tar'],
  ['.tar.bz2', 'tar'],
  ['.tbz2', 'tar'],
  ['.tar.xz', 'tar'],
  ['.txz', 'tar'],
  ['.zip', 'zip'],
  ['.gz', 'gzip'],
  ['.bz2', 'bzip2'],
  ['.xz', 'xz'],
];

/** What a file is by its name; undefined: nothing that is unpacked. `inner`: the name of a single packed file. */
export function archiveKind(name: string): { kind: ArchiveKind; inner: string } | undefined {
  const found = suffixes.find(([suffix]) => name.length > suffix.length && name.endsWith(suffix));
  return found && { kind: found[1], inner: name.slice(0, -found[0].length) };
}
