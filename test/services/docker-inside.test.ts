import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import type { TaskInfo } from '../../src/embedded-mesos/protocol/v1.js';
import { AgentWorld } from '../embedded-mesos/agent/agent-world.js';
import { waitFor } from '../support/wait-for.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';

describeWithDocker('inside of a container of a Docker engine', () => {
  let engine: DockerEngine;
  let world: AgentWorld;
  let id: string;
  let pid: number;

  beforeAll(async () => {
    engine = await DockerEngine.start();
    const docker = { socketPath: engine.socketPath, allowPrivileged: false, allowParameters: [] };
    world = await new AgentWorld({ docker }).start();
    id = launch('sleep 1000');
    pid = (await world.status(id, 'TASK_RUNNING')).container_status?.executor_pid ?? 0;
  }, 60_000);

  afterAll(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
    await engine.destroy();
  }, 60_000);

  const launch = (command: string, more: Partial<TaskInfo> = {}): string =>
    world.run(
      world.task(command, { container: { type: 'DOCKER', docker: { image: testImage } }, ...more }),
    )[0] ?? '';

  interface Heard {
    out: string;
    err: string;
    last: unknown;
  }

  function talk(
    argv: readonly string[],
    more: Record<string, string> = {},
  ): { socket: WebSocket; heard: Heard } {
    const query = new URLSearchParams({ task: id, stdin: 'true', ...more });
    for (const word of argv) query.append('command', word);
    const socket = new WebSocket(`${world.url.replace('http', 'ws')}/exec?${query}`, 'longrun.exec.v1', {
      headers: { authorization: 'Bearer the token of the server' },
    });
    const heard: Heard = { out: '', err: '', last: undefined };
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) heard.last = JSON.parse(data.toString());
      else if (data[0] === 1) heard.out += data.toString('utf8', 1);
      else heard.err += data.toString('utf8', 1);
    });
    return { socket, heard };
  }

  const ended = (heard: Heard) =>
    waitFor(() => heard.last, { timeoutMs: 20_000, what: () => `the end; so far ${JSON.stringify(heard)}` });

  it('a program has the rights of the container, and not those of root on the host', async () => {
    const { heard } = talk([
      'sh',
      '-c',
      'grep -E "CapBnd|Seccomp:" /proc/self/status; echo wrong >&2; exit 3',
    ]);
    expect(await ended(heard)).toEqual({ type: 'exit', code: 3 });
    const own = readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .filter((line) => /^(CapBnd|Seccomp):/.test(line));
    expect(heard.out.trim().split('\n')).toEqual(own);
    expect(heard.err).toBe('wrong\n');
  });

  it('a program has input, and a terminal of the size that was asked for', async () => {
    const piped = talk(['cat']);
    await waitFor(() => piped.socket.readyState === WebSocket.OPEN, { what: 'the session' });
    piped.socket.send(Buffer.from('\0hello\n'));
    piped.socket.send('{"type":"end-of-input"}');
    expect(await ended(piped.heard)).toEqual({ type: 'exit', code: 0 });
    expect(piped.heard.out).toBe('hello\n');
    const { socket, heard } = talk(['sh'], { tty: 'true', rows: '30', columns: '100' });
    await waitFor(() => socket.readyState === WebSocket.OPEN, { what: 'the session' });
    socket.send(Buffer.from('\0stty size; exit 7\n'));
    expect(await ended(heard)).toEqual({ type: 'exit', code: 7 });
    expect(heard.out).toContain('30 100');
  });

  it('a program ends with its connection, and takes signals', async () => {
    const script = 'trap "echo got it; exit 5" USR1; echo ready; while :; do sleep 0.05; done';
    const signalled = talk(['sh', '-c', script]);
    await waitFor(() => signalled.heard.out.includes('ready'), { what: 'the program' });
    signalled.socket.send('{"type":"signal","signal":"SIGUSR1"}');
    expect(await ended(signalled.heard)).toEqual({ type: 'exit', code: 5 });
    const left = talk(['sh', '-c', 'echo $$; exec sleep 7531']);
    await waitFor(() => left.heard.out.includes('\n'), { what: 'the program' });
    left.socket.terminate();
    const alive = talk([
      'sh',
      '-c',
      `while ps | grep -v grep | grep -q "sleep 7531"; do sleep 0.1; done; echo gone`,
    ]);
    await waitFor(() => alive.heard.out.includes('gone'), {
      timeoutMs: 20_000,
      what: 'the end of the program',
    });
  });

  it('a check is carried out, and ends a task that is not healthy for long', async () => {
    const soon = { delay_seconds: 0, interval_seconds: 0.2, timeout_seconds: 5, grace_period_seconds: 0 };
    const task = launch('touch /good; sleep 1000', {
      health_check: {
        ...soon,
        grace_period_seconds: 5,
        consecutive_failures: 2,
        type: 'COMMAND',
        command: { value: 'test -e /good && test ! -e /mnt/mesos/sandbox/sick' },
      },
    });
    await waitFor(() => world.updates(task).some(({ healthy }) => healthy === true), {
      timeoutMs: 20_000,
      what: () => `health; so far ${JSON.stringify(world.updates(task))}`,
    });
    const container = world.updates(task)[0]?.container_status?.container_id?.value ?? '';
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${world.workDir}/agent/sandboxes/${container}/sick`, '');
    expect((await world.status(task, 'TASK_KILLED')).healthy).toBe(false);
  });
});
