import type { Metrics } from '../../src/metrics/metrics.js';
import { EventLoopLag } from '../../src/server/event-loop-lag.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';

describe('how late the event loop is', () => {
  it('shows the worst delay for one to two windows, and then forgets it', async () => {
    const gauges = new Map<string, () => number>();
    const metrics = {
      gauge: (name: string, read: () => number) => gauges.set(name, read),
    } as unknown as Metrics;
    const maxSeconds = (): number => gauges.get('event-loop.lag.max.gauge.seconds')?.() ?? -1;
    const clock = new VirtualClock();
    const lag = new EventLoopLag(metrics, clock);
    lag.start();
    try {
      // A first period has to pass before anything can be late.
      await new Promise((later) => setTimeout(later, 120));
      const until = performance.now() + 600;
      while (performance.now() < until);
      await waitFor(() => maxSeconds() > 0.4, { what: () => `the delay; so far ${maxSeconds()}` });
      await clock.advanceAsync(30_000);
      expect(maxSeconds()).toBeGreaterThan(0.4);
      await clock.advanceAsync(30_000);
      expect(maxSeconds()).toBeLessThan(0.4);
    } finally {
      lag.stop();
    }
  });
});
