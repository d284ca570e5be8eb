import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';
import type { NamesMessage } from './names-message.js';

/** The file follows the names at most so often. */
const PERIOD_MS = 500;

interface CachedNames {
  readonly format: 1;
  /** Boot id of this host when it was written: after a reboot nothing in it need be true. */
  readonly bootId: string;
  readonly names: NamesMessage;
}

/** The last names on disk: a name server that starts without a server answers by them. */
export class NamesCache {
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #complained = false;
  #stopped = false;

  constructor(
    private readonly file: string,
    private readonly bootId: string,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Undefined when there are none, or of another boot. */
  load(): NamesMessage | undefined {
    try {
      const cached = JSON.parse(readFileSync(this.file, 'utf8')) as Partial<CachedNames>;
      const usable =
        cached.format === 1 && cached.bootId === this.bootId && Array.isArray(cached.names?.apps);
      return usable ? cached.names : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn('the cached names cannot be read; waiting for the server', {
          file: this.file,
          error: String(error),
        });
      return undefined;
    }
  }

  /** Something changed: it will be written soon. */
  changed(names: () => NamesMessage): void {
    if (this.#stopped) return;
    this.#timer ??= this.clock.after(PERIOD_MS, () => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write(names()));
    });
  }

  /** Never rejects: without a cache names are still served. */
  async #write(names: NamesMessage): Promise<void> {
    const cached: CachedNames = { format: 1, bootId: this.bootId, names };
    const draft = `${this.file}.${process.pid}`;
    try {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
      const handle = await open(draft, 'w', 0o600);
      try {
        await handle.writeFile(JSON.stringify(cached));
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(draft, this.file);
      this.#complained = false;
    } catch (error) {
      if (!this.#complained)
        this.log.warn('the names cannot be cached on disk', { file: this.file, error: String(error) });
      this.#complained = true;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
