import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../../../src/embedded-mesos/containers/containerizer.js';
import { allPids, textOf } from '../../../src/embedded-mesos/containers/processes.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot, nobody } from './container-world.js';

const asRoot = isRoot ? describe : describe.skip;
const root: Account = { name: 'root', uid: 0, gid: 0, groups: [0] };

/** What a task sees and may do, said by itself; one line each. */
const look = [
  'echo "pid $$"',
  'echo "first $(tr "\\0" " " </proc/1/cmdline | cut -d" " -f1)"',
  'echo "processes $(ls /proc | grep -c "^[0-9]")"',
  'echo "ipc $(readlink /proc/self/ns/ipc)"',
].join('; ');

asRoot('a container with namespaces of its own', () => {
  let world: ContainerWorld;

  beforeEach(async () => {
    world = new ContainerWorld();
    await world.start();
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  const written = (id: string, text: string): Promise<unknown> =>
    waitFor(() => existsSync(join(world.root, 'outputs', id, 'stdout')) && world.output(id).includes(text), {
      what: () => `"${text}" in the output`,
    });

  it('sees its own processes only, and is not the first of them', async () => {
    const { id, end } = await world.run(look);
    expect(end).toEqual({ exit: { code: 0 } });
    expect(world.output(id)).toContain('pid 2\nfirst /bin/sh\n');
    expect(Number(/processes (\d+)/.exec(world.output(id))?.[1])).toBeLessThan(8);
    expect(world.output(id)).not.toContain(readlinkSync('/proc/self/ns/ipc'));
  });

  it('ends at SIGTERM without a handler, as anywhere', async () => {
    const id = world.launch('echo ready; exec sleep 300');
    await written(id, 'ready');
    world.containerizer.kill(id, 60_000);
    expect((await world.ended(id)).exit).toEqual({ signal: 15 });
  });

  it('has its orphans reaped, and all that it leaves behind ended with it', async () => {
    const id = world.launch(
      '(setsid sh -c "sleep 0.01; exit" & ); (setsid sleep 4321 & ); sleep 0.3; ps -eo stat= | grep -c Z; echo looked; while ! [ -e go ]; do sleep 0.02; done',
    );
    await written(id, 'looked');
    expect(world.output(id)).toBe('0\nlooked\n');
    const left = world.isolation.members(id).length;
    expect(left).toBeGreaterThanOrEqual(2);
    writeFileSync(join(world.root, 'sandboxes', id, 'go'), '');
    expect(await world.ended(id)).toEqual({ exit: { code: 0 } });
    expect(allPids().some((pid) => textOf(`/proc/${pid}/cmdline`) === 'sleep\x004321\0')).toBe(false);
  });

  it('is alone with what `kill -9 -1` of its user reaches', async () => {
    const neighbour = world.launch('echo ready; exec sleep 300');
    await written(neighbour, 'ready');
    const { end } = await world.run('(sleep 0.2; kill -9 -1) & exec sleep 300');
    expect(end).toEqual({ exit: { signal: 9 } });
    expect(world.isolation.members(neighbour)).toHaveLength(1);
    expect(world.events.some(({ type, id }) => type === 'ended' && id === neighbour)).toBe(false);
  });

  it('ends when the supervisor is killed, with everything in its namespaces', async () => {
    const id = world.launch('(setsid sleep 300 &); exec sleep 300');
    await world.started(id);
    process.kill(world.supervisorPid(id), 'SIGKILL');
    expect((await world.ended(id)).failure).toContain('supervisor');
    await waitFor(() => world.processesOf(id).length === 0, { what: 'the end of all processes' });
  });

  it('tells how to join it: process, namespaces, account, groups, environment and folder', async () => {
    const id = world.launch('exec sleep 300', { environment: [{ name: 'COLOUR', value: 'red' }] });
    const pid = await world.started(id);
    const entrance = await world.containerizer.entrance(id);
    expect(entrance).toMatchObject({
      pid,
      namespaces: ['pid', 'ipc', 'mount'],
      account: nobody,
      workingFolder: join(world.root, 'sandboxes', id),
    });
    expect(entrance?.environment).toContainEqual({ name: 'COLOUR', value: 'red' });
    for (const group of entrance?.cgroups ?? [])
      expect(readFileSync(join(group, 'cgroup.procs'), 'utf8')).toBe(`${pid}\n`);
    world.containerizer.kill(id, 0);
    await world.ended(id);
    expect(await world.containerizer.entrance(id)).toBeUndefined();
  });

  it('is found again after a restart of the agent, and joined as before', async () => {
    const id = world.launch('while ! [ -e go ]; do sleep 0.02; done; exit 9');
    const pid = await world.started(id);
    await world.restart();
    expect(await world.started(id)).toBe(pid);
    expect(await world.containerizer.entrance(id)).toMatchObject({
      pid,
      namespaces: ['pid', 'ipc', 'mount'],
    });
    writeFileSync(join(world.root, 'sandboxes', id, 'go'), '');
    expect(await world.ended(id)).toEqual({ exit: { code: 9 } });
  });

  it('sees the folders and files mounted for it, and cannot write to those that are read-only', async () => {
    const source = join(world.root, 'a source');
    mkdirSync(source);
    chmodSync(world.root, 0o711);
    chmodSync(source, 0o777);
    writeFileSync(join(source, 'word'), "it's here\n");
    const { id, end } = await world.run(
      'cat data/word secret /mnt/word; echo x >data/new && echo wrote; echo x >/mnt/no || echo refused; echo x >secret || echo refused',
      {
        mounts: [
          { source, target: 'data', readOnly: false },
          { source, target: '/mnt', readOnly: true },
          { source: join(source, 'word'), target: 'secret', readOnly: true },
        ],
      },
    );
    expect(end).toEqual({ exit: { code: 0 } });
    expect(world.output(id)).toBe("it's here\nit's here\nit's here\nwrote\nrefused\nrefused\n");
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('x\n');
    expect(existsSync(join(source, 'no'))).toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(id);
  });

  it.each([
    [{ source: '/nowhere', target: 'data', readOnly: true }, 'source /nowhere does not exist'],
    [{ source: '/usr', target: '../other', readOnly: true }, 'leads out of the sandbox'],
    [{ source: '/usr', target: '/nowhere/at/all', readOnly: true }, 'does not exist on this host'],
    [{ source: '/usr', target: 'link/data', readOnly: true }, 'leads over the link link'],
    [{ source: '/etc/passwd', target: '/mnt', readOnly: true }, 'is a file, its path /mnt is a folder'],
  ])('refuses the mount %j', async (mount, why) => {
    const id = world.containerizer.nextId();
    mkdirSync(join(world.root, 'sandboxes', id));
    symlinkSync('/tmp', join(world.root, 'sandboxes', id, 'link'));
    const limits = { cpus: 0.1, memMiB: 64 };
    const command = { shell: true, value: 'true', arguments: [] };
    world.specs.set(id, { id, command, environment: [], limits });
    world.containerizer.launch({ id, command, environment: [], limits, account: nobody, mounts: [mount] });
    expect((await world.ended(id)).failure).toContain(why);
  });

  const probe = [
    'grep -E "NoNewPrivs|CapBnd" /proc/self/status | tr -d "\\t"',
    'echo "by name" >/dev/stdout',
    'touch /tmp/mine /var/tmp/mine2 /dev/shm/mine3 mine4 && echo "own places"',
    '[ -e "$MESOS_SANDBOX/mine4" ] && echo "by its path"',
    'for place in / /etc /home /run /usr /sys/kernel; do touch $place/mine 2>/dev/null && echo "wrote $place"; done',
    'ls /tmp',
    `ls -l ${'$'}MESOS_SANDBOX/.. 2>&1 | grep -c sandboxes`,
    'grep -c " ro[, ]" /proc/self/mountinfo >/dev/null && echo "read-only"',
  ].join('; ');

  it.each([
    ['nobody', nobody, '0000000000000000'],
    ['root', root, '00000000000405fb'],
  ])('is bounded as %s when it asks for strict isolation', async (_name, account, rights) => {
    const { id, end } = await world.run(probe, { account, isolation: 'strict' });
    expect(world.output(id, 'stderr')).toBe('');
    expect(end).toEqual({ exit: { code: 0 } });
    const output = world.output(id);
    expect(output).toContain('NoNewPrivs:1');
    expect(output).toContain(`CapBnd:${rights}`);
    expect(output).toContain('by name');
    expect(output).toContain('own places');
    expect(output).toContain('by its path');
    expect(output).toContain('read-only');
    expect(output).not.toContain('wrote');
    for (const path of ['/tmp/mine', '/var/tmp/mine2', '/dev/shm/mine3'])
      expect(existsSync(path)).toBe(false);
    expect(existsSync(join(world.root, 'sandboxes', id, 'mine4'))).toBe(true);
    expect(existsSync(join(world.root, 'sandboxes', id, 'tmp', 'mine'))).toBe(true);
  });

  it('may write to a volume in strict isolation too, if that is not read-only', async () => {
    const source = join(world.root, 'source');
    mkdirSync(source);
    chmodSync(world.root, 0o711);
    chmodSync(source, 0o777);
    const { id, end } = await world.run('echo x >data/one && echo x >/mnt/two', {
      isolation: 'strict',
      mounts: [
        { source, target: 'data', readOnly: false },
        { source, target: '/mnt', readOnly: false },
      ],
    });
    expect(world.output(id, 'stderr')).toBe('');
    expect(end).toEqual({ exit: { code: 0 } });
    expect(['one', 'two'].every((name) => existsSync(join(source, name)))).toBe(true);
  });
});

asRoot('an agent that makes no namespaces', () => {
  it('runs tasks among the host’s processes, says so, and refuses what needs namespaces', async () => {
    const world = new ContainerWorld({ isolationLevel: 'none' });
    await world.start();
    expect(world.containerizer.gaps).toEqual([expect.stringContaining('--isolation none')]);
    const { id } = await world.run(look);
    expect(world.output(id)).toContain(`ipc ${readlinkSync('/proc/self/ns/ipc')}`);
    const strict = await world.run('true', { isolation: 'strict' });
    expect(strict.end.failure).toContain(
      'it asks for strict isolation, but the agent runs with --isolation none',
    );
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });
});

asRoot('an agent with strict isolation', () => {
  it('bounds every task', async () => {
    const world = new ContainerWorld({ isolationLevel: 'strict', warm: 1 });
    await world.start();
    await world.warm(1);
    const { id } = await world.run('grep NoNewPrivs /proc/self/status');
    expect(world.output(id)).toContain('NoNewPrivs:\t1');
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });
});
