import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld, framework } from './agent-world.js';

type Json = Record<string, unknown>;
/** Names of members that a real agent answered with. */
const recordedKeys = (
  JSON.parse(readFileSync(join(__dirname, '../fixtures/recorded-keys.json'), 'utf8')) as {
    agent: Record<string, string[]>;
  }
).agent;

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: an agent with cgroups and other users needs root');
const asRoot = isRoot ? describe : describe.skip;

asRoot('an agent', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await new AgentWorld().start();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  });

  it('registers with what it has, and tells each task from running to its end, with all that an agent fills in', async () => {
    expect(world.registers[0]).toMatchObject({
      agent: {
        hostname: 'localhost',
        resources: expect.arrayContaining([{ name: 'cpus', type: 'SCALAR', scalar: { value: 4 } }]),
      },
      replaces: [],
      tasks: [],
    });
    const good = world.launch('exit 0');
    const bad = world.launch('sleep 0.1; exit 3');
    expect((await world.status(good, 'TASK_FINISHED')).message).toBe('Command exited with status 0');
    const failed = await world.status(bad, 'TASK_FAILED');
    expect(failed).toMatchObject({
      message: 'Command exited with status 3',
      agent_id: { value: 'agent-1' },
      source: 'SOURCE_EXECUTOR',
      uuid: expect.stringMatching(/^[A-Za-z0-9+/]{22}==$/),
      timestamp: expect.any(Number),
      container_status: {
        network_infos: [{ ip_addresses: [{ protocol: 'IPv4', ip_address: '127.0.0.1' }] }],
      },
    });
    expect([world.states(good), world.states(bad)]).toEqual([
      ['TASK_RUNNING', 'TASK_FINISHED'],
      ['TASK_RUNNING', 'TASK_FAILED'],
    ]);
  });

  it('kills on request: SIGTERM first, TASK_KILLED whatever the exit', async () => {
    const task = world.launch(`trap 'exit 0' TERM; while :; do sleep 0.05; done`);
    await world.status(task, 'TASK_RUNNING');
    world.kill(task);
    expect((await world.status(task, 'TASK_KILLED')).message).toMatch(
      /^Command (exited with status 0|terminated with signal Terminated)$/,
    );
    expect(world.states(task)).toEqual(['TASK_RUNNING', 'TASK_KILLED']);
  });

  it('never runs a task that is killed before its launch', async () => {
    const task = world.task('exec sleep 300');
    world.run(task);
    world.kill(task.task_id.value);
    await world.status(task.task_id.value, 'TASK_KILLED');
    expect(world.states(task.task_id.value).at(-1)).toBe('TASK_KILLED');
  });

  it('ignores a task that it knows already', async () => {
    const task = world.task('echo once >> ran; exec sleep 300');
    world.run(task, task);
    world.run(task);
    await world.status(task.task_id.value, 'TASK_RUNNING');
    world.run(task);
    world.send({ type: 'RECONCILE', frameworkId: framework, taskIds: [task.task_id.value] });
    await waitFor(() => world.statuses.find(({ uuid }) => uuid === undefined));
    const { json } = await world.get(`/files/read?path=/tasks/${task.task_id.value}/ran&offset=0`);
    expect(json).toEqual({ offset: 0, data: 'once\n', file: expect.stringMatching(/^\d+-\d+$/) });
  });

  it('answers for tasks that it does not know, and repeats what it knows', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    world.statuses.length = 0;
    world.kill('stranger');
    world.send({ type: 'RECONCILE', frameworkId: framework, taskIds: ['another', task] });
    const answers = await waitFor(() => world.statuses.length === 3 && world.statuses);
    expect(answers.map(({ task_id, state, uuid, reason }) => [task_id.value, state, uuid, reason])).toEqual([
      ['stranger', 'TASK_DROPPED', undefined, 'REASON_RECONCILIATION'],
      ['another', 'TASK_DROPPED', undefined, 'REASON_RECONCILIATION'],
      [task, 'TASK_RUNNING', undefined, 'REASON_RECONCILIATION'],
    ]);
  });

  it('runs nothing as root unless allowed, and names an unknown user', async () => {
    const [root, zero, unknown, fallback] = [
      world.launch('id -un', { user: 'root' }),
      world.launch('id -un', { user: '0' }),
      world.launch('id -un', { user: 'no-such-user' }),
      world.launch('id -un'),
    ];
    for (const task of [root, zero]) {
      expect((await world.status(task, 'TASK_ERROR')).message).toContain('--allow-root-tasks');
      expect(world.states(task)).toEqual(['TASK_ERROR']);
    }
    expect((await world.status(unknown, 'TASK_FAILED')).message).toBe(
      "Failed to launch container: there is no user 'no-such-user' on this host",
    );
    await world.status(fallback, 'TASK_FINISHED');
    expect((await world.get(`/files/read?path=/tasks/${fallback}/stdout&offset=0`)).json).toMatchObject({
      offset: 0,
      data: 'nobody\n',
    });
  });

  it('tells a task that outgrew its memory from one that failed', async () => {
    const task = world.launch(
      `sh -c 'x=$(head -c 100000000 /dev/zero | tr "\\0" x); echo $x | wc -c'; exit 0`,
      { mem: 32 },
    );
    const status = await world.status(task, 'TASK_FAILED');
    expect(status).toMatchObject({
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      source: 'SOURCE_AGENT',
      message: expect.stringMatching(/^Memory limit exceeded: Requested: 32MB Maximum Used: 32MB/),
      limitation: { resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: 32 } }] },
    });
  });

  it('sends one update at a time and each until it is acknowledged, also over a new line', async () => {
    world.acknowledges = false;
    const task = world.launch('exit 0');
    const running = await world.status(task, 'TASK_RUNNING');
    await waitFor(async () => (await world.get('/state')).text.includes('"completed_tasks":[{'));
    expect(world.states(task)).toEqual(['TASK_RUNNING']);
    world.send({ test: 'reset' });
    await waitFor(() => world.statuses.filter(({ uuid }) => uuid === running.uuid).length === 2);
    expect(world.registers.at(-1)?.tasks).toMatchObject([
      { task: { task_id: { value: task } }, status: { state: 'TASK_FINISHED' } },
    ]);
    world.acknowledges = true;
    world.send({ type: 'ACKNOWLEDGE', frameworkId: framework, taskId: task, uuid: running.uuid ?? '' });
    await world.status(task, 'TASK_FINISHED');
    await waitFor(async () => !(await world.get('/state')).text.includes(task));
  });

  it('answers a ping', async () => {
    world.send({ type: 'PING' });
    await waitFor(() => world.messages.some(({ type }) => type === 'PONG'));
  });

  it('ends all tasks at a clean stop and says so before it unregisters', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    await world.stop({ killTasks: true });
    const last = world.messages
      .filter(({ type }) => type === 'UPDATE' || type === 'UNREGISTER')
      .map(({ type }) => type);
    expect(last).toEqual(['UPDATE', 'UPDATE', 'UNREGISTER']);
    expect(world.states(task)).toEqual(['TASK_RUNNING', 'TASK_KILLED']);
    expect(world.processes()).toEqual([]);
  });

  it('says of what it is to run while it stops that this will not be', async () => {
    const stubborn = world.launch("trap '' TERM; while :; do sleep 1; done", {
      kill_policy: { grace_period: { nanoseconds: 2e9 } },
    });
    await world.status(stubborn, 'TASK_RUNNING');
    const stopped = world.stop({ killTasks: true });
    const late = world.launch('exec sleep 300');
    expect(await world.status(late, 'TASK_DROPPED')).toMatchObject({
      reason: 'REASON_AGENT_DISCONNECTED',
      message: 'The agent is stopping',
    });
    await stopped;
    expect(world.messages.filter(({ type }) => type === 'UPDATE' || type === 'UNREGISTER').at(-1)?.type).toBe(
      'UNREGISTER',
    );
  });

  it('refuses a work dir that another agent holds', async () => {
    expect(await world.tryStart()).toMatchObject({
      type: 'TEST-REFUSED',
      message: expect.stringContaining('is held by process'),
    });
  });

  it('shows sandboxes, and nothing outside of them', async () => {
    const task = world.launch(
      'mkdir sub; echo deep > sub/file; ln -s /etc/passwd link; ln -s / all; mkfifo pipe; echo out; exec sleep 300',
    );
    await world.status(task, 'TASK_RUNNING');
    await waitFor(async () =>
      (await world.get(`/files/read?path=/tasks/${task}/stdout&offset=0`)).text.includes('out'),
    );
    const read = async (path: string): Promise<number> =>
      (await world.get(`/files/read?offset=0&path=${encodeURIComponent(path)}`)).status;
    const browsed = (await world.get(`/files/browse?path=/tasks/${task}`)).json as {
      path: string;
      mode: string;
    }[];
    expect(browsed.map(({ path, mode }) => [path.split('/').pop(), mode[0]])).toEqual([
      ['all', 'l'],
      ['link', 'l'],
      ['pipe', 'p'],
      ['stderr', '-'],
      ['stdout', '-'],
      ['sub', 'd'],
    ]);
    expect((await world.get(`/files/read?path=/tasks/${task}/sub/file`)).json).toMatchObject({
      offset: 5,
      data: '',
    });
    expect(
      (await world.get(`/files/read?path=/tasks/${task}/sub/file&offset=1&length=2`)).json,
    ).toMatchObject({
      offset: 1,
      data: 'ee',
    });
    expect((await world.get(`/files/read?path=/tasks/${task}/sub/file&offset=99`)).json).toMatchObject({
      offset: 99,
      data: '',
    });
    expect(await read(`/tasks/${task}/link`)).toBe(403);
    expect(await read(`/tasks/${task}/all/etc/passwd`)).toBe(403);
    expect(await read(`/tasks/${task}/../../../../etc/passwd`)).toBe(404);
    expect(await read(`/tasks/${task}/pipe`)).toBe(400);
    expect(await read('/etc/passwd')).toBe(404);
    expect(await read(`/tasks/${task}/nothing`)).toBe(404);
    const state = (await world.get('/state')).json as {
      frameworks: { executors: { directory: string }[] }[];
    };
    const directory = state.frameworks[0]?.executors[0]?.directory ?? '';
    expect(await read(`${directory}/sub/file`)).toBe(200);
    const download = await fetch(`${world.url}/files/download?path=/tasks/${task}/sub/file`);
    expect([download.headers.get('content-disposition'), await download.text()]).toEqual([
      'attachment; filename=file',
      'deep\n',
    ]);
  });

  it('tells its state, metrics and what its containers use', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    expect((await world.get('/state')).json).toMatchObject({
      id: 'agent-1',
      hostname: 'localhost',
      resources: { cpus: 4, mem: 4096, ports: '[31000-31100]' },
    });
    expect((await world.get('/monitor/statistics')).json).toMatchObject([
      {
        framework_id: framework,
        executor_id: task,
        statistics: { mem_limit_bytes: 64 * 1024 * 1024, cpus_soft_limit: 0.1, processes: 1 },
      },
    ]);
    expect((await world.get('/metrics/snapshot')).json).toMatchObject({
      'slave/registered': 1,
      'slave/tasks_running': 1,
      'slave/cpus_used': 0.1,
    });
    expect((await fetch(`${world.url}/health`)).status).toBe(200);
  });

  it('has the members in its documents that a real agent has', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    const read = async (path: string): Promise<Json> => (await world.get(path)).json as Json;
    const missing = (kind: string, document: unknown): string[] =>
      (recordedKeys[kind] ?? []).filter((name) => !Object.hasOwn(document as Json, name));
    const state = await read('/slave(1)/state');
    const ofFramework = (state['frameworks'] as Json[])[0] ?? {};
    const executor = (ofFramework['executors'] as Json[])[0] ?? {};
    const container = ((await read('/containers')) as unknown as Json[])[0] ?? {};
    expect({
      version: missing('version', await read('/version')),
      state: missing('state', state),
      framework: missing('framework', ofFramework),
      executor: missing('executor', { ...executor, labels: [] }),
      task: missing('task', { ...((executor['tasks'] as Json[])[0] ?? {}), labels: [] }),
      container: missing('container', container),
      containerStatus: missing('containerStatus', container['status']),
      statistics: missing('statistics', ((await read('/monitor/statistics')) as unknown as Json[])[0]),
      metrics: missing('metrics', await read('/metrics/snapshot')).filter((name) =>
        /^(slave|system)\//.test(name),
      ),
    }).toEqual({
      version: [],
      state: ['master_hostname'],
      // Of a framework an agent knows its id and its tasks only.
      framework: ['checkpoint', 'failover_timeout', 'hostname', 'name', 'user'],
      executor: [],
      task: [],
      container: [],
      containerStatus: [],
      statistics: [],
      metrics: ['slave/executor_directory_max_allowed_age_secs'],
    });
    expect((await read('/flags'))['flags']).toMatchObject({ hostname: 'localhost', ip: '127.0.0.1' });
    const found = async (query: string): Promise<number> =>
      ((await read(`/containers?${query}`)) as unknown as Json[]).length;
    expect(await found(`container_id=${String(container['container_id'])}`)).toBe(1);
    expect(await found(`framework_id=${framework}&executor_id=${task}`)).toBe(1);
    expect(await found('framework_id=nobody')).toBe(0);
    expect((await fetch(`${world.url}/containers?executor_id=${task}`)).status).toBe(400);
    const options = await fetch(`${world.url}/state`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });

  it('is silent to those who call it by another name', async () => {
    const port = new URL(world.url).port;
    const statuses = [];
    for (const host of [`evil.example:${port}`, 'localhost', `localhost:${port}`]) {
      const { request } = await import('node:http');
      statuses.push(
        await new Promise((resolve, reject) => {
          request(`${world.url}/health`, { headers: { host } }, (answer) =>
            resolve(answer.resume().statusCode),
          )
            .on('error', reject)
            .end();
        }),
      );
    }
    expect(statuses).toEqual([403, 403, 200]);
  });

  it('takes no file that a task put in the place of its output', async () => {
    const task = world.launch('exec sleep 300');
    await world.status(task, 'TASK_RUNNING');
    const id = world.files('sandboxes')[0] ?? '';
    const secret = join(world.workDir, 'secret');
    writeFileSync(secret, 'secret');
    symlinkSync(secret, join(world.workDir, 'agent/sandboxes', id, 'stdout'));
    expect((await world.get(`/files/read?path=/tasks/${task}/stdout&offset=0`)).json).toMatchObject({
      offset: 0,
      data: '',
    });
    expect(readFileSync(secret, 'utf8')).toBe('secret');
  });
});
