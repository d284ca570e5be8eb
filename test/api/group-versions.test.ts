import { keys } from '../../src/store/state-store.js';
import { expectContract } from './support/contract.js';
import { app, GroupWorld, type ShownGroup } from './support/group-world.js';

let world: GroupWorld;

beforeEach(async () => {
  world = await GroupWorld.start();
});
afterEach(async () => {
  await world.stop();
});

const versionsOf = async (path: string): Promise<string[]> =>
  JSON.parse((await world.ask('GET', `${path}/versions`)).text) as string[];
const inTree = (tree: readonly string[]): readonly string[] => tree.slice(1);

describe('versions of a group', () => {
  it('are all that happened in it, newest first; each shows the group as it was then', async () => {
    const first = await world.write('POST', '/v2/groups', { id: 'a', apps: [app('x'), app('y')] });
    const second = await world.write('PATCH', '/v2/apps/a/x', { instances: 3 });
    const third = await world.write('PUT', '/v2/groups/a/b', { apps: [app('z')], dependencies: ['../y'] });
    const fourth = await world.write('DELETE', '/v2/apps/a/y');
    await world.write('POST', '/v2/apps', app('/elsewhere'));
    const all = [fourth, third, second, first].map(({ version }) => version);
    expect(await versionsOf('/v2/groups/a')).toEqual(all);
    expect(await versionsOf('/v2/groups/')).toEqual([expect.any(String), ...all]);
    expect(await versionsOf('/v2/groups/a/b')).toEqual([third['version']]);
    const then = async ({ version }: Record<string, string>): Promise<readonly string[]> =>
      inTree(await world.tree(`/v2/groups/a/versions/${version}`));
    const check = async (): Promise<void> => {
      expect(await then(first)).toEqual(['/a/x x1', '/a/y x1']);
      expect(await then(second)).toEqual(['/a/x x3', '/a/y x1']);
      expect(await then(third)).toEqual(['/a/x x3', '/a/y x1', '/a/b/ -> /a/y', '/a/b/z x1']);
      expect(await then(fourth)).toEqual(['/a/x x3', '/a/b/ -> /a/y', '/a/b/z x1']);
    };
    await check();
    world = await world.crash();
    await check();
    expect(await versionsOf('/v2/groups/a')).toEqual(all);
    const shown = await world.ask('GET', `/v2/groups//versions/${second['version']}`);
    expectContract('GroupInfo', shown.json);
    expect(shown.json['version']).toBe(second['version']);
    expect((await world.ask('GET', '/v2/groups/a/versions/2020-01-01T00:00:00.000Z')).json['code']).toBe(
      'group-version-not-found',
    );
    expect((await world.ask('GET', '/v2/groups/a/versions/then')).status).toBe(422);
  });

  it('are put back by PUT, and restart only what has changed since', async () => {
    const { version } = await world.write('POST', '/v2/groups', {
      id: 'a',
      apps: [app('same', { instances: 2 }), app('scaled'), app('changed'), app('gone')],
    });
    await world.write('PATCH', '/v2/apps/a/scaled', { instances: 4 });
    await world.write('PATCH', '/v2/apps/a/changed', { cmd: 'other' });
    await world.write('DELETE', '/v2/apps/a/gone');
    await world.write('POST', '/v2/groups', { id: 'a/new', apps: [app('x')] });
    await world.calm();
    const untouched = world.rooms.instances('/a/same');
    const { deploymentId = '' } = await world.write('PUT', '/v2/groups/a', { version });
    const plan = world.rooms.service.get(deploymentId)?.plan;
    expect(plan?.steps.map(({ actions }) => actions.map(({ action, app: id }) => `${action} ${id}`))).toEqual(
      [
        ['StopApplication /a/new/x'],
        ['StartApplication /a/gone'],
        expect.arrayContaining([
          'ScaleApplication /a/scaled',
          'RestartApplication /a/changed',
          'ScaleApplication /a/gone',
        ]),
      ],
    );
    expect(plan?.transitions).not.toHaveProperty('/a/same');
    expect(await world.tree('/v2/groups/a')).toEqual([
      '/a/',
      '/a/changed x1',
      '/a/gone x1',
      '/a/same x2',
      '/a/scaled x1',
    ]);
    await world.calm();
    expect(world.rooms.instances('/a/same')).toEqual(untouched);
    const again = await world.write('PUT', '/v2/groups/a', { version });
    expect(world.rooms.service.get(again['deploymentId'] ?? '')).toBeUndefined();
  });

  it('bring back a whole group that was deleted, from its own path and from the root', async () => {
    await world.write('POST', '/v2/groups', {
      id: 'a',
      apps: [app('x')],
      groups: [{ id: 'b', dependencies: ['../x'], apps: [app('y')] }, { id: 'empty' }],
    });
    await world.write('PATCH', '/v2/apps/a/x', { instances: 2 });
    const tree = await world.tree();
    const [version] = await versionsOf('/v2/groups');
    await world.write('DELETE', '/v2/groups/a');
    expect(await world.tree()).toEqual(['/']);
    world = await world.crash();
    expect((await world.ask('GET', '/v2/groups/a/versions')).status).toBe(404);
    await world.write('PUT', '/v2/groups/a', { version });
    expect(await world.tree()).toEqual(tree);
    await world.write('DELETE', '/v2/groups');
    expect(await world.tree()).toEqual(['/']);
    await world.write('PUT', '/v2/groups', { version });
    expect(await world.tree()).toEqual(tree);
    expect((await world.ask('GET', '/v2/apps/a/x/versions')).json['versions']).toHaveLength(1);
    expect(await world.ask('PUT', '/v2/groups/a', { version: '2020-01-01T00:00:00.000Z' })).toMatchObject({
      status: 422,
      json: { message: 'Group /a not available in version 2020-01-01T00:00:00.000Z' },
    });
  });

  it('know also what a rollback of a deployment put back as it was', async () => {
    const first = await world.write('POST', '/v2/groups', { id: 'a', apps: [app('x')] });
    await world.calm();
    const second = await world.write('PATCH', '/v2/apps/a/x', { cmd: 'bad' });
    const third = await world.ask('DELETE', `/v2/deployments/${second['deploymentId']}`);
    expect(third.status).toBe(200);
    await world.calm();
    const command = async (version: unknown): Promise<unknown> => {
      const { json } = await world.ask('GET', `/v2/groups/a/versions/${version}`);
      return (json as unknown as { apps: { cmd: string }[] }).apps[0]?.cmd;
    };
    const versions = [first['version'], second['version'], third.json['version']];
    expect(await Promise.all(versions.map(command))).toEqual(['run', 'bad', 'run']);
    expect(await versionsOf('/v2/groups/a')).toEqual([...versions].reverse());
    world = await world.crash();
    expect(await Promise.all(versions.map(command))).toEqual(['run', 'bad', 'run']);
  });

  it('forget what no listed version needs, apart from what is needed still', async () => {
    await world.write('POST', '/v2/apps', app('/a/gone'));
    await world.write('DELETE', '/v2/apps/a/gone');
    await world.write('POST', '/v2/apps', app('/keep/gone'));
    await world.write('DELETE', '/v2/apps/keep/gone');
    const kept = (): string[] => [...world.rooms.disk.records.keys()].filter((key) => key.includes('gone'));
    expect(kept()).toContain(keys.appTombstone('/a/gone'));
    for (let n = 0; n < 60; n++)
      await world.write('PUT', '/v2/apps/a/busy', { cmd: 'run', portDefinitions: [], instances: n });
    expect(kept().filter((key) => key.includes('/a/gone'))).toEqual([]);
    expect(kept()).toContain(keys.appTombstone('/keep/gone'));
    expect(await versionsOf('/v2/groups')).toHaveLength(50);
    const [, version] = await versionsOf('/v2/groups/keep');
    await world.write('PUT', '/v2/groups/keep', { version });
    expect(await world.tree('/v2/groups/keep')).toEqual(['/keep/', '/keep/gone x1']);
    expect(kept()).not.toContain(keys.appTombstone('/keep/gone'));
  });
});

describe('the rollback of a deployment', () => {
  it('undoes its groups too, but leaves one in which something else came to lie', async () => {
    await world.write('POST', '/v2/groups', { id: 'old', dependencies: ['/dep'], apps: [app('x')] });
    await world.calm();
    const before = await world.tree();
    const { deploymentId } = await world.write('PUT', '/v2/groups', {
      groups: [
        { id: 'new', groups: [{ id: 'in', apps: [app('y')] }] },
        { id: 'used', dependencies: ['/dep'], apps: [app('z')] },
      ],
    });
    await world.ask('POST', '/v2/apps', app('/used/other'));
    expect((await world.ask('DELETE', `/v2/deployments/${deploymentId}`)).status).toBe(200);
    expect(await world.tree()).toEqual([...before, '/used/ -> /dep', '/used/other x1']);
    const [root] = ((await world.ask('GET', '/v2/groups')).json as unknown as ShownGroup).groups ?? [];
    expect(root?.dependencies).toEqual(['/dep']);
  });
});

describe('a crash while a group is being changed', () => {
  it('leaves all of the change or none of it, whenever it comes', async () => {
    const before = ['/', '/a/', '/a/x x1', '/a/b/', '/a/b/y x1'];
    const after = ['/', '/a/', '/a/new x1', '/a/x x2', '/a/c/ -> /a/x'];
    const outcomes = new Set<boolean>();
    for (const fate of ['lost', 'kept'] as const) {
      for (let turns = 0; turns < 14; turns++) {
        const dying = await GroupWorld.start();
        await dying.write('POST', '/v2/groups', {
          id: 'a',
          apps: [app('x')],
          groups: [{ id: 'b', apps: [app('y')] }],
        });
        await dying.calm();
        const { prepare } = await dying.groupChanges.update('/a', {
          apps: [app('x', { instances: 2 }), app('new')],
          groups: [{ id: 'c', dependencies: ['/a/x'] }],
        });
        dying.rooms.service.changeTree(prepare, { force: false }).catch(() => undefined);
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        const next = dying.rooms.crash(fate);
        await dying.api.stop();
        const reborn = await GroupWorld.over(await next);
        const isDone = reborn.rooms.registry.groups.get('/a/c') !== undefined;
        outcomes.add(isDone);
        expect(await reborn.tree()).toEqual(isDone ? after : before);
        expect(reborn.rooms.service.all()).toHaveLength(isDone ? 1 : 0);
        await reborn.calm();
        expect(reborn.rooms.instances('/a/b/y')).toHaveLength(isDone ? 0 : 1);
        await reborn.stop();
      }
    }
    expect([...outcomes].sort()).toEqual([false, true]);
  });
});
