import fc from 'fast-check';
import type { AppId, AppRecord } from '../../../src/apps/app.js';
import { findConflicts, standingConflicts } from '../../../src/apps/decide/route-conflicts.js';
import { meet, routeClaims } from '../../../src/apps/decide/routing/route-claims.js';
import { RouteClaimIndex } from '../../../src/apps/route-claim-index.js';
import { record } from '../../proxy/world.js';
import { AppWorld, findings, refusal } from '../support/app-world.js';

const app = (id: string, over: object = {}) => ({ id, cmd: './run', ...over });
const host = (id: string, vhost: string, over: Record<string, string> = {}) =>
  app(id, { labels: { HAPROXY_0_VHOST: vhost, ...over } });

describe('two apps that one load balancer would serve', () => {
  it('cannot have one host: the answer names the other app and the label', async () => {
    const world = new AppWorld();
    await world.post(host('/a', 'shop.test'));
    const error = await refusal(() => world.post(host('/b', 'x.test,SHOP.test')));
    expect([error.status, error.code]).toEqual([409, 'route-conflict']);
    expect(error.details).toEqual([
      {
        path: '/labels/HAPROXY_0_VHOST',
        errors: ['shop.test belongs to /a'],
        code: 'route-conflict',
        hint: expect.stringContaining('deploymentGroup'),
      },
    ]);
    expect(world.registry.get('/b' as AppId)).toBeUndefined();
  });

  it.each<[string, object, string]>([
    ['definition', { portDefinitions: [{ port: 9_000 }] }, '/portDefinitions(0)/port'],
    ['label', { portDefinitions: [{}], labels: { HAPROXY_0_PORT: '9000' } }, '/labels/HAPROXY_0_PORT'],
    [
      'typed object',
      { portDefinitions: [{}], loadBalancer: { ports: [{ port: 9_000 }] } },
      '/loadBalancer/ports(0)/port',
    ],
    [
      'port mapping',
      {
        networks: [{ mode: 'container/bridge' }],
        container: { type: 'MESOS', portMappings: [{ containerPort: 80, servicePort: 9_000 }] },
      },
      '/container/portMappings(0)/servicePort',
    ],
  ])('cannot have one service port, said by %s', async (_where, over, path) => {
    const world = new AppWorld();
    await world.post(app('/a', { portDefinitions: [{ port: 9_000 }] }));
    expect(findings(await refusal(() => world.post(app('/b', over))))).toEqual({
      [path]: ['service port 9000 belongs to /a'],
    });
  });

  it.each<[string, object, object]>([
    ['other paths', { HAPROXY_0_PATH: '/a' }, { HAPROXY_0_PATH: '/b' }],
    ['a path and the rest', {}, { HAPROXY_0_PATH: '/b' }],
    ['other groups', { HAPROXY_GROUP: 'external' }, { HAPROXY_0_GROUP: 'internal,edge' }],
    ['one deployment group', { HAPROXY_DEPLOYMENT_GROUP: 'shop' }, { HAPROXY_DEPLOYMENT_GROUP: 'shop' }],
    ['one switched off', {}, { HAPROXY_0_ENABLED: 'false' }],
  ])('may have one host with %s', async (_what, left, right) => {
    const world = new AppWorld();
    await world.post(host('/a', 'shop.test', left as Record<string, string>));
    await expect(world.post(host('/b', 'shop.test', right as Record<string, string>))).resolves.toBeDefined();
  });

  it('may have one host when the requests differ', async () => {
    const world = new AppWorld();
    await world.post(host('/a', 'shop.test'));
    const loadBalancer = { ports: [{ vhosts: ['shop.test'], match: { headers: { 'X-Beta': '1' } } }] };
    await world.post(app('/b', { loadBalancer }));
    expect(findings(await refusal(() => world.post(app('/c', { loadBalancer }))))).toHaveProperty([
      '/loadBalancer/ports(0)/vhosts',
    ]);
  });

  it('may have one port that the tasks of one demand for themselves', async () => {
    const world = new AppWorld();
    await world.post(app('/a', { portDefinitions: [{ port: 9_000 }], requirePorts: true }));
    await expect(
      world.post(app('/b', { portDefinitions: [{ port: 9_000 }], requirePorts: true })),
    ).resolves.toBeDefined();
  });

  it('may have one port for connections and one for datagrams', async () => {
    const world = new AppWorld();
    await world.post(app('/a', { portDefinitions: [{ port: 53, protocol: 'tcp' }] }));
    await world.post(app('/b', { portDefinitions: [{ port: 53, protocol: 'udp' }] }));
    const both = app('/c', { portDefinitions: [{ port: 53, protocol: 'udp,tcp' }] });
    expect((await refusal(() => world.post(both))).code).toBe('route-conflict');
  });
});

describe('a conflict', () => {
  it('is found within one request, too', async () => {
    const world = new AppWorld();
    const bulk = [host('/a', 'one.test'), host('/b', 'two.test'), host('/c', 'one.test')];
    const error = await refusal(() =>
      world.acceptLater(() => world.changes.replaceApps(bulk, { partialUpdate: true })),
    );
    expect(findings(error)).toEqual({ '/(2)/labels/HAPROXY_0_VHOST': ['one.test belongs to /a'] });
  });

  it('is none when the request takes the host from the one and gives it to the other', async () => {
    const world = new AppWorld();
    await world.post(host('/a', 'one.test'));
    await world.post(host('/b', 'two.test'));
    const swapped = [host('/a', 'two.test'), host('/b', 'one.test')];
    await expect(
      world.acceptLater(() => world.changes.replaceApps(swapped, { partialUpdate: true })),
    ).resolves.toHaveLength(2);
  });

  it('that is there already hinders no other change, and is told of both', async () => {
    const warned = new AppWorld({ routeConflicts: 'warn' });
    await warned.post(host('/a', 'one.test'));
    await warned.post(host('/b', 'one.test'));
    const world = new AppWorld({ store: warned.store });
    await world.registry.load();
    expect((await world.patch('/b', { instances: 5 }))?.app.instances).toBe(5);
    expect(
      (await world.patch('/b', { labels: { HAPROXY_0_VHOST: 'one.test', team: 'x' } }))?.app.labels,
    ).toHaveProperty('team');
    const more = { labels: { HAPROXY_0_VHOST: 'one.test', HAPROXY_0_PATH: '/x' } };
    await expect(world.patch('/b', more)).resolves.toBeDefined();
    expect((await refusal(() => world.patch('/b', { labels: { HAPROXY_0_VHOST: 'one.test' } }))).code).toBe(
      'route-conflict',
    );
    const [a] = [warned.get('/a')].map((each) => standingConflicts(each, warned.registry.routeClaims));
    expect(a).toEqual(['one.test is claimed by /b as well: requests go to one of them only']);
  });

  it('is over when the other app is gone', async () => {
    const world = new AppWorld();
    await world.post(host('/a', 'one.test'));
    await world.accept(world.changes.deleteApp('/a' as AppId));
    await expect(world.post(host('/b', 'one.test'))).resolves.toBeDefined();
  });
});

describe('the index of claims', () => {
  const claims = fc.record({
    id: fc.constantFrom('/a', '/b', '/c', '/d'),
    vhost: fc.constantFrom('', 'one.test', 'one.test,two.test', '*.test'),
    path: fc.constantFrom('', '/x', '/x /y'),
    group: fc.constantFrom('', 'g', 'g,h', 'h'),
    deployment: fc.constantFrom('', 'd'),
    port: fc.constantFrom(9_000, 9_001),
    gone: fc.boolean(),
  });
  type ClaimStep = typeof claims extends fc.Arbitrary<infer T> ? T : never;
  const recordOf = ({ id, vhost, path, group, deployment, port }: Omit<ClaimStep, 'id'> & { id: string }) =>
    record({
      id,
      portDefinitions: [{ port, protocol: 'tcp' }],
      labels: {
        HAPROXY_0_VHOST: vhost,
        HAPROXY_0_PATH: path,
        HAPROXY_GROUP: group,
        HAPROXY_DEPLOYMENT_GROUP: deployment,
      },
    });

  it('finds after any sequence of changes exactly the conflicts that looking at all apps finds (property)', () => {
    fc.assert(
      fc.property(fc.array(claims, { maxLength: 12 }), claims, (steps, asked) => {
        const index = new RouteClaimIndex();
        const present = new Map<string, AppRecord>();
        for (const step of steps) {
          const before = present.get(step.id);
          if (before) index.remove(before);
          present.delete(step.id);
          if (step.gone) continue;
          const after = recordOf(step);
          index.add(after);
          present.set(step.id, after);
        }
        const after = recordOf({ ...asked, id: '/new' });
        const found = new Set(
          [...findConflicts([{ before: undefined, after }], new Set(), index)].flatMap(
            (each) => each?.claim.key ?? [],
          ),
        );
        const expected = new Set(
          routeClaims(after)
            .filter((claim) =>
              [...present.values()].some((other) =>
                routeClaims(other).some(
                  ({ key, sharing }) => key === claim.key && meet(sharing, claim.sharing),
                ),
              ),
            )
            .map(({ key }) => key),
        );
        expect(found).toEqual(expected);
      }),
    );
  });
});
