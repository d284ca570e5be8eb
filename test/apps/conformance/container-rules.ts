import { bridge, docker, mesos, net } from './builders.js';
import { app, type RefusedRow } from './rules.js';

const portIndex =
  'Health check port indices must address an element of the ports array or container port mappings.';
const checkIndex = 'check port index must address an element of the ports array or container port mappings.';
const either = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.";
const seccomp = '/container/linuxInfo/seccomp';
const oneKind = 'May specify a single host network, single bridge network, or else 1-to-n container networks';

/** Marathon reference 2.4: networks of containers, containers, fetch, secrets, resources, checks. */
export const refusedContainers: readonly RefusedRow[] = [
  // Deprecated forms beside their successors.
  [
    'networks beside ipAddress',
    app({ networks: bridge, ipAddress: {}, container: mesos() }),
    { '/ipAddress': ['must not specify both networks and ipAddress'] },
  ],
  [
    'a port beside an address of its own',
    app({ ipAddress: { networkName: 'x' }, ports: [80] }),
    { '/ipAddress': ['cannot specify both an IP address and port'] },
  ],
  [
    'discovery for the Docker engine',
    app({
      ipAddress: { networkName: 'x', discovery: { ports: [{ number: 80, name: 'a' }] } },
      container: docker(),
    }),
    { '/ipAddress/discovery': ['ipAddress/discovery is not allowed for Docker containers'] },
  ],
  [
    'networks beside docker.network',
    app({ networks: bridge, container: docker({ network: 'BRIDGE' }) }),
    { '/container/docker/network': ['must not specify both container.docker.network and networks'] },
  ],
  [
    'the docker network NONE',
    app({ container: docker({ network: 'NONE' }) }),
    { '/container/docker/network': ['NONE is not supported'] },
  ],
  [
    'port mappings in both places',
    app({
      networks: bridge,
      container: docker({ portMappings: [{}] }, { portMappings: [{}] }),
    }),
    {
      '/container/docker/portMappings': [
        'must not specify both container.docker.portMappings and container.portMappings',
      ],
    },
  ],
  [
    'credentials of the image',
    app({ container: docker({ credential: { principal: 'x' } }) }),
    { '/container/docker/credential': ['must be empty'] },
  ],
  [
    'an option of 2014 that is none',
    { id: '/a', container: { image: 'docker:///x', options: ['--privileged', 'nonsense', '-v'] } },
    {
      '/container/options(1)': ['is not a flag of docker run'],
      '/container/options(2)': ['is not a flag of docker run'],
    },
  ],
  ['a URI with a blank', app({ uris: ['http://a/x y'] }), { '/uris(0)': ['URI has invalid syntax.'] }],
  // Networks.
  [
    'a bridge with a name',
    app({ networks: [{ mode: 'container/bridge', name: 'x' }] }),
    { '/networks(0)': ['Bridge networks may not have names'] },
  ],
  [
    'a container network without a name',
    app({ networks: [{ mode: 'container' }] }),
    { '/networks(0)': ['Network name must be specified when container network is selected.'] },
  ],
  [
    'a network of no mode, which is a container network',
    app({ networks: [{}] }),
    { '/networks(0)': ['Network name must be specified when container network is selected.'] },
  ],
  [
    'one container network twice',
    app({ networks: net('a', 'a') }),
    { '/networks': ['Duplicate networks are not allowed'] },
  ],
  [
    'a bridge beside a container network',
    app({ networks: [...bridge, ...net('a')] }),
    { '/networks': [oneKind] },
  ],
  [
    'a host network beside a bridge',
    app({ networks: [{ mode: 'host' }, ...bridge] }),
    { '/networks': [oneKind] },
  ],
  [
    'several networks for the Docker engine',
    app({ networks: net('a', 'b'), container: docker() }),
    { '/networks': ['may only specify a single container network when using the Docker container engine'] },
  ],
  // Ports of containers.
  [
    'port mappings with host networking',
    app({ container: mesos({ portMappings: [{ containerPort: 80 }] }) }),
    { '/container/portMappings': ['portMappings are not allowed with host-networking'] },
  ],
  [
    'port definitions without host networking',
    app({ networks: bridge, portDefinitions: [{ port: 80 }] }),
    { '/portDefinitions': ['portDefinitions are only allowed with host-networking'] },
  ],
  [
    'two mappings of one name',
    app({ networks: bridge, container: mesos({ portMappings: [{ name: 'a' }, { name: 'a' }] }) }),
    { '/container/portMappings': ['Port names must be unique.'] },
  ],
  [
    'a host port that leads to one of two networks',
    app({ networks: net('a', 'b'), container: mesos({ portMappings: [{ hostPort: 80 }] }) }),
    {
      '/container/portMappings(0)': [
        'networkNames must be a single item list when hostPort is specified and more than 1 container network is defined',
      ],
    },
  ],
  [
    'a mapping to a network that is not there',
    app({ networks: net('a', 'b'), container: mesos({ portMappings: [{ networkNames: ['a', 'c'] }] }) }),
    { '/container/portMappings(0)/networkNames(1)': ['is not one of (a,b)'] },
  ],
  // Containers.
  ['a Docker container without image', app({ container: {} }), { '/container/docker': ['not defined'] }],
  [
    'a Docker container without image nor command',
    { id: '/a', container: {} },
    { '/': [either], '/container/docker': ['not defined'] },
  ],
  ['cmd and args beside an image', app({ args: ['x'], container: docker() }), { '/': [either] }],
  [
    'an image whose tag comes first',
    app({ container: docker({ image: 'mesosphere:marathon/latest' }) }),
    { '/container/docker/image': ['must be the name of an image'] },
  ],
  [
    'pullConfig for the Docker engine',
    app({ container: docker({ pullConfig: { secret: 's' } }), secrets: { s: { source: 'x' } } }),
    { '/container/docker/pullConfig': ['pullConfig is not supported with Docker containerizer'] },
  ],
  [
    'pullConfig from nowhere',
    app({ container: { ...docker({ pullConfig: { secret: 's' } }), type: 'MESOS' } }),
    { '/container/docker/pullConfig/secret': ['pullConfig.secret must refer to an existing secret'] },
  ],
  [
    'a seccomp profile that is unconfined',
    app({ container: mesos({ linuxInfo: { seccomp: { profileName: 'x', unconfined: true } } }) }),
    { [seccomp]: ['Seccomp unconfined can NOT be true when Profile is defined'] },
  ],
  [
    'seccomp of nothing',
    app({ container: mesos({ linuxInfo: { seccomp: {} } }) }),
    { [seccomp]: ['Seccomp unconfined must be true when Profile is NOT defined'] },
  ],
  [
    'memory of its own in the parent’s namespace',
    app({ container: mesos({ linuxInfo: { ipcInfo: { mode: 'SHARE_PARENT', shmSize: 1 } } }) }),
    { '/container/linuxInfo/ipcInfo': ['ipcInfo shmSize can NOT be set when mode is SHARE_PARENT'] },
  ],
  // Fetch.
  [
    'a URI with a broken escape',
    app({ fetch: [{ uri: 'http://a/%zz' }] }),
    { '/fetch(0)/uri': ['URI has invalid syntax.'] },
  ],
  [
    'a file put outside the sandbox',
    app({ fetch: [{ uri: 'http://a/x', destPath: '../x' }] }),
    { '/fetch(0)/destPath': ['must be a path inside the sandbox'] },
  ],
  // Secrets.
  [
    'a variable from nowhere',
    app({ env: { A: { secret: 's' } } }),
    { '/env/A/secret': ['references an undefined secret'] },
  ],
  [
    'a variable from what only every object has',
    app({ env: { A: { secret: 'toString' } } }),
    { '/env/A/secret': ['references an undefined secret'] },
  ],
  [
    'a secret from nowhere',
    app({ secrets: { s: { source: '' } } }),
    { '/secrets/s/source': ['must not be empty'] },
  ],
  ['a secret without name', app({ secrets: { '': { source: 'x' } } }), { '/secrets': ['must not be empty'] }],
  // Resources.
  [
    'GPUs for the Docker engine',
    app({ gpus: 1, container: docker() }),
    { '/gpus': ['GPU resources only work with the Mesos containerizer'] },
  ],
  [
    'a limit that is a word',
    app({ resourceLimits: { cpus: 'much' } }),
    { '/resourceLimits/cpus': ["'much' is an invalid resource limit. It must be 'unlimited' or a number"] },
  ],
  [
    'a limit below what is asked for',
    app({ mem: 64, resourceLimits: { mem: 63.5 } }),
    { '/resourceLimits/mem': ['resource limit must be greater than or equal to requested resource (64.0)'] },
  ],
  [
    'a limit of what is not asked for',
    app({ mem: 0, resourceLimits: { mem: 'unlimited' } }),
    { '/resourceLimits/mem': ['may not be set for a resource that is not requested'] },
  ],
  // Checks.
  [
    'a check of a mapping that is not there',
    app({ networks: bridge, container: mesos({ portMappings: [{}] }), healthChecks: [{ portIndex: 1 }] }),
    { '/healthChecks(0)': [portIndex] },
  ],
  [
    'a check of a container without mappings',
    app({ networks: bridge, container: mesos({ portMappings: [] }), healthChecks: [{}] }),
    { '/healthChecks(0)': [portIndex] },
  ],
  [
    'two Mesos checks',
    app({ healthChecks: [{ protocol: 'MESOS_TCP' }, { protocol: 'MESOS_HTTP' }] }),
    { '/healthChecks': ['AppDefinition can contain at most one Mesos health check'] },
  ],
  ...(
    [
      ['HTTP', docker()],
      ['MESOS_HTTP', mesos()],
    ] as const
  ).map(
    ([protocol, container]): RefusedRow => [
      `a check over IPv6: ${protocol} in ${String(container['type'])}`,
      app({ networks: bridge, container, healthChecks: [{ protocol, ipProtocol: 'IPv6' }] }),
      {
        '/healthChecks(0)': [
          'IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks',
        ],
      },
    ],
  ),
  [
    'a COMMAND check without command',
    app({ healthChecks: [{ protocol: 'COMMAND' }] }),
    { '/healthChecks(0)/command': ['not defined'] },
  ],
  [
    'a COMMAND check with an endpoint',
    app({ healthChecks: [{ protocol: 'COMMAND', command: { value: 'x' }, port: 80, path: '/' }] }),
    { '/healthChecks(0)/port': ['must be empty'], '/healthChecks(0)/path': ['must be empty'] },
  ],
  [
    'a command in a TCP check',
    app({ healthChecks: [{ protocol: 'TCP', command: { value: 'x' } }] }),
    { '/healthChecks(0)/command': ['must be empty'] },
  ],
  [
    'a readiness check of a mapping that is not there',
    app({ networks: bridge, container: mesos(), readinessChecks: [{ portName: 'x' }] }),
    { '/readinessChecks(0)/portName': ['No port definition reference for portName x'] },
  ],
  ['a check of nothing', app({ check: {} }), { '/check': ['must be exactly one of http, tcp and exec'] }],
  [
    'a check of two kinds',
    app({ check: { tcp: {}, http: {} } }),
    { '/check': ['must be exactly one of http, tcp and exec'] },
  ],
  [
    'a check in the Docker engine',
    app({ container: docker(), check: { tcp: { portIndex: 0 } } }),
    { '/check': ["AppDefinition must not use 'checks' if using docker"] },
  ],
  [
    'a check of a port that is not there',
    app({ check: { http: { portIndex: 1 } } }),
    { '/check/http': [checkIndex] },
  ],
  [
    'a check without any port',
    app({ portDefinitions: [], check: { tcp: {} } }),
    { '/check/tcp': [checkIndex] },
  ],
  [
    'a check by a command of two forms',
    app({ check: { exec: { command: { shell: 'x', argv: ['x'] } } } }),
    { '/check/exec/command': ['must be exactly one of shell and argv'] },
  ],
];
