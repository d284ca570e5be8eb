import { join } from 'node:path';
import fc from 'fast-check';
import { type Contract, loadContract } from '../../src/api/contract/load-contract.js';
import { AppChanges } from '../../src/apps/app-changes.js';
import { GroupChanges } from '../../src/apps/group-changes.js';
import { PodRequests } from '../../src/apps/pod-requests.js';
import { AppRegistryImpl } from '../../src/apps/registry.js';
import type { Accepted } from '../../src/deployments/deployment.js';
import { silentLog } from '../../src/logging/log.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import { VersionSource } from '../../src/util/timestamp.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { ApiWorld } from './support/api-world.js';
import { makeAuth } from './support/auth.js';
import { expectContract } from './support/contract.js';
import { FakeDeployments, record, running } from './support/fakes.js';

/** The API over the real apps room; deployments accept at once. */
let world: ApiWorld;
let registry: AppRegistryImpl;
let contract: Contract;

beforeAll(async () => {
  contract = await loadContract(join(process.cwd(), 'openapi.yaml'));
});
beforeEach(async () => {
  const clock = new VirtualClock();
  const servicePorts = { min: 10_000, max: 20_000 };
  const store = new MemoryStore({ clock, log: silentLog });
  await store.open();
  registry = new AppRegistryImpl({ store, servicePorts, log: silentLog });
  const wanted = { registry, contract, settings: { defaultRole: '*', restartOnAnyChange: false } };
  const changes = new AppChanges(wanted);
  const groupChanges = new GroupChanges(wanted);
  const versions = new VersionSource(() => clock.wallMs());
  world = new ApiWorld();
  const deployments = Object.assign(new FakeDeployments(world.registry), {
    change: async (prepare: Parameters<FakeDeployments['change']>[0]): Promise<Accepted> => {
      const version = versions.next();
      const staged = prepare(version).map((change) => ({ ...change, before: registry.get(change.appId) }));
      registry.stage(staged);
      await store.commit({ epoch: 1, writes: registry.writesFor(staged) });
      registry.apply(staged);
      return { deploymentId: 'd', version };
    },
  });
  const auth = await makeAuth({ required: false });
  const podRequests = new PodRequests(wanted);
  await world.start({
    registry,
    changes,
    groupChanges,
    podRequests,
    deployments,
    auth,
    metrics: new Metrics(clock),
  });
});
afterEach(async () => {
  await world.stop();
});

it('what POST answers shows the assigned port; GET shows the same app; posting that answer again changes nothing', async () => {
  const posted = await world.ask('POST', '/v2/apps', { body: { id: 'web', cmd: './run', mem: 64 } });
  expect(posted.status).toBe(201);
  expect(posted.json).toMatchObject({
    id: '/web',
    portDefinitions: [{ port: 10_000, name: 'default', protocol: 'tcp' }],
  });
  const { app } = (await world.ask('GET', '/v2/apps/web')).json as { app: Record<string, unknown> };
  expectContract('AppInfo', app);
  for (const [name, value] of Object.entries(posted.json))
    if (name !== 'deployments') expect([name, app[name]]).toEqual([name, value]);
  expect((await world.ask('PUT', '/v2/apps/web?partialUpdate=false', { body: app })).status).toBe(200);
  const again = (await world.ask('GET', '/v2/apps/web')).json as { app: Record<string, unknown> };
  expect(again.app['version']).toBe(app['version']);
  expectContract('AppList', (await world.ask('GET', '/v2/apps')).json);
});

it('a change and a rollback by version, restart, scale and removal go through', async () => {
  await world.ask('POST', '/v2/apps', { body: { id: '/a/web', cmd: './run' } });
  const first = registry.get(record('/a/web').app.id)?.app.version ?? '';
  expect((await world.ask('PATCH', '/v2/apps/a/web', { body: { cmd: './other' } })).status).toBe(200);
  expect((await world.ask('GET', '/v2/apps/a/web/versions')).json['versions']).toHaveLength(2);
  expect((await world.ask('GET', `/v2/apps/a/web/versions/${first}`)).json).toMatchObject({ cmd: './run' });
  expect((await world.ask('PUT', '/v2/apps/a/web', { body: { version: first } })).status).toBe(200);
  expect(registry.get(record('/a/web').app.id)?.app.cmd).toBe('./run');
  expect((await world.ask('POST', '/v2/apps/a/web/restart')).status).toBe(200);
  expect((await world.ask('PATCH', '/v2/apps', { body: [{ id: '/a/web', instances: 5 }] })).status).toBe(200);
  world.scheduler.add(running('/a/web', 1));
  expect((await world.ask('DELETE', '/v2/apps/a/web/tasks?scale=true')).status).toBe(200);
  expect(registry.get(record('/a/web').app.id)?.app.instances).toBe(4);
  expect((await world.ask('DELETE', '/v2/apps/a/web')).status).toBe(200);
  expect((await world.ask('DELETE', '/v2/apps/a/web')).status).toBe(404);
});

it('no definition, however odd, is answered with a 5xx, and a refused one changes nothing', async () => {
  await world.ask('POST', '/v2/apps', { body: { id: '/web', cmd: './run' } });
  const oddValue = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      -1,
      0,
      1e308,
      2 ** 53,
      '',
      'x',
      '\u0000',
      '../..',
      '/',
      [],
      [[]],
      [null],
      {},
      { a: null },
      [{ port: 10_000 }],
      [['hostname', 'GROUP_BY']],
    ),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const fields = contractFields();
  const body = fc.dictionary(fc.constantFrom(...fields), oddValue, { maxKeys: 5 });
  const request = fc.tuple(
    fc.constantFrom<[string, string]>(
      ['POST', '/v2/apps'],
      ['PUT', '/v2/apps/web'],
      ['PATCH', '/v2/apps/web'],
      ['PUT', '/v2/apps/new?partialUpdate=false'],
      ['PUT', '/v2/apps'],
      ['PATCH', '/v2/apps'],
    ),
    body,
    fc.boolean(),
  );
  await fc.assert(
    fc.asyncProperty(request, async ([[method, path], definition, base]) => {
      const before = JSON.stringify([...registry.all()]);
      const full = base ? { cmd: './run', ...definition } : definition;
      const bulk = path === '/v2/apps' && method !== 'POST';
      const answer = await world.ask(method, path, { body: bulk ? [{ id: '/web', ...full }] : full });
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400) {
        expectContract('Error', answer.json);
        expect(JSON.stringify([...registry.all()])).toBe(before);
      }
    }),
    { numRuns: 1_000 },
  );
  expect(world.defects).toEqual([]);
}, 60_000);

function contractFields(): readonly string[] {
  return [
    'id',
    'cmd',
    'args',
    'user',
    'env',
    'instances',
    'cpus',
    'mem',
    'disk',
    'gpus',
    'executor',
    'constraints',
    'role',
    'networks',
    'portDefinitions',
    'requirePorts',
    'ports',
    'healthChecks',
    'readinessChecks',
    'backoffSeconds',
    'backoffFactor',
    'maxLaunchDelaySeconds',
    'dependencies',
    'upgradeStrategy',
    'unreachableStrategy',
    'killSelection',
    'labels',
    'version',
    'container',
    'fetch',
    'secrets',
    'ipAddress',
    'uris',
    'acceptedResourceRoles',
    '__proto__',
  ];
}

it('metrics have the shape of the contract', async () => {
  await world.ask('GET', '/v2/apps');
  const { json } = await world.ask('GET', '/metrics');
  expectContract('Metrics', json);
  expect(json['timers']).toHaveProperty(['marathon.http.requests.get.duration.timer.seconds']);
  expect((await world.ask('GET', '/metrics/prometheus')).text).toContain(
    'marathon_http_requests_active_gauge',
  );
});

it('an id that can be none is refused with a proposal, and leniently becomes it', async () => {
  const body = { id: 'IPython Notebook', cmd: './run' };
  const strict = await world.ask('POST', '/v2/apps', { body });
  expect(strict.status).toBe(422);
  expect(JSON.stringify(strict.json)).toContain('/ipython-notebook');
  const headers = { prefer: 'handling=lenient' };
  const lenient = await world.ask('POST', '/v2/apps', { body, headers });
  expect([lenient.status, lenient.json['id'], lenient.headers['preference-applied']]).toEqual([
    201,
    '/ipython-notebook',
    'handling=lenient',
  ]);
  const changed = await world.ask('PATCH', '/v2/apps/IPython%20Notebook', {
    body: { instances: 3 },
    headers,
  });
  expect(changed.status).toBe(200);
  expect(registry.get(record('/ipython-notebook').app.id)?.app.instances).toBe(3);
  expect((await world.ask('PUT', '/v2/apps', { body: [{ id: 'My App', cmd: 'x' }], headers })).status).toBe(
    200,
  );
  expect(registry.get(record('/my-app').app.id)).toBeDefined();
});

it('a bare object in a bulk PATCH is refused with the call that works, and leniently means the only app', async () => {
  const headers = { prefer: 'handling=lenient' };
  const hint = (json: Record<string, unknown>): string => JSON.stringify(json['details']);
  const patch = (body: unknown, more = {}) => world.ask('PATCH', '/v2/apps', { body, ...more });
  await world.ask('POST', '/v2/apps', { body: { id: '/web', cmd: './run' } });
  const refused = await patch({ instances: 4 });
  expect([refused.status, refused.json['code']]).toEqual([422, 'invalid-json']);
  expect(hint(refused.json)).toContain('PATCH /v2/apps/web {\\"instances\\":4}');
  const taken = await patch({ instances: 4 }, { headers });
  expect([taken.status, taken.headers['preference-applied']]).toEqual([200, 'handling=lenient']);
  expect(registry.get(record('/web').app.id)?.app.instances).toBe(4);
  await world.ask('POST', '/v2/apps', { body: { id: '/other', cmd: './run' } });
  expect((await patch({ instances: 5 }, { headers })).status).toBe(422);
  expect(hint((await patch({ id: 'other', instances: 5 })).json)).toContain('PATCH /v2/apps/other ');
  expect((await patch({ id: 'other', instances: 5 }, { headers })).status).toBe(200);
  expect(registry.get(record('/web').app.id)?.app.instances).toBe(4);
  expect(registry.get(record('/other').app.id)?.app.instances).toBe(5);
});
