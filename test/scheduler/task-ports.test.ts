import type { App } from '../../src/apps/app.js';
import { taskEnvironment } from '../../src/scheduler/decide/environment.js';
import { appRecord } from './support/world.js';

const mapping = (fields: Record<string, unknown>): Record<string, unknown> => ({
  containerPort: 0,
  servicePort: 0,
  protocol: 'tcp',
  ...fields,
});
const inContainer = (...portMappings: Record<string, unknown>[]): Partial<App> => ({
  networks: [{ mode: 'container/bridge' }],
  portDefinitions: [],
  container: {
    type: 'DOCKER',
    docker: { image: 'nginx:1', forcePullImage: false, privileged: false },
    volumes: [],
    portMappings,
  } as unknown as NonNullable<App['container']>,
});

function portsOf(
  app: Partial<App>,
  hostPorts: number[],
  generatedPorts: number[] = [],
): Record<string, string> {
  const environment = taskEnvironment(appRecord('/a', app), {
    taskId: 't',
    hostname: 'h',
    hostPorts,
    generatedPorts,
  });
  return Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith('PORT')));
}

describe('a task in a container is told its ports', () => {
  it('of a bridge: the host’s, by index, by container port and by name', () => {
    const app = inContainer(
      mapping({ containerPort: 8080, hostPort: 0, name: 'http' }),
      mapping({ hostPort: 0 }),
    );
    expect(portsOf(app, [31005, 31006])).toEqual({
      PORT0: '31005',
      PORT1: '31006',
      PORT: '31005',
      PORTS: '31005,31006',
      PORT_8080: '31005',
      PORT_31006: '31006',
      PORT_HTTP: '31005',
    });
  });

  it('of a network of its own: the container’s, and none is the host’s', () => {
    expect(portsOf(inContainer(mapping({ containerPort: 80, name: 'http' })), [])).toEqual({
      PORT0: '80',
      PORT_80: '80',
      PORT_HTTP: '80',
      PORTS: '',
    });
  });

  it('generated where nothing is named, after the host’s', () => {
    const app = inContainer(mapping({}), mapping({ hostPort: 0, containerPort: 80 }));
    expect(portsOf(app, [31001], [2000])).toEqual({
      PORT0: '2000',
      PORT_2000: '2000',
      PORT1: '31001',
      PORT_80: '31001',
      PORT: '31001',
      PORTS: '31001,2000',
    });
  });

  it('and its image, when the Docker engine runs it', () => {
    const environment = taskEnvironment(appRecord('/a', inContainer()), {
      taskId: 't',
      hostname: 'h',
      hostPorts: [],
    });
    expect(environment['MARATHON_APP_DOCKER_IMAGE']).toBe('nginx:1');
    expect(Object.keys(environment).filter((name) => name.startsWith('PORT'))).toEqual([]);
  });
});

describe('the environment', () => {
  it('holds no value that a secret holds', () => {
    const record = appRecord('/a', { env: { A: { secret: 's' }, B: 'b' } });
    const environment = taskEnvironment(record, { taskId: 't', hostname: 'h', hostPorts: [] });
    expect([environment['A'], environment['B']]).toEqual([undefined, 'b']);
  });
});
