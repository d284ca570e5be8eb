import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { waitFor } from '../support/wait-for.js';
import { ask, sendRaw } from './support/http.js';
import { type Answer, Longrun } from './support/longrun.js';

/** Proof 5 of the first slice: whatever is sent, the answer is the right 4xx and the stored tree stays what it was. */
const good = { id: '/bad', cmd: 'exec sleep 1000', cpus: 0.01, mem: 16, portDefinitions: [] as unknown[] };
const webCheck = { protocol: 'HTTP', path: '/', port: 8_080 };
const byIndex = { protocol: 'HTTP', path: '/' };

/** Per field: wrong types, values beyond its bounds, duplicates and contradictions. Null is legal everywhere (absent) but in lists. */
const badFields: Readonly<Record<string, readonly unknown[]>> = {
  id: [1, {}, [], true, '/', '/Web', '/a b', '/a/tasks', `/${'a'.repeat(300)}`, '/a..b', '/-a', '/a_b'],
  cmd: [1, {}, [], true, 'a\0b'],
  args: ['x', [1], [{}], [null], {}, ['\0']],
  cpus: ['1', {}, -1, -0.001, true],
  mem: ['1', {}, -1, []],
  disk: ['1', {}, -1, true],
  instances: ['1', 1.5, -1, {}, [], 2 ** 40],
  env: [1, 'x', [], { '': 'x' }, { 'A\0': 'x' }, { 'A=B': 'x' }, { A: 1 }, { A: [] }],
  labels: [1, 'x', { a: 1 }, { a: {} }, { a: '\0' }],
  user: [1, {}, 'no body', 'a:b', ''],
  acceptedResourceRoles: ['*', [], ['a b'], ['nobody-has-it'], [1]],
  role: [1, '-x', 'a b'],
  constraints: [
    'x',
    [['hostname']],
    [['hostname', 'NEAR']],
    [['rack', 'GROUP_BY', 'x']],
    [['rack', 'LIKE', '(']],
    [['rack', 'MAX_PER']],
    [[1]],
    [null],
    [['rack', 'CLUSTER', 'a', 'b']],
    [['hostname', 'UNIQUE', 'a']],
    [['rack', 'LIKE']],
    [['rack', 'MAX_PER', 'x']],
    [['rack', 'MAX_PER', '0']],
    [['rack', 'MAX_PER', '-1']],
    [['rack', 'GROUP_BY', '0']],
  ],
  portDefinitions: [
    'x',
    [1],
    [{ port: -1 }],
    [{ port: 70_000 }],
    [{ port: 'x' }],
    [{ port: 0, protocol: 'sctp' }],
    [{ port: 12_345 }, { port: 12_345 }],
    [{ port: 0, name: 'a b' }],
    [{ port: 0, protocol: 'udp,udp' }],
    [{ port: 0, labels: { a: 1 } }],
    [
      { port: 0, name: 'a' },
      { port: 0, name: 'a' },
    ],
  ],
  requirePorts: ['x', 1, {}],
  healthChecks: [
    'x',
    [1],
    [{ protocol: 'SMTP' }],
    [{ ...byIndex, portIndex: 3 }],
    [{ ...webCheck, intervalSeconds: -1 }],
    [{ ...webCheck, timeoutSeconds: 'x' }],
    [{ ...webCheck, maxConsecutiveFailures: -1 }],
    [{ ...webCheck, intervalSeconds: 0 }],
    [{ ...webCheck, timeoutSeconds: 0 }],
    [{ ...webCheck, gracePeriodSeconds: -1 }],
    [{ ...webCheck, intervalSeconds: 2 ** 40 }],
    [{ ...byIndex, portIndex: -1 }],
    [{ ...byIndex, portIndex: 0.5 }],
    [{ ...webCheck, ignoreHttp1xx: 'x' }],
    [{ ...webCheck, port: 70_000 }],
    [{ ...webCheck, port: -1 }],
    [{ ...webCheck, path: '/a b' }],
    [{ ...webCheck, path: '/a\r\nX-More: y' }],
    [{ ...webCheck, path: 1 }],
    [{ ...webCheck, command: { value: 'true' } }],
  ],
  readinessChecks: ['x', [{ protocol: 'TCP' }], [{ name: 'r', portName: 'none', path: '/' }]],
  upgradeStrategy: [
    'x',
    { minimumHealthCapacity: 2 },
    { minimumHealthCapacity: -0.1 },
    { maximumOverCapacity: 1.1 },
    { maximumOverCapacity: 'x' },
    { deadlineSeconds: -1 },
    { onFailure: 'explode' },
  ],
  unreachableStrategy: [
    'x',
    1,
    { inactiveAfterSeconds: 10, expungeAfterSeconds: 5 },
    { inactiveAfterSeconds: -1, expungeAfterSeconds: 5 },
  ],
  backoffSeconds: ['x', -1, {}, 2 ** 53],
  backoffFactor: ['x', 0.5, -1],
  maxLaunchDelaySeconds: ['x', -1],
  taskKillGracePeriodSeconds: ['x', -1, 2 ** 53],
  killSelection: [1, 'RANDOM', {}],
  dependencies: ['x', [1], ['/bad'], ['no good'], [null], ['/']],
  container: [{ type: 'DOCKER', docker: {} }, { type: 'DOCKER' }, 'x'],
  fetch: [[{ uri: 'hdfs://example.test/x' }], [{}], 'x'],
  gpus: ['x', -1, 1],
  loadBalancer: ['x', { drainSeconds: -1 }, { drainSeconds: 'x' }, { drainSeconds: 1e9 }],
};
const rows = Object.entries(badFields).flatMap(([field, values]) =>
  values.map((value) => [field, value] as const),
);

describe('bad input to a real server', () => {
  let longrun: Longrun;
  let before: string;
  const tree = async (): Promise<string> => {
    const { text } = await ask(longrun.ready.api, { path: '/v2/apps' });
    const { apps } = JSON.parse(text) as { apps: Record<string, unknown>[] };
    return createHash('sha256')
      .update(
        JSON.stringify(
          apps.map(({ id, version, versionInfo, cmd, env, instances, labels, portDefinitions }) => ({
            id,
            version,
            versionInfo,
            cmd,
            env,
            instances,
            labels,
            portDefinitions,
          })),
        ),
      )
      .digest('hex');
  };
  beforeAll(async () => {
    longrun = await Longrun.start();
    await longrun.deploy({ ...good, id: '/good', labels: { keep: 'me' } });
    before = await tree();
  }, 40_000);
  afterEach(async () => expect(await tree()).toBe(before));
  afterAll(async () => longrun.destroy(), 40_000);

  const post = (body: unknown): Promise<Answer> => longrun.request('POST', '/v2/apps', body);

  it(`refuses every one of ${rows.length} bad fields with 422 (or 400), the field's name in the answer, by POST, PUT, PATCH and in bulk`, async () => {
    const wrong: string[] = [];
    for (const [field, value] of rows) {
      const body = { ...good, [field]: value };
      const ways: (() => Promise<Answer>)[] = [
        () => post(body),
        () => longrun.request('PUT', '/v2/apps', [{ ...good, id: '/fine' }, body]),
      ];
      // A path names the app in these, and its own id is no dependency of another's.
      if (field !== 'id') ways.push(() => longrun.request('PUT', '/v2/apps/bad', body));
      if (field !== 'id' && JSON.stringify(value) !== '["/bad"]' && field !== 'args')
        ways.push(() => longrun.request('PATCH', '/v2/apps/good', { [field]: value }));
      for (const [i, way] of ways.entries()) {
        const answer = await way();
        const refused = answer.status === 422 || answer.status === 400;
        if (!refused || !JSON.stringify(answer.body).includes(`/${field}`))
          wrong.push(
            `${field}: ${JSON.stringify(value)} (way ${i}) answered ${answer.status} ${JSON.stringify(answer.body).slice(0, 120)}`,
          );
      }
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  it('takes null for absent in every field of an app that has a default', async () => {
    const nullable = [
      'args',
      'disk',
      'env',
      'labels',
      'constraints',
      'healthChecks',
      'readinessChecks',
      'upgradeStrategy',
      'dependencies',
      'killSelection',
      'backoffSeconds',
      'user',
      'requirePorts',
    ];
    const answer = await post({
      ...good,
      cpus: 'not a number',
      ...Object.fromEntries(nullable.map((name) => [name, null])),
    });
    expect(answer.status).toBe(422);
    const text = JSON.stringify(answer.body);
    expect(text).toContain('/cpus');
    for (const name of nullable) expect(text).not.toContain(`"/${name}"`);
  });

  it.each([
    ['both cmd and args', { ...good, args: ['x'] }],
    ['neither cmd nor args', { id: '/bad', cpus: 0.01 }],
    ['a check without a port', { ...good, healthChecks: [{ ...byIndex, portIndex: 0 }] }],
    ['ports and other portDefinitions', { ...good, ports: [12_345], portDefinitions: [{ port: 12_346 }] }],
    [
      'more ports than there are',
      { ...good, portDefinitions: Array.from({ length: 101 }, () => ({ port: 0 })) },
    ],
    ['uris and fetch', { ...good, uris: ['http://x.test/a'], fetch: [{ uri: 'http://x.test/b' }] }],
    [
      'two readiness checks with one name',
      {
        ...good,
        portDefinitions: [{ port: 0, name: 'http' }],
        readinessChecks: ['/a', '/b'].map((path) => ({ name: 'ready', portName: 'http', path })),
      },
    ],
    [
      'a readiness check that lasts longer than its interval',
      {
        ...good,
        portDefinitions: [{ port: 0, name: 'http' }],
        readinessChecks: [{ portName: 'http', path: '/', intervalSeconds: 1, timeoutSeconds: 5 }],
      },
    ],
    ['an app that exists already', { ...good, id: '/good' }],
    ['an app below one that exists and is an app', { ...good, id: '/good/below' }],
  ])('refuses %s', async (_what, body) => {
    const { status, body: answer } = await post(body);
    expect([409, 422]).toContain(status);
    expect(answer['message']).toBeTruthy();
    expect(answer['hint']).toBeTruthy();
  });

  it('refuses bulk bodies that contradict themselves, all or nothing', async () => {
    const twice = await longrun.request('PUT', '/v2/apps', [
      { ...good, id: '/x' },
      { ...good, id: '/x' },
    ]);
    expect(twice.status).toBe(422);
    const circle = await longrun.request('PUT', '/v2/apps', [
      { ...good, id: '/x', dependencies: ['/y'] },
      { ...good, id: '/y', dependencies: ['/x'] },
    ]);
    expect(circle.status).toBe(422);
  });

  it.each([
    ['no JSON', '{"id": "/bad",', 400],
    ['nothing', '', 400],
    ['a number', '7', 422],
    ['null', 'null', 422],
    ['an array of nulls', '[null]', 422],
    ['no UTF-8', Buffer.from('{"id": "/bad", "cmd": "\xff"}', 'latin1'), 400],
    ['a million brackets', '['.repeat(1_000_000), 400],
  ])('refuses a body that is %s', async (_what, body, status) => {
    const answer = await ask(longrun.ready.api, {
      method: 'POST',
      path: '/v2/apps',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(answer.status).toBe(status);
  });

  it.each(['//', '///?a', '//:80', '//%zz', 'http://[', '*', '/%', '/v2//apps/..//'])(
    'answers a request for %j, and the server lives on',
    async (target) => {
      const before = longrun.toldPids().join();
      for (const url of [longrun.ready.api, longrun.ready.lb, longrun.ready.stats]) {
        const { host } = new URL(url);
        for (const more of ['', 'Connection: Upgrade\r\nUpgrade: websocket\r\n']) {
          const head = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more || 'Connection: close\r\n'}\r\n`;
          expect(await sendRaw(url, head)).toMatch(/^HTTP\/1\.1 [2345](?!00 Internal)\d\d /);
        }
      }
      expect((await ask(longrun.ready.api, { path: '/ping' })).status).toBe(200);
      expect(longrun.toldPids().join()).toBe(before);
    },
    60_000,
  );

  it('refuses a body over 10 MiB with 413, by its length and by its bytes', async () => {
    const host = new URL(longrun.ready.api).host;
    const head = `POST /v2/apps HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
    expect(await sendRaw(longrun.ready.api, `${head}Content-Length: 10485761\r\n\r\n{`)).toMatch(
      /^HTTP\/1\.1 413 /,
    );
    const chunk = 'x'.repeat(0x10000);
    const chunks = `10000\r\n${chunk}\r\n`.repeat(161);
    expect(
      await sendRaw(
        longrun.ready.api,
        `${head}Transfer-Encoding: chunked\r\n\r\n1\r\n"\r\n${chunks}`,
        10_000,
      ),
    ).toMatch(/^HTTP\/1\.1 413 /);
    const withinLimit = await ask(longrun.ready.api, {
      method: 'POST',
      path: '/v2/apps',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...good, cpus: 'x', labels: { big: 'x'.repeat(10_000_000) } }),
    });
    expect(withinLimit.status).toBe(422);
  }, 30_000);

  it('answers others while a hundred clients dribble their requests', async () => {
    const { hostname, port, host } = new URL(longrun.ready.api);
    const sockets = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          i % 2
            ? 'GET /v2/apps HTTP/1.1\r\nHost: '
            : `POST /v2/apps HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
        ),
      );
      return socket.on('error', () => undefined);
    });
    await waitFor(() => sockets.every((socket) => !socket.connecting));
    const started = performance.now();
    expect((await longrun.request('GET', '/v2/apps')).status).toBe(200);
    // Less than a head that never ends is waited for.
    expect(performance.now() - started).toBeLessThan(8_000);
    for (const socket of sockets) socket.destroy();
  });

  it('refuses wrong methods with 405 and what is allowed, wrong types with 415', async () => {
    for (const [method, path] of [
      ['POST', '/ping'],
      ['PUT', '/v2/tasks'],
      ['DELETE', '/v2/apps'],
      ['PATCH', '/v2/deployments'],
      ['PUT', '/v2/info'],
      ['TRACE', '/v2/apps'],
    ] as const) {
      const answer = await ask(longrun.ready.api, { method, path });
      expect({ method, path, status: answer.status }).toEqual({ method, path, status: 405 });
      expect(String(answer.headers['allow'])).toContain('GET');
    }
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/jsonp',
      'application/xml',
    ]) {
      const answer = await ask(longrun.ready.api, {
        method: 'POST',
        path: '/v2/apps',
        headers: { 'content-type': type },
        body: JSON.stringify(good),
      });
      expect({ type, status: answer.status }).toEqual({ type, status: 415 });
    }
  });

  it.each(['evil.test', 'localhost.evil.test', '127.0.0.1:1', '127.0.0.1.evil.test', '[::ffff:1.2.3.4]'])(
    'refuses the foreign Host %s, also for reading',
    async (host) => {
      for (const method of ['GET', 'POST']) {
        const answer = await ask(longrun.ready.api, {
          method,
          path: '/v2/apps',
          host,
          headers: { 'content-type': 'application/json' },
          ...(method === 'POST' ? { body: JSON.stringify(good) } : {}),
        });
        expect(answer.status).toBe(403);
      }
    },
  );

  it.each([
    ['Origin', { origin: 'http://evil.test' }],
    ['Origin null', { origin: 'null' }],
    ['Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }],
    ['Origin on another port', { origin: 'http://127.0.0.1:1' }],
  ])('refuses writes with a foreign %s', async (_what, headers) => {
    for (const [method, path, body] of [
      ['POST', '/v2/apps', good],
      ['DELETE', '/v2/apps/good', undefined],
      ['POST', '/v2/apps/good/restart', undefined],
    ] as const) {
      const answer = await ask(longrun.ready.api, {
        method,
        path,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      expect({ method, status: answer.status }).toEqual({ method, status: 403 });
    }
  });

  it('keeps lines and operator routes to those with the token', async () => {
    for (const [url, path] of [
      [longrun.ready.api, '/longrun/v1/backup'],
      [longrun.ready.api, '/longrun/v1/down'],
    ] as const) {
      for (const method of ['GET', 'POST']) {
        const answer = await ask(url, { method, path, headers: { authorization: 'Bearer wrong' } });
        expect(answer.status).toBe(401);
      }
    }
    expect((await longrun.request('GET', '/ping')).status).toBe(200);
  });
});
