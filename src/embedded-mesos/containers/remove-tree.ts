import { execFile } from 'node:child_process';
import { lstat } from 'node:fs/promises';

const TEXT_BYTES = 1024 * 1024;

/**
 * Removes a folder that a task's user may write to, at this very moment: rm(1) goes from open folder to open folder, where a link
 * put in between would lead a removal by names anywhere. Stays on one file system. Nothing there: nothing to do.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const options = { env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }, maxBuffer: TEXT_BYTES };
  await new Promise<void>((resolve, reject) => {
    execFile('rm', ['-rf', '--one-file-system', '--', path], options, (error, _, words) => {
      if (error)
        reject(new Error(`${path} cannot be removed: ${words.trim().slice(0, 300) || error.message}`));
      else resolve();
    });
  });
}
