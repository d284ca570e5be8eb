import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isTerminalState, type TaskInfo, type TaskState } from '../../src/embedded-mesos/protocol/v1.js';
import { AgentWorld } from '../embedded-mesos/agent/agent-world.js';
import { waitFor } from '../support/wait-for.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describeWithDocker('an agent with tasks in a Docker engine', () => {
  let engine: DockerEngine;
  let world: AgentWorld;

  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 60_000);
  afterAll(async () => engine.destroy(), 60_000);

  beforeEach(async () => {
    const docker = { socketPath: engine.socketPath, allowPrivileged: false, allowParameters: [] };
    world = await new AgentWorld({ docker }).start();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
    expect(await engine.containers()).toEqual([]);
  });

  const task = (command: string, more: Partial<TaskInfo> = {}): TaskInfo =>
    world.task(command, { container: { type: 'DOCKER', docker: { image: testImage } }, ...more });

  it('runs each task once and ends it in one status, wherever in the launch it is killed', async () => {
    const sent: TaskInfo[] = [];
    const over = (id: string): boolean =>
      world.states(id).some((state) => isTerminalState(state as TaskState));
    for (const afterMs of [0, 10, 30, 60, 120, 200, 350]) {
      const tasks = Array.from({ length: 2 }, () => task('echo ran >> /mnt/mesos/sandbox/ran; sleep 0.2'));
      sent.push(...tasks);
      world.run(...tasks);
      await pause(afterMs);
      await world.crash();
      await world.start();
      // The master sends again what it does not find in the registration.
      const known = new Set(world.registers.at(-1)?.tasks.map((each) => each.task.task_id.value));
      world.run(...sent.filter(({ task_id }) => !known.has(task_id.value) && !over(task_id.value)));
    }
    const all = sent.map(({ task_id }) => task_id.value);
    for (const id of all)
      await waitFor(() => over(id), {
        timeoutMs: 30_000,
        what: () => `the end of ${id}; it said ${world.states(id).join(', ')}`,
      });
    const ends = all.map((id) => world.states(id).filter((state) => isTerminalState(state as TaskState)));
    expect(ends).toEqual(all.map(() => ['TASK_FINISHED']));
    const containers = new Set(
      all.map((id) => world.updates(id).at(-1)?.container_status?.container_id?.value ?? ''),
    );
    expect(containers.size).toBe(all.length);
    for (const id of containers)
      expect(readFileSync(join(world.workDir, 'agent/sandboxes', id, 'ran'), 'utf8')).toBe('ran\n');
  }, 60_000);

  it('goes on with a kill that was asked for before it was killed itself', async () => {
    const [id = ''] = world.run(task('trap "" TERM; while true; do sleep 0.1; done'));
    await world.status(id, 'TASK_RUNNING');
    world.kill(id);
    await waitFor(async () =>
      (await world.get('/metrics/snapshot')).text.includes('"slave/tasks_killing":1'),
    );
    await pause(20);
    await world.crash();
    await world.start();
    expect((await world.status(id, 'TASK_KILLED')).message).toBe('Command terminated with signal Killed');
  }, 30_000);

  it('tells the true end of a task that ended while it was away', async () => {
    const [id = ''] = world.run(task('sleep 0.5; exit 42'));
    await world.status(id, 'TASK_RUNNING');
    await world.crash();
    await pause(800);
    await world.start();
    expect((await world.status(id, 'TASK_FAILED')).message).toBe('Command exited with status 42');
  });

  it('tells the address of a container on the engine’s network, and refuses host ports that it was not given', async () => {
    const bridge = (port: number): Partial<TaskInfo> => ({
      container: {
        type: 'DOCKER',
        docker: {
          image: testImage,
          network: 'BRIDGE',
          port_mappings: [{ host_port: port, container_port: 80, protocol: 'tcp' }],
        },
      },
    });
    const [id = '', refused = ''] = world.run(
      task('exec sleep 100', {
        ...bridge(31_000),
        resources: [
          { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
          { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
          { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 31_000 }] } },
        ],
      }),
      task('exec sleep 100', bridge(31_050)),
    );
    const { container_status } = await world.status(id, 'TASK_RUNNING');
    expect(container_status?.network_infos?.[0]?.ip_addresses?.[0]?.ip_address).toMatch(/^10\.213\./);
    expect((await world.status(refused, 'TASK_ERROR')).message).toMatch('Host port 31050');
  });
});
