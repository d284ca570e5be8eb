import { statSync } from 'node:fs';
import { waitFor } from '../support/wait-for.js';
import { ask } from './support/http.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';
import { isAlive, parentOf } from './support/parts.js';

/** What somebody without root on a shared host gets: no cgroups, but the same life of tasks. */
describe('a longrun of an ordinary user', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.startAsOrdinaryUser();
  }, 60_000);
  afterAll(async () => {
    await longrun.destroy();
    expect(longrun.ownPids()).toEqual([]);
  }, 60_000);

  const family = (id: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    id,
    cmd: "trap 'exit 0' TERM; setsid sleep 1001 & (sleep 1002 & sleep 1003) & wait",
    cpus: 0.02,
    mem: 32,
    portDefinitions: [],
    taskKillGracePeriodSeconds: 1,
    backoffSeconds: 1,
    ...more,
  });
  const wholeFamily = (task: string): Promise<readonly number[]> =>
    waitFor(
      () => {
        const found = longrun.pidsOfTask(task);
        return found.length >= 4 && found;
      },
      { timeoutMs: 20_000, what: `all processes of ${task}` },
    );
  const gone = (pids: readonly number[]): Promise<boolean> =>
    waitFor(() => pids.every((pid) => !isAlive(pid)), { timeoutMs: 30_000, what: `the end of ${pids}` });
  const healthy = (id: string, count: number): Promise<AppJson> =>
    waitFor(
      async () => {
        const app = await longrun.app(id).catch(() => undefined);
        return app?.tasksHealthy === count && app.tasks.length === count ? app : undefined;
      },
      { timeoutMs: 30_000, what: `${count} healthy instances of ${id}` },
    );
  const oneTask = (app: AppJson): string => {
    const [task] = app.tasks;
    if (!task) throw new Error(`${app.id} has no task`);
    return task.id;
  };

  it('runs every part and every task as that user, and says what it cannot do', async () => {
    await longrun.deploy(
      webApp('/web', { instances: 2, labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' } }),
    );
    const { uid } = statSync(longrun.workDir);
    const pids = longrun.ownPids();
    expect(longrun.taskPids()).toHaveLength(2);
    expect(pids.length).toBeGreaterThan(7);
    for (const pid of pids) expect({ pid, uid: statSync(`/proc/${pid}`).uid }).toEqual({ pid, uid });
    expect([...longrun.containerGroups().keys()]).toEqual([]);
    expect((await ask(longrun.ready.lb, { host: 'web.test' })).status).toBe(200);
    const state = JSON.parse((await ask(longrun.ready.agent, { path: '/state' })).text) as {
      isolation: string;
      not_isolated: readonly string[];
    };
    expect(state.isolation).toBe('process-group');
    expect(state.not_isolated[0]).toContain('not limited');
  }, 60_000);

  it('refuses to run a task as somebody else, with a sentence', async () => {
    const answer = await longrun.request('POST', '/v2/apps', family('/other', { user: 'root' }));
    expect(answer.status).toBe(201);
    const { message } = await waitFor(
      async () =>
        (
          await longrun.request<{ app: { lastTaskFailure?: { message: string } } }>(
            'GET',
            '/v2/apps/other?embed=app.lastTaskFailure',
          )
        ).body.app.lastTaskFailure,
      { timeoutMs: 20_000, what: 'the failure' },
    );
    expect(message).toContain('root');
    expect((await longrun.request('DELETE', '/v2/apps/other?force=true')).status).toBe(200);
  }, 40_000);

  it('kills a task with all its children, those in sessions of their own too', async () => {
    const app = await longrun.deploy(family('/family'));
    const task = oneTask(app);
    const pids = await wholeFamily(task);
    expect((await longrun.request('DELETE', `/v2/apps/family/tasks/${task}`)).status).toBe(200);
    await gone(pids);
    const next = await waitFor(
      async () => {
        const [one] = (await longrun.app('/family'))?.tasks ?? [];
        return one && one.id !== task && one.state === 'TASK_RUNNING' ? one.id : undefined;
      },
      { timeoutMs: 20_000, what: 'the next task' },
    );
    await longrun.request('DELETE', '/v2/apps/family?force=true');
    await waitFor(() => longrun.pidsOfTask(next).length === 0, {
      timeoutMs: 20_000,
      what: 'the end of the app',
    });
  }, 60_000);

  it('finds its tasks again when the agent was killed, can kill them then, and tells of those that ended meanwhile', async () => {
    const before = await healthy('/web', 2);
    const ids = before.tasks.map(({ id }) => id).sort();
    const pids = longrun.taskPids();
    const [agent] = longrun.parts().agent;
    if (agent === undefined) throw new Error('there is no agent');
    process.kill(agent, 'SIGKILL');
    await waitFor(() => longrun.parts().agent.some((pid) => pid !== agent), {
      timeoutMs: 20_000,
      what: 'the next agent',
    });
    expect((await healthy('/web', 2)).tasks.map(({ id }) => id).sort()).toEqual(ids);
    expect(longrun.taskPids()).toEqual(pids);

    const [again] = longrun.parts().agent;
    const [victim = '', other = ''] = ids;
    const ending = longrun.pidsOfTask(victim);
    if (again === undefined) throw new Error('there is no agent');
    process.kill(again, 'SIGKILL');
    for (const pid of ending) process.kill(pid, 'SIGKILL');
    const after = await waitFor(
      async () => {
        const app = await longrun.app('/web').catch(() => undefined);
        return app?.tasksHealthy === 2 && !app.tasks.some(({ id }) => id === victim) ? app : undefined;
      },
      { timeoutMs: 30_000, what: 'another in the place of the one that ended' },
    );
    expect(after.tasks.map(({ id }) => id)).toContain(other);

    const last = longrun.taskPids();
    expect((await longrun.request('DELETE', '/v2/apps/web?force=true')).status).toBe(200);
    await gone(last);
  }, 90_000);

  it('ends a task whose supervisor was killed, and starts another', async () => {
    const app = await longrun.deploy(family('/orphan'));
    const task = oneTask(app);
    const pids = await wholeFamily(task);
    const supervisor = longrun
      .parts()
      .supervisor.find((pid) => pids.some((child) => parentOf(child) === pid));
    if (supervisor === undefined) throw new Error('there is no supervisor');
    process.kill(supervisor, 'SIGKILL');
    await gone(pids);
    await waitFor(
      async () =>
        (await longrun.app('/orphan'))?.tasks.some(
          ({ id, state }) => id !== task && state === 'TASK_RUNNING',
        ),
      { timeoutMs: 20_000, what: 'the next task' },
    );
  }, 60_000);
});
