import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TaskStatus } from '../../../src/embedded-mesos/protocol/v1.js';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld } from './agent-world.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: an agent with cgroups and other users needs root');
const asRoot = isRoot ? describe : describe.skip;

const soon = { delay_seconds: 0, interval_seconds: 0.1, timeout_seconds: 5, grace_period_seconds: 0 };
const command = (value: string) => ({ type: 'COMMAND' as const, command: { shell: true, value } });

asRoot('checks by the agent', () => {
  let world: AgentWorld;

  beforeEach(async () => {
    world = await new AgentWorld().start();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  });

  async function news(task: string, found: (status: TaskStatus) => boolean): Promise<TaskStatus> {
    return waitFor(() => world.updates(task).find(found), {
      what: () => `news of ${task}; so far ${JSON.stringify(world.updates(task))}`,
    });
  }

  it('run a command where the task runs: as its user, in its namespaces, cgroups and sandbox, with its environment', async () => {
    const task = world.launch('sleep 1000', {
      command: {
        value: 'sleep 1000',
        environment: {
          variables: [{ name: 'GREETING', value: `it's "so"` }],
        },
      },
      health_check: { ...soon, ...command('true') },
      check: {
        ...soon,
        type: 'COMMAND',
        command: {
          command: {
            value:
              'exec >told; id -un; echo "$GREETING"; pwd; readlink /proc/self/ns/pid; grep :memory: /proc/self/cgroup',
          },
        },
      },
    });
    const running = await world.status(task, 'TASK_RUNNING');
    expect(running).toMatchObject({ check_status: { type: 'COMMAND', command: {} } });
    expect(running).not.toHaveProperty('healthy');
    const checked = await news(task, ({ check_status }) => check_status?.command?.exit_code === 0);
    expect(checked.reason).toBe('REASON_TASK_CHECK_STATUS_UPDATED');
    const pid = running.container_status?.executor_pid ?? 0;
    const container = running.container_status?.container_id?.value ?? '';
    const sandbox = `${world.workDir}/agent/sandboxes/${container}`;
    const [user, greeting, folder, namespace, cgroup] = readFileSync(`${sandbox}/told`, 'utf8').split('\n');
    expect([user, greeting, folder]).toEqual(['nobody', `it's "so"`, sandbox]);
    const { readlinkSync } = await import('node:fs');
    expect(namespace).toBe(readlinkSync(`/proc/${pid}/ns/pid`));
    expect(cgroup).toContain(container);
    expect(await news(task, ({ healthy }) => healthy === true)).toMatchObject({
      state: 'TASK_RUNNING',
      reason: 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED',
      source: 'SOURCE_EXECUTOR',
      check_status: { type: 'COMMAND' },
    });
  });

  it('have no more rights than a task in strict isolation has', async () => {
    const task = world.launch('exec sleep 1000', {
      labels: { labels: [{ key: 'LONGRUN_ISOLATION', value: 'strict' }] },
      check: {
        ...soon,
        type: 'COMMAND',
        command: { command: { value: 'grep -E "^(NoNewPrivs|Cap)" /proc/self/status >told' } },
      },
    });
    const { container_status } = await world.status(task, 'TASK_RUNNING');
    await news(task, ({ check_status }) => check_status?.command?.exit_code === 0);
    const container = container_status?.container_id?.value ?? '';
    const told = readFileSync(`${world.workDir}/agent/sandboxes/${container}/told`, 'utf8');
    expect(told).toContain('NoNewPrivs:\t1');
    expect(told).toContain('CapBnd:\t0000000000000000');
    const own = readFileSync(`/proc/${container_status?.executor_pid}/status`, 'latin1');
    expect(told.trim().split('\n')).toEqual(own.split('\n').filter((line) => /^(NoNewPrivs|Cap)/.test(line)));
  });

  it('end a task after so many failures in a row, and the last status says that it was not healthy', async () => {
    const task = world.launch('sleep 1000', {
      health_check: { ...soon, consecutive_failures: 3, ...command('test -e /no-such-file') },
    });
    const killed = await world.status(task, 'TASK_KILLED');
    expect(killed.healthy).toBe(false);
    const failures = world
      .updates(task)
      .filter(({ reason }) => reason === 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED');
    expect(failures.map(({ healthy, message }) => [healthy, message])).toEqual(
      Array.from({ length: 3 }, () => [false, 'The health check failed: the command exited with status 1']),
    );
  });

  it('end a command that takes too long, with all that it started', async () => {
    const task = world.launch('sleep 1000', {
      health_check: {
        ...soon,
        timeout_seconds: 0.3,
        interval_seconds: 1_000,
        consecutive_failures: 5,
        ...command('sleep 7654 & sleep 7654'),
      },
    });
    const failed = await news(task, ({ healthy }) => healthy === false);
    expect(failed.message).toBe('The health check failed: the command did not end within 0.3 s');
    const { allPids } = await import('../../../src/embedded-mesos/containers/processes.js');
    await waitFor(
      () =>
        !allPids().some((pid) => {
          try {
            return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('7654\0');
          } catch {
            return false;
          }
        }),
      { what: 'the end of all that the command started' },
    );
  });

  it('ask an endpoint; what HTTP says is told as it is, and only when it changes', async () => {
    let status = 200;
    let asked = 0;
    const server = createServer((_request, response) => {
      asked++;
      response.writeHead(status).end();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    try {
      const task = world.launch('sleep 1000', {
        check: { ...soon, type: 'HTTP', http: { port, path: '/x' } },
      });
      await news(task, ({ check_status }) => check_status?.http?.status_code === 200);
      const before = asked;
      await waitFor(() => asked > before + 3, { what: 'further attempts' });
      status = 503;
      await news(task, ({ check_status }) => check_status?.http?.status_code === 503);
      const told = world.updates(task).filter(({ reason }) => reason === 'REASON_TASK_CHECK_STATUS_UPDATED');
      expect(told.map(({ check_status }) => check_status?.http?.status_code)).toEqual([200, 503]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('go on after a crash of the agent, where they were: what was healthy stays so, failures go on counting', async () => {
    const task = world.launch('touch good; sleep 1000', {
      health_check: { ...soon, consecutive_failures: 2, ...command('test -e good') },
    });
    await news(task, ({ healthy }) => healthy === true);
    await world.crash();
    await world.start();
    expect(world.registers[0]?.tasks[0]?.status).toMatchObject({ state: 'TASK_RUNNING', healthy: true });
    const container = world.updates(task)[0]?.container_status?.container_id?.value ?? '';
    const { rmSync } = await import('node:fs');
    rmSync(`${world.workDir}/agent/sandboxes/${container}/good`);
    expect((await world.status(task, 'TASK_KILLED')).healthy).toBe(false);
  });

  it('refuse a task whose check cannot be carried out', async () => {
    const task = world.launch('sleep 1000', { health_check: { ...soon, type: 'COMMAND' } });
    expect(await world.status(task, 'TASK_ERROR')).toMatchObject({
      reason: 'REASON_TASK_INVALID',
      message: 'The health check is not valid: it says nothing of what its type COMMAND asks',
    });
  });
});
