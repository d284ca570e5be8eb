import { type BuildSettings, buildServices } from '../../src/proxy/decide/build-table.js';
import { backendName, serverName } from '../../src/proxy/decide/names.js';
import type { Instance, InstanceHealth, TaskId } from '../../src/scheduler/instance.js';
import { httpCheck, instance, record } from './world.js';

const settings: BuildSettings = {
  groups: ['*'],
  bootId: () => 'boot',
  unrouted: new Set(),
  bindRefusal: () => undefined,
};
const build = (
  of: Parameters<typeof record>[0],
  instances: readonly Instance[] = [],
  explicit = true,
  over: Partial<BuildSettings> = {},
) => buildServices(record(of, explicit), instances, { ...settings, ...over }).map(({ service }) => service);

describe('which apps are served', () => {
  it('those with ports of their own, a health check or a label; not those whose port was only assigned', () => {
    expect(build({ id: '/a' }, [], true)).toHaveLength(1);
    expect(build({ id: '/a' }, [], false)).toHaveLength(0);
    expect(build({ id: '/a', healthChecks: [httpCheck] }, [], false)).toHaveLength(1);
    expect(build({ id: '/a', labels: { HAPROXY_GROUP: 'external' } }, [], false)).toHaveLength(1);
    expect(build({ id: '/a', labels: { OTHER: 'x' } }, [], false)).toHaveLength(0);
    expect(build({ id: '/a', portDefinitions: [] }, [], true)).toHaveLength(0);
  });

  it('by group, when the load balancer is not of all groups', () => {
    const labels = { HAPROXY_GROUP: 'external, edge', HAPROXY_1_GROUP: 'internal' };
    const portDefinitions = [
      { port: 1, protocol: 'tcp' },
      { port: 2, protocol: 'tcp' },
    ] as const;
    const ports = (groups: string[]) =>
      build({ id: '/a', labels, portDefinitions }, [], true, { groups }).map(
        ({ servicePort }) => servicePort,
      );
    expect(ports(['edge'])).toEqual([1]);
    expect(ports(['internal'])).toEqual([2]);
    expect(ports(['*'])).toEqual([1, 2]);
    expect(ports(['none'])).toEqual([]);
  });
});

describe('labels of a port', () => {
  const portDefinitions = [
    { port: 10_000, protocol: 'tcp' },
    { port: 10_001, protocol: 'tcp' },
    { port: 10_002, protocol: 'udp' },
  ] as const;

  it('set hosts, mode and service port; datagrams are told', () => {
    const services = build({
      id: '/a',
      portDefinitions,
      labels: {
        HAPROXY_0_VHOST: 'Web.Test, www.web.test ,web.test',
        HAPROXY_1_PORT: '9000',
        HAPROXY_1_MODE: 'http',
      },
    });
    expect(
      services.map(({ servicePort, mode, vhosts, udp }) => ({ servicePort, mode, vhosts, udp })),
    ).toEqual([
      { servicePort: 10_000, mode: 'http', vhosts: ['web.test', 'www.web.test'] },
      { servicePort: 9_000, mode: 'http', vhosts: [] },
      { servicePort: 10_002, mode: 'tcp', vhosts: [], udp: 'only' },
    ]);
  });

  it('switch it off', () => {
    expect(
      build({ id: '/a', portDefinitions, labels: { HAPROXY_0_ENABLED: 'false' } }).map(
        ({ portIndex }) => portIndex,
      ),
    ).toEqual([1, 2]);
  });

  it('that make no sense count as absent', () => {
    const labels = {
      HAPROXY_0_PORT: '99999',
      HAPROXY_0_MODE: 'smtp',
      HAPROXY_0_VHOST: 'a b\r\nX: y, ../evil',
    };
    expect(build({ id: '/a', labels })[0]).toMatchObject({
      servicePort: 10_000,
      mode: 'http',
      vhosts: ['a', 'b', 'y'],
    });
  });

  it('are not needed for http when the port has an HTTP check; only that port then is', () => {
    expect(
      build({ id: '/a', portDefinitions, healthChecks: [{ ...httpCheck, portIndex: 1 }] }).map(
        ({ mode }) => mode,
      ),
    ).toEqual(['tcp', 'http', 'tcp']);
    expect(build({ id: '/a', healthChecks: [httpCheck], labels: { HAPROXY_0_MODE: 'tcp' } })[0]?.mode).toBe(
      'tcp',
    );
  });
});

describe('which instances are servers', () => {
  const taskId = 'one._app.1' as TaskId;
  const health = (over: Partial<InstanceHealth>): Partial<Instance> => ({
    health: { taskId, results: [], ...over },
  });
  const tasks = (of: Parameters<typeof record>[0], over: Partial<Instance>, unrouted: TaskId[] = []) =>
    build(of, [instance('/a', 'one', 31_000, over)], true, { unrouted: new Set(unrouted) })[0]?.servers
      .length;
  const ready = {
    name: 'r',
    protocol: 'HTTP',
    path: '/',
    portName: 'p',
    intervalSeconds: 1,
    timeoutSeconds: 1,
    httpStatusCodesForReady: [200],
    preserveLastResponse: false,
  } as const;

  it.each<[string, Parameters<typeof record>[0], Partial<Instance>, number]>([
    ['running with an open port', { id: '/a' }, {}, 1],
    ['port not seen open yet', { id: '/a' }, health({}), 0],
    ['checks not known yet', { id: '/a', healthChecks: [httpCheck] }, health({ portOpen: true }), 0],
    ['healthy', { id: '/a', healthChecks: [httpCheck] }, health({ healthy: true }), 1],
    ['unhealthy', { id: '/a', healthChecks: [httpCheck] }, health({ healthy: false }), 0],
    [
      'healthy in an earlier life',
      { id: '/a', healthChecks: [httpCheck] },
      { health: { taskId: 'one._app.0' as TaskId, results: [], healthy: true } },
      0,
    ],
    ['not ready yet', { id: '/a', readinessChecks: [ready] }, health({ portOpen: true }), 0],
    ['ready', { id: '/a', readinessChecks: [ready] }, health({ portOpen: true, ready: true }), 1],
    [
      'being taken out',
      { id: '/a' },
      { takingOut: { reason: 'scale down', since: '' as never, phase: 'draining' } },
      0,
    ],
    ['to be stopped', { id: '/a' }, { goal: 'Decommissioned' }, 0],
    ['still starting', { id: '/a' }, { condition: 'Starting' }, 0],
    ['unreachable', { id: '/a' }, { condition: 'Unreachable' }, 0],
    ['killed', { id: '/a' }, { condition: 'Killed' }, 0],
  ])('%s', (_name, app, over, expected) => {
    expect(tasks(app, over)).toBe(expected);
  });

  it('none that is un-routed by hand', () => {
    expect(tasks({ id: '/a' }, {}, [taskId])).toBe(0);
  });

  it('each with its own port of the service, in a stable order', () => {
    const portDefinitions = [
      { port: 1, protocol: 'tcp' },
      { port: 2, protocol: 'tcp' },
    ] as const;
    const services = build({ id: '/a', portDefinitions }, [
      instance('/a', 'b', 31_010),
      instance('/a', 'a', 31_000),
    ]);
    expect(services.map(({ servers }) => servers.map(({ port }) => port))).toEqual([
      [31_000, 31_010],
      [31_001, 31_011],
    ]);
    expect(services[0]?.servers[0]).toEqual({
      name: 'node_test_10_0_0_1_31000',
      taskId: 'a._app.1',
      host: '10.0.0.1',
      port: 31_000,
      bootId: 'boot',
      version: '2026-01-01T00:00:00.000Z',
    });
  });
});

describe('names and limits', () => {
  it('are those of marathon-lb', () => {
    expect(backendName('/shop/web-1.2', 10_000)).toBe('shop_web-1.2_10000');
    expect(backendName('web blue', 1)).toBe('web_blue_1');
    expect(serverName('node-1.test', '10.0.0.1', 80)).toBe('node-1_test_10_0_0_1_80');
    expect(serverName('10.0.0.1', '10.0.0.1', 80)).toBe('10_0_0_1_80');
    expect(serverName('::1', '::1', 80)).toBe('__1_80');
  });

  it('drain 30 s for HTTP, 10 s for TCP, or what the app says', () => {
    expect(build({ id: '/a', healthChecks: [httpCheck] })[0]?.drainMs).toBe(30_000);
    expect(build({ id: '/a' })[0]?.drainMs).toBe(10_000);
    expect(build({ id: '/a', loadBalancer: { drainSeconds: 2.5 } })[0]?.drainMs).toBe(2_500);
  });
});
