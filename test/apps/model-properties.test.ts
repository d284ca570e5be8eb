import fc from 'fast-check';
import { sameJson } from '../../src/apps/decide/canonical-json.js';
import { contract } from './support/app-world.js';
import { appOf, presentedModel, readAgainstModel } from './support/model.js';

const nothing = fc.constantFrom(null, undefined);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof({ weight: 3, arbitrary: value }, nothing);
const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
const labels = fc.dictionary(word, fc.string(), { maxKeys: 2 });
const uniqueBy = <T>(value: fc.Arbitrary<T>, key: (item: T) => unknown, maxLength = 3): fc.Arbitrary<T[]> =>
  fc.uniqueArray(value, { maxLength, selector: key });

const mapping = fc.record(
  {
    containerPort: maybe(fc.constantFrom(0, 80, 8080)),
    hostPort: maybe(fc.constantFrom(0, 31_000)),
    servicePort: maybe(fc.constantFrom(0, 10_001)),
    protocol: maybe(fc.constantFrom('tcp', 'udp', 'udp,tcp')),
    labels: maybe(labels),
  },
  { requiredKeys: [] },
);
const portMappings = fc
  .array(mapping, { maxLength: 3 })
  .map((list) => list.map((each, index) => ({ ...each, name: index % 2 === 0 ? `p${index}` : null })));

const volume = fc.oneof(
  fc.record({ hostPath: word, mode: fc.constantFrom('RO', 'RW'), persistent: nothing }),
  fc.record({ secret: fc.constant('s') }),
  fc.record({
    mode: fc.constant('RW'),
    persistent: fc.record(
      {
        size: fc.integer({ min: 1, max: 9 }),
        maxSize: fc.integer({ min: 10, max: 19 }),
        profileName: maybe(word),
        type: fc.constant('mount'),
        constraints: maybe(fc.constant([['path', 'like', '/x.*']])),
      },
      { requiredKeys: ['size', 'type'] },
    ),
  }),
  fc.record({
    mode: fc.constantFrom('RO', 'RW'),
    external: fc.record({
      provider: fc.constant('csi'),
      name: word,
      shared: maybe(fc.boolean()),
      options: fc.record({
        pluginName: word,
        capability: fc.record({
          accessMode: fc.constant('MULTI_NODE_READER_ONLY'),
          accessType: fc.constant('mount'),
          fsType: maybe(fc.constant('ext4')),
          mountFlags: maybe(fc.array(word, { maxLength: 2 })),
        }),
        volumeContext: maybe(labels),
      }),
    }),
  }),
);
const volumes = fc
  .array(volume, { maxLength: 3 })
  .map((list) => list.map((each, index) => ({ ...each, containerPath: `v${index}` })));

const container = fc.record(
  {
    type: fc.constant('MESOS'),
    docker: maybe(
      fc.record({
        image: fc.constantFrom('nginx', 'reg.example.com:5000/team/app:1.2', 'a/b'),
        forcePullImage: maybe(fc.boolean()),
        privileged: maybe(fc.boolean()),
        parameters: maybe(fc.array(fc.record({ key: word, value: word }), { maxLength: 2 })),
        pullConfig: maybe(fc.constant({ secret: 's' })),
      }),
    ),
    volumes: maybe(volumes),
    linuxInfo: maybe(
      fc.record(
        {
          seccomp: maybe(fc.constantFrom({ unconfined: true }, { profileName: 'x' })),
          ipcInfo: maybe(fc.constantFrom({ mode: 'SHARE_PARENT' }, { mode: 'PRIVATE', shmSize: 8 })),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: ['type'] },
);

/** Networking with ports that fit it. */
const networking = fc.oneof(
  fc.record({
    networks: fc.constant([{ mode: 'host' }]),
    portDefinitions: maybe(fc.constant([{ port: 0, name: 'a' }])),
  }),
  fc.record({
    networks: fc.constantFrom(
      [{ mode: 'container/bridge' }],
      [{ mode: 'container', name: 'x', labels: { a: 'b' } }],
    ),
    portMappings: maybe(portMappings),
    requirePorts: maybe(fc.boolean()),
  }),
  fc.record({
    networks: fc.constant([{ name: 'x' }, { name: 'y' }]),
    portMappings: fc.constant([{ networkNames: ['y'] }]),
  }),
);

const others = fc.record(
  {
    env: maybe(fc.dictionary(word, fc.oneof(fc.constant({ secret: 's' }), word), { maxKeys: 3 })),
    gpus: maybe(fc.nat(2)),
    executor: maybe(fc.constantFrom('', '//cmd', '/opt/executor')),
    executorResources: maybe(fc.record({ cpus: maybe(fc.constant(0.2)) }, { requiredKeys: [] })),
    resourceLimits: maybe(fc.record({ cpus: maybe(fc.constantFrom(1, 'unlimited')) }, { requiredKeys: [] })),
    fetch: maybe(
      uniqueBy(
        fc.record({
          uri: word.map((name) => `http://a/${name}`),
          extract: maybe(fc.boolean()),
          destPath: maybe(word),
        }),
        ({ uri }) => uri,
      ),
    ),
    healthChecks: maybe(
      fc.array(
        fc.oneof(
          fc.record({
            protocol: fc.constant('COMMAND'),
            command: fc.record({ value: fc.constantFrom('true', 'x y') }),
          }),
          fc.record({
            protocol: fc.constantFrom('HTTP', 'TCP'),
            port: fc.constant(80),
            ipProtocol: maybe(fc.constant('IPv4')),
          }),
        ),
        { maxLength: 3 },
      ),
    ),
    check: maybe(
      fc.constantFrom(
        { http: { port: 80, path: '/' } },
        { tcp: { port: 1 } },
        { exec: { command: { shell: 'x' } } },
      ),
    ),
    tty: maybe(fc.boolean()),
    residency: maybe(fc.constant({})),
  },
  { requiredKeys: [] },
);

/** Legal definitions with everything that containers bring, nulls included. */
const definitions = fc
  .tuple(fc.option(container, { nil: null }), networking, others)
  .map(([given, ports, rest]) => {
    const { portMappings: mappings, ...network } = ports as typeof ports & { portMappings?: unknown };
    return JSON.parse(
      JSON.stringify({
        id: 'shop/web',
        cmd: 'x',
        secrets: { s: { source: 'x' } },
        ...rest,
        ...network,
        container:
          given || mappings
            ? { ...(given ?? { type: 'MESOS' }), ...(mappings ? { portMappings: mappings } : {}) }
            : null,
      }),
    ) as Record<string, unknown>;
  });

describe('whatever legal definition of the whole model is read', () => {
  const settings = { defaultRole: 'web' };

  it('its answer is of the contract’s strict shape, and read again, or merged, it is the same', () => {
    fc.assert(
      fc.property(definitions, (body) => {
        const draft = readAgainstModel(body, settings);
        const answer = presentedModel(draft);
        expect(contract.check('App', answer)).toEqual([]);
        const again = readAgainstModel(answer, settings);
        expect(again).toEqual(draft);
        expect(sameJson(readAgainstModel(answer, settings, appOf(draft)), draft)).toBe(true);
        expect(sameJson(readAgainstModel({}, settings, appOf(draft)), draft)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});
