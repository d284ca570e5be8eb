import { judge } from '../../src/simulation/checkers.js';
import { factsOf } from '../../src/simulation/facts.js';
import type { World } from '../../src/simulation/world.js';
import { scenarios } from './scenarios.js';
import { play, startWorld, undisturbed, update, verdict, web } from './support.js';

const HOUR_MS = 3_600_000;
/** Into the act: at its beginning, among its launches, among its kills. */
const momentsMs = [3, 150, 500];

const disturbances: readonly {
  readonly name: string;
  readonly every: number;
  readonly begin: (world: World) => void;
}[] = [
  { name: 'the wall clock jumps an hour ahead', every: 2, begin: (world) => world.jumpWall(HOUR_MS) },
  { name: 'the wall clock jumps an hour back', every: 2, begin: (world) => world.jumpWall(-HOUR_MS) },
  { name: 'the server stands still for 30 s', every: 1, begin: (world) => world.pauseServer(30_000) },
  { name: 'the server stands still for 3 s', every: 3, begin: (world) => world.pauseServer(3_000) },
];

describe.each(disturbances)('$name', ({ begin, every }) => {
  it.each(scenarios)(
    'at any durable step of $name, or right after it, and nothing is lost, doubled or cut off',
    async (scenario) => {
      const { flushes } = await undisturbed(scenario, 5);
      for (let flush = 1; flush <= flushes; flush += every) {
        const laterMs = flush % 2 === 0 ? 0 : 3;
        const world = await play(scenario, 5, (started) =>
          started.atFlush(flush, () => void started.clock.after(laterMs, () => begin(started))),
        );
        await world.runUntilQuiet();
        expect({ flush, found: judge(world.facts, await world.finalState(), { strict: true }) }).toEqual({
          flush,
          found: [],
        });
        world.end();
      }
    },
  );
});

/** Two apps on three agents, at rest. */
async function peace(seed: number): Promise<World> {
  const world = await startWorld(seed);
  const client = world.client();
  world.perform(async () => {
    await client.ask(web('/web', { instances: 4, cmd: 'v1' }));
    await client.ask(web('/api', { instances: 2, cmd: 'a1' }));
  });
  await world.runUntilQuiet();
  return world;
}

const liveTasks = (world: World): string[] => [...world.observer.live.keys()].sort();
const launches = (world: World): number => factsOf(world.facts, 'launch sent').length;

/** The agent that runs something. */
function busyAgent(world: World): World['agents'][number] {
  const [task] = world.observer.live.values();
  const seat = world.agents.find(({ link }) => link.name === task?.agent);
  if (!seat) throw new Error('no agent runs anything');
  return seat;
}

describe('an agent', () => {
  it('that is away while the server restarts keeps its tasks: silence is not believed', async () => {
    const world = await peace(3);
    const before = { tasks: liveTasks(world), launches: launches(world) };
    const { link } = busyAgent(world);
    world.fault(
      'an agent is away',
      50_000,
      () => link.cut(),
      () => link.heal(),
    );
    world.crashServer();
    await world.pass(45_000);
    expect(world.server?.scheduler.settling).toBe(true);
    expect(await verdict(world, { strict: true })).toEqual([]);
    expect({ tasks: liveTasks(world), launches: launches(world) }).toEqual(before);
    world.end();
  });

  it('that stays away after the server restarted is replaced once the time to come back is over', async () => {
    const world = await peace(4);
    const lost = busyAgent(world);
    const tasks = lost.agent.liveTaskIds();
    world.fault(
      'an agent is away',
      200_000,
      () => lost.link.cut(),
      () => lost.link.heal(),
    );
    world.crashServer();
    await world.pass(180_000);
    const running = [...world.observer.live.values()].filter(({ agent }) => agent !== lost.link.name);
    expect(running).toHaveLength(6);
    expect(lost.agent.liveTaskIds()).toEqual(tasks);
    expect(await verdict(world, { strict: false })).toEqual([]);
    expect(tasks.filter((id) => liveTasks(world).includes(id))).toEqual([]);
    world.end();
  });

  it('that returns after it was given up finds its tasks replaced, and what it still runs is ended', async () => {
    const world = await peace(5);
    const lost = busyAgent(world);
    const tasks = lost.agent.liveTaskIds();
    world.fault(
      'an agent is away',
      60_000,
      () => lost.link.cut(),
      () => lost.link.heal(),
    );
    await world.pass(55_000);
    expect(world.observer.live.size).toBe(6 + tasks.length);
    expect(await verdict(world, { strict: false })).toEqual([]);
    world.end();
  });

  it('that is cut off for a moment loses nothing, and nobody is replaced', async () => {
    const world = await peace(6);
    const before = { tasks: liveTasks(world), launches: launches(world) };
    const { link } = busyAgent(world);
    world.fault(
      'an agent is cut off',
      20_000,
      () => link.cut(),
      () => link.heal(),
    );
    expect(await verdict(world, { strict: true })).toEqual([]);
    expect({ tasks: liveTasks(world), launches: launches(world) }).toEqual(before);
    world.end();
  });

  it('whose process dies and comes back re-attaches to its tasks', async () => {
    const world = await peace(7);
    const before = liveTasks(world);
    const { agent } = busyAgent(world);
    world.fault(
      'an agent dies',
      10_000,
      () => agent.crash(),
      () => agent.start(),
    );
    expect(await verdict(world, { strict: true })).toEqual([]);
    expect(liveTasks(world)).toEqual(before);
    world.end();
  });

  it('whose host reboots has none of its tasks, and all come back', async () => {
    const world = await peace(8);
    const { agent } = busyAgent(world);
    const dead = agent.liveTaskIds();
    world.fault(
      'a host reboots',
      15_000,
      () => agent.reboot(),
      () => agent.start(),
    );
    expect(await verdict(world, { strict: false })).toEqual([]);
    expect(dead.filter((id) => liveTasks(world).includes(id))).toEqual([]);
    world.end();
  });

  it.each(scenarios)('may be cut off for a minute during $name', async (scenario) => {
    for (const atMs of momentsMs) {
      const world = await play(scenario, 9, (started) => {
        const lost = started.agents[1];
        if (lost)
          started.clock.after(atMs, () =>
            started.fault(
              'an agent is away',
              60_000,
              () => lost.link.cut(),
              () => lost.link.heal(),
            ),
          );
      });
      expect({ atMs, found: await verdict(world, { strict: false }) }).toEqual({ atMs, found: [] });
      world.end();
    }
  });
});

describe('a proxy', () => {
  it.each(scenarios)(
    'may lose its line for a while during $name: it serves on by its table and is not forgotten too early',
    async (scenario) => {
      for (const forMs of [1_000, 5_000, 20_000]) {
        const world = await play(scenario, 10, (started) => {
          const lost = started.proxies[0];
          if (lost)
            started.clock.after(200, () =>
              started.fault(
                'a proxy is cut off',
                forMs,
                () => lost.link.cut(),
                () => lost.link.heal(),
              ),
            );
        });
        expect({ forMs, found: await verdict(world, { strict: false }) }).toEqual({ forMs, found: [] });
        world.end();
      }
    },
  );

  it('that was away for longer than its lease follows the table again', async () => {
    const world = await peace(11);
    const client = world.client();
    const [lost] = world.proxies;
    if (!lost) throw new Error('there is no proxy');
    world.fault(
      'a proxy is cut off',
      30_000,
      () => lost.link.cut(),
      () => lost.link.heal(),
    );
    await world.pass(31_000);
    world.perform(() => client.ask(update('/web', { instances: 4, cmd: 'v2' })));
    expect(await verdict(world, { strict: true })).toEqual([]);
    expect([...lost.proxy.routedTasks()].sort()).toEqual(liveTasks(world));
    world.end();
  });

  it('is waited for by a server that has just restarted', async () => {
    const world = await peace(12);
    const client = world.client();
    const [lost] = world.proxies;
    world.crashServer();
    if (lost)
      world.fault(
        'a proxy is cut off',
        4_000,
        () => lost.link.cut(),
        () => lost.link.heal(),
      );
    world.perform(() => client.ask(update('/web', { instances: 4, cmd: 'v2' })));
    expect(await verdict(world, { strict: true })).toEqual([]);
    world.end();
  });
});

describe('the store', () => {
  it.each(scenarios)(
    'may be full for 20 s during $name: nothing is acted on meanwhile, and all goes on by itself',
    async (scenario) => {
      for (const atMs of momentsMs) {
        const world = await play(scenario, 13, (started) => {
          started.clock.after(atMs, () => started.fillDisk(20_000));
        });
        expect({ atMs, found: await verdict(world, { strict: false }) }).toEqual({ atMs, found: [] });
        world.end();
      }
    },
  );
});

describe('a task', () => {
  it.each(scenarios)('may die at any time during $name', async (scenario) => {
    for (const atMs of momentsMs) {
      const world = await play(scenario, 14, (started) => {
        started.clock.after(atMs, () => {
          for (const { agent } of started.agents)
            for (const id of agent.liveTaskIds().slice(0, 1)) agent.endTask(id);
        });
      });
      expect({ atMs, found: await verdict(world, { strict: false }) }).toEqual({ atMs, found: [] });
      world.end();
    }
  });
});

describe('versions', () => {
  it('go on after a deletion, a restart and a clock that was set back', async () => {
    const world = await peace(16);
    const client = world.client();
    world.perform(() => client.ask({ kind: 'delete', id: '/web' }));
    await world.runUntilQuiet();
    world.jumpWall(-HOUR_MS);
    world.crashServer();
    world.perform(() => client.ask(web('/web', { instances: 1, cmd: 'again' })));
    expect(await verdict(world, { strict: true })).toEqual([]);
    world.end();
  });
});

describe('a rollback', () => {
  it('brings the exact former definition back and leaves alone whoever still runs it', async () => {
    const world = await startWorld(15);
    const client = world.client();
    world.perform(() => client.ask(web('/web', { instances: 4, cmd: 'v1' })));
    await world.runUntilQuiet();
    const before = world.server?.registry.get('/web' as never);
    world.perform(() => client.ask(update('/web', { instances: 4, cmd: 'v2' })));
    const replaced = (): number => factsOf(world.facts, 'taken out').length;
    expect(await world.runUntil(() => replaced() > 0, 10_000)).toBe(true);
    const survivors = [...world.observer.live]
      .filter(([id, { info }]) => info.command?.value === 'v1' && !isLeaving(world, id))
      .map(([id]) => id);
    expect(survivors.length).toBeGreaterThan(0);
    world.perform(() => client.ask({ kind: 'cancel', id: '/web', wanted: { instances: 4, cmd: 'v1' } }));
    expect(await verdict(world, { strict: true })).toEqual([]);
    expect(world.server?.registry.get('/web' as never)).toEqual(before);
    expect(survivors.filter((id) => !world.observer.live.has(id))).toEqual([]);
    world.end();
  });
});

function isLeaving(world: World, taskId: string): boolean {
  return world.server?.scheduler.instances.byTask(taskId as never)?.goal !== 'Running';
}
