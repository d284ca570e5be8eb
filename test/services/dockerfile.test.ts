import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { addHostPrograms, copyProject } from './support/base-image.js';
import { boundedRuntime } from './support/bounded-runtime.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine } from './support/docker-engine.js';
import { dockerCommand, programEnvironment } from './support/docker-programs.js';

const base = 'longrun-test/base:1';
const image = 'longrun-test/longrun:1';

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describeWithDocker('the image of the Dockerfile', () => {
  let engine: DockerEngine;
  let folder: string;
  let port: number;
  let password: string;
  const name = 'longrun-under-test';

  const docker = (...words: string[]): string => {
    const { status, stdout, stderr } = spawnSync(dockerCommand, words, {
      encoding: 'utf8',
      env: { ...programEnvironment, DOCKER_HOST: `unix://${engine.socketPath}`, DOCKER_BUILDKIT: '1' },
    });
    if (status !== 0) throw new Error(`docker ${words.join(' ')}: ${stderr}${stdout}`);
    return words[0] === 'logs' ? stdout + stderr : stdout;
  };
  const logs = (): string => docker('logs', name).slice(-4_000);
  const ask = (method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(password).toString('base64')}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // The engine's proxy takes connections before there is anybody to answer.
      signal: AbortSignal.timeout(3_000),
    }).then(async (answer) => ({ status: answer.status, text: await answer.text() }));
  const running = (): Promise<number> =>
    ask('GET', '/v2/apps/hello').then(
      ({ text }) => (JSON.parse(text) as { app?: { tasksRunning?: number } }).app?.tasksRunning ?? 0,
      () => 0,
    );
  const untilRunning = (): Promise<unknown> =>
    waitFor(async () => (await running()) === 1, {
      timeoutMs: 30_000,
      what: () => `hello to run in the container\n${logs()}`,
    });

  /** Of hello's one task, as the container around it sees it: its limit, and whether its processes are numbered apart. */
  const seenOfTask = async (): Promise<{ memoryBytes: number | undefined; ownProcesses: boolean }> => {
    const script = `for process in /proc/[0-9]*; do
        tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q 'echo h[e]llo' || continue
        grep NSpid $process/status
        group=$(sed -n -e 's|^[0-9]*:memory:.*/longrun/|longrun/|p' -e 's|^0::.*/longrun/|longrun/|p' $process/cgroup | head -n 1)
        [ -z "$group" ] || cat /sys/fs/cgroup/memory/$group/memory.limit_in_bytes /sys/fs/cgroup/$group/memory.max 2>/dev/null
        break
      done`;
    const [ids = '', memory] = await waitFor(
      () => {
        const lines = docker('exec', name, 'sh', '-c', script).trim().split('\n');
        return lines[0]?.startsWith('NSpid:') ? lines : undefined;
      },
      { timeoutMs: 20_000, what: () => `a task\n${logs()}` },
    );
    return {
      memoryBytes: memory === undefined ? undefined : Number(memory),
      ownProcesses: ids.trim().split(/\s+/).length > 2,
    };
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-image-'));
    engine = await DockerEngine.start(...boundedRuntime(join(folder, 'runtime')));
    const tree = join(folder, 'tree');
    engine.unpackBusybox(tree);
    addHostPrograms(tree);
    await engine.importFolder(tree, base);
    const context = join(folder, 'context');
    mkdirSync(context);
    copyProject(context);
    docker('build', '-q', '--build-arg', `BASE=${base}`, '--build-arg', 'PARTS=given', '-t', image, context);
    port = await freePort();
    const published = ['-p', `127.0.0.1:${port}:8080`, '-v', 'work:/var/lib/longrun'];
    docker('run', '-d', '--name', name, '--privileged', ...published, image);
  }, 180_000);

  afterAll(async () => {
    await engine?.destroy();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it('makes credentials at its first start, without which nobody gets in', async () => {
    password = (
      await waitFor(
        () => {
          try {
            return docker('exec', name, 'cat', '/var/lib/longrun/credentials');
          } catch {
            return undefined;
          }
        },
        { timeoutMs: 20_000, what: () => `credentials\n${logs()}` },
      )
    ).trim();
    expect(password).toMatch(/^admin:[\w-]{24}$/);
    let last = '';
    await waitFor(
      async () => {
        const answer = await ask('GET', '/v2/info').catch((error: Error) => ({
          status: 0,
          text: error.message,
        }));
        last = `${answer.status} ${answer.text}`;
        return answer.status === 200;
      },
      { timeoutMs: 20_000, what: () => `an answer; last ${last}\n${logs()}` },
    );
    expect((await fetch(`http://127.0.0.1:${port}/v2/info`)).status).toBe(401);
    expect(logs()).not.toContain(password.split(':')[1]);
  }, 90_000);

  it('runs an app that is posted from outside', async () => {
    const hello = { id: '/hello', cmd: 'while true; do echo hello; sleep 1; done', cpus: 0.1, mem: 32 };
    expect((await ask('POST', '/v2/apps', hello)).status).toBe(201);
    await untilRunning();
  }, 90_000);

  it('keeps tasks of a privileged container apart: limits, and namespaces of their own', async () => {
    expect(await seenOfTask()).toEqual({ memoryBytes: 32 * 1024 * 1024, ownProcesses: true });
    expect(logs()).not.toContain('not isolated');
  }, 30_000);

  it('leaves no zombie behind: its first process reaps what nobody waits for', async () => {
    // Children whose parent is gone before them belong to the first process.
    docker('exec', name, 'sh', '-c', 'for i in 1 2 3; do (sleep 0.2 &) ; done');
    const states = (): string =>
      docker('exec', name, 'sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null || true')
        .split('\n')
        .filter((line) => / Z 1 /.test(line))
        .join('\n');
    await waitFor(() => states() === '', { what: () => `no zombies under the first process: ${states()}` });
    expect(docker('exec', name, 'cat', '/proc/1/comm').trim()).toBe('sh');
  }, 60_000);

  it('recovers on the same volume after a kill -9 of the whole container, and after a stop', async () => {
    docker('kill', '-s', 'KILL', name);
    docker('start', name);
    await untilRunning();
    docker('stop', '-t', '60', name);
    docker('start', name);
    await untilRunning();
    const exit = docker('inspect', '--format', '{{.State.Running}}', name).trim();
    expect(exit).toBe('true');
  }, 150_000);

  it('runs tasks without limits and namespaces where it has no rights for them, and says so', async () => {
    docker('rm', '-f', name);
    // The volume has the app still.
    docker('run', '-d', '--name', name, '-p', `127.0.0.1:${port}:8080`, '-v', 'work:/var/lib/longrun', image);
    await untilRunning();
    expect(await seenOfTask()).toEqual({ memoryBytes: undefined, ownProcesses: false });
    expect(logs()).toMatch(/not isolated: the cgroup hierarchies cannot be written to/);
    expect(logs()).toMatch(/not isolated: namespaces cannot be made here/);
  }, 90_000);
});
