import { NO_PLAN, type Plan, planChange } from '../../../src/proxy/haproxy/decide/plan-change.js';
import { Generations } from '../../../src/proxy/haproxy/generations.js';
import type { Processes, RuntimeSocket } from '../../../src/proxy/haproxy/runtime-socket.js';
import type { Server } from '../../../src/proxy/table.js';
import type { TaskId } from '../../../src/scheduler/instance.js';
import { layoutOf, server, web } from './world.js';

const [first, second] = [server(1), server(2)];
const tasks = (...servers: readonly Server[]): ReadonlySet<TaskId> =>
  new Set(servers.map(({ taskId }) => taskId));

/** A command line of HAProxy whose workers do what they are told and have nothing in flight. */
class ObedientHaproxy {
  pids: number[] = [];
  /** It does nothing that it is told. */
  isStubborn = false;
  readonly asked: { readonly pid: number; readonly command: string }[] = [];

  async processes(): Promise<Processes> {
    return { workers: this.pids.map((pid, reloads) => ({ pid, reloads })), failed: 0 };
  }

  async askWorker(pid: number, commands: readonly string[]): Promise<string> {
    this.asked.push(...commands.map((command) => ({ pid, command })));
    if (!commands.some((command) => command.startsWith('show stat')))
      return this.isStubborn ? 'no room\n' : '';
    const slots = ['s1', 's2', 's3', 's4'].map((slot) => `web_10000,${slot},0,0,0,0,,0,0,0,`);
    return ['# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,', ...slots, ''].join('\n');
  }
}

function planOf(...servers: readonly Server[]): Plan {
  return planChange(NO_PLAN, layoutOf(web(servers))).reload ?? NO_PLAN;
}

describe('workers of earlier configurations', () => {
  const haproxy = new ObedientHaproxy();
  let told: (readonly [TaskId, number])[] = [];
  let generations: Generations;

  beforeEach(() => {
    told = [];
    haproxy.asked.length = 0;
    haproxy.isStubborn = false;
    generations = new Generations(haproxy as unknown as RuntimeSocket, (task, count) => {
      told.push([task, count]);
    });
  });

  it('hold what leaves the table until they have ended, and are told nothing', async () => {
    generations.present(1, planOf(first, second));
    generations.present(2, planOf(first, second));
    haproxy.pids = [2, 1];
    await generations.survey();
    await generations.apply(layoutOf(web([first])));
    expect(await generations.count(tasks(first))).toBe('former');
    expect(told).toEqual([[second.taskId, 1]]);
    expect(haproxy.asked.filter(({ pid }) => pid === 1)).toEqual([]);
    haproxy.pids = [2];
    await generations.survey();
    expect(await generations.count(tasks(first))).toBe('nobody');
    expect(told).toEqual([
      [second.taskId, 1],
      [second.taskId, 0],
    ]);
  });

  it('may know all servers when an earlier process beside HAProxy started them', async () => {
    haproxy.pids = [7];
    await generations.survey();
    await generations.apply(layoutOf(web([first, second])));
    generations.present(8, planOf(first, second));
    haproxy.pids = [8, 7];
    await generations.survey();
    await generations.apply(layoutOf(web([second])));
    expect(await generations.count(tasks(second))).toBe('former');
    expect(told).toEqual([[first.taskId, 1]]);
  });

  it('are replaced when they do not what they are told', async () => {
    const many = [1, 2, 3, 4, 5].map((each) => server(each));
    generations.present(1, planOf(first));
    haproxy.isStubborn = true;
    await expect(generations.apply(layoutOf(web(many)))).rejects.toThrow('no room');
    generations.doubt();
    const plan = await generations.apply(layoutOf(web(many)));
    expect(plan?.backends.get('web_10000')?.slots.filter(({ state }) => state === 'taken').length).toBe(5);
  });

  it('hold nobody who came after them, nor whoever is still in the table', async () => {
    generations.present(1, planOf(first));
    generations.present(2, planOf(first));
    haproxy.pids = [2, 1];
    await generations.apply(layoutOf(web([first, second])));
    await generations.apply(layoutOf(web([first])));
    expect(await generations.count(tasks(first))).toBe('nobody');
    expect(told).toEqual([]);
  });
});
