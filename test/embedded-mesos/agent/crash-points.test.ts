import { join } from 'node:path';
import { allPids, textOf } from '../../../src/embedded-mesos/containers/processes.js';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld } from './agent-world.js';
import { type CrashPoint, endPoints, launchPoints } from './crash-points.js';
import { type CrashStory, crashStory, storiesOf, tellingProgram } from './crash-story.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: an agent with cgroups and other users needs root');
const asRoot = isRoot ? describe : describe.skip;

/** Shells that run the task's program; what they just forked is not counted again. */
const copies = (taskId: string): number => {
  const pids = allPids().filter((pid) => textOf(`/proc/${pid}/cmdline`)?.includes(taskId));
  const parentOf = (pid: number): number =>
    Number(/\) \S (\d+)/.exec(textOf(`/proc/${pid}/stat`) ?? '')?.[1] ?? 0);
  return pids.filter((pid) => !pids.includes(parentOf(pid))).length;
};

/** Those that wait for their orders. */
const warmContainers = (world: AgentWorld): number =>
  world
    .files('records')
    .filter((name) => name.endsWith('.warm'))
    .filter((name) => textOf(join(world.workDir, 'agent/records', name))?.endsWith(' end\n')).length;

async function story(point: CrashPoint, dies: 'in its launch' | 'in its end'): Promise<CrashStory> {
  // Only without containers made in advance is the launcher asked for this task, and is a sandbox made for it alone.
  const alone = point === 'the launcher was asked' || point === 'the sandbox was made';
  const options = alone ? { warmContainers: 0 } : {};
  const world = new AgentWorld();
  try {
    const task = world.task('');
    const named = { ...task, command: { value: tellingProgram('ran', task.task_id.value) } };
    const isReady = async (): Promise<void> => {
      if (point === 'its orders were given')
        await waitFor(() => warmContainers(world) > 0, { what: 'a container made in advance' });
    };
    return await crashStory(world, named, point, { dies, options, copies, isReady });
  } finally {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  }
}

asRoot('an agent that is killed with SIGKILL at one moment', () => {
  it('of a launch leaves the task running, once', async () => {
    const found = await storiesOf(launchPoints, 4, (point) => story(point, 'in its launch'));
    expect(new Map(found)).toEqual(
      new Map(launchPoints.map((point) => [point, { starts: 1, ends: ['TASK_KILLED'], copies: 1 }])),
    );
  });

  it('of an end has the task end, and told as ended once', async () => {
    const found = await storiesOf(endPoints, 4, (point) => story(point, 'in its end'));
    expect(new Map(found)).toEqual(
      new Map(endPoints.map((point) => [point, { starts: 1, ends: ['TASK_KILLED'], copies: 0 }])),
    );
  });
});
