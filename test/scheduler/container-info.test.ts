import type { App } from '../../src/apps/app.js';
import { appPorts } from '../../src/apps/app-ports.js';
import { taskInfo } from '../../src/scheduler/decide/task-info.js';
import type { AgentId, TaskId } from '../../src/scheduler/instance.js';
import { endpointOf, hostOf } from '../../src/scheduler/instance-endpoint.js';
import { appRecord } from './support/world.js';

const mapping = (fields: Record<string, unknown>): Record<string, unknown> => ({
  containerPort: 0,
  servicePort: 0,
  protocol: 'tcp',
  ...fields,
});
const withImage = (
  portMappings: readonly Record<string, unknown>[] | undefined,
  more: Record<string, unknown> = {},
  networks: App['networks'] = [{ mode: 'container/bridge' }],
): Partial<App> => ({
  networks,
  portDefinitions: [],
  container: {
    type: 'DOCKER',
    docker: { image: 'web:1', forcePullImage: true, privileged: false },
    volumes: [],
    ...(portMappings && { portMappings }),
    ...more,
  } as unknown as NonNullable<App['container']>,
});
const task = (app: Partial<App>, hostPorts: readonly number[] = [], generatedPorts: readonly number[] = []) =>
  taskInfo(appRecord('/web', app), {
    taskId: 'web.1' as TaskId,
    agentId: 'agent-1' as AgentId,
    hostname: 'h',
    hostPorts,
    generatedPorts,
    resources: [],
  });

describe('what the master is told of a container', () => {
  it('is nothing for a process that asks for nothing', () => {
    expect(task({})).not.toHaveProperty('container');
  });

  it('has the image, and each protocol of each port that got a host port', () => {
    const app = withImage([
      mapping({ containerPort: 80, hostPort: 0 }),
      mapping({ containerPort: 9 }),
      mapping({ hostPort: 31_009, protocol: 'udp,tcp' }),
    ]);
    expect(task(app, [31_005, 31_009]).container).toEqual({
      type: 'DOCKER',
      docker: {
        image: 'web:1',
        network: 'BRIDGE',
        port_mappings: [
          { host_port: 31_005, container_port: 80, protocol: 'tcp' },
          { host_port: 31_009, container_port: 31_009, protocol: 'udp' },
          { host_port: 31_009, container_port: 31_009, protocol: 'tcp' },
        ],
        privileged: false,
        parameters: [{ key: 'label', value: 'MESOS_TASK_ID=web.1' }],
        force_pull_image: true,
      },
    });
  });

  it('leaves the image its entry point unless there is a command line', () => {
    const image = withImage(undefined, {}, [{ mode: 'host' }]);
    const run = (more: Partial<App>) => {
      const { shell, value, arguments: list } = task({ ...image, ...more }).command ?? {};
      return { shell, value, list };
    };
    expect(run({ cmd: 'run it' })).toEqual({ shell: true, value: 'run it', list: undefined });
    expect(run({ cmd: undefined, args: ['a', 'b'] } as never)).toEqual({
      shell: false,
      value: undefined,
      list: ['a', 'b'],
    });
    expect(run({ cmd: undefined } as never)).toEqual({ shell: false, value: undefined, list: undefined });
  });

  it('names a network of the engine’s own, and Mesos’s words for the other containerizer', () => {
    const user = task(withImage([], {}, [{ mode: 'container', name: 'blue' }])).container;
    expect(user).toMatchObject({ docker: { network: 'USER' }, network_infos: [{ name: 'blue' }] });
    const linuxInfo = { ipcInfo: { mode: 'PRIVATE', shmSize: 8 } };
    const other = task(
      withImage([mapping({ containerPort: 80, hostPort: 0 })], { type: 'MESOS', linuxInfo }),
      [5],
    );
    expect(other.container).toEqual({
      type: 'MESOS',
      mesos: { image: { type: 'DOCKER', docker: { name: 'web:1' }, cached: false } },
      network_infos: [{ port_mappings: [{ host_port: 5, container_port: 80, protocol: 'tcp' }] }],
      linux_info: { ipc_mode: 'PRIVATE', shm_size: 8 },
    });
  });
});

describe('where a port of a task is reached', () => {
  const reachable = {
    hostname: 'h',
    hostPorts: [31_005],
    ipAddresses: [{ ipAddress: '10.1.1.1', protocol: 'IPv4' as const }],
  };
  const app = appRecord(
    '/web',
    withImage([mapping({ containerPort: 9 }), mapping({ containerPort: 80, hostPort: 0 }), mapping({})], {}, [
      { mode: 'container', name: 'blue' },
    ]),
  ).app;

  it('is its agent’s host port, else the container’s own address and port', () => {
    expect(endpointOf(app, reachable, 1)).toEqual({ host: 'h', port: 31_005, inContainer: false });
    expect(endpointOf(app, reachable, 0)).toEqual({ host: '10.1.1.1', port: 9, inContainer: true });
    expect(endpointOf(app, { ...reachable, generatedPorts: [2_000] }, 2)?.port).toBe(2_000);
    expect(endpointOf(app, { ...reachable, ipAddresses: [] }, 0)).toBeUndefined();
    expect(endpointOf(app, reachable, 7)).toBeUndefined();
    expect(hostOf(app, reachable)).toBe('10.1.1.1');
  });

  it('is the host port of its place with host networking', () => {
    const plain = appRecord('/p', { portDefinitions: [{ port: 10_000, protocol: 'tcp' }] }).app;
    expect(endpointOf(plain, reachable, 0)).toEqual({ host: 'h', port: 31_005, inContainer: false });
    expect(hostOf(plain, reachable)).toBe('h');
  });
});

describe('the ports of an app', () => {
  it('are its definitions or its mappings, with the host port that each demands', () => {
    const definitions = { portDefinitions: [{ port: 80, protocol: 'tcp' as const, name: 'a' }] };
    const ports = (requirePorts: boolean) => appPorts(appRecord('/a', { ...definitions, requirePorts }).app);
    expect(ports(false)).toEqual([{ servicePort: 80, protocol: 'tcp', name: 'a', hostPort: 0 }]);
    expect(ports(true)).toMatchObject([{ hostPort: 80 }]);
  });
});
