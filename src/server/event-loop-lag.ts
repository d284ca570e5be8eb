import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '../metrics/metrics.js';
import type { Clock, Timer } from '../util/clock.js';

/**
 * How often the loop is asked whether it is late; a delay is known to a fraction of a millisecond all the same. Each time wakes the
 * process: asked five times as often, that was a third of all that an idle server did.
 */
const RESOLUTION_MS = 50;
/** What is shown covers at least one and at most two of these. */
const WINDOW_MS = 30_000;

/** Nanoseconds that include the period itself. */
interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * How late the event loop is: whatever waits for it waits so long. Gauges `event-loop.lag.{p50,p99,max}.gauge.seconds` over
 * about the last half minute: the greater of what the last whole window and the present one say.
 */
export class EventLoopLag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #last: Delays = { p50: 0, p99: 0, max: 0 };
  #timer: Timer | undefined;

  constructor(
    metrics: Metrics,
    private readonly clock: Clock,
  ) {
    this.#histogram.enable();
    for (const name of ['p50', 'p99', 'max'] as const)
      metrics.gauge(`event-loop.lag.${name}.gauge.seconds`, () =>
        lagSeconds(Math.max(this.#last[name], this.#now()[name])),
      );
  }

  #now(): Delays {
    const { count, max } = this.#histogram;
    if (count === 0) return { p50: 0, p99: 0, max: 0 };
    return { p50: this.#histogram.percentile(50), p99: this.#histogram.percentile(99), max };
  }

  start(): void {
    this.#timer = this.clock.every(WINDOW_MS, () => {
      this.#last = this.#now();
      this.#histogram.reset();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#histogram.disable();
  }
}

/** The histogram counts whole periods; what exceeds the period is the lag. */
function lagSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1_000);
}
