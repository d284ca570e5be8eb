import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';

/** The safety net under inotify, whose queue may overflow without a word. */
const POLL_MS = 5_000;

/** Tells of names that appear, change or vanish in one flat folder: at once by inotify, and by a slow poll in any case. */
export class FolderWatch {
  #watcher: FSWatcher | undefined;
  #timer: Timer | undefined;
  #reading = false;

  /** `onName` is called for every change and, at each poll, for every name there is; `onPolled` after each poll. */
  constructor(
    private readonly folder: string,
    private readonly onName: (name: string) => void,
    private readonly onPolled: () => void,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(): void {
    try {
      this.#watcher = watch(this.folder, { persistent: false }, (_event, name) => {
        if (name) this.onName(name);
      });
      this.#watcher.on('error', (error) => this.#withoutInotify(error));
    } catch (error) {
      this.#withoutInotify(error as Error);
    }
    this.#timer ??= this.clock.every(POLL_MS, () => void this.poll());
  }

  #withoutInotify(error: Error): void {
    this.log.warn('a folder cannot be watched; it is polled more often instead', {
      folder: this.folder,
      error: error.message,
    });
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#timer?.cancel();
    this.#timer = this.clock.every(POLL_MS / 20, () => void this.poll());
  }

  /** Looks at every name now. */
  async poll(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (const name of await readdir(this.folder)) if (this.#timer) this.onName(name);
      if (this.#timer) this.onPolled();
    } catch (error) {
      this.log.error('a folder cannot be read', { folder: this.folder, error: (error as Error).message });
    } finally {
      this.#reading = false;
    }
  }

  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
