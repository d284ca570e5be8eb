import { podIdOf, podRoute } from '../../src/api/decide/pod-route.js';
import { ApiWorld } from './support/api-world.js';
import { makeAuth } from './support/auth.js';
import { expectContract } from './support/contract.js';
import { at, record } from './support/fakes.js';

const pod = { id: '/shop/pod', containers: [{ name: 'c', exec: { command: { shell: 'x' } } }] };

let world: ApiWorld;
beforeEach(async () => {
  world = await new ApiWorld().start();
});
afterEach(() => world.stop());

describe('pods', () => {
  it('there are none', async () => {
    for (const path of ['/v2/pods', '/v2/pods/', '/v2/pods/::status']) {
      const answer = await world.ask('GET', path);
      expect([answer.status, answer.text]).toEqual([200, '[]']);
    }
  });

  it('a client that asks whether they can be run is told no', async () => {
    expect((await world.ask('HEAD', '/v2/pods')).status).toBe(404);
  });

  it.each([
    ['GET', '/v2/pods/shop/pod'],
    ['DELETE', '/v2/pods/shop/pod'],
    ['DELETE', '/v2/pods/shop/pod?force=true'],
    ['GET', '/v2/pods/shop/pod::status'],
    ['GET', '/v2/pods/shop/pod::versions'],
    ['GET', `/v2/pods/shop/pod::versions/${at(0)}`],
    ['GET', '/v2/pods/shop%2Fpod%3A%3Astatus'],
  ])('%s %s finds none', async (method, path) => {
    const answer = await world.ask(method, path);
    expect([answer.status, answer.json['message']]).toEqual([404, "Pod '/shop/pod' does not exist"]);
    expectContract('Error', answer.json);
  });

  it.each([
    ['/v2/pods/::versions'],
    ['/v2/pods/a::nothing'],
    ['/v2/pods/a::status/more'],
    ['/v2/pods/a::versions/x/more'],
    ['/v2/pods/::instances/x'],
  ])('GET %s names nothing', async (path) => {
    const answer = await world.ask('GET', path);
    expect([answer.status, answer.json['message']]).toEqual([404, 'URI not found']);
  });

  it('what is no timestamp is told so first', async () => {
    const answer = await world.ask('GET', '/v2/pods/a::versions/yesterday');
    expect([answer.status, answer.json['message']]).toEqual([
      422,
      "Invalid timestamp provided 'yesterday'. Expecting ISO-8601 datetime string.",
    ]);
  });

  it.each(['POST', 'PUT'])('%s judges a definition stage by stage', async (method) => {
    const path = method === 'POST' ? '/v2/pods' : '/v2/pods/shop/pod';
    const told = async (body: unknown): Promise<unknown[]> => {
      const answer = await world.ask(method, path, { body });
      expectContract('Error', answer.json);
      return [answer.status, answer.json['code']];
    };
    expect(await told('{')).toEqual([400, 'invalid-json-syntax']);
    expect(await told('')).toEqual([400, 'empty-body']);
    expect(await told({ id: '/shop/pod' })).toEqual([422, 'invalid-json']);
    expect(await told({ ...pod, volumes: [{ name: 'v' }] })).toEqual([422, 'invalid-object']);
    expect(await told(pod)).toEqual([422, 'unsupported']);
  });

  it('PUT of another id than the URL names is a bad request', async () => {
    const answer = await world.ask('PUT', '/v2/pods/foo', { body: pod });
    expect([answer.status, answer.json['message']]).toEqual([
      400,
      "'/foo' does not match definition's id ('/shop/pod')",
    ]);
  });

  it('a pod cannot take the place of an app', async () => {
    world.registry.put(record('/shop/pod'));
    const answer = await world.ask('POST', '/v2/pods', { body: pod });
    expect(answer.json['details']).toMatchObject([
      { path: '/id', errors: ['Applications and Pods may not share the same id'] },
    ]);
  });

  it('an instance that is not there cannot be killed, nor one that has no such name', async () => {
    const id = 'shop_pod.instance-0b1d6b6e-0000-0000-0000-000000000000';
    const one = await world.ask('DELETE', `/v2/pods/shop/pod::instances/${id}?wipe=true`);
    expect([one.status, one.json['message']]).toEqual([404, `Task '${id}' does not exist`]);
    expect((await world.ask('DELETE', '/v2/pods/shop/pod::instances/x')).status).toBe(422);
    const kill = async (body: unknown): Promise<unknown[]> => {
      const answer = await world.ask('DELETE', '/v2/pods/shop/pod::instances', { body });
      return [answer.status, answer.json['code']];
    };
    expect(await kill([id])).toEqual([404, 'pod-not-found']);
    expect(await kill([id, 'x'])).toEqual([422, 'invalid-argument']);
    expect(await kill({ ids: [id] })).toEqual([422, 'invalid-json']);
  });

  it('OPTIONS names the methods, others are refused with them', async () => {
    expect((await world.ask('OPTIONS', '/v2/pods/a')).headers['allow']).toBe(
      'GET, PUT, DELETE, HEAD, OPTIONS',
    );
    expect((await world.ask('PATCH', '/v2/pods/a')).status).toBe(405);
  });
});

it('a right on a pod is a right on everything behind its ::, and on nothing else', async () => {
  const auth = await makeAuth();
  const guarded = await new ApiWorld().start({ auth });
  try {
    const headers = await auth.token('one', [{ right: 'deploy', path: '/shop/pod' }]);
    const status = async (method: string, path: string, body?: unknown): Promise<number> =>
      (await guarded.ask(method, path, { headers, ...(body === undefined ? {} : { body }) })).status;
    expect(await status('GET', '/v2/pods/shop/pod::versions')).toBe(404);
    expect(await status('DELETE', '/v2/pods/shop/pod::instances/x')).toBe(422);
    expect(await status('GET', '/v2/pods/shop/other::versions')).toBe(403);
    expect(await status('GET', '/v2/pods/shop/podling::versions')).toBe(403);
    expect(await status('POST', '/v2/pods', pod)).toBe(422);
    expect(await status('POST', '/v2/pods', { ...pod, id: '/shop/other' })).toBe(403);
  } finally {
    await guarded.stop();
  }
});

it('the access table and the router read the same pod out of a path', () => {
  for (const tail of ['a', 'a/b', 'a::status', 'a/b::versions/x', 'a::instances/b::c', 'a:b::status']) {
    const route = podRoute(tail.split('/'));
    if (route && 'podId' in route) expect(podIdOf(tail.split('/'))).toBe(route.podId);
  }
  expect(podIdOf(['a', 'b::versions', 'x'])).toBe('/a/b');
});
