import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ContainerEnd,
  ContainerEvent,
  ContainerSpec,
} from '../../src/embedded-mesos/containers/containerizer.js';
import { DockerContainerizer } from '../../src/embedded-mesos/containers/docker/docker-containerizer.js';
import { silentLog } from '../../src/logging/log.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { waitFor } from '../support/wait-for.js';
import { describeWithDocker } from './support/describe-with-docker.js';
import { DockerEngine, testImage } from './support/docker-engine.js';

describeWithDocker('containers of a real engine', () => {
  let engine: DockerEngine;
  let root: string;
  let instanceId: string;
  let events: ContainerEvent[];
  let containerizer: DockerContainerizer;

  beforeAll(async () => {
    engine = await DockerEngine.start();
  }, 60_000);
  afterAll(async () => engine.destroy(), 60_000);

  const make = (socket = engine.socketPath): DockerContainerizer =>
    new DockerContainerizer({
      root,
      socketPath: socket,
      instanceId,
      rules: { allowPrivileged: false, allowParameters: [] },
      pidsMax: 100,
      output: { fileBytes: 1024 * 1024, files: 3 },
      onEvent: (event) => events.push(event),
      clock: new SystemClock(),
      dice: new SystemDice(),
      log: silentLog,
    });
  const specOf = (value: string, memMiB = 64): ContainerSpec => ({
    id: randomUUID(),
    command: { shell: true, value, arguments: [] },
    environment: [{ name: 'GREETING', value: 'hello' }],
    limits: { cpus: 0.2, memMiB },
    docker: {
      taskId: 'test.1',
      image: testImage,
      forcePullImage: false,
      privileged: false,
      network: { kind: 'host' },
      portMappings: [],
      parameters: [],
      volumes: [],
    },
  });
  const endOf = (id: string): Promise<ContainerEnd> =>
    waitFor(
      () => events.flatMap((event) => (event.type === 'ended' && event.id === id ? [event.end] : []))[0],
      { what: `the end of ${id}`, timeoutMs: 20_000 },
    );
  const started = (id: string): Promise<boolean> =>
    waitFor(() => events.some((event) => event.type === 'started' && event.id === id), {
      what: `the start of ${id}`,
      timeoutMs: 20_000,
    });
  const stdout = (id: string): string => {
    const path = join(root, 'outputs', id, 'stdout');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'longrun-docker-'));
    instanceId = `test${randomUUID().slice(0, 8)}`;
    events = [];
    containerizer = make();
    await containerizer.start([]);
  });

  afterEach(async () => {
    await containerizer.stop();
    // A start that knows of no container removes all that carry this work dir's label.
    containerizer = make();
    await containerizer.start([]);
    await containerizer.stop();
    rmSync(root, { recursive: true, force: true });
  });

  it('runs a command with its environment and sandbox, and tells exit and output', async () => {
    const spec = specOf('echo "$GREETING"; echo kept > /mnt/mesos/sandbox/file; exit 3');
    containerizer.launch(spec);
    expect(await endOf(spec.id)).toEqual({ exit: { code: 3 } });
    expect(stdout(spec.id)).toBe('hello\n');
    expect(readFileSync(join(root, 'sandboxes', spec.id, 'file'), 'utf8')).toBe('kept\n');
  });

  it('finds its containers again after a restart, with every line once, and runs none twice', async () => {
    const spec = specOf('i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo $i; sleep 0.05; done');
    containerizer.launch(spec);
    await waitFor(() => stdout(spec.id).includes('5\n'), { what: 'some lines' });
    await containerizer.stop();
    const before = stdout(spec.id);
    containerizer = make();
    await containerizer.start([{ spec }]);
    expect(await endOf(spec.id)).toEqual({ exit: { code: 0 } });
    expect(before).not.toContain('40\n');
    expect(stdout(spec.id)).toBe(Array.from({ length: 40 }, (_, index) => `${index + 1}\n`).join(''));
  });

  it('says the same end again to a new life, until it is forgotten', async () => {
    const spec = specOf('exit 5');
    containerizer.launch(spec);
    const first = await endOf(spec.id);
    await containerizer.stop();
    events = [];
    containerizer = make();
    await containerizer.start([{ spec }]);
    expect(await endOf(spec.id)).toEqual(first);
  });

  it('refuses what the operator does not allow, and tells of an image that cannot be had', async () => {
    const plain = specOf('true');
    if (!plain.docker) throw new Error('no docker part');
    const privileged = { ...plain, docker: { ...plain.docker, privileged: true } };
    const absent = { ...specOf('true'), docker: { ...plain.docker, image: '127.0.0.1:1/no/such:1' } };
    containerizer.launch(privileged);
    containerizer.launch(absent);
    expect((await endOf(privileged.id)).failure).toMatch('--docker-allow-privileged');
    expect((await endOf(absent.id)).failure).toMatch('Failed to launch container');
  });

  it('mounts what the task shall see, read-only where it shall not write', async () => {
    const source = join(root, 'seen');
    writeFileSync(source, 'from the host');
    const plain = specOf('cat /seen within/seen; echo no > /seen || exit 9');
    const mounts = ['/seen', 'within/seen'].map((target) => ({ source, target, readOnly: true }));
    containerizer.launch({
      ...plain,
      command: { ...plain.command, value: `cd /mnt/mesos/sandbox; ${plain.command.value}` },
      mounts,
    });
    expect(await endOf(plain.id)).toEqual({ exit: { code: 9 } });
    expect(stdout(plain.id)).toBe('from the hostfrom the host');
    expect(readFileSync(source, 'utf8')).toBe('from the host');
  });

  it('says how to join a container: its main process, namespaces and cgroups', async () => {
    const spec = specOf('exec sleep 30');
    containerizer.launch(spec);
    await started(spec.id);
    const entrance = await containerizer.entrance(spec.id);
    expect(entrance?.environment).toContainEqual({ name: 'GREETING', value: 'hello' });
    expect(entrance?.namespaces).toEqual(['pid', 'ipc', 'mount', 'uts']);
    const pid = String(entrance?.pid);
    for (const group of entrance?.cgroups ?? [])
      expect(readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n')).toContain(pid);
    expect(entrance?.cgroups.length).toBeGreaterThan(0);
  });

  it('is counted by the groups that the engine keeps it in, as any other container', async () => {
    const spec = specOf('while :; do :; done');
    if (!spec.docker) throw new Error('no docker part');
    containerizer.launch({ ...spec, docker: { ...spec.docker, network: { kind: 'none' } } });
    await started(spec.id);
    const statistics = await waitFor(
      () => {
        const now = containerizer.statistics(spec.id);
        return (now?.cpus_user_time_secs ?? 0) > 0.05 ? now : undefined;
      },
      { what: 'processor time' },
    );
    expect(statistics).toMatchObject({
      cpus_soft_limit: 0.2,
      mem_limit_bytes: 64 * 1024 * 1024,
      net_rx_bytes: 0,
    });
    expect(statistics.processes).toBeGreaterThanOrEqual(1);
    expect(statistics.mem_working_set_bytes).toBeGreaterThan(0);
    expect(statistics.mem_working_set_bytes).toBeLessThan(64 * 1024 * 1024);
    containerizer.kill(spec.id, 0);
    await endOf(spec.id);
    expect(containerizer.statistics(spec.id)).toBeUndefined();
  });

  it('says that the engine is out of reach, and ends nothing for it', async () => {
    const lost = make('/nonexistent/docker.sock');
    await lost.start([{ spec: specOf('true') }]);
    await waitFor(() => lost.problem !== undefined, { what: 'the problem' });
    expect(lost.gaps.join()).toMatch('out of reach');
    expect(events).toMatchObject([{ type: 'progress', message: expect.stringContaining('out of reach') }]);
    await lost.stop();
  });
});
