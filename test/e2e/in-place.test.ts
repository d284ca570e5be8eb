import { waitFor } from '../support/wait-for.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';

interface DeploymentJson {
  readonly id: string;
  readonly affectedApps: readonly string[];
  readonly overdue?: boolean;
}

const idsOf = (app: AppJson): string[] => app.tasks.map(({ id }) => id).sort();

describe('changes that need no restart', () => {
  let longrun: Longrun;
  let before: string[];
  beforeAll(async () => {
    longrun = await Longrun.start();
    before = idsOf(
      await longrun.deploy(
        webApp('/web', {
          instances: 2,
          labels: { HAPROXY_0_VHOST: 'a.test', HAPROXY_GROUP: 'external' },
          loadBalancer: { drainSeconds: 1 },
        }),
      ),
    );
  }, 60_000);
  afterAll(async () => longrun.destroy(), 40_000);

  it.each([
    ['an HAPROXY_ label', { labels: { HAPROXY_0_VHOST: 'b.test', HAPROXY_GROUP: 'external' } }],
    [
      'a health check',
      {
        healthChecks: [
          {
            protocol: 'HTTP',
            path: '/health',
            gracePeriodSeconds: 30,
            intervalSeconds: 2,
            timeoutSeconds: 4,
            maxConsecutiveFailures: 5,
          },
        ],
      },
    ],
    ['the upgrade strategy', { upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0.5 } }],
    ['the kill selection', { killSelection: 'OLDEST_FIRST' }],
    ['the backoff', { backoffSeconds: 2, backoffFactor: 1.5 }],
    [
      'the unreachable strategy',
      { unreachableStrategy: { inactiveAfterSeconds: 60, expungeAfterSeconds: 120 } },
    ],
  ])(
    '%s restarts nothing and is in force',
    async (_what, body) => {
      const answer = await longrun.request('PATCH', '/v2/apps/web', body);
      expect(answer.status).toBe(200);
      const app = await longrun.settled('/web');
      expect(idsOf(app)).toEqual(before);
      expect(app).toMatchObject(body);
    },
    30_000,
  );

  it('a rollback keeps every healthy instance of the old definition', async () => {
    const changed = await longrun.request<{ deploymentId: string }>('PATCH', '/v2/apps/web', {
      cmd: 'exec sleep 1000',
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
    });
    expect(changed.status).toBe(200);
    await waitFor(async () => ((await longrun.app('/web'))?.tasks.length ?? 0) > 2, {
      what: 'an instance of the new definition',
    });
    expect((await longrun.request('DELETE', `/v2/deployments/${changed.body.deploymentId}`)).status).toBe(
      200,
    );
    const app = await longrun.settled('/web');
    expect(idsOf(app)).toEqual(before);
    expect(app.tasksHealthy).toBe(2);
  }, 40_000);

  it('a deployment with a deadline that cannot succeed is rolled back by itself', async () => {
    const settled = await longrun.request('PATCH', '/v2/apps/web', {
      upgradeStrategy: {
        minimumHealthCapacity: 1,
        maximumOverCapacity: 1,
        deadlineSeconds: 3,
        onFailure: 'rollback',
      },
    });
    expect(settled.status).toBe(200);
    const healthy = idsOf(await longrun.settled('/web'));
    expect(
      (await longrun.request('PATCH', '/v2/apps/web', { env: { BROKEN: '1' }, cmd: 'exec sleep 1000' }))
        .status,
    ).toBe(200);
    await waitFor(async () => ((await longrun.app('/web'))?.tasks.length ?? 0) > 2, {
      what: 'an instance of the broken definition',
    });
    const app = await longrun.settled('/web', 30_000);
    expect(idsOf(app)).toEqual(healthy);
    expect(app).not.toMatchObject({ env: { BROKEN: '1' } });
    const left = await longrun.request<readonly DeploymentJson[]>('GET', '/v2/deployments');
    expect(left.body).toEqual([]);
  }, 60_000);
});
