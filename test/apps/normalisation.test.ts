import fc from 'fast-check';
import { presentApp } from '../../src/apps/present-app.js';
import { AppWorld, contract } from './support/app-world.js';

const presented = async (body: Record<string, unknown>): Promise<Record<string, unknown>> =>
  presentApp((await new AppWorld().post({ cmd: 'x', ...body })).app);

describe('an app is filled in', () => {
  it('as Marathon does it, from the least there can be', async () => {
    expect(await presented({ id: 'web', cmd: './run', mem: 64 })).toEqual({
      id: '/web',
      backoffFactor: 1.15,
      backoffSeconds: 1,
      cmd: './run',
      cpus: 1,
      disk: 0,
      executor: '',
      gpus: 0,
      instances: 1,
      killSelection: 'YOUNGEST_FIRST',
      labels: {},
      maxLaunchDelaySeconds: 300,
      mem: 64,
      networks: [{ mode: 'host' }],
      portDefinitions: [{ name: 'default', port: 10_000, protocol: 'tcp' }],
      requirePorts: false,
      role: '*',
      unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
      upgradeStrategy: { maximumOverCapacity: 1, minimumHealthCapacity: 1 },
      version: '2026-01-01T00:00:01.000Z',
      versionInfo: {
        lastScalingAt: '2026-01-01T00:00:01.000Z',
        lastConfigChangeAt: '2026-01-01T00:00:01.000Z',
      },
    });
  });

  it.each([
    [
      'id and dependencies made absolute, each dependency once',
      { id: 'shop/web', dependencies: ['db', '../log', '/shop/db', './db/'] },
      { id: '/shop/web', dependencies: ['/shop/db', '/log'] },
    ],
    [
      'deprecated ports made port definitions',
      { id: 'a', ports: [0, 80] },
      {
        portDefinitions: [
          { port: 10_000, protocol: 'tcp' },
          { port: 80, protocol: 'tcp' },
        ],
      },
    ],
    ['no ports when the deprecated list is empty', { id: 'a', ports: [] }, { portDefinitions: [] }],
    [
      'operators upper-cased, equal constraints once, empty values dropped',
      {
        id: 'a',
        constraints: [
          ['rack', 'unique'],
          ['rack', 'UNIQUE', ''],
          ['zone', 'like', 'a'],
        ],
      },
      {
        constraints: [
          ['rack', 'UNIQUE'],
          ['zone', 'LIKE', 'a'],
        ],
      },
    ],
    [
      'the first port for a check that names none',
      { id: 'a', healthChecks: [{ path: '/' }] },
      {
        healthChecks: [
          {
            protocol: 'HTTP',
            path: '/',
            portIndex: 0,
            gracePeriodSeconds: 300,
            intervalSeconds: 60,
            timeoutSeconds: 20,
            maxConsecutiveFailures: 3,
            delaySeconds: 15,
            ignoreHttp1xx: false,
          },
        ],
      },
    ],
    [
      'ignoreHttp1xx kept',
      { id: 'a', healthChecks: [{ protocol: 'HTTPS', port: 1, ignoreHttp1xx: true }] },
      {
        healthChecks: [
          {
            protocol: 'HTTPS',
            port: 1,
            gracePeriodSeconds: 300,
            intervalSeconds: 60,
            timeoutSeconds: 20,
            maxConsecutiveFailures: 3,
            delaySeconds: 15,
            ignoreHttp1xx: true,
          },
        ],
      },
    ],
    [
      'no path in a TCP check',
      { id: 'a', healthChecks: [{ protocol: 'TCP', path: '/x', ignoreHttp1xx: true }] },
      {
        healthChecks: [
          {
            protocol: 'TCP',
            portIndex: 0,
            gracePeriodSeconds: 300,
            intervalSeconds: 60,
            timeoutSeconds: 20,
            maxConsecutiveFailures: 3,
            delaySeconds: 15,
          },
        ],
      },
    ],
    [
      'a readiness check',
      { id: 'a', readinessChecks: [{ portName: 'default' }] },
      {
        readinessChecks: [
          {
            name: 'readinessCheck',
            protocol: 'HTTP',
            path: '/',
            portName: 'default',
            intervalSeconds: 30,
            timeoutSeconds: 10,
            httpStatusCodesForReady: [200],
            preserveLastResponse: false,
          },
        ],
      },
    ],
    [
      'empty lists left out of the answer',
      {
        id: 'a',
        args: [],
        env: {},
        constraints: [],
        dependencies: [],
        healthChecks: [],
        readinessChecks: [],
      },
      {
        args: undefined,
        env: undefined,
        constraints: undefined,
        dependencies: undefined,
        healthChecks: undefined,
        readinessChecks: undefined,
      },
    ],
    [
      'an unreachable strategy switched off',
      { id: 'a', unreachableStrategy: 'disabled' },
      { unreachableStrategy: 'disabled' },
    ],
    [
      'longrun’s own fields',
      {
        id: 'a',
        upgradeStrategy: {
          minimumHealthCapacity: 0.5,
          maximumOverCapacity: 0,
          deadlineSeconds: 9,
          onFailure: 'rollback',
        },
        loadBalancer: { drainSeconds: 2.5 },
      },
      {
        upgradeStrategy: {
          minimumHealthCapacity: 0.5,
          maximumOverCapacity: 0,
          deadlineSeconds: 9,
          onFailure: 'rollback',
        },
        loadBalancer: { drainSeconds: 2.5 },
      },
    ],
  ])('with %s', async (_what, body, expected) => {
    const app = await presented(body);
    for (const [field, value] of Object.entries(expected))
      expect([field, app[field]]).toEqual([field, value]);
  });

  it('keeping variables and labels whose names objects have by themselves', async () => {
    const body = JSON.parse(
      '{"id":"a","cmd":"x","env":{"__proto__":"1","constructor":"2"},"labels":{"__proto__":"3"}}',
    );
    const { app } = await new AppWorld().post(body);
    expect(Object.entries(app.env)).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
    expect(Object.entries(app.labels)).toEqual([['__proto__', '3']]);
  });
});

/** Legal definitions of every kind, deprecated forms and nulls included. */
const definitions = ((): fc.Arbitrary<Record<string, unknown>> => {
  const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
    fc.option(value, { nil: fc.sample(fc.constantFrom(null, undefined), 1)[0] });
  const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const text = fc.string({ maxLength: 12 }).map((value) => value.replaceAll('\0', ''));
  const name = text.map((value) => `n${value.replaceAll('=', '')}`);
  const port = fc.record(
    {
      port: maybe(fc.constantFrom(0, 0, 80, 10_003, 31_000)),
      name: maybe(word),
      protocol: maybe(fc.constantFrom('tcp', 'udp', 'udp,tcp')),
      labels: maybe(fc.dictionary(name, text, { maxKeys: 2 })),
    },
    { requiredKeys: [] },
  );
  const ports = fc.uniqueArray(port, {
    maxLength: 3,
    comparator: (a, b) => (a.port ? a.port === b.port : false) || (a.name ? a.name === b.name : false),
  });
  const seconds = maybe(fc.integer({ min: 1, max: 100 }));
  const check = fc.record(
    {
      protocol: maybe(fc.constantFrom('HTTP', 'HTTPS', 'TCP')),
      path: maybe(word),
      port: fc.constant(80),
      portIndex: maybe(fc.integer({ min: 0, max: 3 })),
      gracePeriodSeconds: seconds,
      intervalSeconds: seconds,
      timeoutSeconds: seconds,
      maxConsecutiveFailures: seconds,
      ignoreHttp1xx: maybe(fc.boolean()),
    },
    { requiredKeys: ['port'] },
  );
  const constraint = fc.oneof(
    fc.tuple(word, fc.constantFrom('UNIQUE', 'unique', 'Cluster', 'GROUP_BY')),
    fc.tuple(word, fc.constantFrom('LIKE', 'unlike', 'IS', 'cluster'), word),
    fc.tuple(word, fc.constantFrom('MAX_PER', 'group_by'), fc.integer({ min: 1, max: 9 }).map(String)),
  );
  const strategy = fc.oneof(
    fc.constant('disabled'),
    fc
      .integer({ min: 0, max: 9 })
      .map((after) => ({ inactiveAfterSeconds: after, expungeAfterSeconds: after * 2 })),
  );
  const upgrade = fc.record(
    {
      minimumHealthCapacity: fc.constantFrom(0, 0.5, 1),
      maximumOverCapacity: fc.constantFrom(0, 0.25, 1),
      deadlineSeconds: seconds,
      onFailure: maybe(fc.constantFrom('hold', 'rollback')),
    },
    { requiredKeys: ['minimumHealthCapacity', 'maximumOverCapacity'] },
  );
  const command = fc.oneof(
    fc.record({ cmd: word }),
    fc.record({ args: fc.array(word, { minLength: 1, maxLength: 3 }), cmd: fc.constant(null) }),
  );
  const portForms = fc.oneof(
    fc.record({ portDefinitions: maybe(ports) }),
    fc.record({ ports: maybe(fc.uniqueArray(fc.constantFrom(0, 81, 10_004), { maxLength: 3 })) }),
  );
  const others = fc.record(
    {
      user: maybe(word),
      env: maybe(fc.dictionary(name, text, { maxKeys: 3 })),
      instances: maybe(fc.nat(9)),
      cpus: maybe(fc.constantFrom(0.001, 0.1, 1, 2.5)),
      mem: maybe(fc.nat(999)),
      disk: maybe(fc.nat(9)),
      constraints: maybe(fc.array(constraint, { maxLength: 3 })),
      acceptedResourceRoles: maybe(fc.constant(['*'])),
      requirePorts: maybe(fc.boolean()),
      healthChecks: maybe(fc.array(check, { maxLength: 2 })),
      backoffSeconds: maybe(fc.nat(9)),
      backoffFactor: maybe(fc.constantFrom(1, 1.15, 2)),
      maxLaunchDelaySeconds: maybe(fc.nat(999)),
      taskKillGracePeriodSeconds: maybe(fc.nat(9)),
      dependencies: maybe(fc.array(fc.constantFrom('db', '/x/y', '../z', '/db'), { maxLength: 3 })),
      upgradeStrategy: maybe(upgrade),
      unreachableStrategy: maybe(strategy),
      killSelection: maybe(fc.constantFrom('YOUNGEST_FIRST', 'OLDEST_FIRST')),
      labels: maybe(fc.dictionary(name, text, { maxKeys: 3 })),
      loadBalancer: maybe(fc.record({ drainSeconds: maybe(fc.nat(99)) })),
      fetch: maybe(fc.constant([])),
      executor: maybe(fc.constantFrom('', '//cmd')),
      tty: maybe(fc.constant(false)),
      resourceLimits: maybe(
        fc.record({ cpus: maybe(fc.constantFrom(3, 'unlimited')) }, { requiredKeys: [] }),
      ),
      residency: maybe(fc.record({ taskLostBehavior: fc.constant('WAIT_FOREVER') })),
      networks: maybe(fc.constantFrom([], [{ mode: 'host' }])),
      container: maybe(fc.constantFrom({ type: 'MESOS' }, { type: 'MESOS', volumes: [], docker: null })),
      ipAddress: fc.constant(null),
    },
    { requiredKeys: [] },
  );
  return fc
    .tuple(command, portForms, others)
    .map(([one, two, three]) => ({ id: 'shop/web', ...three, ...two, ...one }));
})();

describe('whatever legal app is posted', () => {
  const json = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value));

  it('what is answered is of the contract’s strict shape', async () => {
    await fc.assert(
      fc.asyncProperty(definitions, async (body) => {
        const { app } = await new AppWorld().post(json(body));
        expect(contract.check('App', json(presentApp(app)))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('the answer can be sent back in every way and changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(definitions, async (body) => {
        const world = new AppWorld();
        const record = await world.post(json(body));
        const answer = { ...json(presentApp(record.app)), tasksRunning: 1, deployments: [], tasks: [] };
        expect(await world.put('/shop/web', answer, true)).toBe(record);
        expect(await world.put('/shop/web', answer, false)).toBe(record);
        expect(await world.patch('/shop/web', answer)).toBe(record);
        for (const partialUpdate of [true, false]) {
          await world.acceptLater(() => world.changes.replaceApps([answer], { partialUpdate }));
          expect(world.get('/shop/web')).toBe(record);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('the answer posted to another server gives the same app', async () => {
    await fc.assert(
      fc.asyncProperty(definitions, async (body) => {
        const first = await new AppWorld().post(json(body));
        const second = await new AppWorld().post(json(presentApp(first.app)));
        expect(second.app).toEqual(first.app);
        expect(second.launchHash).toBe(first.launchHash);
      }),
      { numRuns: 150 },
    );
  });
});
