import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import type { Offer } from '../../src/embedded-mesos/protocol/v1.js';
import { ApiWorld } from './support/api-world.js';
import { expectContract } from './support/contract.js';
import { record, running } from './support/fakes.js';
import { app, GroupWorld } from './support/group-world.js';

type Json = Record<string, unknown>;
type Announcement = {
  readonly checkVersion?: string;
  readonly definitions: readonly Json[];
  readonly steps: readonly { readonly actions: readonly { action: string; app: string }[] }[];
  readonly changes: readonly {
    readonly id: string;
    readonly change: string;
    readonly diff: readonly Json[];
  }[];
  readonly lockedBy: readonly string[];
};

let world: GroupWorld;

beforeEach(async () => {
  world = await GroupWorld.start();
});
afterEach(() => world.stop());

const tagOf = async (path: string): Promise<string> => String((await world.ask('GET', path)).headers['etag']);

describe('a write with If-Match', () => {
  beforeEach(async () => {
    await world.write('POST', '/v2/apps', app('/shop/web'));
    await world.calm();
  });

  it('is done when nobody has changed the app since, and refused with the tag of now when somebody has', async () => {
    const tag = await tagOf('/v2/apps/shop/web');
    const first = await world.ask(
      'PATCH',
      '/v2/apps/shop/web',
      { cpus: 0.2 },
      { headers: { 'if-match': tag } },
    );
    expect(first.status).toBe(200);
    await world.calm();
    const second = await world.ask(
      'PATCH',
      '/v2/apps/shop/web',
      { cpus: 0.3 },
      { headers: { 'if-match': tag } },
    );
    expect(second.status).toBe(412);
    expectContract('Error', second.json);
    expect(second.json).toMatchObject({ code: 'precondition-failed' });
    const current = String(second.json['currentETag']);
    expect(second.headers['etag']).toBe(current);
    expect((await world.ask('GET', '/v2/apps/shop/web')).json).toMatchObject({ app: { cpus: 0.2 } });
    const third = await world.ask(
      'PATCH',
      '/v2/apps/shop/web',
      { cpus: 0.3 },
      { headers: { 'if-match': current } },
    );
    expect(third.status).toBe(200);
  });

  it.each([
    ['PUT', '/v2/apps/shop/web', { cmd: 'x' }],
    ['DELETE', '/v2/apps/shop/web', undefined],
    ['POST', '/v2/apps/shop/web/restart', undefined],
    ['PATCH', '/v2/apps', [{ id: '/shop/web', instances: 3 }]],
    ['PUT', '/v2/apps', [{ id: '/shop/web', instances: 3 }]],
    ['POST', '/v2/apps', app('/shop/new')],
    ['DELETE', '/v2/apps/shop/web/tasks', undefined],
    ['POST', '/v2/tasks/delete', { ids: [] }],
    ['PUT', '/v2/groups/shop', { dependencies: ['/x'] }],
    ['POST', '/v2/groups/shop', { apps: [] }],
    ['PATCH', '/v2/groups/shop', { enforceRole: false }],
    ['DELETE', '/v2/groups/shop', undefined],
    ['DELETE', '/v2/groups', undefined],
  ])('is refused by %s %s with a tag of another time, and changes nothing', async (method, path, body) => {
    const stored = new Map(world.rooms.disk.records);
    const headers = { 'if-match': '"2000-01-01T00:00:00.000Z"' };
    const { status } = await world.ask(method, path, body, { headers });
    expect(status).toBe(method === 'POST' && path === '/v2/groups/shop' ? 409 : 412);
    expect(world.rooms.disk.records).toEqual(stored);
  });

  it('lets one of many writers at once win', async () => {
    const headers = { 'if-match': await tagOf('/v2/apps') };
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const answers = await Promise.all(
      ids.map((id) => world.ask('POST', '/v2/apps', app(`/${id}`), { headers })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412, 412, 412, 412]);
  });

  it('that looks at several apps is judged when all changes before it are durable', async () => {
    const { service, registry } = world.rooms;
    const id = '/shop/web' as AppId;
    let seen: unknown = 'nothing';
    await Promise.all([
      service.change(() => [{ appId: id, after: undefined }], { force: true }),
      service.changeTree(
        () => {
          seen = registry.get(id);
          return { apps: [], groups: [] };
        },
        { force: false, alone: true },
      ),
    ]);
    expect(seen).toBeUndefined();
  });

  it('creates only, with If-None-Match: *', async () => {
    const headers = { 'if-none-match': '*' };
    expect((await world.ask('PUT', '/v2/apps/shop/web', { cmd: 'x' }, { headers })).status).toBe(412);
    expect((await world.ask('PUT', '/v2/apps/shop/new', app('/shop/new'), { headers })).status).toBe(201);
  });

  it('looks at the definition only: a task that comes or goes is no lost update', async () => {
    const tag = await tagOf('/v2/apps/shop/web');
    world.rooms.scheduler.end('shop/web.1');
    expect(await tagOf('/v2/apps/shop/web')).not.toBe(tag);
    const { status } = await world.ask(
      'PATCH',
      '/v2/apps/shop/web',
      { cpus: 1 },
      { headers: { 'if-match': tag } },
    );
    expect(status).toBe(200);
  });
});

describe('a read with If-None-Match', () => {
  it.each([
    '/v2/apps/shop/web',
    '/v2/apps',
    '/v2/tasks',
    '/v2/apps/shop/web/tasks',
    '/v2/groups/shop',
    '/v2/apps/shop/*',
  ])('of %s is 304 until something in it changes', async (path) => {
    await world.write('POST', '/v2/apps', app('/shop/web'));
    await world.calm();
    const tag = await tagOf(path);
    const same = await world.ask('GET', path, undefined, { headers: { 'if-none-match': tag } });
    expect([same.status, same.text]).toEqual([304, '']);
    await world.ask('PATCH', '/v2/apps/shop/web', { labels: { HAPROXY_GROUP: 'x' } });
    const changed = await world.ask('GET', path, undefined, { headers: { 'if-none-match': tag } });
    expect(changed.status).toBe(200);
    expect(changed.headers['etag']).not.toBe(tag);
  });
});

describe('a dry run', () => {
  /** The steps of a deployment, as its events told them. */
  const planOf = (id: string): unknown => {
    const plans = world.rooms.events.flatMap((event) =>
      'plan' in event ? [event.plan as { readonly id: string; readonly steps: Announcement['steps'] }] : [],
    );
    const steps = plans.find((plan) => plan.id === id)?.steps ?? [];
    return steps.map(({ actions }) => ({ actions: actions.map(({ action, app }) => ({ action, app })) }));
  };

  const web = { cmd: 'run', instances: 2, env: { COLOR: 'red', DB_PASSWORD: 'one' }, portDefinitions: [] };

  it('tells the definition, every difference and what it does, masks secrets, and changes nothing', async () => {
    await world.write('PUT', '/v2/apps/web', web);
    await world.calm();
    const stored = new Map(world.rooms.disk.records);
    const answer = await world.ask('PATCH', '/v2/apps/web?dryRun=true', {
      env: { COLOR: 'blue', DB_PASSWORD: 'two' },
      backoffSeconds: 3,
      instances: 3,
    });
    expect(answer.status).toBe(200);
    expectContract('Announcement', answer.json);
    expect(answer.json).toMatchObject({
      dryRun: true,
      definitions: [{ id: '/web', instances: 3, backoffSeconds: 3 }],
      changes: [
        {
          id: '/web',
          change: 'restart',
          restartsInstances: true,
          restartingFields: ['/env/COLOR', '/env/DB_PASSWORD'],
          inPlaceFields: ['/backoffSeconds'],
        },
      ],
      steps: [{ actions: [{ action: 'RestartApplication', app: '/web' }] }],
      placement: [{ id: '/web', fits: 'unknown' }],
      peakExtraCapacity: { instances: 3, cpus: 3 },
    });
    const [{ diff } = { diff: [] }] = (answer.json as unknown as Announcement).changes;
    expect(diff).toContainEqual({ path: '/env/DB_PASSWORD', old: '***', new: '***', effect: 'restart' });
    expect(diff).toContainEqual({ path: '/instances', old: 2, new: 3, effect: 'scale' });
    expect(answer.headers['marathon-deployment-id']).toBeUndefined();
    expect(world.rooms.disk.records).toEqual(stored);
    expect((await world.ask('GET', '/v2/deployments')).json).toEqual([]);
  });

  it.each([
    ['POST', '/v2/apps', app('/new')],
    ['PUT', '/v2/apps', [app('/new')]],
    ['PATCH', '/v2/apps', [{ id: '/web', instances: 5 }]],
    ['PUT', '/v2/apps/web', { instances: 5 }],
    ['DELETE', '/v2/apps/web', undefined],
    ['POST', '/v2/apps/web/restart', undefined],
    ['DELETE', '/v2/apps/web/tasks', undefined],
    ['DELETE', '/v2/apps/web/tasks?scale=true', undefined],
    ['POST', '/v2/tasks/delete', { ids: [] }],
    ['POST', '/v2/groups/g', { apps: [app('x')] }],
    ['PUT', '/v2/groups/g', { apps: [app('x')] }],
    ['DELETE', '/v2/groups', undefined],
  ])('of %s %s changes nothing and starts nothing', async (method, path, body) => {
    await world.write('PUT', '/v2/apps/web', web);
    await world.calm();
    const stored = new Map(world.rooms.disk.records);
    const answer = await world.ask(method, `${path}${path.includes('?') ? '&' : '?'}dryRun=true`, body);
    expect([answer.status, answer.json['dryRun']]).toEqual([200, true]);
    await world.calm();
    expect(world.rooms.disk.records).toEqual(stored);
  });

  it('is refused as the change itself would be', async () => {
    expect((await world.ask('PATCH', '/v2/apps/none?dryRun=true', { cpus: 1 })).status).toBe(404);
    expect((await world.ask('PUT', '/v2/apps/x?dryRun=true', { cpus: -1, cmd: 'x' })).status).toBe(422);
    expect((await world.ask('POST', '/v2/apps?dryRun=true', app('/A b'))).status).toBe(422);
  });

  it('followed by the change with its checkVersion gives exactly what was announced', async () => {
    const change = fc.record(
      {
        cmd: fc.constantFrom('run', 'serve'),
        instances: fc.nat({ max: 4 }),
        cpus: fc.constantFrom(0.1, 0.5, 1),
        env: fc.dictionary(fc.constantFrom('A', 'B', 'TOKEN'), fc.string({ maxLength: 3 }), {
          noNullPrototype: true,
        }),
        labels: fc.dictionary(fc.constantFrom('HAPROXY_GROUP', 'team'), fc.string({ maxLength: 3 }), {
          noNullPrototype: true,
        }),
        backoffSeconds: fc.constantFrom(1, 2),
      },
      { requiredKeys: [] },
    );
    await world.write('PUT', '/v2/apps/web', web);
    await fc.assert(
      fc.asyncProperty(change, async (body) => {
        await world.calm();
        const dry = (await world.ask('PATCH', '/v2/apps/web?dryRun=true', body))
          .json as unknown as Announcement;
        const before = (await world.ask('GET', '/v2/apps/web')).json['app'] as Json;
        const done = await world.ask('PATCH', '/v2/apps/web', body, {
          headers: { 'if-match': dry.checkVersion ?? '' },
        });
        expect(done.status).toBe(200);
        const id = String(done.headers['marathon-deployment-id']);
        const stored = (await world.ask('GET', '/v2/apps/web')).json['app'] as Json;
        const { version: _v, versionInfo: _i, ...announced } = dry.definitions[0] ?? {};
        expect(stored).toMatchObject(announced);
        const isNothing = stored['version'] === before['version'];
        expect(dry.changes[0]?.diff.length === 0).toBe(isNothing);
        expect(dry.changes[0]?.change === 'none').toBe(isNothing);
        await world.calm();
        expect(planOf(id)).toEqual(dry.steps);
      }),
      { numRuns: 40 },
    );
  });

  it('names the deployments that would stand in the way', async () => {
    const { deploymentId } = await world.write('PUT', '/v2/apps/web', web);
    const dry = (await world.ask('PATCH', '/v2/apps/web?dryRun=true', { cpus: 2 }))
      .json as unknown as Announcement;
    expect(dry.lockedBy).toEqual([deploymentId]);
  });
});

describe('a JSON merge patch', () => {
  const merge = (path: string, patch: unknown): ReturnType<GroupWorld['ask']> =>
    world.ask('PATCH', path, patch, { headers: { 'content-type': 'application/merge-patch+json' } });
  const shown = async (): Promise<Json> => (await world.ask('GET', '/v2/apps/web')).json['app'] as Json;

  it('of an app removes what is null, merges objects and replaces arrays', async () => {
    await world.write('PUT', '/v2/apps/web', {
      cmd: 'run',
      cpus: 2,
      user: 'nobody',
      env: { A: '1', B: '2' },
      constraints: [['hostname', 'UNIQUE']],
      portDefinitions: [],
    });
    await world.calm();
    const answer = await merge('/v2/apps/web', {
      cpus: null,
      user: null,
      env: { A: null, C: '3' },
      constraints: [['zone', 'UNIQUE']],
    });
    expect(answer.status).toBe(200);
    expect(await shown()).toMatchObject({
      cpus: 1,
      env: { B: '2', C: '3' },
      constraints: [['zone', 'UNIQUE']],
    });
    expect(await shown()).not.toHaveProperty('user');
    expect((await shown())['env']).not.toHaveProperty('A');
  });

  it('is judged like any other definition', async () => {
    await world.write('PUT', '/v2/apps/web', { cmd: 'run', portDefinitions: [] });
    await world.calm();
    expect((await merge('/v2/apps/web', { cmd: null })).status).toBe(422);
    expect((await merge('/v2/apps/web', { cpus: 'many' })).status).toBe(422);
    expect((await merge('/v2/apps/web', [])).status).toBe(422);
    expect((await merge('/v2/apps/web', { version: '2000-01-01T00:00:00.000Z' })).status).toBe(422);
    expect((await merge('/v2/apps/none', {})).status).toBe(404);
  });

  it('of a group takes its members back to nothing with null', async () => {
    await world.write('PUT', '/v2/groups/g', { dependencies: ['/h'], apps: [app('x')] });
    await world.calm();
    expect((await merge('/v2/groups/g', { dependencies: null })).status).toBe(200);
    expect(await world.tree('/v2/groups/g')).toEqual(['/g/', '/g/x x1']);
    expect((await merge('/v2/groups/none', { dependencies: [] })).status).toBe(404);
  });

  it('of another kind is refused with the kinds that are taken', async () => {
    await world.write('PUT', '/v2/apps/web', { cmd: 'run', portDefinitions: [] });
    const headers = { 'content-type': 'application/json-patch+json' };
    const answer = await world.ask('PATCH', '/v2/apps/web', [], { headers });
    expect(answer.status).toBe(415);
    expect(answer.headers['accept-patch']).toBe('application/json, application/merge-patch+json');
    expect(String(answer.json['hint'])).toContain('application/merge-patch+json');
    expect((await merge('/v2/apps', [])).status).toBe(415);
  });
});

describe('pages', () => {
  const ids = ['/a', '/b/one', '/b/two', '/b-side', '/c'];

  const walk = async (start: string, list: (answer: Json) => readonly Json[]): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for (let path: string | undefined = start; path !== undefined; ) {
      const answer = await world.ask('GET', path);
      expect(answer.status).toBe(200);
      const items = list(answer.json);
      expect(items.length).toBeLessThanOrEqual(2);
      seen.push(...items.map((item) => item['id']));
      path = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers['link'] ?? ''))?.[1];
    }
    return seen;
  };

  beforeEach(async () => {
    await world.write(
      'PUT',
      '/v2/apps',
      ids.map((id) => app(id)),
    );
    await world.calm();
  });

  it('of every list hold each item once, in the order of the ids', async () => {
    const apps = (answer: Json): readonly Json[] => answer['apps'] as Json[];
    expect(await walk('/v2/apps?limit=2', apps)).toEqual([...ids].sort());
    expect(await walk('/v2/apps?limit=2&id=b', apps)).toEqual(['/b-side', '/b/one', '/b/two']);
    expect(await walk('/v2/apps/b/*?limit=1', (answer) => answer['*'] as Json[])).toEqual([
      '/b/one',
      '/b/two',
    ]);
    expect(await walk('/v2/groups/b/apps?limit=1', (answer) => answer as unknown as Json[])).toEqual([
      '/b/one',
      '/b/two',
    ]);
  });

  it('of tasks go by app and instance, and go on behind a task that has ended', async () => {
    const api = await new ApiWorld().start();
    try {
      api.registry.put(record('/b/web'), record('/a'));
      api.scheduler.add(running('/b/web', 2), running('/a', 3), running('/b/web', 1), running('/a', 4));
      const numbers: unknown[] = [];
      let next: string | undefined = '/v2/tasks?limit=1&fields=id';
      while (next !== undefined) {
        const { json, headers } = await api.ask('GET', next);
        const [task] = json['tasks'] as Json[];
        numbers.push(Number(/instance-0*(\d+)-/.exec(String(task?.['id']))?.[1]));
        next = /^<([^>]+)>/.exec(String(headers['link'] ?? ''))?.[1];
        if (numbers.length === 2) api.scheduler.byId.delete(running('/a', 4).id);
      }
      expect(numbers).toEqual([3, 4, 1, 2]);
      expect((await api.ask('GET', '/v2/tasks?after=x')).status).toBe(422);
    } finally {
      await api.stop();
    }
  });

  it('go on behind an item that is gone, and see one that came', async () => {
    const after = '/v2/apps?limit=2&after=/b-side';
    await world.ask('DELETE', '/v2/apps/b-side');
    await world.ask('POST', '/v2/apps', app('/b-tea'));
    const answer = await world.ask('GET', after);
    expect((answer.json['apps'] as Json[]).map((each) => each['id'])).toEqual(['/b-tea', '/b/one']);
  });

  it.each(['0', '1001', '-1', 'x', '1.5', ''])('are refused with limit=%s', async (limit) => {
    expect((await world.ask('GET', `/v2/apps?limit=${limit}`)).status).toBe(422);
  });

  it('and whole lists show only the fields that are asked for', async () => {
    const { json } = await world.ask('GET', '/v2/apps?limit=1&fields=id,instances,tasksRunning');
    expect(json).toEqual({ apps: [{ id: '/a', instances: 1, tasksRunning: expect.any(Number) }] });
    const tasks = (await world.ask('GET', '/v2/tasks?fields=id&fields=appId')).json['tasks'] as Json[];
    expect(tasks.length).toBe(ids.length);
    for (const task of tasks) expect(Object.keys(task).sort()).toEqual(['appId', 'id']);
  });
});

describe('a dry run where what is free is known', () => {
  const free = (hostname: string, cpus: number, role: string): Offer => ({
    id: { value: hostname },
    framework_id: { value: 'f' },
    agent_id: { value: 'agent-1' },
    hostname,
    allocation_info: { role },
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 4_000 } },
    ],
  });
  const start = (cpus: number): Promise<ApiWorld> =>
    new ApiWorld().start({ freeOffers: (role) => [free('host-1', cpus, role)] });
  const portless = { cpus: 1, portDefinitions: [] };

  it('says how many fit, and what is missing for the others', async () => {
    const api = await start(2.5);
    try {
      api.registry.put(record('/web', { ...portless, instances: 1 }));
      const { json } = await api.ask('PATCH', '/v2/apps/web?dryRun=true', { body: { instances: 5 } });
      expectContract('Announcement', json);
      expect(json['placement']).toEqual([
        {
          id: '/web',
          instances: 4,
          fitting: 2,
          fits: false,
          agents: [
            {
              hostname: 'host-1',
              reasons: ['InsufficientCpus'],
              explanation: ['needs 1 cpus, 0.5 offered'],
              missing: { cpus: 0.5 },
              offered: { cpus: 0.5, mem: 3_936, disk: 0, gpus: 0 },
            },
          ],
          smallestChange: { instances: 2, hostname: 'host-1', lowerTo: { cpus: 0.5 } },
        },
      ]);
    } finally {
      await api.stop();
    }
  });

  it('counts the room of instances that the upgrade strategy stops first', async () => {
    const api = await start(0);
    try {
      const upgradeStrategy = { minimumHealthCapacity: 0, maximumOverCapacity: 0 };
      api.registry.put(record('/web', { ...portless, instances: 2, upgradeStrategy }));
      api.scheduler.add(running('/web', 1), running('/web', 2));
      const { json } = await api.ask('POST', '/v2/apps/web/restart?dryRun=true');
      expect(json['placement']).toMatchObject([{ id: '/web', stoppedFirst: 2, fitting: 2, fits: true }]);
    } finally {
      await api.stop();
    }
  });
});

describe('an If-Match on what is no definition', () => {
  it('guards the cancelling of a deployment and the end of a backoff', async () => {
    const api = await new ApiWorld().start();
    try {
      const { app: web } = record('/web');
      api.registry.put(record('/web'), record('/other'));
      const tag = String((await api.ask('GET', '/v2/apps/web')).headers['etag']);
      const plan = { id: 'd1', version: web.version, steps: [], transitions: { [web.id]: {} as never } };
      const running = { plan, currentStep: 0, startedAt: web.version, phase: 'running' } as const;
      api.deployments.running.set('d1', running);
      const entry = { appId: web.id, role: '*', count: 1, since: web.version, processedOffers: 0 };
      const rest = { unusedOffers: 0, launchAttemptRefusals: {}, lastRefusals: [] };
      api.scheduler.entries.set(web.id, { ...entry, ...rest });
      const stale = { headers: { 'if-match': '"long ago"' } };
      for (const path of ['/v2/deployments/d1', '/v2/deployments/d1?force=true', '/v2/queue/web/delay'])
        expect((await api.ask('DELETE', path, stale)).status).toBe(412);
      expect([api.deployments.cancelled, api.scheduler.resets]).toEqual([[], []]);
      const current = { headers: { 'if-match': tag } };
      expect((await api.ask('DELETE', '/v2/queue/web/delay', current)).status).toBe(204);
      expect((await api.ask('DELETE', '/v2/deployments/d1', current)).status).toBe(200);
      expect(api.deployments.cancelled).toHaveLength(1);
    } finally {
      await api.stop();
    }
  });
});

describe('what of a definition has no effect', () => {
  const head = 'x-longrun-warning';
  const labels = { HAPROXY_0_HTTP_FRONTEND_ACL: 'acl x', HAPROXY_0_VHOST: 'a.test', team: 'x' };

  it('is said in the head of the answer, and in a dry run; and nothing is refused for it', async () => {
    const definition = { ...app('/web'), portDefinitions: [{ port: 0 }], labels, instnaces: 3 };
    const dry = await world.ask('POST', '/v2/apps?dryRun=true', definition);
    expectContract('Announcement', dry.json);
    expect(dry.json['warnings']).toEqual([
      '/web: the field instnaces is unknown and was left out',
      '/web: label HAPROXY_0_HTTP_FRONTEND_ACL has no effect: templates in HAProxy’s language are not taken from labels',
    ]);
    const made = await world.ask('POST', '/v2/apps', definition);
    expect(made.status).toBe(201);
    expect(made.headers[head]).toBe((dry.json['warnings'] as string[]).join(' | ').replace('’', "'"));
  });

  it('is said only of what the request brings, and never of an answer of ours sent back', async () => {
    await world.write('POST', '/v2/apps', app('/web', { labels }));
    await world.calm();
    const scaled = await world.ask('PATCH', '/v2/apps/web', { instances: 2 });
    expect(scaled.headers[head]).toBeUndefined();
    await world.calm();
    const { json } = await world.ask('GET', '/v2/apps/web?embed=app.counts&embed=app.deployments');
    const echoed = await world.ask('PUT', '/v2/apps/web', json['app']);
    expect([echoed.status, echoed.headers[head]]).toEqual([200, undefined]);
    await world.calm();
    const changed = await world.ask('PATCH', '/v2/apps/web', {
      labels: { ...labels, HAPROXY_0_HTTP_FRONTEND_ACL: 'acl y' },
    });
    expect(changed.headers[head]).toContain('HAPROXY_0_HTTP_FRONTEND_ACL');
  });

  it('is one line of plain characters, however it was named', async () => {
    const names = Array.from({ length: 8 }, (_, index) => [`f\u00fc\r\nSet-Cookie${index}`, 1] as const);
    const answer = await world.ask('POST', '/v2/apps', { ...app('/web'), ...Object.fromEntries(names) });
    expect(answer.status).toBe(201);
    expect(answer.headers[head]).toMatch(/^\/web: the field f\?\?\?Set-Cookie0 .* \| and 3 more$/);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});
