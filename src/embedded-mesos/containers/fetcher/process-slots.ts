import { type FetchProcessOptions, type FetchResult, runFetchProcess } from './fetch-process.js';

/** So many processes fetch at a time; further ones wait. */
const MAX_PROCESSES = 8;

/** Runs fetching processes, only so many at once, in the order in which they are asked for. */
export class ProcessSlots {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(private readonly script: string) {}

  async run(options: Omit<FetchProcessOptions, 'script'>): Promise<FetchResult> {
    if (this.#running >= MAX_PROCESSES) await new Promise<void>((next) => this.#waiting.push(next));
    else this.#running++;
    try {
      return await runFetchProcess({ ...options, script: this.script });
    } finally {
      // The place is handed over, not given back, where somebody waits for it.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
