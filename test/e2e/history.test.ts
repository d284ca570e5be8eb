import { readFileSync } from 'node:fs';
import { waitFor } from '../support/wait-for.js';
import { Longrun } from './support/longrun.js';

interface Ended {
  readonly taskId: string;
  readonly cause: Readonly<Record<string, unknown>> & { readonly kind: string };
  readonly use?: { readonly peakMemoryBytes?: number; readonly cpuSeconds?: number };
  readonly healthyAt?: string;
  readonly output?: {
    readonly problem?: string;
    readonly stdout: { readonly lines: readonly string[] };
    readonly stderr: { readonly lines: readonly string[] };
  };
}

const small = { cpus: 0.1, mem: 32, disk: 0, instances: 1, backoffSeconds: 60 };

describe('the history of real tasks', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 60_000);
  afterAll(async () => longrun.destroy(), 40_000);

  const history = async (app: string): Promise<readonly Ended[]> =>
    (await longrun.request<{ tasks: readonly Ended[] }>('GET', `/v2/apps${app}/history`)).body.tasks ?? [];

  async function ended(app: string): Promise<Ended> {
    await waitFor(async () => (await history(app)).some(({ output }) => output !== undefined), {
      timeoutMs: 30_000,
      what: `an ended task of ${app} with its last lines`,
    });
    const [newest] = await history(app);
    if (newest === undefined) throw new Error('it was there a moment ago');
    return newest;
  }

  it('tells an exit status with the last lines, without values of the environment', async () => {
    await longrun.request('POST', '/v2/apps', {
      ...small,
      id: '/exits',
      env: { PASSWORD: 'hunter2-secret' },
      cmd: 'echo begins; echo "password is $PASSWORD" >&2; exit 3',
    });
    const task = await ended('/exits');
    expect(task.cause).toEqual({ kind: 'exit', code: 3 });
    expect(task.output?.stdout.lines).toEqual(['begins']);
    expect(task.output?.stderr.lines).toEqual(['password is ********']);
  }, 60_000);

  it('tells the signal of a task that somebody killed on its host', async () => {
    await longrun.request('POST', '/v2/apps', { ...small, id: '/shot', cmd: 'echo begins; exec sleep 1000' });
    await longrun.settled('/shot');
    const pid = await waitFor(
      () =>
        longrun
          .taskPids()
          .find((each) => readFileSync(`/proc/${each}/cmdline`, 'utf8').startsWith('sleep\u00001000')),
      { timeoutMs: 10_000, what: 'the task’s process' },
    );
    process.kill(Number(pid), 'SIGKILL');
    const task = await ended('/shot');
    expect(task.cause).toEqual({ kind: 'signal', signal: 'Killed' });
    expect(task.output?.stdout.lines).toEqual(['begins']);
  }, 60_000);

  it('tells what memory there was and what was used when the kernel kills', async () => {
    await longrun.request('POST', '/v2/apps', {
      ...small,
      id: '/hungry',
      cmd: 'echo eats; exec tail /dev/zero',
    });
    const task = await ended('/hungry');
    expect(task.cause).toMatchObject({ kind: 'out-of-memory', limitMiB: 32 });
    expect(task.use?.peakMemoryBytes).toBeGreaterThan(16 * 1024 * 1024);
    expect(task.output?.stdout.lines).toEqual(['eats']);
  }, 60_000);

  it('tells the last answer of a health check that failed for good', async () => {
    await longrun.request('POST', '/v2/apps', {
      ...small,
      id: '/sick',
      cmd: 'echo lives; exec sleep 1000',
      portDefinitions: [{ port: 0 }],
      healthChecks: [
        {
          protocol: 'TCP',
          portIndex: 0,
          gracePeriodSeconds: 0,
          intervalSeconds: 1,
          timeoutSeconds: 1,
          maxConsecutiveFailures: 2,
        },
      ],
    });
    const task = await ended('/sick');
    expect(task.cause).toMatchObject({
      kind: 'failed-health-check',
      lastAnswer: expect.stringMatching(/\w/),
    });
    expect(task.healthyAt).toBeUndefined();
  }, 60_000);

  it('names the deployment that stopped a task, remembers that deployment, and both survive a restart', async () => {
    await longrun.request('POST', '/v2/apps', { ...small, id: '/scaled', cmd: 'exec sleep 1000' });
    await longrun.settled('/scaled');
    await longrun.request('PATCH', '/v2/apps/scaled', { instances: 0 });
    const task = await ended('/scaled');
    expect(task.cause).toMatchObject({ kind: 'killed', reason: 'scale down' });
    const id = String(task.cause['deploymentId']);
    const deployment = await longrun.request('GET', `/v2/deployments/${id}`);
    expect(deployment.body).toMatchObject({ id, affectedApps: ['/scaled'] });
    const before = await history('/exits');
    process.kill(longrun.ready.pids.server, 'SIGKILL');
    await waitFor(
      async () => {
        try {
          return (await longrun.request('GET', '/v2/info')).status === 200;
        } catch {
          return false;
        }
      },
      { timeoutMs: 30_000, what: 'the server is back' },
    );
    expect(await history('/exits')).toEqual(before);
    const list = await longrun.request<{ deployments: readonly { id: string; result: string }[] }>(
      'GET',
      '/v2/deployments?state=finished',
    );
    expect(list.body.deployments.find((each) => each.id === id)).toMatchObject({ result: 'finished' });
  }, 90_000);
});
