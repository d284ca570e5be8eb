import { lstatSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** `f_type` of a tmpfs (statfs(2)). */
const TMPFS_MAGIC = 0x01021994;

/**
 * Where an agent may keep what is void after a boot anyway (records, pipes, scripts): a folder of its own, for its eyes only, in a
 * file system that lives in memory. On a disk's file system making and removing so many small files is what limits the
 * launches of a burst: on ext4 every third cycle of the processor went into finding free inodes. Undefined when there is no
 * such file system, or when somebody else has taken the name there.
 */
export function volatileFolder(instanceId: string): string | undefined {
  const uid = process.getuid?.();
  const bases = uid === 0 ? ['/run', '/dev/shm'] : [process.env['XDG_RUNTIME_DIR'] ?? '/dev/shm', '/dev/shm'];
  for (const base of bases) {
    const folder = join(base, `longrun-${instanceId}`);
    try {
      if (statfsSync(base).type !== TMPFS_MAGIC) continue;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const found = lstatSync(folder);
      if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0) return folder;
    } catch {
      // Not there, or not for us: the next one, or the work dir, does as well.
    }
  }
  return undefined;
}
