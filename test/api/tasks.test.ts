import { parseTaskId } from '../../src/api/decide/task-id.js';
import { presentTask } from '../../src/api/present/task.js';
import type { Condition } from '../../src/scheduler/instance.js';
import { ApiWorld } from './support/api-world.js';
import { expectContract } from './support/contract.js';
import { at, record, running } from './support/fakes.js';

let world: ApiWorld;
const [one, two, three] = [running('/a/web', 1), running('/a/web', 2), running('/a/web', 3)];
const [id1, id2] = [one.task?.id ?? '', two.task?.id ?? ''];

beforeEach(async () => {
  world = await new ApiWorld().start();
  world.registry.put(record('/a/web', { instances: 3 }), record('/b'));
  world.scheduler.add(
    one,
    { ...two, condition: 'Staging' },
    { ...three, condition: 'Scheduled' },
    running('/orphan', 4),
  );
});
afterEach(() => world.stop());

const idsIn = (answer: { json: Record<string, unknown> }): unknown[] =>
  (answer.json['tasks'] as { id: string }[]).map(({ id }) => id);

describe('listing tasks', () => {
  it('shows tasks of existing apps with service ports; waiting instances and orphans are left out', async () => {
    const answer = await world.ask('GET', '/v2/tasks');
    expect(idsIn(answer)).toEqual([id1, id2]);
    expect((answer.json['tasks'] as object[])[0]).toMatchObject({
      servicePorts: [10_000],
      ports: [31_001],
      slaveId: 'agent-1',
    });
    expect(answer.headers['x-event-position']).toBe('7-0');
    expectContract('TaskList', answer.json);
  });

  it.each([
    ['status=running', [id1]],
    ['status=RUNNING&status[]=staging', [id1, id2]],
    ['status=lost', [id1, id2]],
    ['status=constructor', [id1, id2]],
  ])('?%s', async (query, expected) => {
    expect(idsIn(await world.ask('GET', `/v2/tasks?${query}`))).toEqual(expected);
  });

  it('of one app has no service ports; a form that nobody offers is 406', async () => {
    const answer = await world.ask('GET', '/v2/apps/a/web/tasks');
    expect((answer.json['tasks'] as { servicePorts: unknown }[])[0]?.servicePorts).toEqual([]);
    expect((await world.ask('GET', '/v2/tasks', { headers: { accept: 'image/png' } })).status).toBe(406);
    expect((await world.ask('GET', '/v2/apps/nope/tasks')).status).toBe(404);
  });
});

describe('a task', () => {
  it.each<[Condition, string]>([
    ['Provisioned', 'TASK_STAGING'],
    ['Starting', 'TASK_STARTING'],
    ['Killing', 'TASK_KILLING'],
    ['UnreachableInactive', 'TASK_UNREACHABLE'],
    ['Gone', 'TASK_GONE'],
  ])('in condition %s shows %s', (condition, state) => {
    expect(presentTask({ ...one, condition })).toMatchObject({ state });
  });

  it('shows ports, times and version only while it is active', () => {
    const ended = JSON.parse(JSON.stringify(presentTask({ ...one, condition: 'Failed' }))) as object;
    expect(ended).toMatchObject({ ports: [] });
    for (const name of ['stagedAt', 'startedAt', 'version']) expect(ended).not.toHaveProperty(name);
  });

  it('shows health results of its own, not of an earlier task', () => {
    const results = [{ alive: true, consecutiveFailures: 0, lastSuccess: at(3) }];
    const own = presentTask({ ...one, health: { taskId: id1 as never, healthy: true, results } });
    expect(own['healthCheckResults']).toEqual([{ ...results[0], instanceId: one.id }]);
    expect(presentTask({ ...one, health: { taskId: id2 as never, results } })['healthCheckResults']).toEqual(
      [],
    );
  });

  it('says when it is being drained, and why', () => {
    const leaving = presentTask({
      ...one,
      takingOut: { reason: 'scale down', since: at(4), phase: 'draining' },
    });
    expect(leaving['draining']).toEqual({ reason: 'scale down', since: at(4) });
    expectContract('Task', JSON.parse(JSON.stringify(leaving)));
  });
});

describe('killing tasks', () => {
  it('kills all of an app; they stay wanted', async () => {
    const answer = await world.ask('DELETE', '/v2/apps/a/web/tasks');
    expect(idsIn(answer)).toEqual([id1, id2]);
    expect(world.scheduler.killed).toMatchObject([
      { ids: [one.id, two.id], decommission: false, wipe: false },
    ]);
  });

  it('kills only those on a host; * is any', async () => {
    expect(idsIn(await world.ask('DELETE', '/v2/apps/a/web/tasks?host=host-2'))).toEqual([]);
    expect(world.scheduler.killed).toEqual([]);
    expect(idsIn(await world.ask('DELETE', '/v2/apps/a/web/tasks?host=*&wipe=true'))).toHaveLength(2);
    expect(world.scheduler.killed[0]?.wipe).toBe(true);
  });

  it('scale=true lowers instances and names the victims', async () => {
    const answer = await world.ask('DELETE', `/v2/apps/a/web/tasks/${id1}?scale=true&force=true`);
    expectContract('DeploymentResult', answer.json);
    expect(world.deployments.asked).toMatchObject([{ force: true, victims: { '/a/web': [one.id] } }]);
    expect(world.registry.get(one.appId)?.app.instances).toBe(2);
    expect(world.scheduler.killed).toEqual([]);
  });

  it('scale=true does not count an instance that is already leaving', async () => {
    world.scheduler.add({ ...one, takingOut: { reason: 'scale down', since: at(1), phase: 'draining' } });
    await world.ask('DELETE', '/v2/apps/a/web/tasks?scale=true');
    expect(world.deployments.asked[0]?.victims).toEqual({ '/a/web': [two.id] });
  });

  it('scale and wipe exclude each other', async () => {
    const answer = await world.ask('DELETE', '/v2/apps/a/web/tasks?scale=true&wipe=true');
    expect(answer.status).toBe(400);
    expect(answer.json['message']).toBe('You cannot use scale and wipe at the same time.');
  });

  it('one task answers with it; an unknown one is 404, with scale a deployment that changes nothing', async () => {
    const answer = await world.ask('DELETE', `/v2/apps/a/web/tasks/${id1}`);
    expect((answer.json['task'] as { id: string }).id).toBe(id1);
    expectContract('TaskAnswer', answer.json);
    const unknown = await world.ask('DELETE', '/v2/apps/a/web/tasks/a_web.nope');
    expect(unknown.json['message']).toBe("Task 'a_web.nope' does not exist");
    const other = await world.ask('DELETE', `/v2/apps/b/tasks/${id1}`);
    expect(other.status).toBe(404);
    expect((await world.ask('DELETE', '/v2/apps/a/web/tasks/a_web.nope?scale=true')).status).toBe(200);
    expect(world.registry.get(one.appId)?.app.instances).toBe(3);
  });

  it('by a list of ids: unknown ones are skipped, malformed ones refused, the rest killed once', async () => {
    const unknown = id1.replace('00000001', '99999999');
    const answer = await world.ask('POST', '/v2/tasks/delete', { body: { ids: [id1, id1, unknown] } });
    expect(idsIn(answer)).toEqual([id1]);
    expect(world.scheduler.killed[0]?.ids).toEqual([one.id]);
    const wrong = await world.ask('POST', '/v2/tasks/delete', { body: { ids: ['what'] } });
    expect(wrong.status).toBe(400);
    expect(wrong.json['message']).toBe("Invalid task id 'what'. [taskId what no valid identifier]");
    expect(
      (await world.ask('POST', '/v2/tasks/delete', { body: { ids: [5] } })).json['details'],
    ).toMatchObject([{ path: '/ids(0)' }]);
    const scaled = await world.ask('POST', '/v2/tasks/delete?scale=true', { body: { ids: [id1, id2] } });
    expectContract('DeploymentResult', scaled.json);
    expect(world.registry.get(one.appId)?.app.instances).toBe(1);
  });
});

it.each([
  [
    'a_b.instance-c0ffee00-0000-1000-8000-000000000000._app.12',
    '/a/b',
    'a_b.instance-c0ffee00-0000-1000-8000-000000000000',
  ],
  [
    'a_b.instance-c0ffee00-0000-1000-8000-000000000000',
    '/a/b',
    'a_b.instance-c0ffee00-0000-1000-8000-000000000000',
  ],
  ['web.v1.c0ffee00-0000-1000-8000-000000000000', '/web.v1', undefined],
  ['web_c0ffee00-0000-1000-8000-000000000000', '/web', undefined],
])('the task id %s belongs to %s', (text, appId, instanceId) => {
  expect(parseTaskId(text)).toEqual({ appId, instanceId });
});
