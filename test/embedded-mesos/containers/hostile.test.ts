import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ioDeviceOf } from '../../../src/embedded-mesos/containers/isolation/io-device.js';
import { allPids, textOf } from '../../../src/embedded-mesos/containers/processes.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot } from './container-world.js';

const asRoot = isRoot ? describe : describe.skip;
const MIB = 1024 * 1024;

asRoot('a hostile task', () => {
  let world: ContainerWorld;

  beforeEach(async () => {
    world = new ContainerWorld({ pidsMax: 64, fileBytes: MIB, files: 3, warm: 1 });
    await world.start();
    await world.warm(1);
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  const says = (id: string, text: string): Promise<unknown> =>
    waitFor(() => existsSync(join(world.root, 'outputs', id, 'stdout')) && world.output(id).includes(text), {
      what: () => `"${text}" in the output`,
    });

  it('that forks without end has as many processes as it may, and others start and end as ever', async () => {
    const bomb = world.launch('bomb() { bomb | bomb & }; bomb; sleep 300', {
      limits: { cpus: 0.1, memMiB: 64, cpusLimit: 0.5, pids: 24 },
    });
    await world.started(bomb);
    await waitFor(() => world.isolation.members(bomb).length >= 20, { what: 'the bomb to go off' });
    const { end } = await world.run('exit 4');
    expect(end).toEqual({ exit: { code: 4 } });
    expect(world.isolation.members(bomb).length).toBeLessThanOrEqual(24);
    world.containerizer.kill(bomb, 0);
    await world.ended(bomb);
    expect(world.isolation.members(bomb)).toEqual([]);
  });

  it('that takes memory is ended for it, with its limit and its use told', async () => {
    const { end } = await world.run('head -c 200000000 /dev/zero | tail -c 190000000 >/dev/null; exit 3', {
      limits: { cpus: 0.5, memMiB: 48 },
    });
    expect(end.limitation).toMatchObject({ limitMiB: 48 });
    expect(end.limitation?.message).toMatch(/^Memory limit exceeded: Requested: 48MB Maximum Used: 4[78]MB/);
  });

  it('that takes more than it asked for, up to a higher limit, is let alone', async () => {
    const { id, end } = await world.run('head -c 60000000 /dev/zero | tail -c 60000000 | wc -c', {
      limits: { cpus: 0.5, memMiB: 32, memLimitMiB: Number.POSITIVE_INFINITY },
    });
    expect(end).toEqual({ exit: { code: 0 } });
    expect(world.output(id)).toBe('60000000\n');
  });

  it('that takes memory as files of a tmpfs is ended for it too, and gives it back', async () => {
    const { end } = await world.run('head -c 200000000 /dev/zero >/dev/shm/full; exit 3', {
      limits: { cpus: 0.5, memMiB: 48 },
      isolation: 'strict',
    });
    expect(end.limitation).toMatchObject({ limitMiB: 48 });
    expect(existsSync('/dev/shm/full')).toBe(false);
  });

  it('that computes without end is held back at its quota', async () => {
    const id = world.launch('echo go; while :; do :; done', {
      limits: { cpus: 0.1, memMiB: 32, cpusLimit: 0.2 },
    });
    await says(id, 'go');
    await waitFor(() => (world.containerizer.statistics(id)?.cpus_nr_throttled ?? 0) > 3, {
      what: 'the kernel to hold it back',
    });
    expect(world.containerizer.statistics(id)?.cpus_limit).toBe(0.2);
  });

  it('that may compute without limit is not held back', async () => {
    const id = world.launch(
      'echo go; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 300',
      {
        limits: { cpus: 0.1, memMiB: 32, cpusLimit: Number.POSITIVE_INFINITY },
      },
    );
    await says(id, 'done');
    expect(world.containerizer.statistics(id)?.cpus_nr_throttled).toBe(0);
  });

  it('that writes twenty times what is kept keeps no more than it may', async () => {
    const { id, end } = await world.run('head -c 60000000 /dev/zero | tr "\\0" "x"; exit 2', {
      limits: { cpus: 1, memMiB: 64 },
    });
    expect(end).toEqual({ exit: { code: 2 } });
    const folder = join(world.root, 'outputs', id);
    const files = readdirSync(folder).filter((name) => name.startsWith('stdout'));
    expect(files.sort()).toEqual(['stdout', 'stdout.1', 'stdout.2']);
    for (const name of files) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(MIB);
  });

  it('that opens files without end gets a bounded number', async () => {
    const script =
      'const fs=require("fs");let n=0;try{for(;;){fs.openSync("/dev/null");n++}}catch(e){console.log(e.code,n)}';
    const { id } = await world.run('', {
      command: { shell: false, value: process.execPath, arguments: ['node', '-e', script] },
      limits: { cpus: 1, memMiB: 512 },
    });
    const [code, opened] = world.output(id).trim().split(' ');
    expect(code).toBe('EMFILE');
    // Node asks for all that it may have: this host's own bound.
    const hard = spawnSync('sh', ['-c', 'ulimit -H -n'], { encoding: 'utf8' }).stdout.trim();
    expect(Number(opened)).toBeLessThanOrEqual(hard === 'unlimited' ? 2 ** 20 : Number(hard));
  });

  it('that hides in sessions of its own is ended whole', async () => {
    const id = world.launch(
      'for n in 1 2 3; do (setsid sh -c "(setsid env -i sleep 7531\\$0 &) ; exit" $n &); done; echo hidden; trap "" TERM; while :; do sleep 0.05; done',
    );
    await says(id, 'hidden');
    await waitFor(
      () =>
        allPids().filter((pid) => textOf(`/proc/${pid}/cmdline`)?.startsWith('sleep\x007531')).length === 3,
    );
    world.containerizer.kill(id, 50);
    expect((await world.ended(id)).exit).toEqual({ signal: 9 });
    expect(allPids().some((pid) => textOf(`/proc/${pid}/cmdline`)?.startsWith('sleep\x007531'))).toBe(false);
  });

  it('that asks for a bounded share of the disk gets that bound', async () => {
    const device = ioDeviceOf(join(world.root, 'sandboxes'));
    if (device === undefined) return console.info('skipped: this folder lies on no disk of its own');
    mkdirSync(join(world.root, 'bounds'), { recursive: true });
    const id = world.launch('echo go; exec sleep 300', {
      limits: {
        cpus: 0.1,
        memMiB: 32,
        io: { bytesPerSecond: 8 * MIB, operationsPerSecond: 500, weight: 50 },
      },
    });
    await says(id, 'go');
    const files =
      world.isolation.kind === 'cgroup-v1'
        ? ['blkio.throttle.write_bps_device', 'blkio.throttle.read_iops_device']
        : ['io.max'];
    const [group = ''] = [
      ...world.isolation.furtherGroups(id, { cpus: 1, memMiB: 1, io: {} }),
      ...world.isolation.parents.map((parent) => join(parent, id)),
    ];
    const texts = files.map((file) => readFileSync(join(group, file), 'utf8')).join(' ');
    expect(texts).toContain(device);
    expect(texts).toContain(String(8 * MIB));
    expect(texts).toContain('500');
    const [pid] = world.isolation.members(id);
    expect(readFileSync(join(group, 'cgroup.procs'), 'utf8')).toBe(`${pid}\n`);
  });
});
