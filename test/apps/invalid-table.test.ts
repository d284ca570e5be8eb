import type { ErrorDetail } from '../../src/errors/registry.js';
import { bridge, csi, docker, dvdi, mesos, persistent, volumes } from './conformance/builders.js';
import { app } from './conformance/rules.js';
import { AppWorld, refusal } from './support/app-world.js';

type Json = Record<string, unknown>;

/** Everything that a definition can have, each once, legal for the model. What stands in lists is an example element. */
const whole: readonly (readonly [what: string, body: Json])[] = [
  [
    'a process',
    app({
      args: null,
      user: 'nobody',
      env: { A: 'b' },
      instances: 1,
      cpus: 1,
      mem: 64,
      disk: 1,
      gpus: 0,
      executor: '',
      executorResources: { cpus: 1, mem: 32, disk: 10 },
      resourceLimits: { cpus: 2, mem: 'unlimited' },
      constraints: [['rack', 'UNIQUE']],
      acceptedResourceRoles: ['*'],
      role: '*',
      networks: [{ mode: 'host' }],
      portDefinitions: [{ port: 80, name: 'http', protocol: 'tcp', labels: { a: 'b' } }],
      requirePorts: true,
      fetch: [{ uri: 'http://a/x', extract: true, executable: true, cache: true, destPath: 'x' }],
      healthChecks: [
        {
          protocol: 'HTTP',
          path: '/',
          portIndex: 0,
          gracePeriodSeconds: 1,
          intervalSeconds: 1,
          timeoutSeconds: 1,
          maxConsecutiveFailures: 1,
          delaySeconds: 1,
          ignoreHttp1xx: true,
          ipProtocol: 'IPv4',
        },
        { protocol: 'COMMAND', command: { value: 'x' } },
      ],
      check: {
        http: { path: '/', portIndex: 0, scheme: 'HTTP' },
        intervalSeconds: 1,
        timeoutSeconds: 1,
        delaySeconds: 1,
      },
      readinessChecks: [
        {
          name: 'r',
          protocol: 'HTTP',
          path: '/',
          portName: 'http',
          intervalSeconds: 2,
          timeoutSeconds: 1,
          httpStatusCodesForReady: [200],
          preserveLastResponse: true,
        },
      ],
      backoffSeconds: 1,
      backoffFactor: 1,
      maxLaunchDelaySeconds: 1,
      taskKillGracePeriodSeconds: 1,
      dependencies: ['/b'],
      upgradeStrategy: {
        minimumHealthCapacity: 1,
        maximumOverCapacity: 1,
        deadlineSeconds: 1,
        onFailure: 'hold',
      },
      unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
      killSelection: 'OLDEST_FIRST',
      labels: { a: 'b' },
      secrets: { s: { source: 'x' } },
      tty: false,
      residency: { relaunchEscalationTimeoutSeconds: 1, taskLostBehavior: 'WAIT_FOREVER' },
      loadBalancer: { drainSeconds: 1 },
    }),
  ],
  [
    'a container',
    app({
      networks: [{ mode: 'container', name: 'n', labels: { a: 'b' } }],
      container: docker(
        { forcePullImage: true, privileged: true, parameters: [{ key: 'a', value: 'b' }] },
        {
          portMappings: [
            {
              containerPort: 80,
              hostPort: 0,
              servicePort: 0,
              protocol: 'tcp',
              name: 'p',
              labels: { a: 'b' },
              networkNames: ['n'],
            },
          ],
          volumes: [{ containerPath: '/x', hostPath: '/y', mode: 'RO' }],
          linuxInfo: { seccomp: { profileName: 'x' }, ipcInfo: { mode: 'PRIVATE', shmSize: 1 } },
        },
      ),
    }),
  ],
  [
    'volumes',
    volumes(
      persistent({ type: 'mount', maxSize: 20, profileName: 'x', constraints: [['path', 'LIKE', 'x']] }),
      { ...dvdi({ size: 1, shared: true }), containerPath: 'e' },
      {
        ...csi({ pluginName: 'p', capability: { accessMode: 'SINGLE_NODE_WRITER', accessType: 'mount' } }),
        containerPath: 'c',
      },
    ),
  ],
  [
    'deprecated forms',
    app({
      uris: ['http://a/x'],
      ipAddress: {
        groups: ['g'],
        labels: { a: 'b' },
        networkName: 'n',
        discovery: { ports: [{ number: 80, name: 'p', protocol: 'tcp', labels: { a: 'b' } }] },
      },
      container: mesos(),
    }),
  ],
  ['ports of old', app({ ports: [80] })],
  [
    'networking of old',
    app({
      container: docker({ network: 'BRIDGE', portMappings: [{ containerPort: 80 }], pullConfig: null }),
    }),
  ],
];

type Place = readonly (string | number)[];

/** Every place in a definition, members and elements. */
function* places(value: unknown, at: Place = []): Iterable<Place> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const place = [...at, Array.isArray(value) ? Number(key) : key];
    yield place;
    yield* places(member, place);
  }
}

function valueAt(body: unknown, place: Place): unknown {
  return place.reduce((value: unknown, key) => (value as Json)[key as string], body);
}

function changed(body: Json, place: Place, value: unknown): Json {
  const copy = structuredClone(body);
  const holder = valueAt(copy, place.slice(0, -1)) as Json;
  holder[place.at(-1) as string] = value;
  return copy;
}

/** Values that no field takes which takes `value`: of another type, and out of every bound. */
function wrongValues(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  const wrongTypes: (readonly [string, unknown])[] = [
    ['an array of arrays', [[[]]]],
    ['a number of nothing', value === null || typeof value === 'object' ? 7 : { x: 7 }],
  ];
  if (typeof value === 'number')
    return [...wrongTypes, ['below none', -1], ['beyond all', Number.MAX_VALUE * 2], ['text', 'x']];
  if (typeof value === 'boolean') return [...wrongTypes, ['text', 'yes'], ['a number', 1]];
  if (typeof value === 'string') return [...wrongTypes, ['a number', 1], ['a flag', true]];
  return [...wrongTypes, ['text', 'x'], ['a flag', true]];
}

const named = (place: Place): string => place.join('.');
const cases = whole.flatMap(([what, body]) =>
  [...places(body)].flatMap((place) =>
    wrongValues(valueAt(body, place)).map(
      ([wrong, value]) => [what, named(place), wrong, body, place, value] as const,
    ),
  ),
);

async function refusedWithPath(body: unknown): Promise<{ world: AppWorld; details: readonly ErrorDetail[] }> {
  const world = new AppWorld();
  await world.post({ id: '/other', cmd: 'x' });
  const hash = JSON.stringify([...world.registry.all()]);
  const error = await refusal(() => world.post(body));
  expect(error.status).toBeGreaterThanOrEqual(400);
  expect(error.status).toBeLessThan(500);
  expect(JSON.stringify([...world.registry.all()])).toBe(hash);
  return { world, details: error.details as readonly ErrorDetail[] };
}

describe('a wrong value anywhere in a definition is refused with a path, and changes nothing:', () => {
  it.each(whole)('%s itself breaks no rule of shape', async (_what, body) => {
    const { details } = await refusedOrFine(body);
    expect(details.filter(({ code }) => code === 'shape')).toEqual([]);
  });

  it(`in all of ${cases.length} cases`, async () => {
    const missed: string[] = [];
    for (const [what, place, wrong, body, at, value] of cases) {
      const { details } = await refusedWithPath(changed(body, at, value));
      const told = details.every(
        ({ path, errors, hint }) => path.startsWith('/') && errors.length > 0 && hint,
      );
      // The path names the field at least, and the finding is about the value: that it cannot be run yet is no answer.
      const ofField = details.some(
        ({ path, code }) => code !== 'unsupported' && path.startsWith(`/${String(at[0])}`),
      );
      if (!(told && ofField)) missed.push(`${what} ${place} ${wrong}`);
    }
    expect(missed).toEqual([]);
  });

  it('null in the place of any required member, and of any element, is refused', async () => {
    const required = [
      'fetch.0.uri',
      'container.docker.image',
      'secrets.s.source',
      'healthChecks.1.command.value',
      'upgradeStrategy.minimumHealthCapacity',
      'container.volumes.0.containerPath',
      'container.volumes.0.persistent.size',
      'container.volumes.1.external.provider',
      'container.linuxInfo.ipcInfo.mode',
      'container.docker.parameters.0.key',
      'ipAddress.discovery.ports.0.number',
    ];
    const found: string[] = [];
    for (const [, body] of whole) {
      for (const place of places(body)) {
        if (!required.includes(named(place)) && typeof place.at(-1) !== 'number') continue;
        found.push(named(place));
        const { details } = await refusedWithPath(changed(body, place, null));
        expect(details[0]).toMatchObject({ code: 'shape', path: expect.stringMatching(/^\//) });
      }
    }
    for (const each of required) expect(found).toContain(each);
  });

  it('a list with an element twice, where elements have names, is refused', async () => {
    const twice: readonly Json[] = [
      app({ portDefinitions: [{ name: 'a' }, { name: 'a' }] }),
      app({ networks: [{ mode: 'host' }, { mode: 'host' }] }),
      app({ networks: bridge, container: mesos({ portMappings: [{ name: 'a' }, { name: 'a' }] }) }),
      volumes(persistent(), persistent()),
      app({ ports: [1, 1] }),
    ];
    for (const body of twice) expect((await refusedWithPath(body)).details.length).toBeGreaterThan(0);
  });
});

async function refusedOrFine(body: unknown): Promise<{ details: readonly ErrorDetail[] }> {
  const world = new AppWorld();
  try {
    await world.post(body);
    return { details: [] };
  } catch (error) {
    return { details: (error as { details: readonly ErrorDetail[] }).details };
  }
}
