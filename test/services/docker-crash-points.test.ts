import { AgentWorld } from '../embedded-mesos/agent/agent-world.js';
import {
  type CrashPoint,
  engineEndPoints,
  engineLaunchPoints,
} from '../embedded-mesos/agent/crash-points.js';
import {
  type CrashStory,
  crashStory,
  storiesOf,
  tellingProgram,
} from '../embedded-mesos/agent/crash-story.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';

describeWithDocker('an agent with an engine that is killed with SIGKILL at one moment', () => {
  let engine: DockerEngine;

  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 60_000);
  afterAll(async () => engine.destroy(), 60_000);

  const copies = async (taskId: string): Promise<number> => {
    const filters = { label: [`longrun.task=${taskId}`], status: ['running'] };
    return (await engine.docker.listContainers({ filters })).length;
  };

  async function story(point: CrashPoint, dies: 'in its launch' | 'in its end'): Promise<CrashStory> {
    const docker = { socketPath: engine.socketPath, allowPrivileged: false, allowParameters: [] };
    const world = new AgentWorld({ docker, warmContainers: 0 });
    try {
      const task = world.task('', { container: { type: 'DOCKER', docker: { image: testImage } } });
      const value = tellingProgram('/mnt/mesos/sandbox/ran', task.task_id.value);
      return await crashStory(world, { ...task, command: { value } }, point, { dies, copies });
    } finally {
      expect(await world.close()).toEqual({ processes: 0, groups: [] });
    }
  }

  it('of a launch leaves the task running, once', async () => {
    const found = await storiesOf(engineLaunchPoints, 4, (point) => story(point, 'in its launch'));
    expect(new Map(found)).toEqual(
      new Map(engineLaunchPoints.map((point) => [point, { starts: 1, ends: ['TASK_KILLED'], copies: 1 }])),
    );
    expect(await engine.containers()).toEqual([]);
  }, 120_000);

  it('of an end has the task end, and told as ended once', async () => {
    const found = await storiesOf(engineEndPoints, 4, (point) => story(point, 'in its end'));
    expect(new Map(found)).toEqual(
      new Map(engineEndPoints.map((point) => [point, { starts: 1, ends: ['TASK_KILLED'], copies: 0 }])),
    );
    expect(await engine.containers()).toEqual([]);
  }, 120_000);
});
