import type { ArchiveEntry } from './archive-check.js';

const kinds: Readonly<Record<string, ArchiveEntry['kind']>> = {
  '-': 'file',
  C: 'file',
  d: 'folder',
  l: 'symlink',
  h: 'hardlink',
};

/** Mode, owner, size (devices: two numbers), day, time, quoted name, and of links the quoted target. */
const line =
  /^(.)([-rwxsStT]{9})\S? +\S+ +(\d+)(?:,\d+)? +\S+ +\S+ "((?:[^"\\]|\\.)*)"(?: (?:->|link to) "((?:[^"\\]|\\.)*)")?$/;

/**
 * One line of `tar --list --verbose --numeric-owner --quoting-style=c` in the C locale; undefined: not such a line. Other
 * kinds of entries than files, folders and links are `other`.
 */
export function parseTarLine(text: string): ArchiveEntry | undefined {
  const match = line.exec(text);
  if (!match) return undefined;
  const [, letter = '', permissions = '', size = '', name = '', target] = match;
  return {
    path: unquoted(name),
    kind: kinds[letter] ?? 'other',
    bytes: letter === '-' || letter === 'C' ? Number(size) : 0,
    mode: modeOf(permissions),
    ...(target !== undefined && { target: unquoted(target) }),
  };
}

/** `rwsr-xr-x` as bits. */
function modeOf(text: string): number {
  let mode = 0;
  for (const [index, letter] of [...text].entries()) {
    const bit = 0o400 >> index;
    if (letter !== '-' && letter !== 'S' && letter !== 'T') mode |= bit;
    if (/[sStT]/.test(letter)) mode |= index === 2 ? 0o4000 : index === 5 ? 0o2000 : 0o1000;
  }
  return mode;
}

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** A name as C writes it, its bytes one character each. */
function unquoted(text: string): string {
  return text.replaceAll(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (escapes[code] ?? code),
  );
}
