import type { NormalisedRow } from './normalisations.js';

const host = [{ mode: 'host' }];
const bridge = [{ mode: 'container/bridge' }];
const image = { image: 'nginx', forcePullImage: false, privileged: false };
const persistentVolume = { containerPath: 'data', mode: 'RW', persistent: { size: 10 } };
const web = { defaultRole: 'web' };

/** Marathon reference 2.5, steps 12 and 13, and the defaults of 2.1, 2.3 and 7. */
export const defaults: readonly NormalisedRow[] = [
  // 12. Strategies and required ports.
  ['requirePorts is for host networking', { networks: bridge, requirePorts: true }, { requirePorts: false }],
  ['requirePorts stays with host networking', { requirePorts: true }, { requirePorts: true }],
  [
    'persistent volumes decide both strategies and make the app resident',
    { container: { type: 'MESOS', volumes: [persistentVolume] } },
    {
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
      unreachableStrategy: 'disabled',
      residency: { relaunchEscalationTimeoutSeconds: 3600, taskLostBehavior: 'WAIT_FOREVER' },
      container: {
        type: 'MESOS',
        volumes: [{ containerPath: 'data', mode: 'RW', persistent: { size: 10, type: 'root' } }],
      },
    },
    web,
  ],
  [
    'a profile means a mount',
    {
      container: {
        type: 'MESOS',
        volumes: [{ ...persistentVolume, persistent: { size: 1, profileName: 'ssd', maxSize: 2 } }],
      },
    },
    {
      container: {
        type: 'MESOS',
        volumes: [
          {
            containerPath: 'data',
            mode: 'RW',
            persistent: { size: 1, type: 'mount', maxSize: 2, profileName: 'ssd' },
          },
        ],
      },
    },
    web,
  ],
  [
    'external volumes decide the upgrade strategy only',
    {
      container: {
        type: 'MESOS',
        volumes: [
          {
            containerPath: 'd',
            mode: 'RO',
            external: {
              provider: 'dvdi',
              name: 'x',
              size: 5,
              options: { 'dvdi/driver': 'rexray', gone: null },
            },
          },
        ],
      },
    },
    {
      upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
      unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
      residency: undefined,
      container: {
        type: 'MESOS',
        volumes: [
          {
            containerPath: 'd',
            mode: 'RO',
            external: {
              provider: 'dvdi',
              name: 'x',
              size: 5,
              shared: false,
              options: { 'dvdi/driver': 'rexray' },
            },
          },
        ],
      },
    },
  ],
  [
    'a residency that is sent has no effect',
    { residency: { taskLostBehavior: 'RELAUNCH_AFTER_TIMEOUT', relaunchEscalationTimeoutSeconds: 1 } },
    { residency: undefined },
  ],
  // 13. Roles.
  ['the role is the server’s', {}, { role: 'web' }, web],
  // Containers of today and of 2014.
  [
    'a container of 2014',
    { container: { image: 'docker:///ipython/notebook', options: [] }, cmd: null },
    {
      container: {
        type: 'DOCKER',
        docker: { image: 'ipython/notebook', forcePullImage: false, privileged: false },
        volumes: [],
      },
      cmd: undefined,
    },
  ],
  [
    'a container of 2014 with a blank in its image, and options',
    {
      container: {
        image: 'docker: //reg:5000/x',
        options: ['--privileged', '-v', '/a:/b', '--env=A=b c', '-p80:80', '--rm', '--dns', '1.1.1.1'],
      },
    },
    {
      container: {
        type: 'DOCKER',
        docker: {
          image: 'reg:5000/x',
          forcePullImage: false,
          privileged: true,
          parameters: [
            { key: 'volume', value: '/a:/b' },
            { key: 'env', value: 'A=b c' },
            { key: 'publish', value: '80:80' },
            { key: 'rm', value: 'true' },
            { key: 'dns', value: '1.1.1.1' },
          ],
        },
        volumes: [],
      },
    },
  ],
  [
    'an image for the other containerizer loses what only the engine knows',
    {
      container: {
        type: 'MESOS',
        docker: { image: 'nginx', privileged: true, parameters: [{ key: 'a', value: 'b' }] },
      },
    },
    { container: { type: 'MESOS', docker: image, volumes: [] } },
  ],
  [
    'a secret, by reference',
    { env: { A: { secret: 's' }, B: 'b' }, secrets: { s: { source: '/x' } } },
    { env: { A: { secret: 's' }, B: 'b' }, secrets: { s: { source: '/x' } } },
  ],
  [
    'limits and needs of an executor',
    { executorResources: { cpus: 0.5 }, resourceLimits: { cpus: 2, mem: 'unlimited' } },
    { executorResources: { cpus: 0.5, mem: 32, disk: 10 }, resourceLimits: { cpus: 2, mem: 'unlimited' } },
  ],
  ['no limits are no field', { resourceLimits: { cpus: null } }, { resourceLimits: undefined }],
  ['tty as it was given', { tty: false }, { tty: false }],
  // Everything null is as if it were not there.
  [
    'explicit nulls',
    Object.fromEntries(
      [
        'args',
        'user',
        'env',
        'instances',
        'cpus',
        'mem',
        'disk',
        'gpus',
        'executor',
        'executorResources',
        'resourceLimits',
        'constraints',
        'acceptedResourceRoles',
        'role',
        'container',
        'networks',
        'portDefinitions',
        'requirePorts',
        'ports',
        'ipAddress',
        'uris',
        'fetch',
        'healthChecks',
        'check',
        'readinessChecks',
        'backoffSeconds',
        'backoffFactor',
        'maxLaunchDelaySeconds',
        'taskKillGracePeriodSeconds',
        'dependencies',
        'upgradeStrategy',
        'unreachableStrategy',
        'killSelection',
        'labels',
        'secrets',
        'tty',
        'residency',
        'loadBalancer',
        'version',
      ].map((field) => [field, null]),
    ),
    {
      id: '/a',
      backoffFactor: 1.15,
      backoffSeconds: 1,
      cpus: 1,
      disk: 0,
      executor: '',
      gpus: 0,
      instances: 1,
      killSelection: 'YOUNGEST_FIRST',
      labels: {},
      maxLaunchDelaySeconds: 300,
      mem: 128,
      networks: host,
      portDefinitions: [{ port: 0, name: 'default', protocol: 'tcp' }],
      requirePorts: false,
      role: '*',
      unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
      ...Object.fromEntries(
        [
          'args',
          'user',
          'env',
          'executorResources',
          'resourceLimits',
          'constraints',
          'acceptedResourceRoles',
          'container',
          'fetch',
          'healthChecks',
          'check',
          'readinessChecks',
          'taskKillGracePeriodSeconds',
          'dependencies',
          'secrets',
          'tty',
          'residency',
          'loadBalancer',
          'ports',
          'uris',
          'ipAddress',
        ].map((field) => [field, undefined]),
      ),
    },
  ],
];
