import type { AppId } from '../../src/apps/app.js';
import { ApiWorld } from './support/api-world.js';
import { record, running } from './support/fakes.js';

const web = '/shop/web' as AppId;
const instance = running(web, 1);
const taskId = instance.task?.id ?? '';
const sums = { requests: 600, requestsPerSecond: 10.12345, errorShare: 0.005 };
const times = { p50: 2.00049, p95: 8, p99: 61 };

describe('/v2/apps/{id}/traffic', () => {
  const world = new ApiWorld();
  beforeAll(async () => {
    await world.start();
    world.registry.put(record(web));
    world.scheduler.add(instance);
  });
  beforeEach(() => {
    world.traffic = undefined;
  });
  afterAll(() => world.stop());

  it('tells the last minute by version, newest first, and by instance', async () => {
    world.traffic = {
      all: { ...sums, ...times },
      versions: new Map([
        ['', { requests: 1, requestsPerSecond: 0.02, errorShare: 1 }],
        ['2026-01-01T00:00:00.000Z', { ...sums, ...times }],
        ['2026-02-02T00:00:00.000Z', { ...sums, ...times }],
      ]),
      instances: new Map([
        ['gone.1', sums],
        [taskId, { ...sums, ...times }],
      ]),
    };
    const { status, json } = await world.ask('GET', '/v2/apps/shop/web/traffic');
    expect(status).toBe(200);
    expect(json).toMatchObject({ id: web, requests: 600, requestsPerSecond: 10.123, p50Ms: 2, p99Ms: 61 });
    const { versions, instances } = json as { versions: { version?: string }[]; instances: object[] };
    expect(versions.map(({ version }) => version)).toEqual([
      '2026-02-02T00:00:00.000Z',
      '2026-01-01T00:00:00.000Z',
      undefined,
    ]);
    expect(instances).toContainEqual({ taskId: 'gone.1', ...sums, requestsPerSecond: 10.123 });
    expect(instances).toContainEqual(
      expect.objectContaining({ taskId, host: instance.task?.hostname, p95Ms: 8 }),
    );
  });

  it('is nothing where nothing was asked', async () => {
    const { json } = await world.ask('GET', '/v2/apps/shop/web/traffic');
    expect(json).toMatchObject({
      requests: 0,
      requestsPerSecond: 0,
      errorShare: 0,
      versions: [],
      instances: [],
    });
  });

  it('is told of apps only, and an app of that name wins', async () => {
    expect((await world.ask('GET', '/v2/apps/shop/nobody/traffic')).status).toBe(404);
    world.registry.put(record('/shop/web/traffic'));
    const { json } = await world.ask('GET', '/v2/apps/shop/web/traffic');
    expect(json).toMatchObject({ app: { id: '/shop/web/traffic' } });
  });
});
