import { SEGMENT_PATTERN } from '../../../src/apps/path.js';

/** A definition that breaks a rule, and what is answered: texts by path. */
export type RefusedRow = readonly [
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
export const single = { MARATHON_SINGLE_INSTANCE_APP: 'true' };
export const none = { minimumHealthCapacity: 0, maximumOverCapacity: 0 };

/** A legal app but for what a row says. */
export const app = (fields: Record<string, unknown>): Record<string, unknown> => ({
  id: '/a',
  cmd: 'x',
  ...fields,
});
export const constraint = (...parts: string[]): Record<string, unknown> => app({ constraints: [parts] });
const at = (text: string): Record<string, readonly string[]> => ({ '/constraints(0)': [text] });

/** Marathon reference 2.4, rule by rule; what it does not have (NUL characters, blanks in paths) is ours. */
export const refused: readonly RefusedRow[] = [
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
    'a broken rule beside a field that cannot be run yet',
    app({ gpus: 1, constraints: [['rack', 'UNIQUE', 'x']] }),
    { '/constraints(0)': ['UNIQUE does not accept a value'] },
  ],
  [
    'a broken rule beside contradicting deprecated forms',
    app({ ports: [80, 80], constraints: [['rack', 'UNIQUE', 'x']] }),
    { '/ports': ['ports must be unique'] },
  ],
];
