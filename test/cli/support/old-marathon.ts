import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;

/** What every app of Marathon 1.10 shows when it is read, whatever it says itself. */
export function shownBy110(app: Json): Json {
  return {
    acceptedResourceRoles: ['*'],
    backoffFactor: 1.15,
    backoffSeconds: 1,
    cpus: 0.1,
    disk: 0,
    executor: '',
    gpus: 0,
    instances: 1,
    killSelection: 'YOUNGEST_FIRST',
    labels: {},
    maxLaunchDelaySeconds: 300,
    mem: 32,
    networks: [{ mode: 'host' }],
    portDefinitions: [],
    requirePorts: false,
    role: '*',
    unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 },
    upgradeStrategy: { maximumOverCapacity: 1, minimumHealthCapacity: 1 },
    version: '2021-03-01T10:00:00.000Z',
    versionInfo: {
      lastConfigChangeAt: '2021-03-01T10:00:00.000Z',
      lastScalingAt: '2021-03-01T10:00:00.000Z',
    },
    tasksStaged: 0,
    tasksRunning: 1,
    tasksHealthy: 0,
    tasksUnhealthy: 0,
    deployments: [],
    ...app,
  };
}

/** As 1.1 shows a container on the bridge: nulls for all that is not set, and its service port three times. */
export const bridgedBy11: Json = {
  id: '/legacy/bridged',
  cmd: null,
  args: null,
  user: null,
  env: {},
  instances: 2,
  cpus: 0.5,
  mem: 64,
  disk: 0,
  executor: '/opt/executors/own',
  constraints: [['hostname', 'UNIQUE']],
  uris: ['http://files.example/app.tgz'],
  fetch: [{ uri: 'http://files.example/app.tgz', extract: true, executable: false, cache: false }],
  storeUrls: [],
  ports: [10_101],
  portDefinitions: [{ port: 10_101, protocol: 'tcp', labels: {} }],
  requirePorts: false,
  backoffSeconds: 1,
  backoffFactor: 1.15,
  maxLaunchDelaySeconds: 3600,
  container: {
    type: 'DOCKER',
    volumes: [],
    docker: {
      image: 'nginx:1.9',
      network: 'BRIDGE',
      portMappings: [{ containerPort: 80, hostPort: 0, servicePort: 0, protocol: 'tcp', labels: {} }],
      privileged: false,
      parameters: [],
      forcePullImage: false,
    },
  },
  healthChecks: [{ protocol: 'COMMAND', command: { value: 'true' }, portIndex: 0, gracePeriodSeconds: 300 }],
  readinessChecks: [],
  dependencies: [],
  upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 1 },
  labels: { HAPROXY_GROUP: 'external' },
  acceptedResourceRoles: null,
  ipAddress: null,
  residency: null,
  version: '2016-05-01T10:00:00.000Z',
  versionInfo: { lastConfigChangeAt: '2016-05-01T10:00:00.000Z', lastScalingAt: '2016-05-01T10:00:00.000Z' },
  tasksStaged: 0,
  tasksRunning: 2,
  tasksHealthy: 0,
  tasksUnhealthy: 0,
  deployments: [],
};

export const web: Json = shownBy110({
  id: '/shop/web',
  cmd: 'sleep 1000',
  dependencies: ['/shop/db'],
  labels: {
    HAPROXY_GROUP: 'external',
    HAPROXY_0_VHOST: 'shop.example',
    HAPROXY_0_HTTP_FRONTEND_ACL: 'acl host_{cleanedUpHostname} hdr(host) -i {hostname}',
    owner: 'shop',
  },
  portDefinitions: [{ port: 10_007, protocol: 'tcp', name: 'http' }],
  role: 'web-role',
  acceptedResourceRoles: ['web-role'],
});

export const database: Json = shownBy110({
  id: '/shop/db',
  cmd: 'sleep 1000',
  env: { PASSWORD: 'hunter2' },
  portDefinitions: [{ port: 10_008, protocol: 'tcp', labels: { VIP_0: '/db:5432' } }],
});

/** As releases up to 1.4 show an app with host networking. */
export const worker14: Json = {
  ...shownBy110({ id: '/worker', cmd: 'sleep 1000', instances: 1 }),
  networks: undefined,
  role: undefined,
  args: null,
  container: null,
  ports: [10_020],
  portDefinitions: [{ port: 10_020, protocol: 'tcp', labels: {} }],
  uris: [],
  fetch: [],
  storeUrls: [],
  residency: null,
  ipAddress: null,
  secrets: {},
};

export const pod: Json = {
  id: '/shop/pod',
  containers: [{ name: 'one', exec: { command: { shell: 'sleep 1' } }, resources: { cpus: 0.1, mem: 32 } }],
  networks: [{ mode: 'host' }],
  scaling: { kind: 'fixed', instances: 1 },
};

/** The whole tree of the old Marathon below. */
export const tree: Json = {
  id: '/',
  apps: [worker14],
  groups: [
    { id: '/legacy', apps: [bridgedBy11], groups: [], dependencies: [], version: '2016-05-01T10:00:00.000Z' },
    {
      id: '/shop',
      apps: [web, database],
      groups: [
        { id: '/shop/later', apps: [], groups: [], dependencies: [], version: '2021-03-01T10:00:00.000Z' },
      ],
      dependencies: ['/worker'],
      enforceRole: true,
      version: '2021-03-01T10:00:00.000Z',
    },
  ],
  dependencies: [],
  version: '2021-03-01T10:00:00.000Z',
};

/** An HTTP server that answers as a Marathon does; reads only, anything else is noted. */
export class OldMarathon {
  readonly writes: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  url = '';
  #server: Server | undefined;

  constructor(readonly answers: Record<string, unknown> = { '/v2/groups': tree, '/v2/pods': [pod] }) {}

  async start(): Promise<this> {
    const server = createServer((request, response) => this.#answer(request, response));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').split('?')[0] ?? '';
    this.authorizations.push(request.headers.authorization);
    if (request.method !== 'GET') this.writes.push(`${request.method} ${path}`);
    const found = this.answers[path];
    // An unknown path is a failure of the server to Marathon.
    response.writeHead(found === undefined ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { message: 'URI not found' }));
  }
}
