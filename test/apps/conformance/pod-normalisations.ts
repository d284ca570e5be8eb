import { bridge, disk, ends, mounts, net } from './pods.js';

type Json = Record<string, unknown>;

const scheduling = {
  backoff: { backoff: 1, backoffFactor: 1.15, maxLaunchDelay: 300 },
  upgrade: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
  placement: { constraints: [], acceptedResourceRoles: [] },
  killSelection: 'YOUNGEST_FIRST',
  unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
};
const resources = { cpus: 1, mem: 128, disk: 0, gpus: 0 };
const bare = { name: 'c', resources };
const always = {
  scaling: { kind: 'fixed', instances: 1 },
  scheduling,
  executorResources: { cpus: 0.1, mem: 32, disk: 10 },
  role: '*',
};
const times = { intervalSeconds: 60, timeoutSeconds: 20, delaySeconds: 15 };
const small = (fields: Json = {}, ofPod: Json = {}): Json => ({
  id: 'p',
  containers: [{ name: 'c', ...fields }],
  ...ofPod,
});
const whole = (fields: Json = {}, ofPod: Json = {}): Json => ({
  id: '/p',
  containers: [{ ...bare, ...fields }],
  ...always,
  ...ofPod,
});

/** What a definition becomes: Marathon reference 1.9. */
export const normalisedPods: readonly (readonly [what: string, body: Json, normalised: Json])[] = [
  ['nothing but a container', small(), whole()],
  [
    'null everywhere',
    small(
      {
        exec: null,
        resources: null,
        endpoints: null,
        image: null,
        environment: null,
        healthCheck: null,
        check: null,
        volumeMounts: null,
        artifacts: null,
        labels: null,
        lifecycle: null,
        tty: null,
        linuxInfo: null,
        user: null,
        resourceLimits: null,
      },
      {
        labels: null,
        user: null,
        environment: null,
        secrets: null,
        volumes: null,
        networks: null,
        scaling: null,
        scheduling: null,
        executorResources: null,
        role: null,
        linuxInfo: null,
        legacySharedCgroups: null,
        version: null,
      },
    ),
    whole(),
  ],
  [
    'empty collections',
    small(
      { endpoints: [], labels: {}, artifacts: [], lifecycle: {} },
      { labels: {}, volumes: [], networks: [], secrets: {}, environment: {} },
    ),
    whole(),
  ],
  ['an endpoint on the host', small(ends({ name: 'a' })), whole(ends({ name: 'a', hostPort: 0 }))],
  [
    'an endpoint on a bridge',
    small(ends({ name: 'a', containerPort: 80 }), bridge),
    whole(ends({ name: 'a', containerPort: 80, hostPort: 0 }), bridge),
  ],
  [
    'an endpoint on a network',
    small(ends({ name: 'a', containerPort: 80 }), net('n')),
    whole(ends({ name: 'a', containerPort: 80 }), net('n')),
  ],
  ['a network without mode', small({}, { networks: [{ name: 'n' }] }), whole({}, net('n'))],
  [
    'a health check',
    small({ ...ends({ name: 'a' }), healthCheck: { http: { endpoint: 'a' } } }),
    whole({
      ...ends({ name: 'a', hostPort: 0 }),
      healthCheck: {
        http: { endpoint: 'a', scheme: 'HTTP' },
        ...times,
        gracePeriodSeconds: 300,
        maxConsecutiveFailures: 3,
      },
    }),
  ],
  [
    'a check',
    small({ check: { exec: { command: { argv: ['true'] } } } }),
    whole({ check: { exec: { command: { argv: ['true'] } }, ...times } }),
  ],
  [
    'something to fetch',
    small({ artifacts: [{ uri: 'http://a/x' }] }),
    whole({ artifacts: [{ uri: 'http://a/x', extract: true, executable: false, cache: false }] }),
  ],
  [
    'a constraint in small letters',
    small(
      {},
      { scheduling: { placement: { constraints: [{ fieldName: 'rack', operator: 'unique', value: '' }] } } },
    ),
    whole(
      {},
      {
        scheduling: {
          ...scheduling,
          placement: { constraints: [{ fieldName: 'rack', operator: 'UNIQUE' }], acceptedResourceRoles: [] },
        },
      },
    ),
  ],
  [
    'persistent volumes',
    small(mounts('data'), { volumes: [disk] }),
    whole(mounts('data'), {
      volumes: [{ name: 'data', persistent: { size: 10, type: 'root' } }],
      scheduling: {
        ...scheduling,
        upgrade: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
        unreachableStrategy: 'disabled',
      },
    }),
  ],
  [
    'a volume that lives as long as its instance, and one of the host',
    small(mounts('v', 'h'), {
      volumes: [
        { name: 'v', host: null },
        { name: 'h', host: '/x' },
      ],
    }),
    whole(mounts('v', 'h'), { volumes: [{ name: 'v' }, { name: 'h', host: '/x' }] }),
  ],
  [
    'how often and how',
    small(
      {},
      { scaling: { instances: 0 }, scheduling: { killSelection: 'OLDEST_FIRST', backoff: { backoff: 5 } } },
    ),
    whole(
      {},
      {
        scaling: { kind: 'fixed', instances: 0 },
        scheduling: {
          ...scheduling,
          killSelection: 'OLDEST_FIRST',
          backoff: { ...scheduling.backoff, backoff: 5 },
        },
      },
    ),
  ],
];

/** Everything that a pod can have, legal. */
export const wholePod: Json = {
  id: '/shop/pod',
  labels: { a: 'b' },
  user: 'nobody',
  environment: { A: 'b', S: { secret: 's' } },
  containers: [
    {
      name: 'web',
      exec: { command: { shell: 'run' }, overrideEntrypoint: true },
      resources: { cpus: 0.5, mem: 64, disk: 1, gpus: 1 },
      resourceLimits: { cpus: 2, mem: 'unlimited' },
      endpoints: [
        {
          name: 'http',
          containerPort: 80,
          hostPort: 8080,
          protocol: ['tcp', 'udp'],
          labels: { a: 'b' },
          networkNames: ['n'],
        },
      ],
      image: {
        kind: 'DOCKER',
        id: 'nginx',
        pullConfig: { secret: 's' },
        forcePull: true,
        labels: { a: 'b' },
      },
      environment: { B: 'c' },
      user: 'web',
      healthCheck: {
        http: { endpoint: 'http', path: '/', scheme: 'HTTPS' },
        gracePeriodSeconds: 1,
        intervalSeconds: 2,
        maxConsecutiveFailures: 1,
        timeoutSeconds: 1,
        delaySeconds: 1,
      },
      check: { tcp: { endpoint: 'http' }, intervalSeconds: 2, timeoutSeconds: 1, delaySeconds: 1 },
      volumeMounts: [
        { name: 'data', mountPath: 'data', readOnly: true },
        { name: 'h', mountPath: '/h' },
        { name: 's', mountPath: '/s' },
      ],
      artifacts: [{ uri: 'http://a/x', extract: true, executable: true, cache: true, destPath: 'x' }],
      labels: { a: 'b' },
      lifecycle: { killGracePeriodSeconds: 3.5 },
      tty: true,
      linuxInfo: { seccomp: { profileName: 'x' }, ipcInfo: { mode: 'PRIVATE', shmSize: 1 } },
    },
    { name: 'side', exec: { command: { argv: ['a', 'b'] } } },
  ],
  secrets: { s: { source: 'x' } },
  volumes: [
    {
      name: 'data',
      persistent: {
        size: 10,
        type: 'mount',
        maxSize: 20,
        profileName: 'x',
        constraints: [['path', 'LIKE', 'x']],
      },
    },
    { name: 'h', host: '/x' },
    { name: 's', secret: 's' },
  ],
  networks: [{ mode: 'container', name: 'n', labels: { a: 'b' } }],
  scaling: { kind: 'fixed', instances: 2 },
  scheduling: {
    backoff: { backoff: 1, backoffFactor: 1.5, maxLaunchDelay: 3 },
    upgrade: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
    placement: {
      constraints: [{ fieldName: 'rack', operator: 'LIKE', value: 'x' }],
      acceptedResourceRoles: ['*'],
    },
    killSelection: 'OLDEST_FIRST',
    unreachableStrategy: 'disabled',
  },
  executorResources: { cpus: 1, mem: 64, disk: 20 },
  role: '*',
  linuxInfo: { seccomp: { unconfined: true } },
  legacySharedCgroups: false,
};
