import { connect } from 'node:net';
import fc from 'fast-check';
import { preferredType } from '../../src/api/decide/accept.js';
import { appRoute, pathSegments } from '../../src/api/decide/app-route.js';
import { ApiWorld } from './support/api-world.js';
import { expectContract } from './support/contract.js';
import { record, running } from './support/fakes.js';

let world: ApiWorld;
beforeAll(async () => {
  world = await new ApiWorld().start();
});
afterAll(() => world.stop());
beforeEach(() => {
  world.registry.put(record('/web'), record('/a/b'));
  world.scheduler.add(running('/web', 1));
});

const method = fc.constantFrom(
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'PURGE',
);
const segment = fc.oneof(
  fc.constantFrom(
    'v2',
    'apps',
    'tasks',
    'versions',
    'restart',
    'delete',
    'queue',
    'delay',
    'deployments',
    'files',
    'read',
    'info',
    '*',
    '..',
    '.',
    '',
    'web',
    'a',
    'b',
    '%2f',
    '%',
    '%zz',
    '%00',
    '%ff',
    '__proto__',
    'constructor',
  ),
  fc.string({ maxLength: 12 }).map((text) => encodeURIComponent(text.replace(/[\ud800-\udfff]/g, ''))),
);
const path = fc
  .tuple(
    fc.constantFrom('/', '/v2/', '/v2/apps/', '/v2/queue/', '/v2/tasks', '/metrics'),
    fc.array(segment, { maxLength: 5 }),
  )
  .map(([base, rest]) => base + rest.join('/'));
const query = fc.oneof(
  fc.constant(''),
  fc
    .array(
      fc.tuple(
        fc.constantFrom(
          'force',
          'scale',
          'wipe',
          'embed',
          'label',
          'id',
          'cmd',
          'status',
          'status[]',
          'host',
          'partialUpdate',
          '__proto__',
          'a[b]',
        ),
        segment,
      ),
      { maxLength: 4 },
    )
    .map((pairs) => `?${pairs.map((pair) => pair.join('=')).join('&')}`),
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.json(),
  fc.string(),
  fc.constantFrom(
    '{"id":"/x"}',
    '{"ids":[]}',
    '[{"id":"/web"}]',
    '{"__proto__":{}}',
    '\u0000',
    '{"id":"/x","id":1}',
  ),
);
const headers = fc.record(
  {
    accept: fc.constantFrom(
      '*/*',
      'application/json',
      'text/plain',
      ';;,,/',
      'application/json;q=x',
      'text/event-streamx',
    ),
    'content-type': fc.constantFrom(
      'application/json',
      'application/json;charset=utf-8',
      'text/plain',
      ';',
      'application/x+json',
      '=',
    ),
    'content-encoding': fc.constantFrom('gzip', 'identity', ''),
    'last-event-id': fc.string({ maxLength: 10 }).map((text) => text.replace(/[^ -~]/g, '')),
  },
  { requiredKeys: [] },
);

it('no request, however odd, is answered with a 5xx or without JSON for its error', async () => {
  await fc.assert(
    fc.asyncProperty(method, path, query, body, headers, async (verb, where, ask, content, head) => {
      const answer = await world.ask(verb, where + ask, {
        body: content,
        headers: head as Record<string, string>,
      });
      expect(answer.status).toBeLessThan(500);
      expect(answer.status).toBeGreaterThanOrEqual(200);
      if (answer.status >= 400 && verb !== 'HEAD') {
        expect(answer.headers['content-type']).toBe('application/json');
        expectContract('Error', answer.json);
      }
    }),
    { numRuns: 1_500 },
  );
  expect(world.defects).toEqual([]);
}, 60_000);

it('no bytes on the wire bring the server down', async () => {
  const start = fc.constantFrom(
    'GET / HTTP/1.1\r\nHost: x\r\n',
    'POST /v2/apps HTTP/1.1\r\n',
    'GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n',
    '',
  );
  await fc.assert(
    fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), async (head, bytes) => {
      await new Promise<void>((resolve) => {
        const socket = connect(world.port, '127.0.0.1', () =>
          socket.end(Buffer.concat([Buffer.from(head), bytes])),
        );
        socket.on('error', () => resolve());
        socket.on('close', () => resolve());
        socket.resume();
      });
    }),
    { numRuns: 200 },
  );
  expect((await world.ask('GET', '/ping')).text).toBe('pong');
  expect(world.defects).toEqual([]);
}, 60_000);

describe('a path below /v2/apps', () => {
  it.each([
    ['', { kind: 'apps' }],
    ['//a/b', { kind: 'app', appId: '/a/b' }],
    ['/a%2Fb/', { kind: 'app', appId: '/a/b' }],
    ['/a/../b', { kind: 'app', appId: '/b' }],
    ['/a/b/restart', { kind: 'restart', appId: '/a/b' }],
    ['/restart', { kind: 'app', appId: '/restart' }],
    ['//a/b/tasks', { kind: 'tasks', appId: '/a/b' }],
    ['/a/tasks/a.instance-1', { kind: 'task', appId: '/a', taskId: 'a.instance-1' }],
    ['/tasks/web', { kind: 'app', appId: '/tasks/web' }],
    ['/a/tasks/real', { kind: 'app', appId: '/a/tasks/real' }],
    ['/a/versions', { kind: 'versions', appId: '/a' }],
    ['/a/versions/2026', { kind: 'version', appId: '/a', version: '2026' }],
    ['/a/*', { kind: 'group-apps', prefix: '/a/' }],
    ['/*', { kind: 'group-apps', prefix: '/' }],
    ['/a/*/tasks', { kind: 'group-tasks', prefix: '/a/' }],
  ])('%s', (tail, expected) => {
    expect(appRoute(pathSegments(tail) ?? [], (appId) => appId === '/a/tasks/real')).toEqual(expected);
  });
});

it.each([
  [undefined, 'a/json'],
  ['text/plain', 'text/plain'],
  ['text/plain;q=0.1, a/json', 'a/json'],
  ['*/*;q=0.1, a/json;q=0', 'text/plain'],
  ['image/*', undefined],
  ['text/*', 'text/plain'],
])('of JSON and text, Accept %s prefers %s', (accept, expected) => {
  expect(preferredType(accept, ['a/json', 'text/plain'])).toBe(expected);
});
