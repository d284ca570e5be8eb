import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allPids, textOf } from '../../../src/embedded-mesos/containers/processes.js';
import { startTicks } from '../../../src/util/process-identity.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot, nobody } from './container-world.js';

if (!isRoot) console.info('skipped: containers with cgroups and other users need root');
const asRoot = isRoot ? describe : describe.skip;

asRoot('a container of processes', () => {
  let world: ContainerWorld;

  beforeEach(async () => {
    world = new ContainerWorld();
    await world.start();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  it('tells the exit status of its command', async () => {
    const [good, bad, killed] = await Promise.all([
      world.run('exit 0'),
      world.run('exit 7'),
      world.run('kill -9 $$'),
    ]);
    expect(good.end).toEqual({ exit: { code: 0 } });
    expect(bad.end).toEqual({ exit: { code: 7 } });
    expect(killed.end).toEqual({ exit: { signal: 9 } });
    expect(world.events.filter(({ type, id }) => type === 'started' && id === good.id)).toHaveLength(1);
  });

  it('tells what it used from its begin to its end', async () => {
    const { id } = await world.run('x=$(head -c 8000000 /dev/zero | tr "\\0" x); printf %s "$x" | wc -c', {
      limits: { cpus: 1, memMiB: 128 },
    });
    const { peakMemoryBytes = 0, cpuSeconds = -1 } = (await world.use(id)) ?? {};
    expect(peakMemoryBytes).toBeGreaterThan(8_000_000);
    expect(cpuSeconds).toBeGreaterThanOrEqual(0);
  });

  it('says started only when the program of the task itself is there', async () => {
    const id = world.launch('exec sleep 300');
    const pid = await world.started(id);
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').slice(0, -1);
    expect([
      ['/bin/sh', '-c', 'exec sleep 300'],
      ['sleep', '300'],
    ]).toContainEqual(words);
  });

  it('runs as the account asked for, in its own session, sandbox and cgroups, with sane signals', async () => {
    const { id } = await world.run(
      'id -u; id -g; id -G; pwd; umask; cat /proc/self/cgroup; grep SigIgn /proc/self/status; ps -o pgid=,sid= -p $$; echo $$',
      {
        account: { ...nobody, groups: [65534, 5] },
      },
    );
    const lines = world.output(id).split('\n');
    const sandbox = join(world.root, 'sandboxes', id);
    expect(lines.slice(0, 5)).toEqual(['65534', '65534', '65534 5', sandbox, '0022']);
    expect(lines.filter((line) => line.includes(`/longrun/${world.instanceId}/${id}`)).length).toBe(
      world.isolation.parents.length,
    );
    expect(world.output(id)).toMatch(/SigIgn:\s+0+\n/);
    const [groupAndSession, pid] = lines.slice(-3);
    expect(groupAndSession?.trim().split(/\s+/)).toEqual([pid, pid]);
    expect(statSync(sandbox)).toMatchObject({ uid: 65534, gid: 65534 });
    expect(statSync(sandbox).mode & 0o777).toBe(0o750);
  });

  it('hands over the environment exactly, odd names and values included, and shows it to nobody else', async () => {
    const environment = [
      { name: 'PLAIN', value: 'a b' },
      { name: 'QUOTED', value: `it's "so" $HOME \`x\` \\ *` },
      { name: 'LINES', value: 'one\ntwo\n' },
      { name: 'PORT_HTTP-API', value: '31000' },
      { name: 'UID', value: 'seven' },
      { name: 'PATH', value: '/usr/bin:/bin' },
      { name: 'TWICE', value: 'first' },
      { name: 'TWICE', value: 'second' },
    ];
    const { id } = await world.run('', {
      command: { shell: false, value: 'env', arguments: ['env', '-0'] },
      environment,
    });
    const got = world.output(id).split('\0').filter(Boolean).sort();
    const sandbox = join(world.root, 'sandboxes', id);
    expect(got).toEqual(
      [
        'PLAIN=a b',
        `QUOTED=it's "so" $HOME \`x\` \\ *`,
        'LINES=one\ntwo\n',
        'PORT_HTTP-API=31000',
        'UID=seven',
        'PATH=/usr/bin:/bin',
        'TWICE=second',
        `MESOS_SANDBOX=${sandbox}`,
        `MESOS_DIRECTORY=${sandbox}`,
        `MESOS_CONTAINER_ID=${id}`,
      ].sort(),
    );
  });

  it('keeps both streams and loses nothing of a task that ends at once', async () => {
    const { id, end } = await world.run('seq 1 20000; echo oops >&2; exit 3');
    expect(end).toEqual({ exit: { code: 3 } });
    expect(world.output(id)).toBe(Array.from({ length: 20_000 }, (_, n) => `${n + 1}\n`).join(''));
    expect(world.output(id, 'stderr')).toBe('oops\n');
  });

  it('lets a task open its standard output by name', async () => {
    const { id } = await world.run('echo by name > /dev/stdout');
    expect(world.output(id)).toBe('by name\n');
  });

  it('fails with a sentence when the program does not exist', async () => {
    const { id, end } = await world.run('', {
      command: { shell: false, value: '/no/such/program', arguments: [] },
    });
    expect(end).toEqual({ exit: { code: 127 } });
    expect(world.output(id, 'stderr')).toContain('/no/such/program');
    const empty = await world.run('', {});
    expect(empty.end.failure).toBe('Failed to launch container: the command is empty');
  });

  it('ends with SIGTERM when asked, within the grace', async () => {
    const id = world.launch(`trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done`);
    await waitFor(
      () => existsSync(join(world.root, 'outputs', id, 'stdout')) && world.output(id).includes('ready'),
    );
    world.containerizer.kill(id, 10_000);
    expect((await world.ended(id)).exit).toEqual({ code: 5 });
    expect(world.output(id)).toBe('ready\nbye\n');
  });

  it('is killed after the grace when it ignores SIGTERM, and a second kill shortens the grace', async () => {
    const id = world.launch(`trap '' TERM; echo ready; while :; do sleep 0.05; done`);
    await waitFor(
      () => existsSync(join(world.root, 'outputs', id, 'stdout')) && world.output(id).includes('ready'),
    );
    const begin = performance.now();
    world.containerizer.kill(id, 600_000);
    world.containerizer.kill(id, 200);
    expect((await world.ended(id)).exit).toEqual({ signal: 9 });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(199);
  });

  it('never runs when it is killed before its launch', async () => {
    const id = world.launch('touch ran; sleep 300');
    world.containerizer.kill(id, 0);
    const end = await world.ended(id);
    expect(end.cancelled).toBe(true);
    expect(existsSync(join(world.root, 'sandboxes', id, 'ran'))).toBe(false);
  });

  it('leaves no child behind that escaped into a session of its own', async () => {
    const { id, end } = await world.run(
      'setsid sh -c "setsid sleep 300 & sleep 300" & (setsid sleep 300 &) ; env -i setsid sleep 300 & sleep 0.1; exit 0',
    );
    expect(end).toEqual({ exit: { code: 0 } });
    expect(world.isolation.members(id)).toEqual([]);
  });

  it('ends a memory hog in a child of the shell as out of memory, though the shell ends well', async () => {
    const { end } = await world.run(
      `sh -c 'x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo $x | wc -c'; sleep 300; exit 0`,
      {
        limits: { cpus: 1, memMiB: 32 },
      },
    );
    expect(end.limitation).toMatchObject({ limitMiB: 32, maxUsedMiB: 32 });
    expect(end.limitation?.message).toMatch(
      /^Memory limit exceeded: Requested: 32MB Maximum Used: 32MB\n\nMEMORY STATISTICS: \n/,
    );
  });

  it('counts files in memory, and ends the hog in tmpfs as out of memory', async () => {
    const file = `/dev/shm/longrun-test-${world.instanceId}`;
    const { end } = await world.run(`head -c 100000000 /dev/zero > ${file}; sleep 300`, {
      limits: { cpus: 1, memMiB: 32 },
    });
    expect(end.limitation).toBeDefined();
    expect(statSync(file).size).toBeLessThan(64 * 1024 * 1024);
    await world.run(`rm -f ${file}`);
  });

  it('ends the whole container when its supervisor is killed', async () => {
    const id = world.launch('setsid sleep 300 & exec sleep 300');
    await world.started(id);
    await waitFor(() => world.isolation.members(id).length >= 2);
    process.kill(world.supervisorPid(id), 'SIGKILL');
    const end = await world.ended(id);
    expect(end.failure).toContain('supervisor');
    expect(world.isolation.members(id)).toEqual([]);
  });

  it('is launched once, however often it is asked, also over a killed launcher', async () => {
    const ids = Array.from({ length: 20 }, () => world.launch('echo run >> ran; exec sleep 300'));
    process.kill(world.containerizer.servants.launcher ?? 0, 'SIGKILL');
    for (const id of ids) await world.started(id);
    await world.restart();
    for (const id of ids) await world.started(id);
    for (const id of ids)
      expect(readFileSync(join(world.root, 'sandboxes', id, 'ran'), 'utf8')).toBe('run\n');
  });

  it('is run by one supervisor: a second one of the same container does nothing', async () => {
    const id = world.launch('echo run >> ran; exec sleep 300');
    await world.started(id);
    const { files } = world.containerizer;
    const mark = `SECOND_LAUNCHER=${id}`;
    const ran = (): string => readFileSync(join(world.root, 'sandboxes', id, 'ran'), 'utf8');
    const supervisor = world.supervisorPid(id);
    const second = spawnSync(
      '/bin/sh',
      [files.launcherScript, files.root, 'own', '--', ...world.isolation.parents],
      {
        input: `65534 65534 65534 ${id}\n`,
        env: { ...process.env, SECOND_LAUNCHER: id },
        timeout: 5_000,
        killSignal: 'SIGKILL',
      },
    );
    expect(second.status).toBe(0);
    // The launcher does not wait for the supervisors that it forks; this one has nothing to do, or runs the task once more.
    await waitFor(
      () =>
        ran() !== 'run\n' ||
        !allPids().some((pid) => textOf(`/proc/${pid}/environ`)?.split('\0').includes(mark)),
      { what: 'the end of the second supervisor' },
    );
    expect(ran()).toBe('run\n');
    // Nor does it take the claim and the pipes of the first one away.
    expect(world.supervisorPid(id)).toBe(supervisor);
    for (const stream of ['stdout', 'stderr'])
      expect(existsSync(join(files.root, 'pipes', `${id}.${stream}`))).toBe(true);
  });

  it('does not take a process for its supervisor that only has the same pid', async () => {
    const id = world.launch('exec sleep 300');
    const pid = await world.started(id);
    const supervisor = world.supervisorPid(id);
    await world.containerizer.stop();
    process.kill(supervisor, 'SIGKILL');
    // What a reused pid looks like: a process has it, but began at another time.
    const stranger = spawn('sleep', ['300']);
    writeFileSync(join(world.root, 'records', `${id}.supervisor`), `1 ${stranger.pid} 1 end\n`);
    await world.restart();
    expect((await world.ended(id)).failure).toContain('supervisor');
    expect([startTicks(pid), startTicks(stranger.pid ?? 0)]).toEqual([undefined, expect.any(String)]);
    stranger.kill('SIGKILL');
  });

  it('is found again after a restart, running or ended meanwhile', async () => {
    const running = world.launch('exec sleep 300');
    const ending = world.launch('sleep 0.3; exit 9');
    const pid = await world.started(running);
    await world.started(ending);
    await world.containerizer.stop();
    await waitFor(() => world.records(ending).includes('exited'));
    await world.restart();
    expect(await world.ended(ending)).toEqual({ exit: { code: 9 } });
    expect(await world.started(running)).toBe(pid);
  });

  it('is destroyed when nobody knows it after a restart', async () => {
    const id = world.launch('exec sleep 300');
    await world.started(id);
    world.specs.delete(id);
    await world.restart();
    await waitFor(() => world.processesOf(id).length === 0 && !world.isolation.containers().includes(id));
    await waitFor(() => world.records(id) === '');
    expect(world.events).toEqual([]);
  });
});

asRoot('the bound on processes', () => {
  it('stops a fork bomb, and the kill leaves nothing of it', async () => {
    const world = new ContainerWorld({ pidsMax: 64 });
    await world.start();
    const id = world.launch(`sh -c 'while :; do sleep 300 & done' & exec sleep 300`);
    await world.started(id);
    await waitFor(() => world.isolation.members(id).length >= 60);
    expect(world.isolation.members(id).length).toBeLessThanOrEqual(64);
    world.containerizer.kill(id, 0);
    await world.ended(id);
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });
});
