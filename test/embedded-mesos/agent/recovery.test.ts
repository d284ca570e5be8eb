import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointLog } from '../../../src/embedded-mesos/agent/checkpoint-log.js';
import { checkpointKeys } from '../../../src/embedded-mesos/agent/task-record.js';
import { isTerminalState, type TaskInfo, type TaskState } from '../../../src/embedded-mesos/protocol/v1.js';
import { silentLog } from '../../../src/logging/log.js';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld, framework } from './agent-world.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: an agent with cgroups and other users needs root');
const asRoot = isRoot ? describe : describe.skip;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

asRoot('an agent that is killed with SIGKILL and started again', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await new AgentWorld().start();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  });

  it('finds running tasks again, under the same id and pid, and can kill them', async () => {
    const task = world.launch('exec sleep 300');
    const { container_status } = await world.status(task, 'TASK_RUNNING');
    await waitFor(async () =>
      (await world.get('/metrics/snapshot')).text.includes('"slave/unacknowledged_status_updates":0'),
    );
    await world.crash();
    world.registers.length = 0;
    await world.start();
    expect(world.registers[0]).toMatchObject({
      agent: { id: { value: 'agent-1' } },
      replaces: [],
      tasks: [{ task: { task_id: { value: task } }, status: { state: 'TASK_RUNNING', container_status } }],
    });
    world.kill(task);
    await world.status(task, 'TASK_KILLED');
    expect(world.states(task)).toEqual(['TASK_RUNNING', 'TASK_KILLED']);
  });

  it('tells the true end of a task that ended while it was away', async () => {
    const task = world.launch('sleep 0.4; exit 42');
    await world.status(task, 'TASK_RUNNING');
    await world.crash();
    await waitFor(() => world.files('records').some((name) => name.endsWith('.exit')));
    await world.start();
    expect((await world.status(task, 'TASK_FAILED')).message).toBe('Command exited with status 42');
  });

  it('sends an update that was not acknowledged again, the very same', async () => {
    world.acknowledges = false;
    const task = world.launch('exec sleep 300');
    const { uuid } = await world.status(task, 'TASK_RUNNING');
    await world.crash();
    world.statuses.length = 0;
    await world.start();
    expect((await world.status(task, 'TASK_RUNNING')).uuid).toBe(uuid);
  });

  it('goes on with a kill that was asked for', async () => {
    const task = world.launch(`trap '' TERM; while :; do sleep 0.05; done`);
    await world.status(task, 'TASK_RUNNING');
    world.kill(task);
    await waitFor(async () =>
      (await world.get('/metrics/snapshot')).text.includes('"slave/tasks_killing":1'),
    );
    await pause(20);
    await world.crash();
    await world.start();
    await world.status(task, 'TASK_KILLED');
  });

  it('runs each task once and ends it in one status, wherever in the launch it was killed', async () => {
    const sent: TaskInfo[] = [];
    const over = (task: string): boolean =>
      world.states(task).some((state) => isTerminalState(state as TaskState));
    for (const afterMs of [0, 3, 8, 15, 25, 40, 60]) {
      const tasks = Array.from({ length: 12 }, () => world.task('echo ran >> ran; sleep 0.2; exit 0'));
      sent.push(...tasks);
      world.run(...tasks);
      await pause(afterMs);
      await world.crash();
      await world.start();
      // The master sends again what it does not find in the registration.
      const known = new Set(world.registers.at(-1)?.tasks.map(({ task }) => task.task_id.value));
      world.run(...sent.filter(({ task_id }) => !known.has(task_id.value) && !over(task_id.value)));
    }
    const all = sent.map(({ task_id }) => task_id.value);
    for (const task of all) {
      await waitFor(() => over(task), {
        what: () =>
          `the end of ${task}; it said ${world.states(task).join(', ')}; records: ${world.files('records').join(' ')}`,
      });
    }
    const ends = all.map((task) => world.states(task).filter((state) => isTerminalState(state as TaskState)));
    expect(ends).toEqual(all.map(() => ['TASK_FINISHED']));
    const ran = world
      .files('sandboxes')
      .map((id) => join(world.workDir, 'agent/sandboxes', id, 'ran'))
      // Those of containers made in advance hold nothing.
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8'));
    expect(ran).toEqual(all.map(() => 'ran\n'));
  });

  it('leaves tasks alone at a stop that does not kill them', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    await world.stop({ killTasks: false });
    expect(world.servants('sleep')).toHaveLength(1);
    await world.start();
    expect(world.states(task)).toEqual(['TASK_RUNNING']);
  });

  it('takes a new id after a reboot, names the old one, and trusts no old pid', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    await world.stop({ killTasks: true, graceMs: 0 });
    const records = join(world.workDir, 'agent/records');
    const checkpoints = new CheckpointLog(join(world.workDir, 'agent/checkpoints'), silentLog);
    await checkpoints.open();
    // As the disk would look after a crash of the whole host: another boot's records, with a pid that is somebody else's now.
    const id = '11111111-2222-4333-8444-555555555555';
    await checkpoints.put(checkpointKeys.agent, {
      format: 1,
      bootId: 'another boot',
      agentId: 'agent-1',
      formerIds: [],
    });
    await checkpoints.put(checkpointKeys.task('old.task'), {
      format: 1,
      frameworkId: framework,
      task: world.task('exec sleep 300', { task_id: { value: 'old.task' } }),
      containerId: id,
      phase: 'running',
      pid: process.pid,
      updates: [],
      latest: { task_id: { value: 'old.task' }, state: 'TASK_RUNNING' },
    });
    await checkpoints.close();
    writeFileSync(join(world.workDir, 'agent/runtime/boot-id'), 'another boot');
    // On a host without a file system in memory the records survive the boot.
    rmSync(records, { recursive: true, force: true });
    mkdirSync(records);
    writeFileSync(join(records, `${id}.supervisor`), `1 ${process.pid} 1 end\n`);
    world.registers.length = 0;
    await world.start();
    expect(world.registers[0]).toMatchObject({ replaces: ['agent-1'], tasks: [] });
    expect(world.registers[0]?.agent.id).toBeUndefined();
    expect(world.files('records').filter((name) => name.startsWith(id))).toEqual([]);
    world.send({ test: 'reset' });
    await waitFor(() => world.registers.length === 2);
    expect(world.registers[1]).toMatchObject({ agent: { id: { value: 'agent-2' } }, replaces: [] });
  });

  it('kills everything and forgets its id when the master shuts it down', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    const before = world.statuses.length;
    world.send({ type: 'SHUTDOWN', message: 'marked gone' });
    await waitFor(() => world.servants('sleep').length === 0);
    await waitFor(
      () =>
        !readFileSync(join(world.workDir, 'agent/checkpoints'), 'utf8')
          .split('\n')
          .filter((line) => line.includes('"agent"'))
          .at(-1)
          ?.includes('agent-1'),
    );
    await world.stop({ killTasks: false });
    world.registers.length = 0;
    await world.start();
    expect(world.registers[0]?.agent.id).toBeUndefined();
    expect(world.statuses.length).toBe(before);
  });

  it('starts when its checkpoints end in a torn line, or are gone', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    await world.crash();
    const path = join(world.workDir, 'agent/checkpoints');
    writeFileSync(path, `${readFileSync(path, 'utf8')}deadbeef {"key":"task!to`);
    await world.start();
    expect(world.registers.at(-1)?.tasks).toHaveLength(1);
    await world.crash();
    rmSync(path);
    await world.start();
    await waitFor(() => world.servants('sleep').length === 0, {
      what: 'the end of the task that nobody knows',
    });
  });
});
