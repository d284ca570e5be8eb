import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Never waits: a task may have made a pipe with no writer. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens what lies below `top`, one name at a time and relative to the folder before it, following no link: whatever a task
 * does to its sandbox meanwhile, nothing outside of it is ever opened. Throws the errors of open(2); ELOOP or ENOTDIR for links.
 */
export async function openBelow(top: string, names: readonly string[]): Promise<FileHandle> {
  let handle = await open(top, FOLDER);
  for (const [index, name] of names.entries()) {
    const parent = handle;
    try {
      handle = await open(`/proc/self/fd/${parent.fd}/${name}`, index === names.length - 1 ? FILE : FOLDER);
    } finally {
      await parent.close();
    }
  }
  return handle;
}
