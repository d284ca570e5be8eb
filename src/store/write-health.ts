import type { Log } from '../logging/log.js';
import type { Clock, Timer } from '../util/clock.js';
import { StoreError, type StoreHealth } from './state-store.js';

/** How often a store that cannot be written tries again. */
export const PROBE_PERIOD_MS = 500;

/**
 * Whether writes work. After a failure it tries a small durable write every half second until one succeeds, so that the
 * store comes back by itself, also when nobody writes.
 */
export class WriteHealth {
  #health: StoreHealth = { writable: true };
  #timer: Timer | undefined;
  #probing = false;
  #stopped = false;
  readonly #listeners = new Set<(health: StoreHealth) => void>();

  /** `probe` makes one small durable write; it rejects with StoreError while writing does not work. */
  constructor(
    private readonly probe: () => Promise<void>,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  current(): StoreHealth {
    return this.#health;
  }

  onChange(listener: (health: StoreHealth) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A write failed: not writable from now on, until a probe succeeds. */
  failed(error: StoreError): void {
    if (this.#stopped) return;
    this.#become({ writable: false, code: error.code, message: error.message });
    this.#timer ??= this.clock.every(PROBE_PERIOD_MS, () => void this.#try());
  }

  /** Writing works again (a probe or a late flush said so). */
  succeeded(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#stopped) this.#become({ writable: true });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#listeners.clear();
  }

  async #try(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    try {
      await this.probe();
      this.succeeded();
    } catch (error) {
      const code = error instanceof StoreError ? error.code : 'store-failed';
      const message = error instanceof Error ? error.message : String(error);
      if (!this.#stopped) this.#become({ writable: false, code, message });
    } finally {
      this.#probing = false;
    }
  }

  #become(next: StoreHealth): void {
    const before = this.#health;
    this.#health = next;
    if (before.writable && next.writable) return;
    if (!before.writable && !next.writable && before.code === next.code) return;
    if (next.writable) this.log.info('the store can be written again');
    else this.log.error('the store cannot be written', { code: next.code, reason: next.message });
    for (const listener of this.#listeners) {
      try {
        listener(next);
      } catch (error) {
        this.log.error('a listener for the store’s health failed; the others are told', { error });
      }
    }
  }
}
