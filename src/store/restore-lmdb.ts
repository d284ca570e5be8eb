import { existsSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { timestamp } from '../util/timestamp.js';
import { readBackup, syncDirectory } from './backup-file.js';
import { FORMAT_KEY, formatBytes, formatHistory, type Migration, migrationsFrom } from './format.js';
import type { EngineWrite } from './group-commit.js';
import { DATA_FILE, LmdbEnvironment } from './lmdb-environment.js';
import { checkKey, encodeRecord } from './record-codec.js';
import { takeStoreLock } from './store-lock.js';

/** Records per transaction while the new store is built. */
const BATCH_RECORDS = 2_000;

/**
 * Replaces the store in `dir` by the backup `file`. The whole backup is verified first (every checksum, the total, the
 * format), a new store is built beside the old one, then it takes the old one's place in one rename; the old data stays as
 * `data.mdb.before-restore-<time>`. Throws StoreError and leaves the old store as it is: `corrupt-record`, `format-too-new`,
 * `store-failed` when another process has it open. `file` that does not exist: the file system's ENOENT.
 */
export async function restoreLmdb(
  file: string,
  dir: string,
  migrations: readonly Migration[] = formatHistory,
): Promise<void> {
  const lock = takeStoreLock(dir);
  const building = join(dir, 'restoring');
  try {
    const refuseNewer = ({ format }: { readonly format: number }): void => {
      migrationsFrom(format, migrations, `the backup ${file}`);
    };
    const { format } = await readBackup(file, refuseNewer, ({ key }) => checkKey(key));
    await rm(building, { recursive: true, force: true });
    await build(file, building, format);
    await takePlace(building, dir);
  } finally {
    await rm(building, { recursive: true, force: true });
    lock.release();
  }
}

async function build(file: string, building: string, format: number): Promise<void> {
  const environment = new LmdbEnvironment(building);
  environment.open();
  try {
    let batch: EngineWrite[] = [{ key: FORMAT_KEY, bytes: formatBytes(format) }];
    await readBackup(
      file,
      () => undefined,
      async ({ key, value }) => {
        batch.push({ key, bytes: encodeRecord(key, value) });
        if (batch.length < BATCH_RECORDS) return;
        await environment.flush(batch);
        batch = [];
      },
    );
    if (batch.length > 0) await environment.flush(batch);
  } finally {
    await environment.close();
  }
}

async function takePlace(building: string, dir: string): Promise<void> {
  const data = join(dir, DATA_FILE);
  const at = timestamp(Date.now()).replaceAll(':', '');
  if (existsSync(data)) await link(data, `${data}.before-restore-${at}`);
  await rename(join(building, DATA_FILE), data);
  await syncDirectory(dir);
}
