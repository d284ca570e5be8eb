import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dice } from '../../util/ids.js';

/**
 * Makes the agent's folder in a work dir and returns it. Tasks' users must be able to pass through to their sandboxes; they can
 * read nothing on the way.
 */
export function prepareAgentFolder(workDir: string): string {
  const folder = join(workDir, 'agent');
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (process.getuid?.() !== 0) return folder;
  for (const path of [workDir, folder]) {
    const { mode } = statSync(path);
    if ((mode & 0o011) !== 0o011) chmodSync(path, (mode & 0o7777) | 0o011);
  }
  return folder;
}

/** The id that everything of this work dir on the host is named by; made when there is none. */
export function instanceIdOf(workDir: string, dice: Dice): string {
  const path = join(workDir, 'instance-id');
  try {
    writeFileSync(path, `${dice.uuid().slice(0, 8)}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8').trim();
}
