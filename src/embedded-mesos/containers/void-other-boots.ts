import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bootId } from '../../util/process-identity.js';
import type { RunFiles } from './run-files.js';

/** Throws away records of another boot: they name processes that cannot live any more, by pids that now may be anybody's. */
export async function voidOtherBoots(files: RunFiles): Promise<void> {
  const path = join(files.runtime, 'boot-id');
  const now = bootId();
  if (existsSync(path) && readFileSync(path, 'utf8') === now) return;
  for (const folder of [files.records, files.pipes, files.scripts]) {
    for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
  }
  await writeFile(path, now, { mode: 0o600 });
}
