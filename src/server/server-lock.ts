import { join } from 'node:path';
import type { WorkDir } from '../config/work-dir.js';
import type { Clock } from '../util/clock.js';
import { LockHeld, PidLock } from '../util/pid-lock.js';

/** A server whose parent was killed needs a moment to end; its successor waits so long for it. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 20;

/** Takes the work dir's store for this process; waits for a predecessor that is about to end. */
export async function takeServerLock(workDir: WorkDir, clock: Clock): Promise<PidLock> {
  const deadline = clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    try {
      return PidLock.take(join(workDir.run, 'server.lock'));
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      if (clock.monotonicMs() > deadline) {
        throw new Error(
          `another longrun server (process ${error.holder.pid}) runs on ${workDir.path}; stop it, or give this one its own --work-dir`,
        );
      }
    }
    await new Promise<void>((again) => {
      setTimeout(again, PAUSE_MS);
    });
  }
}
