import { existsSync } from 'node:fs';
import { waitFor } from '../support/wait-for.js';
import { Load, stopLoads } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';

/** The second data plane. Without HAProxy on this machine there is nothing to prove. */
const found = ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy', '/usr/bin/haproxy'].some((path) =>
  existsSync(path),
);
const withHaproxy = found ? describe : describe.skip;

withHaproxy('HAProxy as the load balancer', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start('--lb', 'haproxy');
  }, 60_000);
  afterEach(stopLoads);
  afterAll(async () => longrun.destroy(), 60_000);

  const change = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await longrun.request(method, path, body);
    if (answer.status !== 200)
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    await longrun.settled('/web', 60_000);
  };

  /** Process ids of HAProxy's workers. */
  const haproxies = async (): Promise<readonly number[]> => {
    const text = await (await fetch(`${longrun.ready.stats}/_haproxy_getpids`)).text();
    return text.trim().split(' ').map(Number);
  };

  it('fails no request over a deploy, scaling, a restart and other apps that make it reload', async () => {
    await longrun.deploy(
      webApp('/web', {
        instances: 2,
        env: { APP_VERSION: '1', DIE_AT_ONCE: '1' },
        labels: { HAPROXY_0_VHOST: 'web.test' },
        loadBalancer: { drainSeconds: 3 },
      }),
    );
    const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
    await waitFor(() => load.sent > 100);
    await change('PATCH', '/v2/apps/web', { env: { APP_VERSION: '2', DIE_AT_ONCE: '1' } });
    await longrun.deploy(webApp('/other', { instances: 1, labels: { HAPROXY_0_VHOST: 'other.test' } }));
    await change('PATCH', '/v2/apps/web', { instances: 1 });
    await change('PATCH', '/v2/apps/web', { instances: 6 });
    await change('POST', '/v2/apps/web/restart', undefined);
    const { failures, sent } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(300);
  }, 120_000);

  it("tells HAProxy's numbers by the names of instances", async () => {
    await waitFor(async () => {
      const csv = await (await fetch(`${longrun.ready.stats}/haproxy?stats;csv`)).text();
      return /^web_\d+,BACKEND,/m.test(csv);
    });
  });

  it('starts HAProxy again when it was killed', async () => {
    const [before = 0] = await haproxies();
    process.kill(before, 'SIGKILL');
    await waitFor(async () => (await haproxies().catch(() => [before]))[0] !== before, { timeoutMs: 10_000 });
    await waitFor(
      async () => {
        const answer = await fetch(`${longrun.ready.lb}/`, { headers: { Host: 'web.test' } }).catch(
          () => undefined,
        );
        // The Host header is fetch's own to set: any answer at all is HAProxy's.
        return answer !== undefined;
      },
      { timeoutMs: 10_000 },
    );
  }, 30_000);

  it('refuses no connection while the process beside it is killed and takes it over again', async () => {
    const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
    await waitFor(() => load.sent > 50);
    const [beside = 0] = longrun.ready.pids.proxy;
    process.kill(beside, 'SIGKILL');
    const seen = load.sent;
    await waitFor(() => load.sent > seen + 50);
    await change('PATCH', '/v2/apps/web', { instances: 3 });
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
  }, 60_000);
});
