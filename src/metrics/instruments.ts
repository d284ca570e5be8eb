import { type Distribution, distributionOf } from './decide/distribution.js';
import { type MovingRate, markRate, newRate, type RateSnapshot, rateSnapshot } from './decide/moving-rate.js';

/** A histogram remembers so many of its newest values: 8 KiB when it is full. */
export const RESERVOIR_VALUES = 1_024;

/** Only grows. */
export class Counter {
  #count = 0;

  /** `by` must not be negative; such and NaN are ignored, since a counter never falls. */
  inc(by = 1): void {
    if (by > 0) this.#count += by;
  }

  get count(): number {
    return this.#count;
  }
}

/** A value that is asked for when somebody looks, or set. */
export class Gauge {
  #value = 0;
  #read: (() => number) | undefined;

  set(value: number): void {
    this.#value = value;
  }

  /** Asks `read` from now on, instead of what was set. */
  readFrom(read: () => number): void {
    this.#read = read;
  }

  get value(): number {
    const value = this.#read ? this.#read() : this.#value;
    return Number.isFinite(value) ? value : 0;
  }
}

/** The distribution of the newest values. */
export class Histogram {
  #count = 0;
  #sum = 0;
  #values = new Float64Array(16);

  observe(value: number): void {
    if (!Number.isFinite(value)) return;
    const slot = this.#count % RESERVOIR_VALUES;
    if (slot >= this.#values.length) {
      const larger = new Float64Array(Math.min(RESERVOIR_VALUES, this.#values.length * 4));
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[slot] = value;
    this.#count++;
    this.#sum += value;
  }

  /** Values ever observed. */
  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  distribution(): Distribution {
    return distributionOf(this.#values.subarray(0, Math.min(this.#count, RESERVOIR_VALUES)));
  }
}

/** The rate of events. */
export class Meter {
  #rate: MovingRate;

  constructor(private readonly nowMs: () => number) {
    this.#rate = newRate(nowMs());
  }

  mark(by = 1): void {
    this.#rate = markRate(this.#rate, this.nowMs(), by);
  }

  rates(nowMs: number): RateSnapshot {
    return rateSnapshot(this.#rate, nowMs);
  }
}

/** Durations in seconds, and their rate. */
export class Timer {
  readonly durations = new Histogram();
  readonly meter: Meter;

  constructor(nowMs: () => number) {
    this.meter = new Meter(nowMs);
  }

  observe(seconds: number): void {
    this.durations.observe(seconds);
    this.meter.mark();
  }
}
