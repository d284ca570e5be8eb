import type { AppId } from '../../src/apps/app.js';
import { causeOfDeath } from '../../src/history/decide/cause-of-death.js';
import { lastLines } from '../../src/history/decide/last-lines.js';
import { DeploymentHistory } from '../../src/history/deployment-history.js';
import { HistoryIndex } from '../../src/history/history-index.js';
import { silentLog } from '../../src/logging/log.js';
import type { TaskEnd } from '../../src/scheduler/scheduler.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import type { Timestamp } from '../../src/util/timestamp.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

const at = '2026-01-01T00:00:00.000Z' as Timestamp;

describe('the index of a history', () => {
  it('pushes the oldest of an owner out at its limit, and the oldest of all at the overall one', () => {
    const index = new HistoryIndex<string>({ perOwner: 2, overall: 3 });
    expect(index.add('a').evicted).toEqual([]);
    expect(index.add('a').evicted).toEqual([]);
    expect(index.add('a').evicted).toEqual([{ owner: 'a', seq: 1 }]);
    expect(index.add('b').evicted).toEqual([]);
    expect(index.add('b').evicted).toEqual([{ owner: 'a', seq: 2 }]);
    expect([...index.newestFirst('b', undefined)]).toEqual([5, 4]);
    expect([...index.newestFirst('b', 5)]).toEqual([4]);
  });
});

describe('the cause of death', () => {
  const end = (more: object, status?: object): TaskEnd =>
    ({ at, instance: { task: { id: 't' }, ...more }, ...(status && { status }) }) as unknown as TaskEnd;

  it('is what the kernel did before what anybody wanted', () => {
    const message =
      'Memory limit exceeded: Requested: 32MB Maximum Used: 31MB\n\nMEMORY STATISTICS: \ncache 0';
    const status = { state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LIMITATION_MEMORY', message };
    expect(causeOfDeath(end({ takingOut: { reason: 'scale down' } }, status))).toEqual({
      kind: 'out-of-memory',
      limitMiB: 32,
      maxUsedMiB: 31,
    });
  });

  it('is the intention before the exit that followed from it', () => {
    const status = { state: 'TASK_KILLED', message: 'Command terminated with signal Terminated' };
    expect(
      causeOfDeath(end({ takingOut: { reason: 'scale down', by: { deploymentId: 'd' } } }, status)),
    ).toEqual({ kind: 'killed', reason: 'scale down', deploymentId: 'd' });
    expect(causeOfDeath(end({}, status))).toEqual({ kind: 'signal', signal: 'Terminated' });
  });
});

describe('the last lines', () => {
  it('are the newest fifty, whole, without the values of the environment', () => {
    const text = `torn\n${Array.from({ length: 60 }, (_, line) => `line ${line} s3cret-value`).join('\n')}\n`;
    const { lines, cut } = lastLines(text, true, ['s3cret', 's3cret-value', '1']);
    expect(lines).toHaveLength(50);
    expect(lines.at(-1)).toBe('line 59 ********');
    expect(cut).toBe(true);
    expect(lastLines('', false, [])).toEqual({ lines: [], cut: false });
  });
});

describe('the history of deployments', () => {
  const clock = new VirtualClock();
  const ended = (id: string) =>
    ({
      deployment: {
        plan: {
          id,
          version: at,
          steps: [],
          transitions: { ['/a' as AppId]: { before: undefined, after: undefined } },
        },
        currentStep: 0,
        startedAt: at,
        phase: 'running',
      },
      endedAt: at,
      result: 'finished',
      waits: [],
      untoldWaits: 0,
    }) as const;

  it('keeps what was flushed over a crash, loses only what was not, and stays within its limit', async () => {
    let hold = false;
    const store = new MemoryStore({ clock, log: silentLog, fate: () => (hold ? 'hold' : 'proceed') });
    await store.open();
    const history = new DeploymentHistory({ store, capacity: 3, log: silentLog });
    await history.start();
    for (const id of ['1', '2', '3', '4', '5'])
      await store.commit({ epoch: 1, writes: history.remember(ended(id)) });
    hold = true;
    const lost = store.commit({ epoch: 1, writes: history.remember(ended('6')) });
    lost.catch(() => undefined);
    const again = new MemoryStore({ clock, log: silentLog, disk: store.crash('lost') });
    await again.open();
    const after = new DeploymentHistory({ store: again, capacity: 3, log: silentLog });
    await after.start();
    const first = await after.page({ limit: 2, after: undefined }, () => true);
    expect(first.entries.map(({ id }) => id)).toEqual(['5', '4']);
    const second = await after.page({ limit: 2, after: first.next }, () => true);
    expect(second).toMatchObject({ entries: [{ id: '3' }], next: undefined });
    expect(await after.get('6')).toBeUndefined();
  });
});
