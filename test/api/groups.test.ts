import { expectContract } from './support/contract.js';
import { app, GroupWorld, type ShownGroup } from './support/group-world.js';

let world: GroupWorld;

beforeEach(async () => {
  world = await GroupWorld.start();
});
afterEach(async () => {
  await world.stop();
});

const shop = {
  id: '/shop',
  apps: [app('web', { instances: 2 })],
  groups: [{ id: 'back', apps: [app('db'), app('cache')], dependencies: ['../tools'] }, { id: 'tools' }],
};

describe('reading groups', () => {
  it('shows the root of an empty tree, and a tree with its apps sorted by path', async () => {
    expect((await world.ask('GET', '/v2/groups')).json).toEqual({
      id: '/',
      dependencies: [],
      version: '1970-01-01T00:00:00.000Z',
      apps: [],
      pods: [],
      groups: [],
    });
    await world.write('POST', '/v2/groups', shop);
    await world.write('POST', '/v2/apps', app('/zoo/lion'));
    const { json } = await world.ask('GET', '/v2/groups');
    expectContract('GroupInfo', json);
    expect(await world.tree()).toEqual([
      '/',
      '/shop/',
      '/shop/web x2',
      '/shop/back/ -> /shop/tools',
      '/shop/back/cache x1',
      '/shop/back/db x1',
      '/shop/tools/',
      '/zoo/',
      '/zoo/lion x1',
    ]);
    const [group] = (json as unknown as ShownGroup).groups ?? [];
    expect([group?.enforceRole, group?.groups?.[0]?.enforceRole]).toEqual([false, undefined]);
    expect(group?.apps?.[0]).not.toHaveProperty('tasksRunning');
  });

  it('shows with any embed only what is asked for, and counts only with their full name', async () => {
    await world.write('POST', '/v2/groups', shop);
    const shown = async (query: string): Promise<string[]> => {
      const { json } = await world.ask('GET', `/v2/groups/shop?${query}`);
      expectContract('GroupInfo', json);
      return Object.keys(json);
    };
    const own = ['id', 'dependencies', 'version', 'enforceRole'];
    expect(await shown('embed=group.groups')).toEqual([...own, 'groups']);
    expect(await shown('embed=group.apps&embed=group.pods')).toEqual([...own, 'apps', 'pods']);
    expect(await shown('embed=nonsense')).toEqual(own);
    const counted = (await world.ask('GET', '/v2/groups/shop?embed=group.apps&embed=group.apps.counts')).json;
    expect((counted['apps'] as object[])[0]).toMatchObject({ id: '/shop/web', tasksRunning: 0 });
    const plain = (await world.ask('GET', '/v2/groups/shop?embed=group.apps&embed=counts')).json;
    expect((plain['apps'] as object[])[0]).not.toHaveProperty('tasksRunning');
  });

  it('lists the apps below a group in both ways, none for an unknown group in one and 404 in the other', async () => {
    await world.write('POST', '/v2/groups', shop);
    await world.write('POST', '/v2/apps', app('/shopping'));
    const ids = (list: unknown): string[] => (list as { id: string }[]).map(({ id }) => id);
    const below = ['/shop/web', '/shop/back/cache', '/shop/back/db'];
    const asArray = JSON.parse((await world.ask('GET', '/v2/groups/shop/apps')).text) as unknown;
    expect(ids(asArray)).toEqual(below);
    expect(ids((await world.ask('GET', '/v2/apps/shop/*')).json['*'])).toEqual(below);
    expect(ids(JSON.parse((await world.ask('GET', '/v2/groups//apps')).text))).toEqual([
      ...['/shopping'],
      ...below,
    ]);
    expect((await world.ask('GET', '/v2/apps/shop/tools/*')).json).toEqual({ '*': [] });
    expect((await world.ask('GET', '/v2/groups/no/apps')).text).toBe('[]');
    expect((await world.ask('GET', '/v2/apps/no/*')).status).toBe(404);
    expect(await world.ask('GET', '/v2/groups/no')).toMatchObject({
      status: 404,
      json: { message: "Group '/no' does not exist", code: 'group-not-found' },
    });
    expect((await world.ask('GET', '/v2/groups/no/versions')).status).toBe(404);
    expect((await world.ask('GET', '/v2/groups/shop/web')).status).toBe(404);
  });
});

describe('creating groups', () => {
  it('answers 201 with the place and the deployment, and refuses what is there already', async () => {
    const answer = await world.ask('POST', '/v2/groups', shop);
    expect([answer.status, answer.headers['location']]).toEqual([201, '/shop']);
    expect(answer.headers['marathon-deployment-id']).toBe(answer.json['deploymentId']);
    expectContract('DeploymentResult', answer.json);
    expect(await world.ask('POST', '/v2/groups', { id: 'shop' })).toMatchObject({
      status: 409,
      json: { message: 'Group /shop is already created. Use PUT to change this group.' },
    });
    expect(await world.ask('POST', '/v2/groups', {})).toMatchObject({
      status: 409,
      json: { message: 'Group / is already created. Use PUT to change this group.' },
    });
    expect(await world.ask('POST', '/v2/groups/shop', { id: 'web' })).toMatchObject({
      status: 409,
      json: { message: 'An app with the path /shop/web already exists.' },
    });
  });

  it('resolves relative ids and dots from the group of the path on, and makes the groups around', async () => {
    await world.write('POST', '/v2/groups/a/b', {
      id: '../c/./d',
      apps: [app('x', { dependencies: ['../../y'] })],
    });
    expect(await world.tree()).toEqual(['/', '/a/', '/a/c/', '/a/c/d/', '/a/c/d/x x1']);
    const { json } = await world.ask('GET', '/v2/apps/a/c/d/x');
    expect((json['app'] as { dependencies: unknown }).dependencies).toEqual(['/a/y']);
  });

  it('keeps a group when its last app goes, and gives an empty one away to an app of its path', async () => {
    await world.write('POST', '/v2/apps', app('/a/b/x'));
    await world.write('DELETE', '/v2/apps/a/b/x');
    expect(await world.tree()).toEqual(['/', '/a/', '/a/b/']);
    await world.write('POST', '/v2/apps', app('/a/b'));
    expect(await world.tree()).toEqual(['/', '/a/', '/a/b x1']);
    world = await world.crash();
    expect(await world.tree()).toEqual(['/', '/a/', '/a/b x1']);
    const clash = await world.ask('POST', '/v2/apps', app('/a'));
    expect(clash).toMatchObject({
      status: 422,
      json: {
        details: [
          {
            path: '/id',
            errors: ['Groups and Applications may not have the same identifier.'],
            code: 'group-clash',
          },
        ],
      },
    });
  });
});

describe('PUT of a group', () => {
  it('makes apps and groups that are given exactly those, and keeps what is not mentioned', async () => {
    await world.write('POST', '/v2/groups', shop);
    const before = (await world.ask('GET', '/v2/apps/shop/web')).json['app'];
    await world.write('PUT', '/v2/groups/shop', { dependencies: ['/other'] });
    expect(await world.tree('/v2/groups/shop')).toEqual([
      '/shop/ -> /other',
      '/shop/web x2',
      '/shop/back/ -> /shop/tools',
      '/shop/back/cache x1',
      '/shop/back/db x1',
      '/shop/tools/',
    ]);
    expect(before).toMatchObject({
      version: ((await world.ask('GET', '/v2/apps/shop/web')).json['app'] as ShownGroup).version,
    });
    await world.write('PUT', '/v2/groups/shop/back', { apps: [app('db', { instances: 3 })] });
    await world.write('PUT', '/v2/groups/shop', {
      groups: [{ id: 'back' }, { id: 'new', apps: [app('n')] }],
    });
    expect(await world.tree('/v2/groups/shop')).toEqual([
      '/shop/ -> /other',
      '/shop/web x2',
      '/shop/back/ -> /shop/tools',
      '/shop/back/db x3',
      '/shop/new/',
      '/shop/new/n x1',
    ]);
    await world.write('PUT', '/v2/groups/shop', { groups: [], apps: null });
    expect(await world.tree('/v2/groups/shop')).toEqual(['/shop/ -> /other', '/shop/web x2']);
  });

  it('takes back what GET answered, and nothing changes', async () => {
    await world.write('POST', '/v2/groups', shop);
    await world.calm();
    const { json } = await world.ask('GET', '/v2/groups/shop');
    const { deploymentId } = await world.write('PUT', '/v2/groups/shop', json);
    expect(world.rooms.service.get(deploymentId ?? '')).toBeUndefined();
    expect((await world.ask('GET', '/v2/groups/shop')).json).toEqual(json);
    const whole = (await world.ask('GET', '/v2/groups')).json;
    await world.write('PUT', '/v2/groups', whole);
    expect((await world.ask('GET', '/v2/groups')).json).toEqual(whole);
  });

  it('is one deployment, all or nothing, with the locks of its apps', async () => {
    await world.write('POST', '/v2/groups', shop);
    await world.calm();
    const { deploymentId = '' } = await world.write('PUT', '/v2/groups/shop', {
      apps: [app('web', { cmd: 'other', instances: 2 }), app('api')],
      groups: [{ id: 'back', apps: [app('db', { instances: 2 })] }],
    });
    const deployment = world.rooms.service.get(deploymentId);
    expect(Object.keys(deployment?.plan.transitions ?? {}).sort()).toEqual([
      '/shop/api',
      '/shop/back/cache',
      '/shop/back/db',
      '/shop/web',
    ]);
    const tree = await world.tree();
    const locked = await world.ask('DELETE', '/v2/groups/shop');
    expect(locked).toMatchObject({ status: 409, json: { deployments: [{ id: deploymentId }] } });
    expect(
      await world.ask('PUT', '/v2/groups/shop', {
        apps: [app('new'), app('bad', { cpus: 1, constraints: [['a', 'NO']] })],
      }),
    ).toMatchObject({ status: 422 });
    expect(await world.tree()).toEqual(tree);
    expect((await world.ask('DELETE', '/v2/groups/shop?force=true')).status).toBe(200);
    expect(await world.tree()).toEqual(['/']);
  });

  it('only tells the steps with dryRun', async () => {
    await world.write('POST', '/v2/groups', shop);
    await world.calm();
    const stored = new Map(world.rooms.disk.records);
    const answer = await world.ask('PUT', '/v2/groups/shop?dryRun=true', {
      apps: [app('web', { cmd: 'new', instances: 2, dependencies: ['api'] }), app('api')],
      groups: [],
    });
    expectContract('Announcement', answer.json);
    expect(answer.json).toMatchObject({
      dryRun: true,
      steps: [
        {
          actions: [
            { action: 'StopApplication', app: '/shop/back/cache' },
            { action: 'StopApplication', app: '/shop/back/db' },
          ],
        },
        { actions: [{ action: 'StartApplication', app: '/shop/api' }] },
        { actions: [{ action: 'ScaleApplication', app: '/shop/api' }] },
        { actions: [{ action: 'RestartApplication', app: '/shop/web' }] },
      ],
    });
    expect(world.rooms.disk.records).toEqual(stored);
    expect(await world.tree('/v2/groups/shop')).toContain('/shop/back/db x1');
  });

  it('scales every app in the group, rounded up', async () => {
    await world.write('POST', '/v2/groups', {
      id: 'a',
      apps: [app('x', { instances: 3 })],
      groups: [{ id: 'b', apps: [app('y', { instances: 0 }), app('z')] }],
    });
    await world.write('POST', '/v2/apps', app('/other', { instances: 5 }));
    await world.write('PUT', '/v2/groups/a', { scaleBy: 1.5 });
    expect(await world.tree()).toEqual([
      '/',
      '/other x5',
      '/a/',
      '/a/x x5',
      '/a/b/',
      '/a/b/y x0',
      '/a/b/z x2',
    ]);
    await world.write('PUT', '/v2/groups/a?force=true', { scaleBy: 0 });
    expect(await world.tree('/v2/groups/a')).toEqual(['/a/', '/a/x x0', '/a/b/', '/a/b/y x0', '/a/b/z x0']);
    expect((await world.ask('PUT', '/v2/groups/no', { scaleBy: 2 })).status).toBe(404);
    expect((await world.ask('PUT', '/v2/groups/a', { scaleBy: -1 })).status).toBe(422);
    expect((await world.ask('PUT', '/v2/groups?force=true', { scaleBy: 1e300 })).status).toBe(422);
  });

  const refusals: readonly (readonly [string, string, unknown, string, string])[] = [
    [
      'a version beside other fields',
      '/v2/groups/a',
      { version: '2026-01-01T00:00:00.000Z', id: '/a' },
      '/version',
      'not allowed in conjunction with other properties.',
    ],
    [
      'a factor beside other fields',
      '/v2/groups/a',
      { scaleBy: 2, apps: [] },
      '/scaleBy',
      'not allowed in conjunction with other properties.',
    ],
    [
      'a factor in an inner group',
      '/v2/groups/a',
      { groups: [{ id: 'b', scaleBy: 2 }] },
      '/groups(0)/scaleBy',
      'requirement failed: For a structural update, no scale should be given.',
    ],
    [
      'an app of another group',
      '/v2/groups/a',
      { apps: [app('/b/x')] },
      '/apps(0)/id',
      "Identifier is not child of '/a'",
    ],
    [
      'an app too deep',
      '/v2/groups/a',
      { groups: [{ id: 'b', apps: [app('ok'), app('c/x')] }] },
      '/groups(0)/apps(1)/id',
      "Identifier is not child of '/a/b'",
    ],
    [
      'a group of another group',
      '/v2/groups/a',
      { groups: [{ id: '../x' }] },
      '/groups(0)/id',
      'Group has to be child of groups with parent id /a',
    ],
    ['an app twice', '/v2/groups/a', { apps: [app('x'), app('/a/x')] }, '/apps(1)/id', 'must be unique'],
    [
      'a group twice',
      '/v2/groups/a',
      { groups: [{ id: 'x' }, { id: './x' }] },
      '/groups(1)/id',
      'must be unique',
    ],
    ['a group without an id', '/v2/groups/a', { groups: [{}] }, '/groups(0)/id', 'not defined'],
    [
      'a group with an odd id',
      '/v2/groups/a',
      { groups: [{ id: 'B_b' }] },
      '/groups(0)/id',
      "must fully match regular expression '^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$'",
    ],
    [
      'a dependency on the root',
      '/v2/groups/a',
      { dependencies: ['..'] },
      '/dependencies(0)',
      'must not be root',
    ],
    [
      'a role of an inner group',
      '/v2/groups/a/b',
      { enforceRole: false },
      '/enforceRole',
      'enforceRole can only be set for top-level groups, and /a/b is not top-level',
    ],
    [
      'an app and a group of one path',
      '/v2/groups/a',
      { apps: [app('x')], groups: [{ id: 'x' }] },
      '/apps(0)/id',
      'Groups and Applications may not have the same identifier.',
    ],
    [
      'a group where an app is',
      '/v2/groups/there',
      {},
      '/id',
      'Groups and Applications may not have the same identifier.',
    ],
    [
      'a group below an app',
      '/v2/groups/there/b',
      {},
      '/id',
      'Groups and Applications may not have the same identifier.',
    ],
    [
      'a rule of an app',
      '/v2/groups/a',
      { groups: [{ id: 'b', apps: [{ id: 'x' }] }] },
      '/groups(0)/apps(0)',
      "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
    ],
    [
      'an app where the request keeps a group',
      '/v2/groups',
      { apps: [app('held')], groups: [{ id: 'held', apps: [] }] },
      '/apps(0)/id',
      'Groups and Applications may not have the same identifier.',
    ],
  ];
  it.each(refusals)('refuses %s, with the path, and changes nothing', async (_, path, body, at, text) => {
    await world.write('POST', '/v2/apps', app('/there'));
    await world.write('POST', '/v2/apps', app('/held/x'));
    const tree = await world.tree();
    const answer = await world.ask('PUT', path, body);
    expect([answer.status, answer.json['message']]).toEqual([422, 'Object is not valid']);
    expect(answer.json['details']).toContainEqual({
      path: at,
      errors: [text],
      code: expect.any(String),
      hint: expect.stringMatching(/./),
    });
    expect(await world.tree()).toEqual(tree);
  });

  it('refuses shapes that are none, with 422 and the path', async () => {
    for (const [body, path] of [
      [[], '/'],
      [{ apps: {} }, '/apps'],
      [{ groups: [{ apps: [{ cmd: 'x' }] }] }, '/groups(0)/apps(0)/id'],
      [{ scaleBy: 'x' }, '/scaleBy'],
    ] as const) {
      const answer = await world.ask('PUT', '/v2/groups/a', body);
      expect([answer.status, answer.json['message']]).toEqual([422, 'Invalid JSON']);
      expect((answer.json['details'] as { path: string }[]).map((detail) => detail.path)).toContain(path);
    }
    expect((await world.ask('PUT', '/v2/groups/a', { version: 'yesterday' })).json).toMatchObject({
      message: "Invalid timestamp provided 'yesterday'. Expecting ISO-8601 datetime string.",
    });
  });
});

describe('roles of groups', () => {
  const app = (id: string, role?: string) => ({
    id,
    cmd: 'sleep 1',
    ...(role === undefined ? {} : { role }),
  });
  const roleOf = async (id: string): Promise<unknown> =>
    ((await world.ask('GET', `/v2/apps${id}`)).json['app'] as { role: string }).role;
  const problem = async (id: string, role?: string): Promise<unknown> => {
    const answer = await world.ask('POST', '/v2/apps', app(id, role));
    if (answer.status !== 422) return answer.status;
    const [detail] = answer.json['details'] as { path: string; errors: string[] }[];
    return `${detail?.path}: ${detail?.errors[0]}`;
  };

  it('let an app have the default role or that of its top-level group', async () => {
    await world.write('POST', '/v2/apps', app('/shop/a/web'));
    expect(await roleOf('/shop/a/web')).toBe('*');
    await world.write('POST', '/v2/apps', app('/shop/a/db', 'shop'));
    expect(await roleOf('/shop/a/db')).toBe('shop');
    expect(await problem('/shop/b', 'a')).toBe('/role: got a, expected one of: [*, shop]');
    expect(await problem('/web', 'shop')).toBe('/role: got shop, expected one of: [*]');
  });

  it('that are enforced are what new apps get; what an app has already it may keep', async () => {
    await world.write('POST', '/v2/apps', app('/shop/old'));
    await world.write('PATCH', '/v2/groups/shop', { enforceRole: true });
    await world.write('POST', '/v2/apps', app('/shop/new'));
    expect(await roleOf('/shop/new')).toBe('shop');
    expect(await problem('/shop/other', '*')).toBe('/role: got *, expected one of: [shop]');
    await world.write('PATCH', '/v2/apps/shop/old', { cpus: 0.2 });
    expect(await roleOf('/shop/old')).toBe('*');
    await world.write('PATCH', '/v2/apps/shop/old', { role: 'shop' });
    expect(await problem('/shop/old', '*')).not.toBe(201);
    await world.write('PATCH', '/v2/groups/shop', { enforceRole: false });
    expect(await problem('/shop/other', '*')).toBe(201);
  });

  describe('with --new-group-enforce-role top', () => {
    const enforced = async (id: string): Promise<unknown> =>
      (await world.ask('GET', `/v2/groups${id}`)).json['enforceRole'];

    beforeEach(async () => {
      await world.stop();
      world = await GroupWorld.start({ newGroupsEnforceRole: true });
    });

    it('hold their apps to it from the first one on, whoever makes the group', async () => {
      await world.write('POST', '/v2/apps', app('/shop/a/web'));
      expect([await roleOf('/shop/a/web'), await enforced('/shop'), await enforced('/shop/a')]).toEqual([
        'shop',
        true,
        undefined,
      ]);
      expect(await problem('/shop/other', '*')).toBe('/role: got *, expected one of: [shop]');
      await world.write('PUT', '/v2/groups/zoo', { apps: [app('lion')], groups: [{ id: 'a' }] });
      expect([await roleOf('/zoo/lion'), await enforced('/zoo')]).toEqual(['zoo', true]);
      await world.write('POST', '/v2/apps', app('/alone'));
      expect(await roleOf('/alone')).toBe('*');
    });

    it('do not when the group says so, or is there already', async () => {
      await world.write('PUT', '/v2/groups/zoo', { enforceRole: false });
      await world.write('POST', '/v2/apps', app('/zoo/lion'));
      expect([await roleOf('/zoo/lion'), await enforced('/zoo')]).toEqual(['*', false]);
      await world.write('PUT', '/v2/groups/zoo', { apps: [app('lion'), app('bear')] });
      expect([await roleOf('/zoo/bear'), await enforced('/zoo')]).toEqual(['*', false]);
      const both = await world.ask('PUT', '/v2/groups/new', { enforceRole: false, apps: [app('a')] });
      expect(both).toMatchObject({ status: 422, json: { details: [{ path: '/enforceRole' }] } });
    });
  });
});

describe('PATCH of a group', () => {
  it('answers 200 with nothing and deploys nothing', async () => {
    await world.write('POST', '/v2/groups', shop);
    const answer = await world.ask('PATCH', '/v2/groups/shop', { enforceRole: false });
    expect([answer.status, answer.text, answer.headers['marathon-deployment-id']]).toEqual([
      200,
      '',
      undefined,
    ]);
    expect(await world.ask('PATCH', '/v2/groups/shop', { enforceRole: true })).toMatchObject({ status: 200 });
    expect((await world.ask('GET', '/v2/groups/shop')).json['enforceRole']).toBe(true);
    for (const path of ['/v2/groups/shop/back', '/v2/groups'])
      expect(await world.ask('PATCH', path, { enforceRole: true })).toMatchObject({
        status: 422,
        json: { message: 'Path needs to be top-level' },
      });
    expect((await world.ask('PATCH', '/v2/groups/no', { enforceRole: true })).status).toBe(404);
    expect((await world.ask('PATCH', '/v2/groups/shop', { enforceRole: 1 })).status).toBe(422);
  });
});

describe('dependencies', () => {
  it('between groups order the deployment of all apps in them', async () => {
    const { deploymentId = '' } = await world.write('PUT', '/v2/groups', {
      groups: [
        { id: 'web', dependencies: ['/back'], apps: [app('one'), app('two', { dependencies: ['one'] })] },
        {
          id: 'back',
          groups: [{ id: 'data', apps: [app('db')] }],
          apps: [app('api', { dependencies: ['data'] })],
        },
      ],
    });
    const steps = world.rooms.service
      .get(deploymentId)
      ?.plan.steps.map(({ actions }) => actions.map((each) => each.app));
    expect(steps?.slice(1)).toEqual([['/back/data/db'], ['/back/api'], ['/web/one'], ['/web/two']]);
  });

  it('that form a cycle are refused with the cycle named, also through groups and also when an app closes it', async () => {
    const cycle = async (method: string, path: string, body: unknown): Promise<unknown> => {
      const answer = await world.ask(method, path, body);
      expect(answer.status).toBe(422);
      return (answer.json['details'] as object[])[0];
    };
    await world.write('PUT', '/v2/groups', {
      groups: [
        { id: 'a', dependencies: ['/b'], apps: [app('x')] },
        { id: 'b', apps: [app('y')] },
        { id: 'c' },
      ],
    });
    expect(await cycle('PUT', '/v2/groups/b', { dependencies: ['/a/x'] })).toMatchObject({
      path: '/dependencies',
      errors: ['Dependency graph has cyclic dependencies.'],
      code: 'cycle',
      hint: '/a/x -> (in /a) -> /b -> /b/y -> (in /b) -> /a/x',
    });
    expect(await cycle('PATCH', '/v2/apps/b/y', { dependencies: ['/a'] })).toMatchObject({
      path: '/dependencies',
    });
    expect(await cycle('PUT', '/v2/groups/a', { dependencies: ['x'] })).toMatchObject({ code: 'cycle' });
    await world.write('PUT', '/v2/groups/c', { dependencies: ['/d'] });
    await world.write('PUT', '/v2/groups/d', { dependencies: ['/c'], apps: [app('z')] });
    expect(await cycle('POST', '/v2/apps', app('/c/new'))).toMatchObject({ path: '/dependencies' });
    expect((await world.ask('GET', '/v2/apps/c/new')).status).toBe(404);
  });
});
