import type { ProbeResult, Prober, ProbeTarget } from '../health/health.js';
import type { Clock, Timer } from '../util/clock.js';

/** As the real prober: quick until the first success. */
const EAGER_FIRST_MS = 50;

export interface SimProberOptions {
  readonly clock: Clock;
  /** What the world answers to a probe of that address; undefined: a success. */
  readonly answer: (target: ProbeTarget) => string | undefined;
}

/** Probes simulated tasks by asking the world; the pace is that of the real prober. */
export class SimProber implements Prober {
  readonly #timers = new Map<string, Timer>();
  #onResult: (result: ProbeResult) => void = () => undefined;

  constructor(private readonly options: SimProberOptions) {}

  async start(onResult: (result: ProbeResult) => void): Promise<void> {
    this.#onResult = onResult;
  }

  add(target: ProbeTarget): void {
    this.remove(target.key);
    this.#probeAfter(target, target.eager ? Math.min(EAGER_FIRST_MS, target.intervalMs) : 0);
  }

  remove(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#onResult = () => undefined;
  }

  #probeAfter(target: ProbeTarget, delayMs: number): void {
    const timer = this.options.clock.after(delayMs, () => {
      if (this.#timers.get(target.key) !== timer) return;
      const cause = this.options.answer(target);
      const ok = cause === undefined;
      const isEager = target.eager && !ok && delayMs > 0;
      this.#probeAfter(target, isEager ? Math.min(delayMs * 2, target.intervalMs) : target.intervalMs);
      this.#onResult({ key: target.key, ok, ...(ok ? {} : { cause }), elapsedMs: 1 });
    });
    this.#timers.set(target.key, timer);
  }
}
