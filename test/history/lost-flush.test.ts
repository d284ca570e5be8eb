import type { AppId } from '../../src/apps/app.js';
import { TaskHistory } from '../../src/history/task-history.js';
import { silentLog } from '../../src/logging/log.js';
import { keys } from '../../src/store/state-store.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import type { FakeStore } from '../scheduler/support/fake-store.js';
import { World } from '../scheduler/support/world.js';

const web = '/web' as AppId;
const noOutput = { tail: () => Promise.resolve({ text: '', torn: false }) };

function historyOn(store: FakeStore): TaskHistory {
  return new TaskHistory({
    store,
    epoch: 1,
    reader: noOutput,
    isForgotten: () => false,
    limits: { perOwner: 10, overall: 10 },
    clock: new VirtualClock(),
    log: silentLog,
  });
}

/** A scheduler that remembers, with one running task. */
async function start(): Promise<{ world: World; taskId: string }> {
  const world = await new World({}, 1, historyOn).start();
  world.master.addAgent('a1', { cpus: 10, mem: 10_000 });
  world.app('/web');
  await world.run('/web', 1);
  const taskId = String(world.of('/web')[0]?.task?.id);
  world.master.update(taskId, 'TASK_RUNNING');
  await world.settle();
  return { world, taskId };
}

/** What a server that starts on the store finds of the app. */
async function remembered({ store }: World): Promise<readonly string[]> {
  const history = historyOn(store);
  await history.load();
  const { entries } = await history.page(web, { limit: 10, after: undefined });
  return entries.map(({ taskId, state }) => `${taskId} ${state}`);
}

describe('the end of a task', () => {
  it('whose flush is lost in a crash is remembered once, when the agent says it again', async () => {
    const { world, taskId } = await start();
    world.store.hold();
    world.master.update(taskId, 'TASK_FAILED', { message: 'exited with status 1' });
    await world.settle();
    expect(await remembered(world)).toEqual([]);
    await world.crash();
    await world.scheduler.start();
    await world.settle();
    world.master.resend();
    await world.settle();
    expect(await remembered(world)).toEqual([`${taskId} TASK_FAILED`]);
    expect([...world.store.records.keys()].filter((key) => key.startsWith(keys.endedTask()))).toHaveLength(1);
  });

  it('that the store refuses is remembered once the store takes writes again', async () => {
    const { world, taskId } = await start();
    world.store.refuse('disk-full');
    world.master.update(taskId, 'TASK_FAILED');
    await world.settle();
    expect(await remembered(world)).toEqual([]);
    world.store.recover();
    await world.tick(60_000);
    world.master.resend();
    await world.settle();
    expect((await remembered(world)).filter((each) => each.startsWith(taskId))).toEqual([
      `${taskId} TASK_FAILED`,
    ]);
  });
});
