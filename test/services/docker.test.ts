import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../e2e/support/command.js';
import { type AppJson, Longrun } from '../e2e/support/longrun.js';
import { waitFor } from '../support/wait-for.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';
import { DockerRegistry } from './support/docker-registry.js';

interface DockerAppJson extends AppJson {
  readonly waiting?: readonly { readonly reason: string }[];
  readonly lastTaskFailure?: { readonly message: string };
  readonly container: { readonly portMappings: readonly { readonly servicePort: number }[] };
}

/** What each wait may take on a slow machine that others use as well. */
const patient = { timeoutMs: 60_000 } as const;

/** Bytes of the image that is pulled over the slow way, and how fast that is: some seconds to look at. */
const IMAGE_BYTES = 8_000_000;
const BYTES_PER_SECOND = 3_000_000;

const imageApp = (
  id: string,
  more: Record<string, unknown> = {},
  image = testImage,
): Record<string, unknown> => ({
  id,
  cpus: 0.05,
  mem: 32,
  backoffSeconds: 1,
  container: { type: 'DOCKER', docker: { image } },
  ...more,
});

/** Answers its task id over HTTP. */
const server = 'echo "$MESOS_TASK_ID" > index.html; exec httpd -f -p 80';
const served = (id: string, image = testImage): Record<string, unknown> =>
  imageApp(id, {
    cmd: `cd /mnt/mesos/sandbox; ${server}`,
    networks: [{ mode: 'container/bridge' }],
    container: {
      type: 'DOCKER',
      docker: { image },
      portMappings: [
        { containerPort: 80, hostPort: 0, name: 'http' },
        { containerPort: 5300, hostPort: 0, protocol: 'udp' },
      ],
    },
    healthChecks: [{ protocol: 'HTTP', path: '/index.html', gracePeriodSeconds: 20, intervalSeconds: 1 }],
    readinessChecks: [{ path: '/index.html', portName: 'http', intervalSeconds: 2, timeoutSeconds: 1 }],
    taskKillGracePeriodSeconds: 1,
    loadBalancer: { drainSeconds: 1 },
  });

describeWithDocker('apps with an image', () => {
  let engine: DockerEngine;
  let registry: DockerRegistry;
  let longrun: Longrun;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'longrun-docker-e2e-'));
    engine = await DockerEngine.start('--live-restore');
    registry = await DockerRegistry.start(BYTES_PER_SECOND);
    const configPath = join(folder, 'config.json');
    writeFileSync(configPath, registry.dockerConfig);
    longrun = await Longrun.start('--docker-socket', engine.socketPath, '--docker-config', configPath);
  }, 90_000);

  afterAll(async () => {
    await longrun?.destroy();
    await registry?.destroy();
    await engine?.destroy();
    rmSync(folder, { recursive: true, force: true });
  }, 90_000);

  const show = async (id: string): Promise<DockerAppJson | undefined> =>
    (await longrun.app(id)) as DockerAppJson | undefined;
  const waitingTexts = async (id: string): Promise<readonly string[]> =>
    ((await show(id))?.waiting ?? []).map(({ reason }) => reason);
  const remove = async (id: string): Promise<void> => {
    await longrun.request('DELETE', `/v2/apps${id}`);
    await waitFor(async () => (await show(id)) === undefined, { ...patient, what: `${id} to be gone` });
  };
  const pullable = async (name: string, bytes: number): Promise<void> => {
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    engine.unpackBusybox(tree);
    writeFileSync(join(tree, 'ballast'), randomBytes(bytes));
    await engine.importFolder(tree, 'longrun-test/pushed:1');
    rmSync(tree, { recursive: true });
    await registry.push(engine, 'longrun-test/pushed:1', name);
    await engine.docker.getImage('longrun-test/pushed:1').remove();
  };
  const setSecret = async (path: string, value: string): Promise<void> => {
    const file = join(folder, 'value');
    writeFileSync(file, value, { mode: 0o600 });
    const words = ['secret', 'set', path, '--file', file, '--url', longrun.ready.api];
    expect(runCommand(words)).toMatchObject({ status: 0 });
    rmSync(file);
  };
  const outputsOf = (stream: string): readonly string[] => {
    const outputs = join(longrun.workDir, 'agent/outputs');
    return readdirSync(outputs)
      .map((id) => join(outputs, id, stream))
      .map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : ''));
  };
  const textOver = async (port: number): Promise<string> =>
    fetch(`http://127.0.0.1:${port}/index.html`).then(async (answer) => (await answer.text()).trim());
  /** Whether anybody on this host listens for datagrams on a port. */
  const isOpenForUdp = (port: number): boolean =>
    readFileSync('/proc/net/udp', 'utf8').includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);

  it('are pulled from a private registry with its progress in sight, checked, ready, and served over mapped ports', async () => {
    await pullable('private/web:1', IMAGE_BYTES);
    const image = `${registry.slowAddress}/private/web:1`;
    const answer = await longrun.request('POST', '/v2/apps', served('/web', image));
    expect(answer.body).toMatchObject({ id: '/web' });
    const seen = new Set<string>();
    await waitFor(
      async () => {
        for (const text of await waitingTexts('/web')) seen.add(text);
        seen.add((await show('/web'))?.lastTaskFailure?.message ?? '');
        return [...seen].some((text) => /Pulling image .* \d+ of \d+ layers, [\d.]+ of [\d.]+ MB/.test(text));
      },
      { ...patient, what: () => `the pull's progress; seen ${[...seen].join('; ')}` },
    );
    const app = (await longrun.settled('/web')) as DockerAppJson;
    expect(app).toMatchObject({ tasksRunning: 1, tasksHealthy: 1 });
    const [task] = app.tasks;
    const [http = 0, udp = 0] = task?.ports ?? [];
    expect(await textOver(http)).toBe(task?.id);
    expect(isOpenForUdp(udp)).toBe(true);
    const servicePort = app.container.portMappings[0]?.servicePort ?? 0;
    expect(await waitFor(() => textOver(servicePort).catch(() => undefined), patient)).toBe(task?.id);
    await remove('/web');
  }, 240_000);

  it('are refused their image without a login, with the registry’s words', async () => {
    await pullable('private/other:1', 1_000);
    // The same registry under a name for which there is no login.
    const image = `localhost:${registry.address.split(':')[1]}/private/other:1`;
    await longrun.request('POST', '/v2/apps', imageApp('/stranger', { cmd: 'sleep 100' }, image));
    const failure = await waitFor(async () => (await show('/stranger'))?.lastTaskFailure ?? undefined, {
      ...patient,
      what: 'the failure',
    });
    expect(failure.message).toMatch(/private\/other.*(auth|denied|credentials)/);
    await remove('/stranger');
    const withSecret = (id: string, secret: string): Record<string, unknown> => ({
      ...imageApp(id, { cmd: 'sleep 100', secrets: { pull: { source: secret } } }),
      container: { type: 'MESOS', docker: { image, pullConfig: { secret: 'pull' } } },
    });
    const { auths } = JSON.parse(registry.dockerConfig) as { auths: Record<string, unknown> };
    await setSecret('/nonsense', 'no-configuration-77ac');
    await longrun.request('POST', '/v2/apps', withSecret('/nonsense', '/nonsense'));
    const refused = await waitFor(async () => (await show('/nonsense'))?.lastTaskFailure ?? undefined, {
      timeoutMs: 60_000,
      what: 'the failure of a login without form',
    });
    expect(refused.message).toContain('secret of pullConfig is not of the form that `docker login` writes');
    expect(refused.message).not.toContain('no-configuration-77ac');
    await remove('/nonsense');
    await setSecret(
      '/login',
      JSON.stringify({ auths: { [image.split('/')[0] ?? '']: Object.values(auths)[0] } }),
    );
    await longrun.deploy(withSecret('/insider', '/login'));
    await remove('/insider');
  }, 240_000);

  it('have a terminal when they ask for one, its output in their files, with a prompt that has no end', async () => {
    const cmd = 'tty; test -t 0 -a -t 1 -a -t 2 && printf "is a terminal\\n$ "; exec sleep 100';
    await longrun.deploy(imageApp('/terminal', { cmd, tty: true, labels: { shows: 'terminal' } }));
    const said = await waitFor(() => outputsOf('stdout').find((text) => text.includes('is a terminal')), {
      ...patient,
      what: 'its output',
    });
    expect(said).toMatch(/^\/dev\/\S+\r\nis a terminal\r\n/);
    await remove('/terminal');
    await waitFor(() => outputsOf('stdout').some((text) => text.endsWith('is a terminal\r\n$ ')), {
      ...patient,
      what: 'the prompt, once nothing comes after it',
    });
  }, 180_000);

  it('get their secrets as variable and file, which are renewed, cannot be changed, and lie on no disk of ours', async () => {
    const [first, second] = ['first-value-5b1c', 'second-value-93fe'];
    await setSecret('/password', first);
    await setSecret('/token', first);
    const sum = (value: string): string => createHash('sha256').update(value).digest('hex');
    const token = '/mnt/mesos/sandbox/keys/token';
    const cmd = `echo "env $(printf %s "$PASSWORD" | sha256sum)"; echo x >>${token} || echo refused; while true; do echo "file $(sha256sum <${token})"; sleep 0.2; done`;
    await longrun.deploy(
      imageApp('/keeper', {
        cmd,
        secrets: { password: { source: '/password' }, token: { source: 'token' } },
        env: { PASSWORD: { secret: 'password' } },
        container: {
          type: 'DOCKER',
          docker: { image: testImage },
          volumes: [{ containerPath: 'keys/token', secret: 'token', refresh: true }],
        },
      }),
    );
    const said = (): string => outputsOf('stdout').find((text) => text.startsWith('env ')) ?? '';
    await waitFor(() => said().includes(`file ${sum(first)}`), {
      ...patient,
      what: () => `the file; so far ${said()}`,
    });
    expect(said()).toContain(`env ${sum(first)}`);
    expect(said()).toContain('refused');
    await setSecret('/token', second);
    await waitFor(() => said().includes(`file ${sum(second)}`), {
      ...patient,
      what: 'the new value in the file',
    });
    const kept = readdirSync(longrun.workDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => [first, second].some((value) => readFileSync(path, 'latin1').includes(value)));
    expect(kept).toEqual([]);
    const inMemory = (): readonly string[] =>
      ['/run', '/dev/shm']
        .map((base) => join(base, `longrun-${longrun.instanceId}`, 'secrets'))
        .flatMap((path) => (existsSync(path) ? readdirSync(path) : []));
    expect(inMemory()).toHaveLength(1);
    await remove('/keeper');
    await waitFor(() => inMemory().length === 0, { ...patient, what: 'the values to be gone' });
  }, 240_000);

  it('say which limit of memory they met', async () => {
    const cmd = 'exec dd if=/dev/zero of=/dev/null bs=200M count=1';
    await longrun.request('POST', '/v2/apps', imageApp('/greedy', { cmd }));
    const failure = await waitFor(async () => (await show('/greedy'))?.lastTaskFailure, patient);
    expect(failure).toMatchObject({ message: expect.stringContaining('limit of 32 MiB') });
    await remove('/greedy');
  }, 150_000);

  it('run on over a restart of the engine and a kill -9 of the agent, with every line of output once', async () => {
    const cmd = 'i=0; while true; do i=$((i+1)); echo "line $i"; sleep 0.02; done';
    const before = await longrun.deploy(imageApp('/steady', { cmd }));
    const containers = await waitFor(async () => {
      const all = await engine.containers();
      return all.length === 1 && all;
    }, patient);
    const task = before.tasks[0]?.id;
    await engine.suspend('SIGKILL');
    await waitFor(() => longrun.output.join('').includes('the Docker engine is out of reach'), {
      ...patient,
      what: 'the agent to notice',
    });
    process.kill(longrun.parts().agent[0] ?? 0, 'SIGKILL');
    await engine.resume();
    const outputs = join(longrun.workDir, 'agent/outputs');
    const lines = (): string[] =>
      readdirSync(outputs)
        .map((id) => join(outputs, id, 'stdout'))
        .map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : ''))
        .find((text) => text.startsWith('line 1\n'))
        ?.trimEnd()
        .split('\n') ?? [];
    const had = lines().length;
    await waitFor(() => lines().length > had + 100, {
      ...patient,
      what: () => `more output\n${longrun.output.join('').slice(-4_000)}`,
    });
    const all = lines();
    expect(all).toEqual(all.map((_, index) => `line ${index + 1}`));
    expect((await longrun.app('/steady'))?.tasks.map(({ id }) => id)).toEqual([task]);
    expect(await engine.containers()).toEqual(containers);
    await remove('/steady');
  }, 240_000);

  it('wait for an engine that is not there, say so, and run when it is', async () => {
    await engine.suspend('SIGTERM');
    await longrun.request('POST', '/v2/apps', imageApp('/patient', { cmd: 'exec sleep 1000' }));
    await waitFor(
      async () => (await waitingTexts('/patient')).some((text) => text.includes('out of reach')),
      { ...patient, what: 'the reason' },
    );
    await engine.resume();
    expect(await longrun.settled('/patient')).toMatchObject({ tasksRunning: 1 });
    await remove('/patient');
    await waitFor(async () => (await engine.containers()).length === 0, {
      ...patient,
      what: 'an engine without containers',
    });
  }, 180_000);
});
