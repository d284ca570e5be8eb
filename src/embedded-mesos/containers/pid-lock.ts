import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { bootId, identityOf, lives } from './processes.js';

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly startTicks: number;
  readonly bootId: string;
}

/**
 * An exclusive lock file that names its holder by pid, start time and boot, so that a dead holder's lock is void however it
 * died and whoever has its pid now.
 */
export class PidLock {
  #held: string | undefined;

  constructor(private readonly path: string) {}

  /** Takes the lock. Returns undefined when it is ours, otherwise the live process that holds it. */
  take(): LockHolder | undefined {
    const self = identityOf(process.pid);
    if (!self) throw new Error('/proc does not show this process: is it mounted?');
    const record = `${JSON.stringify({ ...self, bootId: bootId() })}\n`;
    const mine = `${this.path}.${process.pid}`;
    writeFileSync(mine, record, { mode: 0o600 });
    try {
      for (;;) {
        try {
          linkSync(mine, this.path);
          this.#held = record;
          return undefined;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
        const holder = holderOf(this.path);
        if (holder && isAlive(holder)) return holder;
        this.#clear(holder);
      }
    } finally {
      rmSync(mine, { force: true });
    }
  }

  /** Moves a dead holder's lock away; puts it back when it turns out to be a newer, live one that raced with us. */
  #clear(dead: LockHolder | undefined): void {
    const aside = `${this.path}.void.${process.pid}`;
    try {
      renameSync(this.path, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const moved = holderOf(aside);
    if (moved && isAlive(moved) && moved.pid !== dead?.pid) {
      try {
        linkSync(aside, this.path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    rmSync(aside, { force: true });
  }

  /** Gives the lock back, unless it is no longer ours. */
  release(): void {
    if (this.#held === undefined) return;
    try {
      if (readFileSync(this.path, 'utf8') === this.#held) rmSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#held = undefined;
  }
}

/** The process named in a lock file, undefined when there is none or it is not readable as one. */
export function holderOf(path: string): LockHolder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<LockHolder>;
    const { pid, startTicks, bootId: boot } = value;
    if (typeof pid !== 'number' || typeof startTicks !== 'number' || typeof boot !== 'string') return undefined;
    return { pid, startTicks, bootId: boot };
  } catch {
    return undefined;
  }
}

/** Whether a lock's holder still runs. */
export function isAlive(holder: LockHolder): boolean {
  return holder.bootId === bootId() && lives(holder);
}
