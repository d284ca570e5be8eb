import { SEGMENT_PATTERN } from '../../src/apps/path.js';
import { AppWorld, findings, refusal } from './support/app-world.js';

type Row = readonly [
  what: string,
  body: Record<string, unknown>,
  expected: Record<string, readonly string[]>,
];

const segment = `must fully match regular expression '${SEGMENT_PATTERN}'`;
const operators =
  'operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS';
const groupBy = 'GROUP BY must define an integer value or else no value at all';
const pattern = 'is not a valid regular expression';
const is =
  'IS only supports Mesos text and float values (see http://mesos.apache.org/documentation/latest/attributes-resources/)';
const portIndex =
  'Health check port indices must address an element of the ports array or container port mappings.';
const either = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
const single = { MARATHON_SINGLE_INSTANCE_APP: 'true' };
const none = { minimumHealthCapacity: 0, maximumOverCapacity: 0 };

/** A legal app but for what a row says. */
const app = (fields: Record<string, unknown>): Record<string, unknown> => ({ id: '/a', cmd: 'x', ...fields });
const constraint = (...parts: string[]): Record<string, unknown> => app({ constraints: [parts] });
const at = (text: string): Record<string, readonly string[]> => ({ '/constraints(0)': [text] });

const refused: readonly Row[] = [
  // Identity and command.
  ['the root as id', app({ id: '/' }), { '/id': ['must not be root'] }],
  ['an id in capitals', app({ id: 'Web' }), { '/id': [segment] }],
  [
    'a reserved last segment',
    app({ id: '/a/tasks' }),
    { '/id': ['must not end with any of the following reserved keywords: restart, tasks, versions, ., ..'] },
  ],
  [
    'an id too long for a directory',
    app({ id: `/${'a'.repeat(300)}` }),
    { '/id': ['must not be longer than 190 characters, got 301'] },
  ],
  ['neither cmd nor args', { id: '/a' }, { '/': [either] }],
  ['neither, with empty args', { id: '/a', args: [] }, { '/': [either] }],
  ['both cmd and args', app({ args: ['y'] }), { '/': [either] }],
  ['a NUL in the command', app({ cmd: 'a\0b' }), { '/cmd': ['must not contain a NUL character'] }],
  [
    'a NUL in an argument',
    { id: '/a', args: ['a', '\0'] },
    { '/args(1)': ['must not contain a NUL character'] },
  ],
  ['a user with a blank', app({ user: 'no body' }), { '/user': ['must be the name of a user'] }],
  // Environment and labels.
  ['a variable without a name', app({ env: { '': 'x' } }), { '/env': ['must not be empty'] }],
  [
    'a variable with an equals sign',
    app({ env: { 'A=B': 'x' } }),
    { '/env': ["names must not contain '=' or a NUL character"] },
  ],
  ['a NUL in a variable', app({ env: { A: '\0' } }), { '/env/A': ['must not contain a NUL character'] }],
  ['a NUL in a label', app({ labels: { a: '\0' } }), { '/labels': ['must not contain a NUL character'] }],
  // Networks and ports.
  [
    'a host network with a name',
    app({ networks: [{ mode: 'host', name: 'x' }] }),
    { '/networks(0)': ['Host networks may not have names or labels'] },
  ],
  [
    'a host network with labels',
    app({ networks: [{ mode: 'host', labels: { a: 'b' } }] }),
    { '/networks(0)': ['Host networks may not have names or labels'] },
  ],
  [
    'two host networks',
    app({ networks: [{ mode: 'host' }, { mode: 'host' }] }),
    {
      '/networks': [
        'Duplicate networks are not allowed',
        'May specify a single host network, single bridge network, or else 1-to-n container networks',
      ],
    },
  ],
  [
    'two ports of one name',
    app({ portDefinitions: [{ name: 'a' }, { name: 'a' }] }),
    { '/portDefinitions': ['Port names must be unique.'] },
  ],
  [
    'two ports of one number',
    app({ portDefinitions: [{ port: 80 }, { port: 80 }] }),
    { '/portDefinitions': ['Ports must be unique.'] },
  ],
  // Roles.
  ['another role', app({ role: 'web' }), { '/role': ['got web, expected one of: [*]'] }],
  ['a role that is a dot', app({ role: '.' }), { '/role': ['A role name must not be ".".'] }],
  [
    'a role with a hyphen first',
    app({ role: '-x' }),
    { '/role': ["A role name must not start with a '-'."] },
  ],
  [
    'a role with a blank',
    app({ role: 'a b' }),
    { '/role': ['A role name must not include a space (\\x20) character.'] },
  ],
  [
    'no accepted roles',
    app({ acceptedResourceRoles: [] }),
    { '/acceptedResourceRoles': ['must not be empty'] },
  ],
  [
    'a foreign accepted role',
    app({ acceptedResourceRoles: ['*', 'x'] }),
    { '/acceptedResourceRoles': ['acceptedResourceRoles can only contain *'] },
  ],
  // Constraints.
  ['an empty constraint', constraint(), at('Missing field and operator')],
  ['a constraint of one part', constraint('rack'), at('Each constraint must have either 2 or 3 fields')],
  [
    'a constraint of four parts',
    constraint('rack', 'LIKE', 'a', 'b'),
    at('Each constraint must have either 2 or 3 fields'),
  ],
  ['a constraint without field', constraint('', 'UNIQUE'), at('missing field for constraint declaration')],
  ['an unknown operator', constraint('rack', 'NEAR'), at(operators)],
  ['an operator that every object has', constraint('rack', 'toString'), at(operators)],
  ['UNIQUE with a value', constraint('rack', 'UNIQUE', 'a'), at('UNIQUE does not accept a value')],
  ['GROUP_BY a word', constraint('rack', 'GROUP_BY', 'x'), at(groupBy)],
  ['GROUP_BY none', constraint('rack', 'GROUP_BY', '0'), at(groupBy)],
  ['MAX_PER without a value', constraint('rack', 'MAX_PER'), at('MAX_PER requires an integer value')],
  ['MAX_PER a fraction', constraint('rack', 'MAX_PER', '1.5'), at('MAX_PER requires an integer value')],
  [
    'LIKE without a value',
    constraint('rack', 'LIKE'),
    at('LIKE and UNLIKE require a non-empty, regular expression value'),
  ],
  [
    'UNLIKE nothing',
    constraint('rack', 'UNLIKE', ''),
    at('LIKE and UNLIKE require a non-empty, regular expression value'),
  ],
  ['LIKE a broken expression', constraint('rack', 'LIKE', '('), at(pattern)],
  ['LIKE an expression that explodes', constraint('rack', 'LIKE', '(a+)+b'), at(pattern)],
  ['LIKE an expression that explodes inside', constraint('rack', 'LIKE', '((x(a*)y)?){2,}'), at(pattern)],
  ['LIKE an expression too long', constraint('rack', 'LIKE', 'a'.repeat(513)), at(pattern)],
  ['IS without a value', constraint('rack', 'IS'), at(is)],
  ['IS a set', constraint('rack', 'IS', '{a,b}'), at(is)],
  // Checks.
  [
    'a check of a port that is not there',
    app({ healthChecks: [{ portIndex: 1 }] }),
    { '/healthChecks(0)': [portIndex] },
  ],
  [
    'a check without any port',
    app({ portDefinitions: [], healthChecks: [{}] }),
    { '/healthChecks(0)': [portIndex] },
  ],
  [
    'the second check wrong',
    app({ healthChecks: [{}, { protocol: 'TCP', portIndex: 9 }] }),
    { '/healthChecks(1)': [portIndex] },
  ],
  [
    'a check path with a line break',
    app({ healthChecks: [{ path: '/a\r\nX: y' }] }),
    { '/healthChecks(0)/path': ['must not contain blanks or control characters'] },
  ],
  [
    'a readiness check of an unknown port',
    app({ readinessChecks: [{}] }),
    { '/readinessChecks(0)/portName': ['No port definition reference for portName http-api'] },
  ],
  [
    'a readiness check slower than its rhythm',
    app({ readinessChecks: [{ portName: 'default', intervalSeconds: 5, timeoutSeconds: 5 }] }),
    { '/readinessChecks(0)/timeoutSeconds': ['got 5, expected less than 5'] },
  ],
  [
    'a readiness check that no answer passes',
    app({ readinessChecks: [{ portName: 'default', httpStatusCodesForReady: [] }] }),
    { '/readinessChecks(0)/httpStatusCodesForReady': ['must not be empty'] },
  ],
  [
    'two readiness checks',
    app({ readinessChecks: [{ portName: 'default' }, { portName: 'default', path: '/b' }] }),
    { '/readinessChecks': ['got 2, expected 1 or less'] },
  ],
  // Strategies.
  [
    'inactive after expunged',
    app({ unreachableStrategy: { inactiveAfterSeconds: 2, expungeAfterSeconds: 1 } }),
    {
      '/unreachableStrategy': [
        'inactiveAfterSeconds (2) must be less or equal to expungeAfterSeconds, which is 1',
      ],
    },
  ],
  [
    'several of a single instance',
    app({ labels: single, instances: 2, upgradeStrategy: none }),
    { '/instances': ['Single instance app may only have one instance'] },
  ],
  [
    'a single instance with capacities',
    app({ labels: single }),
    {
      '/upgradeStrategy/minimumHealthCapacity': ['got 1.0, expected 0.0'],
      '/upgradeStrategy/maximumOverCapacity': ['got 1.0, expected 0.0'],
    },
  ],
  [
    'half of the migration labels',
    app({ labels: { DCOS_MIGRATION_API_VERSION: 'v1' } }),
    {
      '/labels': [
        'DCOS_PACKAGE_FRAMEWORK_NAME and DCOS_MIGRATION_API_PATH must be defined when using DCOS_MIGRATION_API_VERSION',
      ],
    },
  ],
  [
    'another migration version',
    app({
      labels: {
        DCOS_MIGRATION_API_VERSION: 'v2',
        DCOS_PACKAGE_FRAMEWORK_NAME: 'x',
        DCOS_MIGRATION_API_PATH: '/',
      },
    }),
    { '/labels/DCOS_MIGRATION_API_VERSION': ['got v2, expected one of: [v1]'] },
  ],
  // Dependencies.
  ['a dependency in capitals', app({ dependencies: ['/ok', '/Db'] }), { '/dependencies(1)': [segment] }],
  ['a dependency on everything', app({ dependencies: ['/'] }), { '/dependencies(0)': ['must not be root'] }],
  [
    'a dependency on itself',
    app({ dependencies: ['/a'] }),
    { '/dependencies': ['Dependency graph has cyclic dependencies.'] },
  ],
  // Contradictions between deprecated forms and their successors.
  [
    'ports beside other port definitions',
    app({ ports: [1], portDefinitions: [{ port: 2 }] }),
    { '/portDefinitions': ['cannot specify both ports and port definitions'] },
  ],
  ['a deprecated port twice', app({ ports: [80, 80] }), { '/ports': ['ports must be unique'] }],
  [
    'uris beside fetch',
    app({ uris: ['http://a/x'], fetch: [{ uri: 'http://a/y' }] }),
    { '/uris': ['may not be set in conjunction with fetch'] },
  ],
  // Not supported yet.
  ...(['container', 'ipAddress', 'executorResources', 'resourceLimits', 'check', 'residency'] as const).map(
    (field): Row => [`a ${field}`, app({ [field]: {} }), { [`/${field}`]: ['is not supported yet'] }],
  ),
  ['something to fetch', app({ fetch: [{ uri: 'http://a/x' }] }), { '/fetch': ['is not supported yet'] }],
  ['uris', app({ uris: ['http://a/x'] }), { '/uris': ['is not supported yet'] }],
  ['a GPU', app({ gpus: 1 }), { '/gpus': ['is not supported yet'] }],
  ['a terminal', app({ tty: true }), { '/tty': ['is not supported yet'] }],
  ['an executor', app({ executor: '/bin/x' }), { '/executor': ['is not supported yet'] }],
  ['secrets', app({ secrets: { a: { source: 'b' } } }), { '/secrets': ['is not supported yet'] }],
  [
    'a secret in a variable',
    app({ env: { A: { secret: 'x' } } }),
    { '/env': ['use of secret-references in the environment requires the secrets feature to be enabled'] },
  ],
  [
    'a bridge network',
    app({ networks: [{ mode: 'container/bridge' }] }),
    { '/networks(0)/mode': ['is not supported yet'] },
  ],
  [
    'a network without mode',
    app({ networks: [{ name: 'x' }] }),
    { '/networks(0)/mode': ['is not supported yet'] },
  ],
  [
    'a command check',
    app({ healthChecks: [{ protocol: 'COMMAND', command: { value: 'x' } }] }),
    { '/healthChecks(0)/protocol': ['is not supported yet'] },
  ],
  [
    'a Mesos check',
    app({ healthChecks: [{}, { protocol: 'MESOS_HTTP' }] }),
    { '/healthChecks(1)/protocol': ['is not supported yet'] },
  ],
  [
    'a command in a TCP check',
    app({ healthChecks: [{ protocol: 'TCP', command: { value: 'x' } }] }),
    { '/healthChecks(0)/command': ['is not supported yet'] },
  ],
  [
    'a check over IPv6',
    app({ healthChecks: [{ ipProtocol: 'IPv6' }] }),
    { '/healthChecks(0)/ipProtocol': ['is not supported yet'] },
  ],
  // Several findings of one stage come together, of two stages never.
  [
    'two broken rules',
    app({ constraints: [['rack', 'UNIQUE', 'x']], portDefinitions: [{ name: 'a' }, { name: 'a' }] }),
    {
      '/constraints(0)': ['UNIQUE does not accept a value'],
      '/portDefinitions': ['Port names must be unique.'],
    },
  ],
  [
    'a broken rule beside an unsupported field',
    app({ gpus: 1, constraints: [['rack', 'UNIQUE', 'x']] }),
    { '/gpus': ['is not supported yet'] },
  ],
];

describe('a definition is refused, with the path and what is wrong there, for', () => {
  it.each(refused)('%s', async (_what, body, expected) => {
    const world = new AppWorld();
    const error = await refusal(() => world.post(body));
    expect({ status: error.status, message: error.message }).toEqual({
      status: 422,
      message: 'Object is not valid',
    });
    expect(findings(error)).toEqual(expected);
    expect(error.details).toEqual(
      (error.details as object[]).map(() =>
        expect.objectContaining({ code: expect.any(String), hint: expect.stringMatching(/./) }),
      ),
    );
    expect(world.registry.size).toBe(0);
  });
});

describe('a definition is accepted with', () => {
  it.each([
    ['a command of one character', app({ cmd: 'x' })],
    ['args alone', { id: '/a', args: ['sleep', '1'] }],
    ['no ports at all', app({ portDefinitions: [] })],
    ['no instances', app({ instances: 0 })],
    ['a lower-case operator', constraint('rack', 'unique')],
    ['GROUP_BY without a value', constraint('rack', 'GROUP_BY')],
    ['GROUP_BY inf', constraint('rack', 'GROUP_BY', 'inf')],
    ['CLUSTER without a value', constraint('rack', 'CLUSTER')],
    ['a repetition in a group that is not repeated', constraint('rack', 'LIKE', '(rack-[0-9]+)?x*\\(+')],
    ['a group repeated a fixed number of times', constraint('rack', 'LIKE', '(a+){3}')],
    ['IS a number', constraint('rack', 'IS', '1.0')],
    [
      'a check that names its port',
      app({ portDefinitions: [], healthChecks: [{ protocol: 'TCP', port: 80 }] }),
    ],
    ['a dependency that does not exist', app({ dependencies: ['/nowhere'] })],
    ['an explicit default role', app({ role: '*', acceptedResourceRoles: ['*'] })],
    ['the command executor by name', app({ executor: '//cmd' })],
    ['ports that say what portDefinitions say', app({ ports: [80], portDefinitions: [{ port: 80 }] })],
    ['a single instance without capacities', app({ labels: single, upgradeStrategy: none })],
    [
      'everything unsupported at its default',
      app({
        container: null,
        fetch: [],
        secrets: {},
        gpus: 0,
        networks: [{ mode: 'host' }],
        executor: '',
        residency: null,
        uris: [],
        ipAddress: null,
        tty: false,
      }),
    ],
    [
      'fields nobody knows',
      app({ storeUrls: [], tasksRunning: 3, tasks: [], lastTaskFailure: {}, deployments: [] }),
    ],
  ])('%s', async (_what, body) => {
    await expect(new AppWorld().post(body)).resolves.toBeDefined();
  });
});
