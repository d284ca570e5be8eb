import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Another living process holds the lock. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld';
  constructor(
    readonly file: string,
    readonly holder: ProcessIdentity,
  ) {
    super(`${file} is held by process ${holder.pid}`);
  }
}

/**
 * A lock file that names its holder by pid, start time and boot id, so that a dead holder never blocks anybody.
 * Taken atomically (link), released by `release` or by the holder's death.
 */
export class PidLock {
  #held = false;

  private constructor(readonly file: string) {}

  /** Takes the lock or throws LockHeld. */
  static take(file: string): PidLock {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const own = identify(process.pid);
    if (!own) throw new Error('this process cannot see itself in /proc');
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
    try {
      for (let attempt = 0; attempt < 5; attempt++) {
        try {
          linkSync(draft, file);
          const lock = new PidLock(file);
          lock.#held = true;
          return lock;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = PidLock.holder(file);
        if (holder) throw new LockHeld(file, holder);
        clearDead(file);
      }
      throw new Error(`${file} changes hands too often`);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** The living holder, if any. */
  static holder(file: string): ProcessIdentity | undefined {
    try {
      const holder = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
      return isAlive(holder) ? holder : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError)
        return undefined;
      throw error;
    }
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    rmSync(this.file, { force: true });
  }
}

/**
 * Takes a dead holder's lock out of the way. It is moved aside first and looked at again: another process may have
 * cleared and taken the lock since we read it, and then it gets it back.
 */
function clearDead(file: string): void {
  const aside = `${file}.dead.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const moved = PidLock.holder(aside);
    if (!moved) return;
    linkSync(aside, file);
    throw new LockHeld(file, moved);
  } finally {
    rmSync(aside, { force: true });
  }
}
