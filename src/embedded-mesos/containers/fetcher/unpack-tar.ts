import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ArchiveEntry } from '../decide/archive-check.js';
import { parseTarLine } from '../decide/tar-listing.js';
import { FetchFailure } from './fetch-order.js';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ERROR_TEXT_BYTES = 500;

/** What a program of this host is run with: nothing of ours, and messages in English. */
const environment = { PATH, LC_ALL: 'C', TZ: 'UTC' };

interface Program {
  readonly output: NodeJS.ReadableStream;
  /** Resolves when it ended well, throws FetchFailure with its words otherwise. */
  readonly ended: Promise<void>;
  kill(): void;
}

/** Starts a program of this host that unpacks something. */
export function startProgram(name: string, args: readonly string[]): Program {
  const child = spawn(name, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (words.length < ERROR_TEXT_BYTES) words += text.slice(0, ERROR_TEXT_BYTES - words.length);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? `this host has no program '${name}'` : error.message;
      reject(new FetchFailure(why));
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new FetchFailure(`${name} ended with ${code ?? signal}: ${words.trim() || 'no word'}`));
    });
  });
  // Its end is asked for after its output; a failure before that must not count as unheard.
  ended.catch(() => undefined);
  return { output: child.stdout, ended, kill: () => void child.kill('SIGKILL') };
}

/** What a tar file holds, packed or not, as the same program says that will unpack it. Throws FetchFailure. */
export async function listTar(path: string, maxEntries: number): Promise<readonly ArchiveEntry[]> {
  const args = [
    '--list',
    '--verbose',
    '--numeric-owner',
    '--quoting-style=c',
    '--force-local',
    '--file',
    path,
  ];
  const tar = startProgram('tar', args);
  const entries: ArchiveEntry[] = [];
  try {
    for await (const line of createInterface({ input: tar.output })) {
      const entry = parseTarLine(line);
      if (!entry) throw new FetchFailure(`its list cannot be read: ${line.slice(0, 200)}`);
      entries.push(entry);
      if (entries.length > maxEntries) throw new FetchFailure(`it has more than ${maxEntries} entries`);
    }
    await tar.ended;
  } finally {
    tar.kill();
  }
  return entries;
}

/** Unpacks a tar file whose list was found good. Throws FetchFailure. */
export async function extractTar(path: string, folder: string): Promise<void> {
  const options = ['--no-same-owner', '--no-same-permissions', '--force-local'];
  const tar = startProgram('tar', ['--extract', ...options, '--directory', folder, '--file', path]);
  tar.output.resume();
  await tar.ended;
}
