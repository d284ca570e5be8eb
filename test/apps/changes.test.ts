import type { AppId } from '../../src/apps/app.js';
import { MAX_BULK_APPS } from '../../src/apps/app-changes.js';
import { AppWorld, findings, refusal } from './support/app-world.js';

const web = { id: '/web', cmd: './run', mem: 64, env: { A: '1', B: '2' }, labels: { a: 'b' } };

describe('a partial update', () => {
  it('replaces whole fields and keeps the others', async () => {
    const world = new AppWorld();
    const before = await world.post(web);
    const after = await world.patch('/web', { env: { C: '3' }, cpus: 2, mem: null });
    expect(after?.app).toEqual({
      ...before.app,
      env: { C: '3' },
      cpus: 2,
      version: '2026-01-01T00:00:02.000Z',
      versionInfo: {
        lastScalingAt: '2026-01-01T00:00:02.000Z',
        lastConfigChangeAt: '2026-01-01T00:00:02.000Z',
      },
    });
  });

  it('takes the id from the URL, whatever the body says', async () => {
    const world = new AppWorld();
    await world.post(web);
    expect((await world.patch('/web', { id: '/other', instances: 3 }))?.app).toMatchObject({
      id: '/web',
      instances: 3,
    });
    expect(world.registry.size).toBe(1);
  });

  it('translates deprecated ports before it merges', async () => {
    const world = new AppWorld();
    await world.post({ ...web, portDefinitions: [{ port: 80, name: 'http' }] });
    expect((await world.patch('/web', { ports: [81] }))?.app.portDefinitions).toEqual([
      { port: 81, protocol: 'tcp' },
    ]);
  });

  it('checks the merged whole', async () => {
    const world = new AppWorld();
    const before = await world.post({ ...web, healthChecks: [{ portIndex: 0 }] });
    expect(Object.keys(findings(await refusal(() => world.patch('/web', { portDefinitions: [] }))))).toEqual([
      '/healthChecks(0)',
    ]);
    expect(Object.keys(findings(await refusal(() => world.patch('/web', { args: ['x'] }))))).toEqual(['/']);
    expect(world.get('/web')).toBe(before);
  });

  it('of an unknown app is 404, however sparse', async () => {
    const error = await refusal(() => new AppWorld().patch('/nowhere', { instances: 2 }));
    expect([error.status, error.message]).toEqual([404, "App '/nowhere' does not exist"]);
  });
});

describe('a complete replacement', () => {
  it('forgets what it does not name and keeps the versions’ lineage', async () => {
    const world = new AppWorld();
    await world.post({ ...web, instances: 3 });
    const after = await world.put('/web', { cmd: './other', version: '2020-01-01T00:00:00.000Z' }, false);
    expect(after?.app).toMatchObject({ cmd: './other', env: {}, labels: {}, instances: 1 });
    expect(world.registry.versions('/web' as AppId)).toHaveLength(2);
  });

  it('creates the app when there is none', async () => {
    const world = new AppWorld();
    await world.put('/new', { cmd: 'x' }, false);
    await world.put('/newer', { cmd: 'x' }, true);
    expect(world.registry.size).toBe(2);
    expect(findings(await refusal(() => world.put('/newest', { instances: 1 })))).toHaveProperty('/');
  });
});

describe('creating an app', () => {
  it('that exists is 409, but only when the definition is right', async () => {
    const world = new AppWorld();
    await world.post(web);
    const error = await refusal(() => world.post(web));
    expect([error.status, error.message]).toEqual([409, 'An app with id [/web] already exists.']);
    expect((await refusal(() => world.post({ ...web, gpus: 1 }))).status).toBe(422);
  });

  it.each([
    ['an app below an app', '/a', '/a/b'],
    ['an app above apps', '/a/b/c', '/a'],
  ])('refuses %s', async (_what, first, second) => {
    const world = new AppWorld();
    await world.post({ ...web, id: first });
    const error = await refusal(() => world.post({ ...web, id: second }));
    expect(findings(error)).toEqual({ '/id': ['Groups and Applications may not have the same identifier.'] });
  });

  it('gives the path of a group back once the group is empty', async () => {
    const world = new AppWorld();
    await world.post({ ...web, id: '/a/b/c' });
    await world.post({ ...web, id: '/a/b/d' });
    await world.accept(world.changes.deleteApp('/a/b/c' as AppId));
    expect((await refusal(() => world.post({ ...web, id: '/a/b' }))).status).toBe(422);
    await world.accept(world.changes.deleteApp('/a/b/d' as AppId));
    await expect(world.post({ ...web, id: '/a' })).resolves.toBeDefined();
  });
});

describe('a bulk request', () => {
  it('changes and creates in one go, all or none', async () => {
    const world = new AppWorld();
    await world.post(web);
    const bulk = (body: unknown): Promise<unknown> =>
      world.acceptLater(() => world.changes.replaceApps(body, { partialUpdate: true }));
    await bulk([
      { id: 'web', instances: 4 },
      { id: 'db', cmd: 'y' },
    ]);
    expect([world.get('/web').app.instances, world.get('/db').app.cmd]).toEqual([4, 'y']);
    const error = await refusal(() =>
      bulk([
        { id: 'web', instances: 5 },
        { id: 'Bad', cmd: 'y' },
      ]),
    );
    expect(Object.keys(findings(error))).toEqual(['/(1)/id']);
    expect(world.get('/web').app.instances).toBe(4);
  });

  it.each([
    ['an element without id', [{ instances: 1 }], 'requirement failed: App Update must have app id set'],
    [
      'one id twice',
      [
        { id: '/web', instances: 1 },
        { id: 'web', instances: 2 },
      ],
      'Object is not valid',
    ],
    [
      'too many apps',
      Array.from({ length: MAX_BULK_APPS + 1 }, () => ({ id: 'a' })),
      `got ${MAX_BULK_APPS + 1} apps, expected ${MAX_BULK_APPS} or less`,
    ],
    ['something that is no array', {}, 'Invalid JSON'],
  ])('is refused with %s', async (_what, body, message) => {
    const world = new AppWorld();
    await world.post(web);
    const error = await refusal(() =>
      world.acceptLater(() => world.changes.replaceApps(body, { partialUpdate: true })),
    );
    expect([error.status, error.message]).toEqual([422, message]);
  });

  it('that patches fails whole when one app is unknown', async () => {
    const world = new AppWorld();
    const before = await world.post(web);
    const error = await refusal(() =>
      world.acceptLater(() =>
        world.changes.patchApps([
          { id: 'web', instances: 9 },
          { id: 'x', instances: 1 },
        ]),
      ),
    );
    expect([error.status, world.get('/web')]).toEqual([404, before]);
  });

  it('may not make an app and a group of one path', async () => {
    const world = new AppWorld();
    const body = [
      { id: '/a', cmd: 'x' },
      { id: '/a/b', cmd: 'x' },
    ];
    const error = await refusal(() =>
      world.acceptLater(() => world.changes.replaceApps(body, { partialUpdate: false })),
    );
    expect(Object.keys(findings(error))).toEqual(['/(0)/id', '/(1)/id']);
  });
});

describe('a bulk request that was read ahead', () => {
  it('is read again when an app of it has changed since', async () => {
    const world = new AppWorld();
    await world.post(web);
    const prepare = await world.changes.patchApps([{ id: 'web', instances: 4 }]);
    await world.patch('/web', { cmd: './other' });
    await world.accept(prepare);
    expect(world.get('/web').app).toMatchObject({ cmd: './other', instances: 4 });
  });

  it('is refused when an app of it is gone since', async () => {
    const world = new AppWorld();
    await world.post(web);
    const prepare = await world.changes.patchApps([{ id: 'web', instances: 4 }]);
    await world.accept(world.changes.deleteApp('/web' as AppId));
    expect((await refusal(() => world.accept(prepare))).status).toBe(404);
  });
});

describe('dependencies', () => {
  const cyclic = { '/dependencies': ['Dependency graph has cyclic dependencies.'] };

  it('may not run in a circle, also when an update closes it', async () => {
    const world = new AppWorld();
    await world.post({ ...web, id: '/a', dependencies: ['/b'] });
    await world.post({ ...web, id: '/b', dependencies: ['/c'] });
    const error = await refusal(() => world.post({ ...web, id: '/c', dependencies: ['/a'] }));
    expect(findings(error)).toEqual(cyclic);
    expect(error.details).toEqual([expect.objectContaining({ hint: '/c -> /a -> /b -> /c' })]);
    await world.post({ ...web, id: '/c' });
    expect(findings(await refusal(() => world.patch('/c', { dependencies: ['/a'] })))).toEqual(cyclic);
  });

  it('on a group are on everything in it', async () => {
    const world = new AppWorld();
    await world.post({ ...web, id: '/web', dependencies: ['/back'] });
    await world.post({ ...web, id: '/back/data/db' });
    expect(
      findings(await refusal(() => world.post({ ...web, id: '/back/api', dependencies: ['/web'] }))),
    ).toEqual(cyclic);
    expect(
      findings(await refusal(() => world.patch('/back/data/db', { dependencies: ['/back/data'] }))),
    ).toEqual(cyclic);
    await expect(
      world.post({ ...web, id: '/back/log', dependencies: ['/back/data'] }),
    ).resolves.toBeDefined();
  });

  it('may form a diamond', async () => {
    const world = new AppWorld();
    const body = [
      ['a', ['/b', '/c']],
      ['b', ['/d']],
      ['c', ['/d']],
      ['d', []],
    ].map(([id, dependencies]) => ({ id, cmd: 'x', dependencies }));
    await world.acceptLater(() => world.changes.replaceApps(body, { partialUpdate: false }));
    expect(world.registry.size).toBe(4);
  });

  it('may form a chain of thousands', async () => {
    const world = new AppWorld();
    for (const from of [0, 1000, 2000, 3000, 4000, 5000]) {
      const body = Array.from({ length: 1000 }, (_, n) => ({
        id: `a${from + n}`,
        cmd: 'x',
        portDefinitions: [],
        dependencies: [`/a${from + n + 1}`],
      }));
      await world.acceptLater(() => world.changes.replaceApps(body, { partialUpdate: false }));
    }
    expect(
      Object.values(
        findings(await refusal(() => world.post({ ...web, id: '/a6000', dependencies: ['/a0'] }))),
      ),
    ).toHaveLength(1);
  });
});

describe('service ports', () => {
  const servicePorts = { min: 10_000, max: 10_004 };
  const portsOf = (world: AppWorld, id: string): readonly number[] =>
    world.get(id).app.portDefinitions.map(({ port }) => port);

  it('are the lowest free ones of the range, explicit ones left out', async () => {
    const world = new AppWorld({ servicePorts });
    await world.post({ ...web, id: '/a', ports: [10_001] });
    await world.post({ ...web, id: '/b', ports: [0, 80, 0] });
    expect(portsOf(world, '/b')).toEqual([10_000, 80, 10_002]);
  });

  it('are kept over updates, and freed ones are given again at once', async () => {
    const world = new AppWorld({ servicePorts });
    for (const id of ['/a', '/b', '/c']) await world.post({ ...web, id });
    await world.accept(world.changes.deleteApp('/a' as AppId));
    expect(
      (await world.put('/b', { cmd: 'y', ports: [0, 0] }, false))?.app.portDefinitions.map(
        ({ port }) => port,
      ),
    ).toEqual([10_001, 10_000]);
    expect((await world.put('/b', { cmd: 'y' }, false))?.app.portDefinitions.map(({ port }) => port)).toEqual(
      [10_001],
    );
    expect((await world.post({ ...web, id: '/d' })).app.portDefinitions[0]?.port).toBe(10_000);
  });

  it('are never given twice in one request, nor one that the request itself names', async () => {
    const world = new AppWorld({ servicePorts });
    const body = [
      { id: 'a', cmd: 'x', ports: [0, 0] },
      { id: 'b', cmd: 'x', ports: [10_000] },
      { id: 'c', cmd: 'x', ports: [0] },
    ];
    await world.acceptLater(() => world.changes.replaceApps(body, { partialUpdate: false }));
    expect(['/a', '/b', '/c'].map((id) => portsOf(world, id))).toEqual([
      [10_001, 10_002],
      [10_000],
      [10_003],
    ]);
  });

  it('may be shared when both apps name them and conflicts are only warned of', async () => {
    const world = new AppWorld({ servicePorts, routeConflicts: 'warn' });
    await world.post({ ...web, id: '/a', ports: [10_000] });
    await world.post({ ...web, id: '/b', ports: [10_000] });
    await world.accept(world.changes.deleteApp('/a' as AppId));
    expect((await world.post({ ...web, id: '/c' })).app.portDefinitions[0]?.port).toBe(10_001);
  });

  it('run out with an error that says the range, and nothing is changed', async () => {
    const world = new AppWorld({ servicePorts });
    await world.post({ ...web, ports: [0, 0, 0, 0, 0] });
    const error = await refusal(() => world.post({ ...web, id: '/b' }));
    expect([error.code, error.message]).toEqual([
      'service-ports-exhausted',
      'All ports in the range [10000-10004] are already in use',
    ]);
    await expect(world.post({ ...web, id: '/b', portDefinitions: [] })).resolves.toBeDefined();
  });

  it.each([true, false])('are assigned just so when the host port is demanded: %s', async (requirePorts) => {
    const world = new AppWorld({ servicePorts });
    const { app } = await world.post({
      ...web,
      requirePorts,
      portDefinitions: [{ port: 0, name: 'a' }, { port: 10_044 }],
    });
    expect(app.portDefinitions).toEqual([
      { port: 10_000, name: 'a', protocol: 'tcp' },
      { port: 10_044, protocol: 'tcp' },
    ]);
    expect(app.requirePorts).toBe(requirePorts);
  });

  it('count as wanted only when the author names them', async () => {
    const world = new AppWorld();
    expect((await world.post(web)).explicitPorts).toBe(false);
    const [definition] = world.get('/web').app.portDefinitions;
    expect((await world.patch('/web', { portDefinitions: [definition], instances: 2 }))?.explicitPorts).toBe(
      false,
    );
    expect(
      (await world.patch('/web', { portDefinitions: [{ ...definition, port: 0 }] }))?.explicitPorts,
    ).toBe(true);
    expect((await world.patch('/web', { instances: 3 }))?.explicitPorts).toBe(true);
    expect((await world.put('/web', { cmd: 'x' }, false))?.explicitPorts).toBe(false);
    expect((await world.post({ ...web, id: '/b', ports: [0] })).explicitPorts).toBe(true);
  });
});
