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

/** Marathon reference 2.5, steps 1 to 11: ids, deprecated forms, networks and ports. Service ports are not assigned yet. */
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
];
