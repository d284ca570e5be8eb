import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '../metrics/metrics.js';
import type { Clock, Timer } from '../util/clock.js';

/** How often the loop is asked whether it is late; a delay is known to a fraction of a millisecond all the same. */
const RESOLUTION_MS = 20;
/** What is shown covers at least one and at most two of these. */
const WINDOW_MS = 30_000;

/**
 * How late the event loop is: whatever waits for it waits so long. Gauges `event-loop.lag.{p50,p99,max}.gauge.seconds` over
 * about the last half minute.
 */
export class EventLoopLag {
  #older: IntervalHistogram = started();
  #newer: IntervalHistogram = started();
  #timer: Timer | undefined;

  constructor(
    metrics: Metrics,
    private readonly clock: Clock,
  ) {
    metrics.gauge('event-loop.lag.p50.gauge.seconds', () => lagSeconds(this.#older.percentile(50)));
    metrics.gauge('event-loop.lag.p99.gauge.seconds', () => lagSeconds(this.#older.percentile(99)));
    metrics.gauge('event-loop.lag.max.gauge.seconds', () => lagSeconds(this.#older.max));
  }

  start(): void {
    this.#timer = this.clock.every(WINDOW_MS, () => {
      this.#older.disable();
      this.#older = this.#newer;
      this.#newer = started();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#older.disable();
    this.#newer.disable();
  }
}

function started(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return histogram;
}

/** The histogram counts whole periods; what exceeds the period is the lag. */
function lagSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1_000);
}
