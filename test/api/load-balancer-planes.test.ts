import { join } from 'node:path';
import { loadContract } from '../../src/api/contract/load-contract.js';
import { AppChanges } from '../../src/apps/app-changes.js';
import { AppRegistryImpl } from '../../src/apps/registry.js';
import type { Accepted } from '../../src/deployments/deployment.js';
import { silentLog } from '../../src/logging/log.js';
import { haproxyCannot } from '../../src/proxy/haproxy/capabilities.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import { VersionSource } from '../../src/util/timestamp.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { ApiWorld } from './support/api-world.js';
import { FakeDeployments } from './support/fakes.js';

/** The API of a server whose traffic HAProxy carries. */
let world: ApiWorld;

beforeAll(async () => {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock, log: silentLog });
  await store.open();
  const registry = new AppRegistryImpl({
    store,
    servicePorts: { min: 10_000, max: 20_000 },
    log: silentLog,
  });
  const contract = await loadContract(join(process.cwd(), 'openapi.yaml'));
  const settings = { defaultRole: '*', restartOnAnyChange: false, cannotRoute: haproxyCannot };
  const versions = new VersionSource(() => clock.wallMs());
  world = new ApiWorld();
  const deployments = Object.assign(new FakeDeployments(world.registry), {
    change: async (prepare: Parameters<FakeDeployments['change']>[0]): Promise<Accepted> => {
      const version = versions.next();
      prepare(version);
      return { deploymentId: 'd', version };
    },
  });
  await world.start({ registry, changes: new AppChanges({ registry, contract, settings }), deployments });
});
afterAll(async () => world.stop());

const web = { cmd: './run', portDefinitions: [{ port: 0, protocol: 'tcp' }] };

it('refuses what HAProxy cannot do with 422, and names each thing', async () => {
  const answer = await world.ask('POST', '/v2/apps', {
    body: {
      ...web,
      id: 'web',
      loadBalancer: {
        ports: [{ ejection: { panicThreshold: 0.5 }, vhosts: ['a.test'], timeouts: { clientSeconds: 5 } }],
      },
    },
  });
  expect([answer.status, answer.json]).toEqual([
    422,
    expect.objectContaining({
      code: 'unsupported',
      details: ['timeouts.client', 'ejection.panicThreshold'].map((member) =>
        expect.objectContaining({
          path: '/loadBalancer/ports(0)',
          errors: [`${member} is not supported by this load balancer`],
        }),
      ),
    }),
  ]);
  const dns = { id: 'dns', cmd: './run', portDefinitions: [{ port: 0, protocol: 'udp' }] };
  expect((await world.ask('POST', '/v2/apps', { body: dns })).status).toBe(422);
});

it('takes what HAProxy can do', async () => {
  const body = {
    ...web,
    id: 'web',
    loadBalancer: { ports: [{ vhosts: ['a.test'], balance: { algorithm: 'leastconn' } }] },
  };
  const answer = await world.ask('POST', '/v2/apps', { body });
  expect([answer.status, answer.json]).toEqual([201, expect.objectContaining({ id: '/web' })]);
});
