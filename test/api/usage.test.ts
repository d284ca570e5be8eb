import type { AppId } from '../../src/apps/app.js';
import type { TaskUsage } from '../../src/embedded-mesos/protocol/agent-line.js';
import type { TaskHistory } from '../../src/history/task-history.js';
import { silentLog } from '../../src/logging/log.js';
import type { TaskId } from '../../src/scheduler/instance.js';
import { MemoryStore } from '../../src/store/memory-store.js';
import { UsageBook } from '../../src/usage/usage-book.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { ApiWorld } from './support/api-world.js';
import { record, running } from './support/fakes.js';

const MIB = 1024 * 1024;
const web = '/shop/web' as AppId;

describe('/v2/apps/{id}/usage', () => {
  const clock = new VirtualClock();
  const instance = running(web, 1);
  const taskId = instance.task?.id as TaskId;
  let world: ApiWorld;
  let book: UsageBook;
  /** The causes of the app's last ends. */
  let causes: readonly object[] = [];

  const look = (more: Partial<TaskUsage> = {}): TaskUsage => ({
    taskId,
    seconds: 10,
    cpus: 0.1,
    throttled: 0,
    memoryBytes: 60 * MIB,
    rssBytes: 58 * MIB,
    threads: 4,
    ...more,
  });

  const history = {
    deployments: { get: async () => undefined, page: async () => ({ entries: [], next: undefined }) },
    tasks: {
      knows: () => false,
      page: async () => ({
        entries: causes.map((cause) => ({ cause, endedAt: '2026-01-01T00:00:00.000Z' })),
        next: undefined,
      }),
    } as unknown as Pick<TaskHistory, 'page' | 'knows'>,
  };

  beforeEach(async () => {
    causes = [];
    const store = new MemoryStore({ clock, log: silentLog });
    await store.open();
    world = new ApiWorld();
    book = new UsageBook({
      store,
      epoch: 1,
      apps: world.registry,
      isDeleted: (appId) => world.registry.get(appId) === undefined,
      appOf: (id) => world.scheduler.instances.byTask(id as TaskId)?.appId,
      clock,
      log: silentLog,
    });
    await world.start({ usage: book, clock, history });
    world.registry.put(record(web, { cpus: 1, mem: 512, instances: 2 }));
    world.scheduler.add(instance);
  });
  afterEach(() => world.stop());

  const use = (looks: number, more: Partial<TaskUsage> = {}): void => {
    for (let done = 0; done < looks; done++) {
      clock.advance(10_000);
      book.take([look(more)]);
    }
  };

  it('shows use beside what is asked for, the tasks of now, and what would be the right size with its request', async () => {
    use(60);
    const { status, json } = await world.ask('GET', '/v2/apps/shop/web/usage');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id: web,
      resolution: '10s',
      requested: { instances: 2, cpus: 1, memMiB: 512, diskMiB: 0 },
      now: {
        instances: 1,
        cpus: 0.1,
        memMiB: 60,
        tasks: [{ taskId, host: 'host-1', cpus: 0.1, throttled: 0, memMiB: 60, rssMiB: 58, threads: 4 }],
      },
      rightSize: {
        verdict: 'too-much',
        basis: { resolution: '10s' },
        patch: { method: 'PATCH', path: '/v2/apps/shop/web', body: { cpus: 0.15, mem: 80 } },
      },
    });
    const points = json['points'] as readonly Record<string, unknown>[];
    expect(points.length).toBeGreaterThanOrEqual(57);
    expect(points[10]).toMatchObject({
      instances: 1,
      cpus: 0.1,
      memMiB: 60,
      requestedCpus: 1,
      requestedMemMiB: 512,
    });
  });

  it('takes the finest resolution that reaches back, or the one that is asked for', async () => {
    use(30);
    const ago = (ms: number): string => new Date(clock.wallMs() - ms).toISOString();
    const resolutionOf = async (query: string): Promise<unknown> =>
      (await world.ask('GET', `/v2/apps/shop/web/usage${query}`)).json['resolution'];
    expect(await resolutionOf(`?from=${ago(600_000)}`)).toBe('10s');
    expect(await resolutionOf(`?from=${ago(7_200_000)}`)).toBe('1m');
    expect(await resolutionOf(`?from=${ago(90 * 86_400_000)}`)).toBe('15m');
    expect(await resolutionOf('?resolution=15m')).toBe('15m');
    const part = await world.ask('GET', `/v2/apps/shop/web/usage?from=${ago(100_000)}&to=${ago(50_000)}`);
    expect((part.json['points'] as unknown[]).length).toBeLessThanOrEqual(6);
    const none = await world.ask('GET', `/v2/apps/shop/web/usage?from=${ago(-100_000)}`);
    expect(none.json['points']).toEqual([]);
  });

  it('never advises less memory to an app whose tasks ran out of what it asks for now', async () => {
    use(60);
    causes = [{ kind: 'out-of-memory', limitMiB: 512 }];
    const after = (await world.ask('GET', '/v2/apps/shop/web/usage')).json['rightSize'];
    expect(after).toMatchObject({ verdict: 'too-little', patch: { body: { mem: 768 } } });
    causes = [{ kind: 'out-of-memory', limitMiB: 64 }];
    const before = (await world.ask('GET', '/v2/apps/shop/web/usage')).json['rightSize'];
    expect(before).toMatchObject({ verdict: 'too-much' });
  });

  it('of an app that never ran says so, and refuses what it does not understand with what would be right', async () => {
    const empty = await world.ask('GET', '/v2/apps/shop/web/usage');
    expect(empty.json).toMatchObject({ points: [], rightSize: { verdict: 'unknown' } });
    for (const query of ['resolution=5s', 'from=yesterday', 'to=2026']) {
      const { status, json } = await world.ask('GET', `/v2/apps/shop/web/usage?${query}`);
      expect([status, json['code']]).toEqual([400, 'bad-request']);
    }
    expect((await world.ask('GET', '/v2/apps/shop/none/usage')).status).toBe(404);
  });

  it('leaves an app called usage to itself', async () => {
    world.registry.put(record('/shop/web/usage'));
    const { json } = await world.ask('GET', '/v2/apps/shop/web/usage');
    expect(json['app']).toMatchObject({ id: '/shop/web/usage' });
  });
});
