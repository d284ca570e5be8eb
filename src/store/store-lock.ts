import { join } from 'node:path';
import { LockHeld, PidLock } from '../util/pid-lock.js';
import { StoreError } from './state-store.js';

/** Takes the lock of a store's directory. Throws StoreError `store-failed` with a sentence that names the holder. */
export function takeStoreLock(dir: string): PidLock {
  try {
    return PidLock.take(join(dir, 'lock'));
  } catch (error) {
    if (!(error instanceof LockHeld)) throw error;
    const { pid, startTicks, bootId } = error.holder;
    throw new StoreError(
      'store-failed',
      `the store in ${dir} is in use by process ${pid} (started at tick ${startTicks} of boot ${bootId}): stop that process first`,
      { cause: error },
    );
  }
}
