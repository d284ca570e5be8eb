import type { AppId } from '../../src/apps/app.js';
import { appHistory, deploymentList, deploymentShow } from '../../src/cli/rest/history-commands.js';
import { RestClient } from '../../src/cli/rest/rest-client.js';
import { DeploymentHistory } from '../../src/history/deployment-history.js';
import { TaskHistory } from '../../src/history/task-history.js';
import { silentLog } from '../../src/logging/log.js';
import { keys } from '../../src/store/state-store.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { ApiWorld } from '../api/support/api-world.js';
import { at, record, running } from '../api/support/fakes.js';
import { FakeStore } from '../scheduler/support/fake-store.js';

const web = '/web' as AppId;
let store: FakeStore;
let tasks: TaskHistory;
let deployments: DeploymentHistory;
let world: ApiWorld;
let text: string;
const io = {
  out: (line: string) => {
    text += `${line}\n`;
  },
  err: () => undefined,
  raw: () => undefined,
  readText: () => Promise.reject(new Error('history reads no file')),
  terminal: false,
  interrupted: new AbortController().signal,
};

beforeEach(async () => {
  text = '';
  store = new FakeStore();
  const clock = new VirtualClock();
  tasks = new TaskHistory({
    store,
    epoch: 1,
    reader: { tail: () => Promise.resolve({ text: 'last words\n', torn: false }) },
    isForgotten: () => false,
    limits: { perOwner: 10, overall: 10 },
    clock,
    log: silentLog,
  });
  deployments = new DeploymentHistory({ store, capacity: 10, log: silentLog });
  for (const number of [1, 2, 3, 4]) {
    const instance = running('/web', number);
    const { task } = instance;
    if (!task) throw new Error('a running instance has a task');
    const status = {
      task_id: { value: task.id },
      state: 'TASK_FAILED',
      message: `status ${number}`,
    } as const;
    const end = { instance: { ...instance, task }, status, at: at(10 + number) };
    await store.commit({ epoch: 1, writes: tasks.remember(end as never) });
    const plan = { id: `d${number}`, version: at(number), steps: [], transitions: transitions(number) };
    const deployment = { plan, currentStep: 0, startedAt: at(number), phase: 'running' } as const;
    const ended = { deployment, endedAt: at(number), result: 'finished', waits: [], untoldWaits: 0 } as const;
    await store.commit({ epoch: 1, writes: deployments.remember(ended) });
  }
  world = await new ApiWorld().start({ history: { tasks, deployments } });
  world.registry.put(record('/web'));
});
afterEach(async () => {
  await world.stop();
  await tasks.stop();
});

const transitions = (number: number) => ({
  [(number === 2 ? '/other' : '/web') as AppId]: { before: undefined, after: undefined },
});
const ids = (body: Record<string, unknown>, list: string, name: string): unknown[] =>
  (body[list] as Record<string, unknown>[]).map((each) => each[name]);

describe('the history of an app', () => {
  it('comes in pages, newest first, each of which says where the next begins', async () => {
    const first = (await world.ask('GET', '/v2/apps//web/history?limit=3')).json;
    expect(ids(first, 'tasks', 'message')).toEqual(['status 4', 'status 3', 'status 2']);
    const second = (await world.ask('GET', `/v2/apps//web/history?limit=3&after=${first['next']}`)).json;
    expect(ids(second, 'tasks', 'message')).toEqual(['status 1']);
    expect(second).not.toHaveProperty('next');
    expect((await world.ask('GET', '/v2/apps//web/history?limit=0')).status).toBe(422);
    expect((await world.ask('GET', '/v2/apps//none/history')).status).toBe(404);
  });

  it('leaves a damaged record out and tells the others, after a restart too', async () => {
    store.corrupt.add(keys.endedTask('/web', 3));
    const page = (await world.ask('GET', '/v2/apps//web/history')).json;
    expect(ids(page, 'tasks', 'message')).toEqual(['status 4', 'status 2', 'status 1']);
    const after = new DeploymentHistory({ store, capacity: 10, log: silentLog });
    store.corrupt.add(keys.endedDeployment(4));
    await after.start();
    const { entries } = await after.page({ limit: 10, after: undefined }, () => true);
    expect(entries.map(({ id }) => id)).toEqual(['d3', 'd2', 'd1']);
  });

  it('is told by the command line, with the last lines of the newest', async () => {
    const args = { id: '/web', tasks: 2, output: false, json: false };
    expect(await appHistory(new RestClient(world.url), io, args)).toBe(0);
    expect(text).toContain('status 4');
    expect(text).not.toContain('status 2');
    await appHistory(new RestClient(world.url), io, { ...args, json: true });
    expect(text).toContain('"tasks": [');
  });
});

describe('the history of deployments', () => {
  it('comes in pages by state; running ones are in none of those that are over', async () => {
    world.deployments.running.set('r1', {
      plan: { id: 'r1', version: at(9), steps: [], transitions: transitions(1) },
      currentStep: 0,
      startedAt: at(9),
      phase: 'running',
    });
    const all = (await world.ask('GET', '/v2/deployments?state=all&limit=2')).json;
    expect(ids(all, 'deployments', 'id')).toEqual(['r1', 'd4', 'd3']);
    const next = (await world.ask('GET', `/v2/deployments?state=all&limit=2&after=${all['next']}`)).json;
    expect(ids(next, 'deployments', 'id')).toEqual(['d2', 'd1']);
    const over = (await world.ask('GET', '/v2/deployments?state=finished')).json;
    expect(ids(over, 'deployments', 'id')).toEqual(['d4', 'd3', 'd2', 'd1']);
    const now = (await world.ask('GET', '/v2/deployments?state=running')).json;
    expect(ids(now, 'deployments', 'id')).toEqual(['r1']);
    expect((await world.ask('GET', '/v2/deployments?state=over')).status).toBe(400);
  });

  it('of one deployment is its record; an unknown one is 404', async () => {
    expect((await world.ask('GET', '/v2/deployments/d2')).json).toMatchObject({
      id: 'd2',
      affectedApps: ['/other'],
      result: 'finished',
    });
    expect((await world.ask('GET', '/v2/deployments/d9')).status).toBe(404);
  });

  it('is told by the command line', async () => {
    const client = new RestClient(world.url);
    await deploymentList(client, io, { state: 'finished', limit: 3, json: false });
    expect(text.match(/^d\d/gm)).toEqual(['d4', 'd3', 'd2']);
    await deploymentShow(client, io, { id: 'd4', json: false });
    expect(text).toContain(`apps       ${web}`);
  });
});
