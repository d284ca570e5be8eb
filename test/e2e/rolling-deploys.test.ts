import { waitFor } from '../support/wait-for.js';
import { Load, stopLoads } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';

/** Proof 1 of the first slice: whatever is deployed, no request is lost and none waits. */
const rounds = Number(process.env['ROUNDS'] ?? 1);

describe('requests through rolling deploys', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 40_000);
  afterEach(stopLoads);
  afterAll(async () => longrun.destroy(), 60_000);

  const change = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await longrun.request(method, path, body);
    if (answer.status !== 200)
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    await longrun.settled('/web', 60_000);
  };

  it(
    'fails none and delays none over deploy, scale 4 → 1 → 8 → 4, restart and rollback',
    async () => {
      const first = await longrun.deploy(
        webApp('/web', {
          instances: 4,
          env: { APP_VERSION: '1', DIE_AT_ONCE: '1' },
          labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' },
          loadBalancer: { drainSeconds: 3 },
        }),
      );
      const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
      await waitFor(() => load.sent > 100);
      for (let round = 0; round < rounds; round++) {
        await change('PATCH', '/v2/apps/web', { env: { APP_VERSION: '2', DIE_AT_ONCE: '1' } });
        await change('PATCH', '/v2/apps/web', { instances: 1 });
        await change('PATCH', '/v2/apps/web', { instances: 8 });
        await change('PATCH', '/v2/apps/web', { instances: 4 });
        await change('POST', '/v2/apps/web/restart', undefined);
        await change('PUT', '/v2/apps/web', { version: first.version });
      }
      const { failures, slow, sent, byKind } = await load.stop();
      expect({ failures, slow }).toEqual({ failures: [], slow: [] });
      expect(sent).toBeGreaterThan(1000);
      expect(Object.keys(byKind).sort()).toEqual([
        'POST',
        'WebSocket echo',
        'fresh GET',
        'keep-alive GET',
        'slow GET',
      ]);
    },
    60_000 + rounds * 90_000,
  );
});
