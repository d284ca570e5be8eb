import type { DefinitionSettings } from '../../../src/apps/app-input.js';

/** What was sent, and those fields of the answer that it is about; `undefined`: the field is not there. */
export type NormalisedRow = readonly [
  what: string,
  body: Record<string, unknown>,
  answer: Record<string, unknown>,
  settings?: Partial<DefinitionSettings>,
];

const host = [{ mode: 'host' }];
const bridge = [{ mode: 'container/bridge' }];
const mapping = (fields: Record<string, unknown> = {}): Record<string, unknown> => ({
  containerPort: 0,
  servicePort: 0,
  protocol: 'tcp',
  ...fields,
});
const image = { image: 'nginx', forcePullImage: false, privileged: false };
const check = {
  gracePeriodSeconds: 300,
  intervalSeconds: 60,
  timeoutSeconds: 20,
  maxConsecutiveFailures: 3,
  delaySeconds: 15,
};
const persistentVolume = { containerPath: 'data', mode: 'RW', persistent: { size: 10 } };
const web = { defaultRole: 'web' };

/** Marathon reference 2.5, step by step, and the defaults of 2.1, 2.3 and 7. Service ports are not assigned yet. */
export const normalised: readonly NormalisedRow[] = [
  // 1. Ids.
  [
    'the id and dependencies become absolute',
    { id: 'shop/web', dependencies: ['db', '../log', '/x'] },
    { id: '/shop/web', dependencies: ['/shop/db', '/log', '/x'] },
  ],
  // 2. uris.
  [
    'uris become artifacts, extracted when they look like archives',
    { uris: ['http://a/x.tar.gz', 'http://a/x.zip?v=1', 'http://a/x.jar', 'x.txz'] },
    {
      fetch: [
        ['http://a/x.tar.gz', true],
        ['http://a/x.zip?v=1', true],
        ['http://a/x.jar', false],
        ['x.txz', true],
      ].map(([uri, extract]) => ({ uri, extract, executable: false, cache: false })),
      uris: undefined,
    },
  ],
  [
    'an artifact is extracted by default',
    { fetch: [{ uri: 'http://a/x', extract: null, destPath: 'y' }] },
    { fetch: [{ uri: 'http://a/x', extract: true, executable: false, cache: false, destPath: 'y' }] },
  ],
  // 3. Networks.
  ['no networks are the host’s', { networks: [] }, { networks: host }],
  [
    'docker.network HOST',
    { container: { docker: { image: 'nginx', network: 'HOST' } } },
    { networks: host, container: { type: 'DOCKER', docker: image, volumes: [] } },
  ],
  [
    'docker.network BRIDGE',
    { container: { docker: { image: 'nginx', network: 'BRIDGE', portMappings: [{ containerPort: 80 }] } } },
    {
      networks: bridge,
      portDefinitions: undefined,
      container: {
        type: 'DOCKER',
        docker: image,
        volumes: [],
        portMappings: [mapping({ containerPort: 80, hostPort: 0 })],
      },
    },
  ],
  [
    'docker.network USER',
    { container: { docker: { image: 'nginx', network: 'USER' } } },
    { networks: [{ mode: 'container', name: 'overlay' }] },
    { defaultNetworkName: 'overlay' },
  ],
  [
    'ipAddress beside docker.network USER names the network',
    {
      ipAddress: { networkName: 'blue', labels: { a: 'b' }, groups: ['x'] },
      container: { docker: { image: 'nginx', network: 'USER' } },
    },
    { networks: [{ mode: 'container', name: 'blue', labels: { a: 'b' } }], ipAddress: undefined },
  ],
  [
    'ipAddress beside docker.network BRIDGE labels the bridge',
    {
      ipAddress: { networkName: 'blue', labels: { a: 'b' } },
      container: { docker: { image: 'nginx', network: 'BRIDGE' } },
    },
    { networks: [{ mode: 'container/bridge', labels: { a: 'b' } }] },
  ],
  [
    'ipAddress alone is a container network, and there is a container',
    { ipAddress: { networkName: 'blue' } },
    {
      networks: [{ mode: 'container', name: 'blue' }],
      container: { type: 'MESOS', volumes: [], portMappings: [mapping({ name: 'default' })] },
    },
  ],
  [
    'ipAddress on the bridge’s own network is the bridge',
    { ipAddress: { networkName: 'mesos-bridge' } },
    { networks: bridge },
  ],
  [
    'ipAddress on the bridge’s network of another name',
    { ipAddress: { networkName: 'br' } },
    { networks: bridge },
    { bridgeName: 'br' },
  ],
  [
    'discovery ports are mappings without host port',
    {
      ipAddress: {
        networkName: 'blue',
        discovery: {
          ports: [
            { number: 80, name: 'http', protocol: 'tcp' },
            { number: 53, name: 'dns', protocol: 'udp' },
          ],
        },
      },
    },
    {
      container: {
        type: 'MESOS',
        volumes: [],
        portMappings: [
          mapping({ containerPort: 80, name: 'http' }),
          mapping({ containerPort: 53, name: 'dns', protocol: 'udp' }),
        ],
      },
    },
  ],
  // 4. docker.portMappings.
  [
    'docker.portMappings of a container on the host’s network are dropped',
    { container: { docker: { image: 'nginx', portMappings: [{ containerPort: 80 }] } } },
    { networks: host, container: { type: 'DOCKER', docker: image, volumes: [] } },
  ],
  // 5. ports.
  [
    'ports are port definitions without name',
    { ports: [0, 80] },
    {
      portDefinitions: [
        { port: 0, protocol: 'tcp' },
        { port: 80, protocol: 'tcp' },
      ],
    },
  ],
  [
    'no port fields are one port named default',
    {},
    { portDefinitions: [{ port: 0, name: 'default', protocol: 'tcp' }] },
  ],
  ['no ports at all', { portDefinitions: [] }, { portDefinitions: [] }],
  [
    'empty labels of a port are left out',
    { portDefinitions: [{ labels: {} }] },
    { portDefinitions: [{ port: 0, protocol: 'tcp' }] },
  ],
  // 6. Port mappings.
  [
    'a container without port mappings has one named default',
    { networks: bridge, container: { type: 'MESOS' } },
    { container: { type: 'MESOS', volumes: [], portMappings: [mapping({ name: 'default', hostPort: 0 })] } },
  ],
  [
    'no port mappings are none',
    { networks: bridge, container: { type: 'MESOS', portMappings: [] } },
    { container: { type: 'MESOS', volumes: [], portMappings: [] } },
  ],
  [
    'ports beyond the mappings are blank mappings',
    { networks: bridge, ports: [1, 2], container: { type: 'MESOS', portMappings: [{ containerPort: 80 }] } },
    {
      container: {
        type: 'MESOS',
        volumes: [],
        portMappings: [mapping({ containerPort: 80, hostPort: 0 }), mapping({ hostPort: 0 })],
      },
      portDefinitions: undefined,
    },
  ],
  // 7. Health checks.
  [
    'a check without port means the first',
    {
      healthChecks: [
        {},
        { protocol: 'TCP', port: 80 },
        { protocol: 'HTTPS', portIndex: 0, path: '/x', ignoreHttp1xx: true },
      ],
    },
    {
      healthChecks: [
        { protocol: 'HTTP', portIndex: 0, ...check, ignoreHttp1xx: false },
        { protocol: 'TCP', port: 80, ...check },
        { protocol: 'HTTPS', path: '/x', portIndex: 0, ...check, ignoreHttp1xx: true },
      ],
    },
  ],
  [
    'checks by the agent',
    {
      networks: bridge,
      container: { type: 'DOCKER', docker: { image: 'nginx' } },
      healthChecks: [
        { protocol: 'COMMAND', command: { value: 'true' }, delaySeconds: 1 },
        { protocol: 'MESOS_HTTP', path: '/', ipProtocol: 'IPv6' },
      ],
    },
    {
      healthChecks: [
        { protocol: 'COMMAND', command: { value: 'true' }, ...check, delaySeconds: 1 },
        { protocol: 'MESOS_HTTP', path: '/', portIndex: 0, ipProtocol: 'IPv6', ...check },
      ],
    },
  ],
  [
    'a Mesos check is made over IPv4',
    { healthChecks: [{ protocol: 'MESOS_TCP', path: '/x' }] },
    { healthChecks: [{ protocol: 'MESOS_TCP', portIndex: 0, ipProtocol: 'IPv4', ...check }] },
  ],
  // 8. Readiness checks.
  [
    'a readiness check',
    { readinessChecks: [{ portName: 'default' }] },
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
  // Checks.
  [
    'a check',
    { check: { http: { path: '/', portIndex: 0 } } },
    {
      check: {
        http: { path: '/', portIndex: 0, scheme: 'HTTP' },
        intervalSeconds: 60,
        timeoutSeconds: 20,
        delaySeconds: 15,
      },
    },
  ],
  [
    'a check by a command',
    { check: { exec: { command: { argv: ['a', 'b'] } }, delaySeconds: 0 } },
    {
      check: {
        exec: { command: { argv: ['a', 'b'] } },
        intervalSeconds: 60,
        timeoutSeconds: 20,
        delaySeconds: 0,
      },
    },
  ],
  // 9. Names of networks.
  [
    'an unnamed container network gets the default name, a named one keeps its own',
    { networks: [{ mode: 'container' }, { name: 'blue' }] },
    {
      networks: [
        { mode: 'container', name: 'overlay' },
        { mode: 'container', name: 'blue' },
      ],
    },
    { defaultNetworkName: 'overlay' },
  ],
  // 10. A container that holds the ports.
  [
    'networks without container bring one',
    { networks: bridge },
    {
      container: { type: 'MESOS', volumes: [], portMappings: [mapping({ name: 'default', hostPort: 0 })] },
      portDefinitions: undefined,
    },
  ],
  // 11. Host ports.
  [
    'a bridge mapping without host port gets any, a container network’s has none',
    {
      networks: [{ mode: 'container', name: 'x' }],
      container: { type: 'MESOS', portMappings: [{ labels: { a: 'b' } }] },
    },
    { container: { type: 'MESOS', volumes: [], portMappings: [mapping({ labels: { a: 'b' } })] } },
  ],
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
