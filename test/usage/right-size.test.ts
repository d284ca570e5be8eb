import fc from 'fast-check';
import { LEAST_POINTS, rightSize, type SizedApp } from '../../src/usage/decide/right-size.js';
import type { UsagePoint } from '../../src/usage/decide/usage-points.js';

const app: SizedApp = { instances: 4, cpus: 1, memMiB: 512, outOfMemoryEnds: 0 };
const point = (peakCpus: number, peakMemMiB: number, throttled = 0): UsagePoint => ({
  atMs: 0,
  instances: 4,
  cpus: 4 * peakCpus,
  memMiB: 4 * peakMemMiB,
  peakCpus,
  peakMemMiB,
  throttled,
  requestedCpus: 4,
  requestedMemMiB: 2_048,
});
const points = (count: number, peakCpus: number, peakMemMiB: number, throttled = 0): UsagePoint[] =>
  Array.from({ length: count }, () => point(peakCpus, peakMemMiB, throttled));

describe('the right size', () => {
  it('is unknown before enough was seen', () => {
    expect(rightSize(app, points(LEAST_POINTS - 1, 0.1, 50))).toMatchObject({ verdict: 'unknown' });
    expect(rightSize(app, points(LEAST_POINTS - 1, 0.1, 50)).patch).toBeUndefined();
  });

  it('of an app that asks for much more than it uses is smaller, with room, and says what that frees', () => {
    const advice = rightSize(app, [...points(99, 0.1, 60), point(0.9, 61)]);
    expect(advice.verdict).toBe('too-much');
    expect(advice.patch).toEqual({ cpus: 0.15, mem: 80 });
    expect(advice.cpus).toEqual({ requested: 1, p95: 0.1, p99: 0.1, max: 0.9, advised: 0.15 });
    expect(advice.memMiB).toEqual({ requested: 512, p95: 60, p99: 60, max: 61, advised: 80 });
    expect(advice.text).toContain('would free 3.4 cpus and 1728 MiB.');
  });

  it('of an app at its limits is larger', () => {
    expect(rightSize(app, points(100, 1.6, 505))).toMatchObject({
      verdict: 'too-little',
      patch: { cpus: 2.1, mem: 640 },
    });
  });

  it('is left alone when the difference is not worth a restart', () => {
    expect(rightSize(app, points(100, 0.7, 400))).toMatchObject({ verdict: 'fits' });
    expect(rightSize({ ...app, cpus: 0.05, memMiB: 48 }, points(100, 0.001, 1))).toMatchObject({
      verdict: 'fits',
    });
  });

  it('is never less memory when tasks ran out of it, nor less cpu when a quota holds them back', () => {
    const killed = rightSize({ ...app, outOfMemoryEnds: 2 }, points(100, 0.1, 20));
    expect(killed.patch?.mem).toBe(768);
    expect(killed.text).toContain('2 of its last tasks ended because memory ran out');
    expect(rightSize(app, points(100, 0.1, 400, 0.5)).patch?.cpus).toBeUndefined();
  });

  it('always has room for what was seen, stays below the limits, and is stable once it is followed', () => {
    const seen = fc.array(
      fc.tuple(fc.double({ min: 0, max: 8, noNaN: true }), fc.double({ min: 1, max: 4_096, noNaN: true })),
      {
        minLength: LEAST_POINTS,
        maxLength: 60,
      },
    );
    const asked = fc.record({
      cpus: fc.double({ min: 0.01, max: 16, noNaN: true }),
      memMiB: fc.integer({ min: 32, max: 8_192 }),
    });
    fc.assert(
      fc.property(seen, asked, (pairs, request) => {
        const all = pairs.map(([cpus, mem]) => point(cpus, mem));
        const sized = { ...app, ...request };
        const advice = rightSize(sized, all);
        expect(advice.cpus?.advised).toBeGreaterThanOrEqual(advice.cpus?.p95 ?? Number.NaN);
        expect(advice.memMiB?.advised).toBeGreaterThanOrEqual(advice.memMiB?.p99 ?? Number.NaN);
        const followed = {
          ...sized,
          cpus: advice.patch?.cpus ?? sized.cpus,
          memMiB: advice.patch?.mem ?? sized.memMiB,
        };
        expect(rightSize(followed, all).verdict).toBe('fits');
        const limited = rightSize({ ...sized, cpusLimit: request.cpus, memLimitMiB: request.memMiB }, all);
        expect(limited.patch?.cpus ?? 0).toBeLessThanOrEqual(request.cpus);
        expect(limited.patch?.mem ?? 0).toBeLessThanOrEqual(request.memMiB);
      }),
    );
  });
});
