import { containerOf, refusalOf } from '../../../src/embedded-mesos/agent/decide/admit-task.js';
import { dockerSpecOf, dockerTaskProblem } from '../../../src/embedded-mesos/agent/decide/docker-task.js';
import { stepTask } from '../../../src/embedded-mesos/agent/decide/task-step.js';
import type { TaskRecord } from '../../../src/embedded-mesos/agent/task-record.js';
import type { ContainerInfo, TaskInfo } from '../../../src/embedded-mesos/protocol/v1.js';

const task = (container: ContainerInfo, more: Partial<TaskInfo> = {}): TaskInfo => ({
  name: 'web',
  task_id: { value: 'web.1' },
  agent_id: { value: 'agent-1' },
  resources: [
    { name: 'mem', type: 'SCALAR', scalar: { value: 64 } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 31_001 }] } },
  ],
  command: { shell: true, value: 'run' },
  container,
  ...more,
});
const docker = (more: Partial<NonNullable<ContainerInfo['docker']>> = {}): ContainerInfo => ({
  type: 'DOCKER',
  docker: { image: 'web:1', ...more },
});
const rules = { agentUid: 0, agentUser: 'root', defaultUser: 'nobody', allowRootTasks: false };

describe('a task with an image', () => {
  it('says all that the Docker engine is to be asked', () => {
    const info = docker({
      network: 'BRIDGE',
      privileged: true,
      force_pull_image: true,
      parameters: [{ key: 'cap-drop', value: 'ALL' }],
      port_mappings: [
        { host_port: 31_000, container_port: 80 },
        { host_port: 31_001, container_port: 53, protocol: 'udp' },
      ],
    });
    expect(dockerSpecOf(task(info, { command: { shell: false, user: '1000' } }))).toEqual({
      taskId: 'web.1',
      image: 'web:1',
      forcePullImage: true,
      privileged: true,
      network: { kind: 'bridge' },
      portMappings: [
        { hostPort: 31_000, containerPort: 80, protocol: 'tcp' },
        { hostPort: 31_001, containerPort: 53, protocol: 'udp' },
      ],
      parameters: [{ key: 'cap-drop', value: 'ALL' }],
      volumes: [],
      user: '1000',
    });
  });

  it('of Mesos’s own containerizer is run by the engine all the same', () => {
    const info: ContainerInfo = {
      type: 'MESOS',
      mesos: { image: { type: 'DOCKER', docker: { name: 'web:1' }, cached: false } },
      network_infos: [{ port_mappings: [{ host_port: 31_000, container_port: 80, protocol: 'tcp' }] }],
      linux_info: { ipc_mode: 'PRIVATE', shm_size: 16 },
    };
    expect(dockerSpecOf(task(info))).toMatchObject({
      image: 'web:1',
      forcePullImage: true,
      network: { kind: 'bridge' },
      portMappings: [{ hostPort: 31_000, containerPort: 80 }],
      parameters: [
        { key: 'ipc', value: 'private' },
        { key: 'shm-size', value: '16m' },
      ],
    });
  });

  it('is on the host’s network unless it asks for another', () => {
    expect(dockerSpecOf(task(docker()))?.network).toEqual({ kind: 'host' });
    const user: ContainerInfo = { ...docker({ network: 'USER' }), network_infos: [{ name: 'blue' }] };
    expect(dockerSpecOf(task(user))?.network).toEqual({ kind: 'user', name: 'blue' });
    expect(dockerSpecOf(task({ type: 'MESOS' }))).toBeUndefined();
  });

  it('is refused what it was not given and what the engine has no word for', () => {
    const mapped = (port: number): string | undefined =>
      dockerTaskProblem(
        task(docker({ network: 'BRIDGE', port_mappings: [{ host_port: port, container_port: 80 }] })),
      );
    expect(mapped(31_001)).toBeUndefined();
    expect(mapped(31_002)).toMatch('Host port 31002');
    expect(dockerTaskProblem(task({ ...docker({ network: 'USER' }), network_infos: [{}] }))).toMatch('name');
    const driver = docker({ volume_driver: 'rexray' });
    expect(refusalOf(task(driver), undefined, rules)).toMatchObject({ state: 'TASK_ERROR' });
  });

  it('runs as the image’s user or the one it names, who need not be known on the host', () => {
    expect(
      refusalOf(task(docker(), { command: { value: 'x', user: 'app' } }), undefined, rules),
    ).toBeUndefined();
  });

  it('is told at the address of its own network', () => {
    const record: TaskRecord = {
      format: 1,
      frameworkId: 'f',
      task: task(docker()),
      containerId: 'c',
      phase: 'launching',
      updates: [],
      latest: { task_id: { value: 'web.1' }, state: 'TASK_STAGING' },
    };
    expect(containerOf(record, 'agent-1').docker?.image).toBe('web:1');
    const facts = {
      agentId: 'agent-1',
      ip: '10.0.0.1',
      wallMs: 1,
      uuid: '00000000-0000-4000-8000-000000000000',
    };
    const started = stepTask(record, { type: 'started', pid: 5, ipAddress: '172.17.0.2' }, facts).record;
    const ended = stepTask(started, { type: 'ended', end: { exit: { code: 0 } } }, facts).record;
    for (const { container_status } of ended.updates)
      expect(container_status?.network_infos?.[0]?.ip_addresses).toEqual([
        { protocol: 'IPv4', ip_address: '172.17.0.2' },
      ]);
  });
});
