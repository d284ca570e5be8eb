import type { Clock, Timer } from '../../util/clock.js';

/** So long a newer table is hoped for. */
const PATIENCE_MS = 3_000;
/** Requests that hope at once; more are told at once. */
const MAX_WAITING = 1_000;
const TICK_MS = 200;
/** A tick that comes so late tells that this process stood still: it was stopped, or its machine slept. */
const FROZEN_MS = 1_000;

/**
 * Whether the table in force may have been overtaken while nobody told us: after this process stood still, and for a moment
 * after the line to the server broke. Requests that find none of its servers then need not fail: the newer table may be only
 * milliseconds away. Each doubt is short, so that without a server requests fail as quickly as ever.
 */
export class TableFreshness {
  readonly #waiting = new Set<() => void>();
  #doubt: Timer | undefined;
  #ticker: Timer | undefined;
  #lastTickMs = 0;

  constructor(
    private readonly clock: Clock,
    /** The process stood still: the whole table is needed anew. */
    private readonly onThaw: () => void,
  ) {}

  start(): void {
    this.#lastTickMs = this.clock.monotonicMs();
    this.#ticker = this.clock.every(TICK_MS, () => {
      const nowMs = this.clock.monotonicMs();
      const frozen = nowMs - this.#lastTickMs > FROZEN_MS;
      this.#lastTickMs = nowMs;
      if (!frozen) return;
      this.doubted();
      this.onThaw();
    });
  }

  stop(): void {
    this.#ticker?.cancel();
    this.confirmed();
  }

  /** There may be a newer table than ours. */
  doubted(): void {
    this.#doubt?.cancel();
    this.#doubt = this.clock.after(PATIENCE_MS, () => this.confirmed());
  }

  /** The whole table as the server has it is in force. */
  confirmed(): void {
    this.#doubt?.cancel();
    this.#doubt = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const goOn of waiting) goOn();
  }

  /**
   * `then` is called once there is a newer table, or none has come in time. Returns how to stop waiting; undefined: there is no
   * doubt, nothing to wait for.
   */
  wait(then: () => void): (() => void) | undefined {
    if (this.#doubt === undefined || this.#waiting.size >= MAX_WAITING) return undefined;
    this.#waiting.add(then);
    return () => void this.#waiting.delete(then);
  }
}
