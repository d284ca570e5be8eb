import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { TrafficBook } from '../../src/proxy/control/traffic-book.js';
import { SLOT_MS, WINDOW_MS } from '../../src/proxy/control/traffic-window.js';
import {
  addSparse,
  bucketEndMs,
  LATENCY_BUCKETS,
  latencyBucket,
  octaveEdgesS,
  octaveOf,
  quantileMs,
  sparse,
} from '../../src/proxy/stats/latency-buckets.js';
import { trafficExposition } from '../../src/proxy/stats/traffic-exposition.js';
import { PAST_SECONDS, Rate } from '../../src/proxy/worker/counters.js';
import { RECENT_PERIOD_MS, RecentRequests } from '../../src/proxy/worker/traffic/recent-requests.js';
import {
  MAX_VERSIONS,
  OTHER_VERSIONS,
  ServiceTraffic,
} from '../../src/proxy/worker/traffic/service-traffic.js';
import { Traffic } from '../../src/proxy/worker/traffic/traffic.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service, webApp } from './rig.js';

const durations = fc.double({ min: 0, max: 200_000, noNaN: true });

describe('latency buckets', () => {
  it('hold every duration between their edges, in order', () => {
    fc.assert(
      fc.property(durations, (ms) => {
        const bucket = latencyBucket(ms);
        const from = bucket === 0 ? 0 : bucketEndMs(bucket - 1);
        expect(ms).toBeGreaterThanOrEqual(from);
        expect(ms).toBeLessThan(bucketEndMs(bucket));
        expect(bucket).toBeLessThan(LATENCY_BUCKETS);
      }),
    );
  });

  it('tell a quantile to a quarter, whatever was measured', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.5, 0.95, 0.99),
        (samples, share) => {
          const counts = new Uint32Array(LATENCY_BUCKETS);
          for (const ms of samples) counts[latencyBucket(ms)] = (counts[latencyBucket(ms)] ?? 0) + 1;
          const sorted = [...samples].sort((a, b) => a - b);
          const real = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
          const told = quantileMs(counts, share) ?? 0;
          expect(told).toBeGreaterThanOrEqual(real / 1.26);
          expect(told).toBeLessThanOrEqual(real * 1.26);
        },
      ),
    );
  });

  it('count a duration below every edge of Prometheus that it is below', () => {
    fc.assert(
      fc.property(durations, (ms) => {
        const octave = octaveOf(latencyBucket(ms));
        octaveEdgesS.forEach((edgeS, i) => {
          expect(octave <= i).toBe(ms < edgeS * 1_000);
        });
      }),
    );
  });

  it('survive the line, and nonsense from it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { minLength: LATENCY_BUCKETS, maxLength: LATENCY_BUCKETS }),
        (counts) => {
          const again = new Uint32Array(LATENCY_BUCKETS);
          addSparse(again, sparse(counts));
          expect([...again]).toEqual(counts);
        },
      ),
    );
    const kept = new Uint32Array(LATENCY_BUCKETS);
    addSparse(kept, [-1, 5, 1e9, 5, 0.5, 5, 3]);
    expect([...kept].every((count) => count === 0)).toBe(true);
  });
});

describe('what is remembered of the last minute', () => {
  it('is half a minute to a whole one of requests', () => {
    const recent = new RecentRequests();
    recent.add(true, 3, 0);
    recent.add(false, 3, RECENT_PERIOD_MS);
    expect(recent.stats(RECENT_PERIOD_MS)).toMatchObject({ requests: 2, errors: 1 });
    expect(recent.stats(2 * RECENT_PERIOD_MS)).toMatchObject({ requests: 1, errors: 0 });
    expect(recent.stats(5 * RECENT_PERIOD_MS).buckets.every((count) => count === 0)).toBe(true);
  });

  it('is the count of each of 60 seconds, those without requests too', () => {
    const rate = new Rate();
    rate.rememberPast();
    for (const ms of [0, 10, 1_000, 4_500]) rate.add(ms);
    expect(rate.past(6_000).slice(-6)).toEqual([2, 1, 0, 0, 1, 0]);
    expect(rate.past(6_000)).toHaveLength(PAST_SECONDS);
    expect(rate.past(66_000).reduce((sum, each) => sum + each, 0)).toBe(0);
  });
});

describe('versions of an app', () => {
  it('are told apart, the newest five; of older ones nothing is lost', () => {
    const traffic = new ServiceTraffic();
    const names = Array.from({ length: 9 }, (_, i) => `2026-01-0${i + 1}T00:00:00.000Z`);
    for (const name of names) traffic.version(name).add(200, false, 5, 20, 0);
    traffic.version(names[0] ?? '').add(200, true, 5, 20, 0);
    expect(traffic.versions.map(({ version }) => version)).toEqual([
      OTHER_VERSIONS,
      ...names.slice(-MAX_VERSIONS),
    ]);
    expect(traffic.versions[0]?.stats(0)).toMatchObject({ requests: 5, errors: 1 });
    expect(traffic.versions[0]?.unreported.take()).toMatchObject({ requests: 5, errors: 1 });
  });
});

describe('what a worker tells of how requests went', () => {
  it('is by version and instance, once, and failures count for the version that failed', async () => {
    const good = await Backend.answering('four');
    const bad = await Backend.start((socket) => {
      socket.write('HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n');
    });
    const plane = await Plane.start([
      service([
        { ...serverAt(good.port, 'good.1'), version: '2026-01-01T00:00:00.000Z' },
        { ...serverAt(bad.port, 'bad.1'), version: '2026-02-02T00:00:00.000Z' },
      ]),
    ]);
    plane.own(good);
    plane.own(bad);
    const traffic = new Traffic();
    let ended = 0;
    Object.assign(plane.shared, {
      exchangeEnded: (record: Parameters<Traffic['ended']>[0]) => {
        traffic.ended(record);
        ended += 1;
      },
    });
    const client = await plane.client();
    for (let i = 1; i <= 4; i++) {
      client.send(get());
      await waitFor(() => ended === i);
    }
    expect(traffic.take()).toEqual({
      '/shop/web:10000': {
        appId: webApp,
        versions: {
          '2026-01-01T00:00:00.000Z': { requests: 2, errors: 0, buckets: expect.any(Array) },
          '2026-02-02T00:00:00.000Z': { requests: 2, errors: 2, buckets: expect.any(Array) },
        },
        instances: {
          'good.1': { requests: 2, errors: 0, buckets: expect.any(Array) },
          'bad.1': { requests: 2, errors: 2, buckets: expect.any(Array) },
        },
      },
    });
    expect(traffic.take()).toBeUndefined();
    await plane.close();
  });
});

describe('the traffic book', () => {
  const appId = '/web' as AppId;
  const report = (requests: number, errors: number, bucket = 20) => ({
    '/web:10000': {
      appId,
      versions: { v1: { requests, errors, buckets: [bucket, requests] } },
      instances: { t1: { requests, errors, buckets: [bucket, requests] } },
    },
  });

  it('adds up what proxies tell, over the last minute', () => {
    const book = new TrafficBook();
    for (let at = 0; at < WINDOW_MS; at += SLOT_MS / 2) {
      book.take(report(50, 1), at);
      book.take(report(50, 1), at);
    }
    const traffic = book.of(appId, WINDOW_MS - 1);
    expect(traffic?.all.requests).toBe(1_200);
    expect(traffic?.all.requestsPerSecond).toBeCloseTo(20, 1);
    expect(traffic?.all.errorShare).toBeCloseTo(0.02);
    expect(traffic?.versions.get('v1')).toEqual(traffic?.all);
    expect(traffic?.instances.get('t1')?.p50).toBeGreaterThan(bucketEndMs(19));
  });

  it('is told for Prometheus, by app version', async () => {
    const book = new TrafficBook();
    book.take(report(60, 3), 0);
    const told = await trafficExposition({
      trafficApps: () => book.apps(),
      versionTraffic: (app) => book.versions(app, WINDOW_MS - 1),
    });
    const lines = told.trimEnd().split('\n');
    const of = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}{`));
    const labels = `app="${appId}",version="v1"`;
    expect(of('longrun_app_requests_per_second')).toEqual([
      expect.stringMatching(`^longrun_app_requests_per_second{${labels}} 1(\\.0+\\d+)?$`),
    ]);
    expect(of('longrun_app_request_errors_ratio')).toEqual([
      `longrun_app_request_errors_ratio{${labels}} 0.05`,
    ]);
    expect(
      of('longrun_app_request_latency_seconds').map((line) => /quantile="([^"]+)"/.exec(line)?.[1]),
    ).toEqual(['0.5', '0.95', '0.99']);
    const later = {
      trafficApps: () => book.apps(),
      versionTraffic: () => book.versions(appId, 10 * WINDOW_MS),
    };
    expect(await trafficExposition(later)).toBe('');
  });

  it('forgets what is older', () => {
    const book = new TrafficBook();
    book.take(report(50, 1), 0);
    expect(book.of(appId, WINDOW_MS - 1)?.all.requests).toBe(50);
    expect(book.of(appId, WINDOW_MS + SLOT_MS)).toBeUndefined();
  });
});
