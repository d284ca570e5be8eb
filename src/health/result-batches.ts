import type { NumberedResult } from './prober-messages.js';

/** A batch is sent when so many results wait, or after this time. */
export const BATCH_RESULTS = 256;
export const BATCH_DELAY_MS = 10;

/**
 * Collects results into batches, one on its way at a time. While the reader does not keep up only the newest result of each
 * target is kept, so that the memory is bounded by the number of targets and a server that slept hears one verdict each,
 * not a backlog of failures.
 */
export class ResultBatches {
  #waiting = new Map<string, NumberedResult>();
  #sending = false;
  #timer: { cancel(): void } | undefined;

  /** `send` calls `sent` when the reader's side has taken the batch. */
  constructor(
    private readonly send: (results: readonly NumberedResult[], sent: () => void) => void,
    private readonly after: (delayMs: number, run: () => void) => { cancel(): void },
  ) {}

  push(result: NumberedResult): void {
    this.#waiting.delete(result.key);
    this.#waiting.set(result.key, result);
    if (this.#waiting.size >= BATCH_RESULTS) this.#flush();
    else this.#timer ??= this.after(BATCH_DELAY_MS, () => this.#flush());
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#sending || this.#waiting.size === 0) return;
    this.#sending = true;
    const results = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.send(results, () => {
      this.#sending = false;
      this.#flush();
    });
  }
}
