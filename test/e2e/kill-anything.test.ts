import { SeededDice } from '../../src/util/ids.js';
import { waitFor } from '../support/wait-for.js';
import { Load, stopLoads } from './support/load.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';
import { isAlive, type Parts, supervisorOf } from './support/parts.js';

/**
 * Proof 2 of the first slice: seeded random kill -9 of every part, each in the middle of a rolling deployment under load.
 * ROUNDS and SEED make it longer (npm run test:long).
 */
const seed = Number(process.env['SEED'] ?? 20261122);
const rounds = Number(process.env['ROUNDS'] ?? 1);
const INSTANCES = 3;
const isRoot = process.getuid?.() === 0;
/** Clients of the load: two of each of the four kinds of request, one WebSocket. */
const HELD_CONNECTIONS = 9;

interface WebJson extends AppJson {
  readonly env: Readonly<Record<string, string>>;
}

describe(`kill -9 of anything during deployments (seed ${seed}, rounds ${rounds})`, () => {
  let longrun: Longrun;
  const dice = new SeededDice(seed);
  let version = 0;
  let labels = 0;

  beforeAll(async () => {
    longrun = await Longrun.start();
    await longrun.deploy(
      webApp('/web', {
        instances: INSTANCES,
        env: { APP_VERSION: '0' },
        labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' },
        loadBalancer: { drainSeconds: 3 },
        backoffSeconds: 1,
      }),
    );
  }, 60_000);
  afterEach(stopLoads);
  afterAll(async () => longrun.destroy(), 60_000);

  /** Begins a rolling deployment; sends it until it is acknowledged. */
  const change = async (): Promise<void> => {
    version += 1;
    const body = { env: { APP_VERSION: String(version) } };
    let last = 'none';
    await waitFor(
      async () => {
        const answer = await longrun.request('PATCH', '/v2/apps/web?force=true', body).catch(() => undefined);
        last = JSON.stringify(answer);
        return answer?.status === 200;
      },
      { timeoutMs: 20_000, what: () => `the change to be acknowledged; last answer ${last}` },
    );
  };

  /** Writes that restart nothing, until `stop`; answers the last acknowledged one. A later one may or may not have happened. */
  const writer = (): (() => Promise<{ acknowledged: number; tried: number }>) => {
    let running = true;
    let acknowledged = labels;
    const done = (async () => {
      while (running) {
        labels += 1;
        const answer = await longrun
          .request('PATCH', '/v2/apps/web?force=true', {
            labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external', HAPROXY_WRITE: String(labels) },
          })
          .catch(() => undefined);
        if (answer?.status === 200) acknowledged = labels;
        await new Promise((next) => setTimeout(next, 100));
      }
      return { acknowledged, tried: labels };
    })();
    return () => {
      running = false;
      return done;
    };
  };

  /** What is not as wanted, if anything: exactly the wanted processes, supervisors and cgroups, and no deployment. */
  const complaint = async (): Promise<string | undefined> => {
    const app = (await longrun.app('/web').catch(() => undefined)) as WebJson | undefined;
    if (!app) return 'the app cannot be read';
    if (app.deployments.length > 0) return 'a deployment runs';
    if (app.env['APP_VERSION'] !== String(version))
      return `version ${app.env['APP_VERSION']} is wanted instead of ${version}`;
    if (app.tasks.length !== INSTANCES || app.tasksHealthy !== INSTANCES || app.tasksRunning !== INSTANCES)
      return `tasks ${JSON.stringify(app.tasks)}`;
    const pids = longrun.taskPids();
    if (pids.length !== INSTANCES) return `${pids.length} task processes`;
    for (const { id } of app.tasks)
      if (longrun.pidsOfTask(id).length !== 1)
        return `task ${id} has the processes ${longrun.pidsOfTask(id)}`;
    const supervisors = longrun.parts().supervisor.length;
    if (supervisors !== INSTANCES) return `${supervisors} supervisors`;
    const { server, agent, proxy } = longrun.parts();
    const told = longrun.toldPids();
    const missing = [...server, ...agent, ...proxy].filter((pid) => !told.includes(pid));
    if (missing.length > 0) return `the ready file does not tell ${missing}, only ${told}`;
    const groups = longrun.containerGroups();
    const grouped = [...groups.values()].flatMap((members) => [...members]).sort();
    if (isRoot && (groups.size !== INSTANCES || JSON.stringify(grouped) !== JSON.stringify(pids.sort())))
      return `groups ${[...groups].map(([name, members]) => `${name}: ${[...members]}`).join('; ')}`;
    return undefined;
  };

  const asWanted = async (): Promise<WebJson> => {
    let last: string | undefined;
    await waitFor(
      async () => {
        last = await complaint();
        return last === undefined;
      },
      { timeoutMs: 45_000, what: () => `everything to be as wanted, but ${last}` },
    );
    return (await longrun.app('/web')) as WebJson;
  };

  const kill = (which: keyof Parts): void => {
    const pids = longrun.parts()[which];
    expect({ which, found: pids.length > 0 }).toEqual({ which, found: true });
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  };

  /** A random moment within a rolling deployment. */
  const aMoment = (): Promise<void> =>
    new Promise((next) => setTimeout(next, Math.floor(dice.random() * 1_500)));

  for (let round = 0; round < rounds; round++) {
    it.each(['server', 'agent', 'pump'] as const)(
      `round ${round}: killing the %s fails no request, loses no acknowledged write, loses and doubles no task`,
      async (which) => {
        const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
        await change();
        const stopWriting = writer();
        await aMoment();
        kill(which);
        await aMoment();
        const { acknowledged, tried } = await stopWriting();
        const app = await asWanted();
        const written = Number(app.labels['HAPROXY_WRITE'] ?? 0);
        expect(written).toBeGreaterThanOrEqual(acknowledged);
        expect(written).toBeLessThanOrEqual(tried);
        const { failures, slow } = await load.stop();
        expect({ failures, slow }).toEqual({ failures: [], slow: [] });
      },
      120_000,
    );

    it(`round ${round}: killing a proxy worker fails at most what it held and refuses none`, async () => {
      const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
      await change();
      await aMoment();
      kill('proxy');
      const sentThen = load.sent;
      await waitFor(() => load.sent > sentThen + 300, {
        timeoutMs: 20_000,
        what: 'traffic through the next worker',
      });
      await asWanted();
      const { failures } = await load.stop();
      expect(failures.filter(({ why }) => why.includes('ECONNREFUSED'))).toEqual([]);
      expect(failures.length).toBeLessThanOrEqual(HELD_CONNECTIONS);
    }, 60_000);

    it(`round ${round}: killing a task fails at most its requests that change something`, async () => {
      const load = new Load({
        url: longrun.ready.lb,
        host: 'web.test',
        webSocket: false,
        kinds: ['keep-alive GET', 'fresh GET', 'POST'],
      });
      await change();
      await aMoment();
      const pids = longrun.taskPids();
      const victim = pids[Math.floor(dice.random() * pids.length)];
      if (victim !== undefined) process.kill(victim, 'SIGKILL');
      await waitFor(() => !longrun.taskPids().includes(victim ?? 0));
      await asWanted();
      const { failures } = await load.stop();
      expect(failures.filter(({ idempotent }) => idempotent)).toEqual([]);
      expect(failures.length).toBeLessThanOrEqual(2);
    }, 60_000);

    it(`round ${round}: killing a supervisor ends its task's whole cgroup and brings another`, async () => {
      const before = await asWanted();
      const pids = longrun.taskPids();
      const supervisors = longrun.parts().supervisor;
      process.kill(supervisors[Math.floor(dice.random() * supervisors.length)] ?? 0, 'SIGKILL');
      await waitFor(() => longrun.taskPids().some((pid) => !pids.includes(pid)), {
        timeoutMs: 20_000,
        what: 'a new task',
      });
      const after = await asWanted();
      expect(after.tasks.filter(({ id }) => before.tasks.some((task) => task.id === id))).toHaveLength(
        INSTANCES - 1,
      );
    }, 60_000);

    it.each(['an old', 'a new'] as const)(
      `round ${round}: killing the supervisor of %s task in the middle of a deployment costs that task alone, and the deployment ends`,
      async (which) => {
        await asWanted();
        const load = new Load({
          url: longrun.ready.lb,
          host: 'web.test',
          webSocket: false,
          kinds: ['keep-alive GET', 'fresh GET', 'POST'],
        });
        const old = longrun.taskPids();
        await change();
        const victims = await waitFor(
          () => {
            const started = longrun.taskPids().filter((pid) => !old.includes(pid));
            const pids = which === 'a new' ? started : started.length > 0 && old.filter(isAlive);
            const supervisors = longrun.parts().supervisor;
            const found = (pids || []).flatMap((task) => {
              const supervisor = supervisorOf(task, supervisors);
              return supervisor === undefined ? [] : [{ task, supervisor }];
            });
            return found.length > 0 && found;
          },
          { timeoutMs: 20_000, what: `${which} task beside the others` },
        );
        const victim = victims[Math.floor(dice.random() * victims.length)];
        if (victim === undefined) throw new Error('no task has a supervisor');
        process.kill(victim.supervisor, 'SIGKILL');
        await waitFor(() => !isAlive(victim.task), {
          timeoutMs: 20_000,
          what: 'the end of the task without a supervisor',
        });
        await asWanted();
        const { failures } = await load.stop();
        expect(failures.filter(({ idempotent }) => idempotent)).toEqual([]);
        expect(failures.length).toBeLessThanOrEqual(2);
      },
      90_000,
    );

    it(`round ${round}: killing the parent leaves traffic alone; the next up takes over and ends the deployment`, async () => {
      const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
      await change();
      await aMoment();
      process.kill(longrun.ready.pids.parent, 'SIGKILL');
      await waitFor(() => longrun.process.signalCode !== null);
      const sentThen = load.sent;
      await waitFor(() => load.sent > sentThen + 200);
      const { failures: alone } = await load.stop();
      expect(alone).toEqual([]);
      await longrun.up();
      await asWanted();
    }, 90_000);

    it(`round ${round}: killing three parts at once, chosen by the dice, comes right`, async () => {
      const parts = (['server', 'agent', 'pump', 'proxy'] as const)
        .map((part) => ({ part, rank: dice.random() }))
        .sort((a, b) => a.rank - b.rank);
      await change();
      await aMoment();
      for (const { part } of parts.slice(0, 3)) kill(part);
      await asWanted();
    }, 90_000);
  }
});
