import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { waitFor } from '../support/patient-wait.js';
import { AgentWorld } from './agent-world.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: an agent with cgroups and other users needs root');
const asRoot = isRoot ? describe : describe.skip;

const TOKEN = 'the token of the server';

/** One end of a session, and all that came of it. */
class Talk {
  out = '';
  err = '';
  last: Record<string, unknown> | undefined;
  closed: number | undefined;
  refused: { status: number; message: string } | undefined;
  readonly socket: WebSocket;

  constructor(url: string, query: readonly (readonly [string, string])[], token = TOKEN) {
    const search = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value]));
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/exec?${search}`, 'longrun.exec.v1', {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) this.last = JSON.parse(data.toString());
      else if (data[0] === 1) this.out += data.toString('utf8', 1);
      else this.err += data.toString('utf8', 1);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code) => {
      this.closed = code;
    });
    this.socket.on('unexpected-response', (_request, answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => {
        this.refused = { status: answer.statusCode ?? 0, ...JSON.parse(text) };
      });
    });
  }

  async open(): Promise<this> {
    await waitFor(() => this.socket.readyState === WebSocket.OPEN || this.refused, { what: 'the session' });
    return this;
  }

  say(text: string): void {
    this.socket.send(Buffer.concat([Buffer.from([0]), Buffer.from(text)]));
  }

  tell(order: unknown): void {
    this.socket.send(JSON.stringify(order));
  }

  async hears(text: string): Promise<void> {
    await waitFor(() => this.out.includes(text), {
      what: () => `${JSON.stringify(text)}; so far ${JSON.stringify([this.out, this.err, this.last])}`,
    });
  }

  async end(): Promise<unknown> {
    await waitFor(() => this.closed !== undefined || this.refused, {
      what: () => `the end; so far ${JSON.stringify([this.out, this.err, this.last])}`,
    });
    return this.last;
  }
}

asRoot('a session in a running task', () => {
  let world: AgentWorld;
  let task: string;
  let pid: number;

  beforeEach(async () => {
    world = await new AgentWorld().start();
    task = world.launch('sleep 1000');
    pid = (await world.status(task, 'TASK_RUNNING')).container_status?.executor_pid ?? 0;
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  });

  const talk = (argv: readonly string[], more: Record<string, string> = {}, token?: string): Promise<Talk> =>
    new Talk(
      world.url,
      [
        ['task', task],
        ...argv.map((word) => ['command', word] as const),
        ...Object.entries({ stdin: 'true', ...more }),
      ],
      token,
    ).open();

  it('runs a program as the task’s user, in its namespaces, cgroups and sandbox; outputs and exit code come apart', async () => {
    const session = await talk([
      'sh',
      '-c',
      'id -un; readlink /proc/self/ns/pid; cat /proc/self/cgroup; pwd; echo wrong >&2; exit 3',
    ]);
    expect(await session.end()).toEqual({ type: 'exit', code: 3 });
    const [user, namespace, ...rest] = session.out.split('\n');
    const container = world.updates(task)[0]?.container_status?.container_id?.value ?? '';
    expect([user, namespace]).toEqual(['nobody', readlinkSync(`/proc/${pid}/ns/pid`)]);
    expect(
      rest.filter((line) => /:(cpu|memory|pids)\b/.test(line)).every((line) => line.endsWith(container)),
    ).toBe(true);
    expect(rest.at(-2)).toBe(`${world.workDir}/agent/sandboxes/${container}`);
    expect(session.err).toBe('wrong\n');
    expect(session.closed).toBe(1000);
  });

  it('carries input to its end, byte for byte', async () => {
    const session = await talk(['cat']);
    session.say('one\n');
    await session.hears('one\n');
    const large = 'x'.repeat(60_000);
    for (let piece = 0; piece < 8; piece++) session.say(large);
    session.tell({ type: 'end-of-input' });
    expect(await session.end()).toEqual({ type: 'exit', code: 0 });
    expect(session.out.length).toBe(4 + 8 * 60_000);
  });

  it.each([[{}], [{ tty: 'true' }]])(
    'gives a program no more rights than a task in strict isolation has, with %j',
    async (how: Record<string, string>) => {
      task = world.launch('exec sleep 1000', {
        labels: { labels: [{ key: 'LONGRUN_ISOLATION', value: 'strict' }] },
      });
      const { container_status } = await world.status(task, 'TASK_RUNNING');
      const rights = (text: string): string[] =>
        text.match(/^(NoNewPrivs|CapBnd|CapEff|CapPrm|CapInh|CapAmb):\s*\w+/gm) ?? [];
      const own = rights(readFileSync(`/proc/${container_status?.executor_pid}/status`, 'latin1'));
      expect(own).toContain('NoNewPrivs:\t1');
      expect(own).toContain('CapBnd:\t0000000000000000');
      const mine = `of-${task}`;
      const session = await talk(
        [
          'sh',
          '-c',
          `cat /proc/self/status; touch /etc/mine 2>/dev/null && echo "wrote /etc"; touch /tmp/${mine}`,
        ],
        how,
      );
      await session.end();
      expect(rights(session.out.replaceAll('\r', ''))).toEqual(own);
      expect(session.out).not.toContain('wrote /etc');
      const container = container_status?.container_id?.value ?? '';
      expect(existsSync(join(world.workDir, 'agent/sandboxes', container, 'tmp', mine))).toBe(true);
      expect(existsSync(join('/tmp', mine))).toBe(false);
    },
  );

  it('has a terminal: its size, its changes, what is typed, Ctrl-C', async () => {
    const session = await talk(['sh'], { tty: 'true', rows: '30', columns: '100' });
    session.say('stty size; echo "is $TERM"\n');
    await session.hears('30 100');
    await session.hears('is xterm-256color');
    session.tell({ type: 'resize', rows: 50, columns: 132 });
    session.say('stty size\n');
    await session.hears('50 132');
    session.say('sleep 98765; echo status $?\n');
    await waitFor(() => world.servants('98765').length > 0, {
      what: 'the program that is to be interrupted',
    });
    session.say('\x03');
    session.say('echo "interrupted: $?"\n');
    await session.hears('interrupted: 130');
    session.say('exit 7\n');
    expect(await session.end()).toEqual({ type: 'exit', code: 7 });
  });

  it('passes signals to the program', async () => {
    const session = await talk([
      'sh',
      '-c',
      'trap "echo got it; exit 5" USR1; echo ready; while :; do sleep 0.05; done',
    ]);
    await session.hears('ready');
    session.tell({ type: 'signal', signal: 'SIGUSR1' });
    expect(await session.end()).toEqual({ type: 'exit', code: 5 });
    expect(session.out).toBe('ready\ngot it\n');
  });

  it('ends with its task, and its program with the connection', async () => {
    const left = await talk(['sh', '-c', 'trap "" HUP TERM; echo ready; while :; do sleep 0.05; done']);
    await left.hears('ready');
    const before = world.servants('echo ready').length;
    expect(before).toBeGreaterThan(0);
    left.socket.terminate();
    await waitFor(() => world.servants('echo ready').length === 0, { what: 'the end of the program' });
    const watching = await talk(['sleep', '1000']);
    world.kill(task);
    await watching.end();
    expect(watching.closed).toBeDefined();
    await world.status(task, 'TASK_KILLED');
  });

  it('ends with the agent', async () => {
    const session = await talk(['sh', '-c', 'echo ready; exec sleep 4321']);
    await session.hears('ready');
    await world.crash();
    await session.end();
    await waitFor(() => world.servants('4321').length === 0, { what: 'the end of the program' });
    await world.start();
    expect(world.registers[0]?.tasks[0]?.status.state).toBe('TASK_RUNNING');
  });

  it('is refused to those without the server’s token, for tasks that are not there, and for wrong wishes', async () => {
    expect((await talk(['id'], {}, 'another')).refused?.status).toBe(401);
    expect((await talk([])).refused?.status).toBe(400);
    expect((await talk(['id'], { rows: '0' })).refused?.status).toBe(400);
    task = 'nobody.s';
    expect((await talk(['id'])).refused?.status).toBe(404);
  });

  it('is refused when there are too many in a task', async () => {
    const eight = await Promise.all(Array.from({ length: 8 }, () => talk(['sleep', '1000'])));
    expect((await talk(['id'])).refused).toMatchObject({ status: 429 });
    eight[0]?.socket.close();
    await waitFor(async () => (await talk(['true'])).refused === undefined, { what: 'a free place' });
    for (const each of eight) each.socket.terminate();
  });
});
