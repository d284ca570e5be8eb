import fc from 'fast-check';
import { distributionOf } from '../../src/metrics/decide/distribution.js';
import { markRate, newRate, rateSnapshot, tickTo } from '../../src/metrics/decide/moving-rate.js';
import { RESERVOIR_VALUES } from '../../src/metrics/instruments.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

describe('the metrics', () => {
  it('tell Prometheus also what other rooms keep, after their own', async () => {
    const metrics = new Metrics(new VirtualClock());
    metrics.counter('deployments.counter').inc();
    metrics.alsoExpose(async () => '# TYPE longrun_x gauge\nlongrun_x{app="/a"} 1\n');
    metrics.alsoExpose(async () => '');
    const text = await metrics.toPrometheus();
    expect(text.indexOf('marathon_deployments_counter 1')).toBeLessThan(
      text.indexOf('longrun_x{app="/a"} 1\n'),
    );
    expect(text.split('\n').filter((line) => line.startsWith('longrun_x'))).toHaveLength(1);
  });

  it('answer Marathon’s JSON, names prefixed, one section per kind', () => {
    const clock = new VirtualClock();
    const metrics = new Metrics(clock);
    metrics.counter('deployments.counter').inc();
    metrics.counter('deployments.counter').inc(2);
    let apps = 4;
    metrics.gauge('apps.active.gauge', () => apps);
    apps = 5;
    metrics.histogram('sizes.histogram').observe(10);
    metrics.meter('http.responses.2xx.rate.meter').mark();
    metrics.timer('http.requests.duration.timer.seconds').observe(0.25);
    clock.advance(10_000);
    const rates = { m1_rate: expect.any(Number), m5_rate: expect.any(Number), m15_rate: expect.any(Number) };
    const spread = (v: number) => ({
      min: v,
      mean: v,
      max: v,
      p50: v,
      p75: v,
      p95: v,
      p98: v,
      p99: v,
      p999: v,
      stddev: 0,
    });
    expect(metrics.toJson()).toEqual({
      version: '4.0.0',
      counters: { 'marathon.deployments.counter': { count: 3 } },
      gauges: { 'marathon.apps.active.gauge': { value: 5 } },
      histograms: { 'marathon.sizes.histogram': { count: 1, ...spread(10) } },
      meters: {
        'marathon.http.responses.2xx.rate.meter': {
          count: 1,
          ...rates,
          mean_rate: 0.1,
          units: 'events/second',
        },
      },
      timers: {
        'marathon.http.requests.duration.timer.seconds': {
          count: 1,
          ...spread(0.25),
          ...rates,
          mean_rate: 0.1,
          duration_units: 'seconds',
          rate_units: 'calls/second',
        },
      },
    });
  });

  it('answer the same in Prometheus’s text, every line well formed and no name declared twice', async () => {
    const clock = new VirtualClock();
    const metrics = new Metrics(clock);
    metrics.counter('mesos.calls.revive.counter').inc(7);
    metrics.gauge('instances.launch-overdue.gauge', () => Number.NaN);
    metrics.meter('http.responses.5xx.rate.meter').mark(3);
    for (let n = 1; n <= 100; n++) metrics.timer('http.requests.get.duration.timer.seconds').observe(n / 100);
    const text = await metrics.toPrometheus();
    const lines = text.split('\n').filter((line) => line !== '');
    for (const line of lines) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) [a-zA-Z_][a-zA-Z0-9_]* .+|[a-zA-Z_][a-zA-Z0-9_]*(\{quantile="[0-9.]+"\})? -?[0-9.e+-]+)$/,
      );
    }
    const declared = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2]);
    expect(new Set(declared).size).toBe(declared.length);
    expect(lines).toContain('marathon_mesos_calls_revive_counter 7');
    expect(lines).toContain('# TYPE marathon_mesos_calls_revive_counter counter');
    expect(lines).toContain('marathon_instances_launch_overdue_gauge 0');
    expect(lines).toContain('marathon_http_responses_5xx_rate_meter_count 3');
    expect(lines).toContain('# TYPE marathon_http_requests_get_duration_timer_seconds summary');
    expect(lines).toContain('marathon_http_requests_get_duration_timer_seconds{quantile="0.5"} 0.505');
    expect(lines).toContain('marathon_http_requests_get_duration_timer_seconds_count 100');
    expect(lines).toContain('marathon_http_requests_get_duration_timer_seconds_max 1');
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text.endsWith('\n')).toBe(true);
  });

  it('refuse one name for two kinds', () => {
    const metrics = new Metrics(new VirtualClock());
    metrics.counter('x');
    expect(() => metrics.gauge('x')).toThrow('the metric x is a counter, not a gauge');
  });

  it('never let a counter fall', () => {
    const counter = new Metrics(new VirtualClock()).counter('x');
    counter.inc(5);
    counter.inc(-3);
    counter.inc(Number.NaN);
    expect(counter.count).toBe(5);
  });

  it('keep a bounded number of values: a histogram shows the newest ones and counts all', () => {
    const histogram = new Metrics(new VirtualClock()).histogram('x');
    for (let n = 0; n < 100; n++) histogram.observe(1_000_000);
    for (let n = 0; n < RESERVOIR_VALUES; n++) histogram.observe(n);
    expect(histogram.count).toBe(RESERVOIR_VALUES + 100);
    expect(histogram.distribution()).toMatchObject({ min: 0, max: RESERVOIR_VALUES - 1 });
  });
});

describe('a moving rate', () => {
  it('comes to the true rate of a steady stream, and decays to half in the time its window says', () => {
    let rate = newRate(0);
    let now = 0;
    for (; now < 3_600_000; now += 1_000) rate = markRate(rate, now, 10);
    const steady = rateSnapshot(rate, now);
    for (const key of ['m1_rate', 'm5_rate', 'm15_rate', 'mean_rate'] as const)
      expect(steady[key]).toBeCloseTo(10, 0);
    const later = rateSnapshot(rate, now + 60_000);
    expect(later.m1_rate / steady.m1_rate).toBeCloseTo(Math.exp(-1), 1);
    expect(later.m15_rate).toBeGreaterThan(9);
  });

  it('is the same whether it is looked at on the way or only at the end', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20_000), fc.nat(50)), { minLength: 1, maxLength: 30 }),
        (steps) => {
          let [lazy, eager, now] = [newRate(0), newRate(0), 0];
          for (const [gap, by] of steps) {
            for (let t = now; t < now + gap; t += 1_700) eager = tickTo(eager, t);
            now += gap;
            lazy = markRate(lazy, now, by);
            eager = markRate(eager, now, by);
          }
          const [a, b] = [rateSnapshot(lazy, now + 60_000), rateSnapshot(eager, now + 60_000)];
          expect(a.count).toBe(b.count);
          for (const key of ['m1_rate', 'm5_rate', 'm15_rate', 'mean_rate'] as const)
            expect(a[key]).toBeCloseTo(b[key], 9);
        },
      ),
    );
  });
});

describe('a distribution', () => {
  it('has ordered quantiles between its extremes, and zeros when it is empty', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 60 }), (sample) => {
        const d = distributionOf(sample);
        const ordered = [d.min, d.p50, d.p75, d.p95, d.p98, d.p99, d.p999, d.max];
        for (let i = 1; i < ordered.length; i++)
          expect(ordered[i]).toBeGreaterThanOrEqual((ordered[i - 1] ?? 0) - 1e-6);
        // Adding 0 makes -0 the same as 0.
        expect(d.min + 0).toBe(sample.length > 0 ? Math.min(...sample) + 0 : 0);
        expect(d.stddev).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
