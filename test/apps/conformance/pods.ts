import { SEGMENT_PATTERN } from '../../../src/apps/path.js';
import type { RefusedRow } from './rules.js';

type Json = Record<string, unknown>;

/** Legal pods but for what a row says. */
export const container = (fields: Json = {}): Json => ({
  name: 'web',
  exec: { command: { shell: 'sleep 1000' } },
  ...fields,
});
export const pod = (fields: Json = {}): Json => ({ id: '/pod', containers: [container()], ...fields });
const one = (fields: Json, ofPod: Json = {}): Json => pod({ containers: [container(fields)], ...ofPod });
const two = (first: Json, second: Json, ofPod: Json = {}): Json =>
  pod({ containers: [container(first), container({ name: 'side', ...second })], ...ofPod });
export const ends = (...endpoints: Json[]): Json => ({ endpoints });
export const mounts = (...names: string[]): Json => ({
  volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })),
});
export const bridge = { networks: [{ mode: 'container/bridge' }] };
export const net = (...names: string[]): Json => ({
  networks: names.map((name) => ({ mode: 'container', name })),
});
export const disk = { name: 'data', persistent: { size: 10 } };
/** A pod that keeps data. */
export const keeping = (fields: Json = {}): Json => one(mounts('data'), { volumes: [disk], ...fields });

const c = '/containers(0)';
const exactly = 'must be exactly one of shell and argv';
const only = 'Only one of http, tcp, or command may be specified';
const missingEndpoint = 'contained in the container endpoints';
const secret = 'references an undefined secret';
const nul = 'must not contain a NUL character';

/** Marathon reference 1.9, message by message, and what of 2.4 is about pods too. */
export const refusedPods: readonly RefusedRow[] = [
  ['the root as id', pod({ id: '/' }), { '/id': ['must not be root'] }],
  [
    'an id in capitals',
    pod({ id: 'Pod' }),
    { '/id': [`must fully match regular expression '${SEGMENT_PATTERN}'`] },
  ],
  ['a user with a blank', pod({ user: 'no body' }), { '/user': ['must be the name of a user'] }],
  ['a variable without a name', pod({ environment: { '': 'x' } }), { '/environment': ['must not be empty'] }],
  ['a NUL in a label', pod({ labels: { a: '\0' } }), { '/labels': [nul] }],
  [
    'an undefined secret',
    pod({ environment: { A: { secret: 's' } } }),
    { '/environment/A/secret': [secret] },
  ],
  [
    'a secret without source',
    pod({ secrets: { s: { source: '' } } }),
    { '/secrets/s/source': ['must not be empty'] },
  ],
  ['a foreign role', pod({ role: 'other' }), { '/role': ['got other, expected one of: [*]'] }],
  [
    'seccomp without a profile',
    pod({ linuxInfo: { seccomp: {} } }),
    { '/linuxInfo/seccomp': ['Seccomp unconfined must be true when Profile is NOT defined'] },
  ],
  // Containers.
  [
    'two containers of one name',
    two({}, { name: 'web' }),
    { '/containers': ['container names must be unique'] },
  ],
  [
    'shell and argv',
    one({ exec: { command: { shell: 'x', argv: ['y'] } } }),
    { [`${c}/exec/command`]: [exactly] },
  ],
  ['neither shell nor argv', one({ exec: { command: {} } }), { [`${c}/exec/command`]: [exactly] }],
  ['a NUL in a command', one({ exec: { command: { shell: '\0' } } }), { [`${c}/exec/command/shell`]: [nul] }],
  [
    'a NUL in an argument',
    one({ exec: { command: { argv: ['\0'] } } }),
    { [`${c}/exec/command/argv(0)`]: [nul] },
  ],
  ['a container’s user', one({ user: 'a:b' }), { [`${c}/user`]: ['must be the name of a user'] }],
  [
    'a container’s variables',
    one({ environment: { B: { secret: 's' } } }),
    { [`${c}/environment/B/secret`]: [secret] },
  ],
  ['a container’s labels', one({ labels: { a: '\0' } }), { [`${c}/labels`]: [nul] }],
  [
    'an image that is no name',
    one({ image: { kind: 'DOCKER', id: 'A b' } }),
    { [`${c}/image/id`]: ['must be the name of an image'] },
  ],
  [
    'a pull secret that is not there',
    one({ image: { kind: 'DOCKER', id: 'nginx', pullConfig: { secret: 's' } } }),
    { [`${c}/image/pullConfig/secret`]: ['pullConfig.secret must refer to an existing secret'] },
  ],
  [
    'a URI with a blank',
    one({ artifacts: [{ uri: 'http://a/b c' }] }),
    { [`${c}/artifacts(0)/uri`]: ['URI has invalid syntax.'] },
  ],
  [
    'a limit below what is asked for',
    one({ resourceLimits: { cpus: 0.5 } }),
    {
      [`${c}/resourceLimits/cpus`]: [
        'resource limit must be greater than or equal to requested resource (1.0)',
      ],
    },
  ],
  [
    'a limit that is a word',
    one({ resourceLimits: { mem: 'much' } }),
    {
      [`${c}/resourceLimits/mem`]: [
        "'much' is an invalid resource limit. It must be 'unlimited' or a number",
      ],
    },
  ],
  [
    'limits in shared cgroups',
    one({ resourceLimits: { cpus: 2 } }, { legacySharedCgroups: true }),
    { [`${c}/resourceLimits`]: ['resourceLimits cannot be defined if legacySharedCgroups is enabled'] },
  ],
  [
    'a container’s IPC settings',
    one({ linuxInfo: { ipcInfo: { mode: 'SHARE_PARENT', shmSize: 1 } } }),
    { [`${c}/linuxInfo/ipcInfo`]: ['ipcInfo shmSize can NOT be set when mode is SHARE_PARENT'] },
  ],
  // Checks.
  [
    'a health check of two kinds',
    one({
      healthCheck: { tcp: { endpoint: 'a' }, exec: { command: { shell: 'x' } } },
      ...ends({ name: 'a' }),
    }),
    { [`${c}/healthCheck`]: [only] },
  ],
  ['a health check of no kind', one({ healthCheck: {} }), { [`${c}/healthCheck`]: [only] }],
  [
    'a health check of another container’s endpoint',
    two({ healthCheck: { http: { endpoint: 'a' } } }, ends({ name: 'a' })),
    { [`${c}/healthCheck/http/endpoint`]: [missingEndpoint] },
  ],
  [
    'a health check of no endpoint',
    one({ healthCheck: { tcp: { endpoint: 'a' } } }),
    { [`${c}/healthCheck/tcp/endpoint`]: [missingEndpoint] },
  ],
  [
    'a health check’s command',
    one({ healthCheck: { exec: { command: {} } } }),
    { [`${c}/healthCheck/exec/command`]: [exactly] },
  ],
  [
    'a timeout as long as the interval',
    one({ healthCheck: { exec: { command: { shell: 'x' } }, timeoutSeconds: 60 } }),
    { [`${c}/healthCheck/timeoutSeconds`]: ['got 60, expected less than 60'] },
  ],
  [
    'a blank in a path',
    one({ healthCheck: { http: { endpoint: 'a', path: '/ x' } }, ...ends({ name: 'a' }) }),
    { [`${c}/healthCheck/http/path`]: ['must not contain blanks or control characters'] },
  ],
  ['a check of no kind', one({ check: {} }), { [`${c}/check`]: [only] }],
  [
    'a check of no endpoint',
    one({ check: { http: { endpoint: 'a' } } }),
    { [`${c}/check/http/endpoint`]: [missingEndpoint] },
  ],
  // Networks and endpoints.
  [
    'a network without a name',
    pod({ networks: [{}] }),
    { '/networks(0)': ['Network name must be specified when container network is selected.'] },
  ],
  ['a network twice', pod(net('a', 'a')), { '/networks': ['Duplicate networks are not allowed'] }],
  [
    'host and bridge',
    pod({ networks: [{ mode: 'host' }, { mode: 'container/bridge' }] }),
    {
      '/networks': [
        'May specify a single host network, single bridge network, or else 1-to-n container networks',
      ],
    },
  ],
  [
    'a container port of the host',
    one(ends({ name: 'a', containerPort: 80 })),
    { [`${c}/endpoints(0)/containerPort`]: ['is not allowed when using host-mode networking'] },
  ],
  [
    'no container port on a bridge',
    one(ends({ name: 'a' }), bridge),
    { [`${c}/endpoints(0)/containerPort`]: ['is required when using container-mode networking'] },
  ],
  [
    'no container port on a network',
    one(ends({ name: 'a' }), net('n')),
    { [`${c}/endpoints(0)/containerPort`]: ['is required when using container-mode networking'] },
  ],
  [
    'a protocol twice',
    one(ends({ name: 'a', protocol: ['tcp', 'tcp'] })),
    { [`${c}/endpoints(0)/protocol`]: ['Duplicate protocols within the same endpoint are not allowed'] },
  ],
  [
    'a host port on two networks',
    one(ends({ name: 'a', containerPort: 80, hostPort: 0 }), net('n', 'm')),
    {
      [`${c}/endpoints(0)`]: [
        'networkNames must be a single item list when hostPort is specified and more than 1 container network is defined',
      ],
    },
  ],
  [
    'a network nobody named',
    one(ends({ name: 'a', containerPort: 80, networkNames: ['x'] }), net('n', 'm')),
    { [`${c}/endpoints(0)/networkNames(0)`]: ['is not one of (n,m)'] },
  ],
  [
    'an endpoint name twice',
    two(ends({ name: 'a' }), ends({ name: 'a' })),
    { '/': ['endpoint names nust be unique across all containers'] },
  ],
  [
    'a container port twice',
    two(ends({ name: 'a', containerPort: 80 }), ends({ name: 'b', containerPort: 80 }), bridge),
    { '/': ['container ports must be unique across all containers'] },
  ],
  [
    'a host port twice',
    two(ends({ name: 'a', hostPort: 80 }), ends({ name: 'b', hostPort: 80 })),
    { '/': ['host ports must be unique across all containers'] },
  ],
  // Volumes.
  [
    'a volume twice',
    one(mounts('v'), { volumes: [{ name: 'v' }, { name: 'v' }] }),
    { '/volumes': ['volume names must be unique'] },
  ],
  [
    'a volume nobody mounts',
    pod({ volumes: [{ name: 'v' }] }),
    { '/volumes(0)': ['volume must be referenced by at least one container'] },
  ],
  [
    'a mount of nothing',
    one(mounts('v')),
    { [`${c}/volumeMounts(0)/name`]: ['Referenced Volume in VolumeMount should exist'] },
  ],
  [
    'a volume of two kinds',
    one(mounts('v'), { volumes: [{ name: 'v', host: '/x', secret: 's' }], secrets: { s: { source: 'x' } } }),
    { '/volumes(0)': ['must be at most one of host, persistent and secret'] },
  ],
  [
    'a secret volume of nothing',
    one(mounts('v'), { volumes: [{ name: 'v', secret: 's' }] }),
    { '/volumes(0)/secret': ['volume.secret must refer to an existing secret'] },
  ],
  [
    'a largest size of a root volume',
    keeping({ volumes: [{ name: 'data', persistent: { size: 1, maxSize: 2 } }] }),
    { '/volumes(0)/persistent/maxSize': ['Only mount volumes can have maxSize'] },
  ],
  // Scaling and scheduling.
  [
    'a policy of another kind',
    pod({ scaling: { kind: 'auto' } }),
    { '/scaling': ['Not a fixed scaling policy'] },
  ],
  [
    'a constraint without its value',
    pod({ scheduling: { placement: { constraints: [{ fieldName: 'rack', operator: 'MAX_PER' }] } } }),
    { '/scheduling/placement/constraints(0)': ['MAX_PER requires an integer value'] },
  ],
  [
    'a foreign accepted role',
    pod({ scheduling: { placement: { acceptedResourceRoles: ['x'] } } }),
    { '/scheduling/placement/acceptedResourceRoles': ['acceptedResourceRoles can only contain *'] },
  ],
  [
    'a strategy that forgets before it replaces',
    pod({ scheduling: { unreachableStrategy: { inactiveAfterSeconds: 2, expungeAfterSeconds: 1 } } }),
    {
      '/scheduling/unreachableStrategy': [
        'inactiveAfterSeconds (2) must be less or equal to expungeAfterSeconds, which is 1',
      ],
    },
  ],
  [
    'data that is not waited for',
    keeping({ scheduling: { unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 } } }),
    {
      '/scheduling/unreachableStrategy': [
        'unreachableStrategy must be disabled for pods with persistent volumes',
      ],
    },
  ],
  [
    'data with two owners',
    keeping({ scheduling: { upgrade: { maximumOverCapacity: 1 } } }),
    { '/scheduling/upgrade/maximumOverCapacity': ['got 1.0, expected 0.0'] },
  ],
];

/** What may not change once data is kept; all paths and texts. */
export const refusedPodChanges: readonly (readonly [string, Json, Record<string, readonly string[]>])[] = [
  [
    'its volume',
    keeping({ volumes: [{ name: 'data', persistent: { size: 11 } }] }),
    { '/volumes': ['persistent volumes cannot be updated'] },
  ],
  ['its keeping data at all', pod(), { '/volumes': ['persistent volumes cannot be updated'] }],
  ...(['cpus', 'mem', 'disk', 'gpus'] as const).map(
    (name) =>
      [
        `its ${name}`,
        one({ ...mounts('data'), resources: { [name]: 777 } }, { volumes: [disk] }),
        { '/': [`${name} cannot be updated if a pod has persistent volumes`] },
      ] as const,
  ),
  [
    'its host ports',
    one({ ...mounts('data'), ...ends({ name: 'a', hostPort: 80 }) }, { volumes: [disk] }),
    { '/': ['host ports cannot be updated if a pod has persistent volumes'] },
  ],
];
