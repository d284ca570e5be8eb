import { AppWorld, findings, refusal } from './support/app-world.js';
import { appOf, presentedModel, readAgainstModel } from './support/model.js';

const bridge = [{ mode: 'container/bridge' }];
const nginx = { type: 'DOCKER', docker: { image: 'nginx' } };

describe('definitions of the kinds that teams keep in their repositories are read', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a command that sleeps', { id: '/sleep', cmd: 'sleep 100000', cpus: 0.1, mem: 32, instances: 1 }],
    [
      'a Docker web server behind a bridge of old',
      {
        id: '/http',
        cmd: 'python3 -m http.server 8080',
        container: {
          type: 'DOCKER',
          docker: {
            image: 'python:3',
            network: 'BRIDGE',
            portMappings: [{ containerPort: 8080, hostPort: 0, servicePort: 0, protocol: 'tcp' }],
          },
        },
        healthChecks: [{ protocol: 'HTTP', path: '/', portIndex: 0, gracePeriodSeconds: 5 }],
      },
    ],
    [
      'an address of its own, with the residency of old',
      {
        id: '/db',
        cmd: './db',
        role: 'web',
        ipAddress: { networkName: 'dcos', labels: {}, groups: [], discovery: {} },
        container: {
          type: 'MESOS',
          volumes: [{ containerPath: 'data', mode: 'RW', persistent: { size: 100 } }],
        },
        residency: { relaunchEscalationTimeoutSeconds: 10, taskLostBehavior: 'WAIT_FOREVER' },
        upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 },
      },
    ],
    [
      'registry credentials that are fetched',
      {
        id: '/private',
        container: { type: 'DOCKER', docker: { image: 'registry:5000/team/app:1', forcePullImage: true } },
        uris: ['file:///etc/docker.tar.gz'],
      },
    ],
    [
      'registry credentials in a secret',
      {
        id: '/private',
        container: { type: 'MESOS', docker: { image: 'team/app', pullConfig: { secret: 'pull' } } },
        secrets: { pull: { source: '/pull' } },
      },
    ],
    [
      'a framework with migration labels',
      {
        id: '/framework',
        cmd: './run',
        instances: 1,
        labels: {
          MARATHON_SINGLE_INSTANCE_APP: 'true',
          DCOS_MIGRATION_API_VERSION: 'v1',
          DCOS_MIGRATION_API_PATH: '/v1/plan',
          DCOS_PACKAGE_FRAMEWORK_NAME: 'fake',
        },
        readinessChecks: [{ portName: 'default', path: '/v1/plan', intervalSeconds: 2, timeoutSeconds: 1 }],
        upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 },
      },
    ],
    [
      'a check over IPv6',
      {
        id: '/six',
        networks: [{ mode: 'container', name: 'dcos6' }],
        container: { ...nginx, portMappings: [{ containerPort: 80 }] },
        healthChecks: [{ protocol: 'MESOS_HTTP', ipProtocol: 'IPv6', portIndex: 0 }],
      },
    ],
  ])('%s', (_what, body) => {
    const settings = { defaultRole: body['role'] === 'web' ? 'web' : '*' };
    const draft = readAgainstModel(body, settings);
    expect(readAgainstModel(presentedModel(draft), settings)).toEqual(draft);
  });

  it('while one that mixes every form there ever was is refused', async () => {
    const kitchenSink = {
      id: '/x',
      cmd: 'env && sleep 300',
      args: ['/bin/sh'],
      container: { type: 'DOCKER', docker: { image: 'mesosphere:marathon/latest' } },
      ipAddress: {},
      portDefinitions: [{ port: 80 }],
    };
    const error = await refusal(() => new AppWorld().post(kitchenSink));
    expect(findings(error)).toEqual({ '/ipAddress': ['cannot specify both an IP address and port'] });
    const { ipAddress, ...rest } = kitchenSink;
    expect(Object.keys(findings(await refusal(() => new AppWorld().post(rest))))).toEqual([
      '/',
      '/container/docker/image',
    ]);
  });
});

describe('a partial update', () => {
  const current = (body: Record<string, unknown>) => appOf(readAgainstModel({ id: '/a', ...body }));

  it('to another kind of network takes the ports along only when it says so', async () => {
    const app = current({ cmd: 'x' });
    expect(findings(await refusal(() => readAgainstModel({ networks: bridge }, {}, app)))).toEqual({
      '/portDefinitions': ['portDefinitions are only allowed with host-networking'],
    });
    expect(
      readAgainstModel({ networks: bridge, portDefinitions: [] }, {}, app).container?.portMappings,
    ).toHaveLength(1);
    const back = readAgainstModel(
      { networks: [{ mode: 'host' }] },
      {},
      current({ networks: bridge, container: nginx }),
    );
    expect(back.container?.portMappings).toBeUndefined();
    expect(back.portDefinitions).toHaveLength(1);
  });

  it('with a container of old keeps the networking that there is', () => {
    const app = current({ networks: bridge, container: nginx });
    const patch = { container: { docker: { image: 'nginx:2', portMappings: [{ containerPort: 81 }] } } };
    const draft = readAgainstModel(patch, {}, app);
    expect(draft.networks).toEqual(bridge);
    expect(draft.container?.portMappings).toMatchObject([{ containerPort: 81, hostPort: 0 }]);
  });

  it('keeps limits and the needs of an executor that it does not name', () => {
    const app = current({ cmd: 'x', executorResources: {}, resourceLimits: { mem: 'unlimited' } });
    const draft = readAgainstModel({ instances: 2 }, {}, app);
    expect([draft.executorResources, draft.resourceLimits]).toEqual([
      app.executorResources,
      app.resourceLimits,
    ]);
  });
});

describe('an app that keeps data on its agents', () => {
  const web = { defaultRole: 'web' };
  const body = {
    id: '/db',
    cmd: 'x',
    networks: bridge,
    container: {
      type: 'MESOS',
      portMappings: [{ hostPort: 5432 }],
      volumes: [{ containerPath: 'data', mode: 'RW', persistent: { size: 10 } }],
    },
  };
  const app = appOf(readAgainstModel(body, web));
  const volume = (size: number) => [{ containerPath: 'data', mode: 'RW', persistent: { size } }];
  const newService = 'If you need to make this change, please create a new service.';

  it.each([
    [
      'its volumes',
      { container: { ...body.container, volumes: volume(11) } },
      ['Persistent volumes can not be changed!'],
    ],
    [
      'its needs',
      { mem: 256 },
      [`Services with persistent volumes configured may not change resource requirements. ${newService}`],
    ],
    [
      'its host ports',
      { container: { ...body.container, portMappings: [{ hostPort: 1 }] } },
      [`Services with persistent volumes configured may not change host ports. ${newService}`],
    ],
  ])('may not change %s', async (_what, patch, errors) => {
    expect(findings(await refusal(() => readAgainstModel(patch, web, app)))).toEqual({ '/app': errors });
  });

  it('may change everything else, and only accept unreserved resources', async () => {
    expect(readAgainstModel({ instances: 2, cmd: 'y' }, web, app).instances).toBe(2);
    expect(readAgainstModel({ acceptedResourceRoles: ['*'] }, web, app).acceptedResourceRoles).toEqual(['*']);
    expect(
      findings(await refusal(() => readAgainstModel({ acceptedResourceRoles: ['web'] }, web, app))),
    ).toEqual({
      '/acceptedResourceRoles': ['A resident app must have `acceptedResourceRoles = ["*"]`.'],
    });
  });
});
