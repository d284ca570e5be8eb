import type { Clock } from '../util/clock.js';
import type { Distribution } from './decide/distribution.js';
import type { RateSnapshot } from './decide/moving-rate.js';
import { Counter, Gauge, Histogram, Meter, Timer } from './instruments.js';
import { PrometheusText, type Sample } from './prometheus-text.js';

export const DEFAULT_PREFIX = 'marathon';

/** The JSON of Marathon's `/metrics`. */
export interface MetricsJson {
  readonly version: '4.0.0';
  readonly counters: Readonly<Record<string, { readonly count: number }>>;
  readonly gauges: Readonly<Record<string, { readonly value: number }>>;
  readonly histograms: Readonly<Record<string, { readonly count: number } & Distribution>>;
  readonly meters: Readonly<Record<string, RateSnapshot & { readonly units: string }>>;
  readonly timers: Readonly<
    Record<
      string,
      RateSnapshot & Distribution & { readonly duration_units: string; readonly rate_units: string }
    >
  >;
}

interface Kinds {
  readonly counter: Counter;
  readonly gauge: Gauge;
  readonly histogram: Histogram;
  readonly meter: Meter;
  readonly timer: Timer;
}
type Kind = keyof Kinds;
type Instrument = { readonly [K in Kind]: { readonly kind: K; readonly it: Kinds[K] } }[Kind];

/**
 * The metrics of one process. Names are Marathon's, given without prefix (`apps.active.gauge`); asking twice for a name
 * gives the same instrument, asking for it as another kind is a defect and throws.
 */
export class Metrics {
  readonly #instruments = new Map<string, Instrument>();
  readonly #prometheus: PrometheusText;
  readonly #nowMs: () => number;
  readonly #further: (() => Promise<string>)[] = [];

  constructor(
    clock: Pick<Clock, 'monotonicMs'>,
    private readonly prefix = DEFAULT_PREFIX,
  ) {
    this.#nowMs = () => clock.monotonicMs();
    this.#prometheus = new PrometheusText();
  }

  counter(name: string): Counter {
    return this.#get('counter', name, () => ({ kind: 'counter', it: new Counter() })) as Counter;
  }

  /** With `read` the gauge asks it whenever somebody looks; without, it shows what was set. */
  gauge(name: string, read?: () => number): Gauge {
    const gauge = this.#get('gauge', name, () => ({ kind: 'gauge', it: new Gauge() })) as Gauge;
    if (read) gauge.readFrom(read);
    return gauge;
  }

  histogram(name: string): Histogram {
    return this.#get('histogram', name, () => ({ kind: 'histogram', it: new Histogram() })) as Histogram;
  }

  meter(name: string): Meter {
    return this.#get('meter', name, () => ({ kind: 'meter', it: new Meter(this.#nowMs) })) as Meter;
  }

  timer(name: string): Timer {
    return this.#get('timer', name, () => ({ kind: 'timer', it: new Timer(this.#nowMs) })) as Timer;
  }

  /** What `/metrics` answers by default. `nowMs` is monotonic. */
  toJson(nowMs: number = this.#nowMs()): MetricsJson {
    const json = {
      counters: {},
      gauges: {},
      histograms: {},
      meters: {},
      timers: {},
    } satisfies Partial<MetricsJson>;
    const into = (section: Record<string, unknown>, name: string, value: unknown): void => {
      section[`${this.prefix}.${name}`] = value;
    };
    for (const name of [...this.#instruments.keys()].sort()) {
      const instrument = this.#instruments.get(name);
      if (!instrument) continue;
      const { kind, it } = instrument;
      if (kind === 'counter') into(json.counters, name, { count: it.count });
      else if (kind === 'gauge') into(json.gauges, name, { value: it.value });
      else if (kind === 'histogram') into(json.histograms, name, { count: it.count, ...it.distribution() });
      else if (kind === 'meter') into(json.meters, name, { ...it.rates(nowMs), units: 'events/second' });
      else {
        into(json.timers, name, {
          ...it.durations.distribution(),
          ...it.meter.rates(nowMs),
          duration_units: 'seconds',
          rate_units: 'calls/second',
        });
      }
    }
    return { version: '4.0.0', ...json };
  }

  /** Prometheus text exposition 0.0.4 of the same, plus the process's own basics (`process_cpu_seconds_total` and so on). */
  async toPrometheus(nowMs: number = this.#nowMs()): Promise<string> {
    const samples: Sample[] = [];
    for (const [name, { kind, it }] of this.#instruments) {
      const full = `${this.prefix}.${name}`;
      if (kind === 'counter') samples.push({ kind, name: full, value: it.count });
      else if (kind === 'gauge') samples.push({ kind, name: full, value: it.value });
      else if (kind === 'histogram') {
        samples.push({
          kind: 'summary',
          name: full,
          count: it.count,
          sum: it.sum,
          distribution: it.distribution(),
        });
      } else if (kind === 'meter') samples.push({ kind: 'rates', name: full, rates: it.rates(nowMs) });
      else {
        const { count, sum } = it.durations;
        const distribution = it.durations.distribution();
        samples.push({ kind: 'summary', name: full, count, sum, distribution, rates: it.meter.rates(nowMs) });
      }
    }
    const texts = [await this.#prometheus.render(samples)];
    for (const write of this.#further) texts.push(await write());
    return texts.filter((text) => text !== '').join('\n');
  }

  /** Text that stands after the metrics in Prometheus's exposition: series with labels, which other rooms keep. */
  alsoExpose(write: () => Promise<string>): void {
    this.#further.push(write);
  }

  #get(kind: Kind, name: string, make: () => Instrument): Instrument['it'] {
    const known = this.#instruments.get(name);
    if (known) {
      if (known.kind !== kind) throw new Error(`the metric ${name} is a ${known.kind}, not a ${kind}`);
      return known.it;
    }
    const made = make();
    this.#instruments.set(name, made);
    return made.it;
  }
}
