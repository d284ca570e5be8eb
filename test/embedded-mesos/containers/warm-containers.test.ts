import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  FIRST_PAUSE_MS,
  LONGEST_PAUSE_MS,
  pauseAfter,
  rests,
  toMake,
} from '../../../src/embedded-mesos/containers/decide/warm-stock.js';
import { noNamespaces } from '../../../src/embedded-mesos/containers/isolation/namespaces.js';
import { prepareContainer } from '../../../src/embedded-mesos/containers/prepare-container.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';
import { startTicks } from '../../../src/util/process-identity.js';
import { waitFor } from '../support/patient-wait.js';
import { ContainerWorld, isRoot, nobody } from './container-world.js';
import { launcherFormat2 } from './launcher-format-2.js';
import { supervisorFormat1 } from './supervisor-format-1.js';

const asRoot = isRoot ? describe : describe.skip;

asRoot('a container that waits for its launch', () => {
  let world: ContainerWorld;
  const pidsIn = (id: string, kind: string): number =>
    Number(/^1 (\d+)/.exec(readFileSync(join(world.root, 'records', `${id}.${kind}`), 'utf8'))?.[1]);
  const waiting = (): string[] =>
    readdirSync(join(world.root, 'records'))
      .filter((name) => name.endsWith('.warm'))
      .map((name) => name.slice(0, -5));

  beforeEach(async () => {
    world = new ContainerWorld({ warm: 3 });
    await world.start();
    await world.warm(3);
  });

  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  it('becomes the task: its process, account, limits, groups and signals, and its output is kept', async () => {
    const ready = waiting();
    const id = world.launch('id -u; pwd; umask; grep SigIgn /proc/self/status; echo $$; exec sleep 300', {
      account: nobody,
      limits: { cpus: 0.5, memMiB: 48 },
    });
    expect(ready).toContain(id);
    const process = pidsIn(id, 'warm');
    expect(await world.started(id)).toBe(process);
    await waitFor(() => world.output(id).split('\n').length > 5);
    expect(world.output(id)).toMatch(
      new RegExp(`^65534\n${join(world.root, 'sandboxes', id)}\n0022\nSigIgn:\\s+0+\n2\n$`),
    );
    expect(world.isolation.members(id)).toEqual([process]);
    expect(world.isolation.memoryFacts(id).limitBytes).toBe(48 * 1024 * 1024);
    await waitFor(() => !existsSync(world.containerizer.files.orders(id)));
    await world.warm(3);
  });

  it('is of no container that anybody can see', () => {
    for (const id of waiting()) expect(world.containerizer.statistics(id)).toBeUndefined();
    for (const id of waiting()) expect(readdirSync(join(world.root, 'sandboxes', id))).toEqual([]);
  });

  it('is never given out when its process or its supervisor was killed', async () => {
    const [first = '', second = '', third = ''] = waiting();
    const victims = [pidsIn(first, 'warm'), pidsIn(second, 'supervisor'), pidsIn(third, 'supervisor')];
    for (const victim of victims) process.kill(victim, 'SIGKILL');
    await waitFor(() => victims.every((victim) => startTicks(victim) === undefined));
    const given = [1, 2, 3, 4].map(() => world.launch('exec sleep 300'));
    for (const id of given) await world.started(id);
    for (const id of [first, second, third]) {
      expect(given).not.toContain(id);
      for (const folder of ['sandboxes', 'outputs'])
        await waitFor(() => !existsSync(join(world.root, folder, id)), { what: `${folder} to be tidied` });
      await waitFor(() => world.isolation.members(id).length === 0);
    }
  });

  it.each(['warm', 'supervisor'])(
    'fails as a launch when its %s process dies after it was given out',
    async (kind) => {
      const id = world.containerizer.nextId();
      const victim = pidsIn(id, kind);
      process.kill(victim, 'SIGKILL');
      await waitFor(() => startTicks(victim) === undefined);
      const spec = {
        id,
        command: { shell: true, value: 'touch ran', arguments: [] },
        environment: [],
        account: nobody,
        limits: { cpus: 0.1, memMiB: 64 },
      };
      world.specs.set(id, spec);
      world.containerizer.launch(spec);
      expect((await world.ended(id)).failure).toMatch(/^Failed to launch container: /);
      expect(existsSync(join(world.root, 'sandboxes', id, 'ran'))).toBe(false);
    },
  );

  it('is cancelled, not failed, when it is killed with its orders given and before it is the task', async () => {
    const id = world.containerizer.nextId();
    const held = pidsIn(id, 'warm');
    process.kill(held, 'SIGSTOP');
    await waitFor(() => /\) T /.test(readFileSync(`/proc/${held}/stat`, 'utf8')), {
      what: 'the waiting process to stand still',
    });
    const spec = {
      id,
      command: { shell: true, value: 'touch ran; exec sleep 300', arguments: [] },
      environment: [],
      account: nobody,
      limits: { cpus: 0.1, memMiB: 64 },
    };
    world.specs.set(id, spec);
    world.containerizer.launch(spec);
    // Written in one turn with the orders: from here on it counts as a launch on its way.
    await waitFor(() => existsSync(world.containerizer.files.script(id)), {
      what: 'the launch to be prepared',
    });
    world.containerizer.kill(id, 0);
    expect(await world.ended(id)).toEqual({ cancelled: true });
    expect(existsSync(join(world.root, 'sandboxes', id, 'ran'))).toBe(false);
    expect(world.events.filter((event) => event.type === 'started')).toEqual([]);
  });

  it('is ended without a word when it was given out and nothing came of it, or the agent was killed', async () => {
    const given = world.containerizer.nextId();
    world.containerizer.forget(given);
    await waitFor(() => world.records(given) === '');
    await world.warm(3);
    const before = waiting();
    // As a killed agent leaves them: made, claimed, unknown to anybody.
    const left = world.containerizer.nextId();
    world.warnings.length = 0;
    await world.restart();
    await waitFor(() => [...before, left].every((id) => world.records(id) === ''));
    await waitFor(() => ![...before, given, left].some((id) => world.isolation.containers().includes(id)));
    expect(world.events).toEqual([]);
    expect(world.warnings.filter((text) => text.includes('no task is known of'))).toEqual([]);
  });

  it('is gone on with when the agent was killed between its promise and its orders, and runs once', async () => {
    const id = world.containerizer.nextId();
    world.specs.set(id, {
      id,
      command: { shell: true, value: 'echo run >> ran; exec sleep 300', arguments: [] },
      environment: [],
      account: nobody,
      limits: { cpus: 0.1, memMiB: 64 },
    });
    const process = pidsIn(id, 'warm');
    await world.restart();
    expect(await world.started(id)).toBe(process);
    await world.restart();
    expect(await world.started(id)).toBe(process);
    expect(readFileSync(join(world.root, 'sandboxes', id, 'ran'), 'utf8')).toBe('run\n');
  });

  it('is there again after the launcher was killed, and all at once when many are launched', async () => {
    process.kill(world.containerizer.servants.launcher ?? 0, 'SIGKILL');
    const ids = Array.from({ length: 12 }, () => world.launch('exec sleep 300'));
    for (const id of ids) await world.started(id);
    await world.warm(3);
  });
});

asRoot('a supervisor', () => {
  let world: ContainerWorld;
  beforeEach(async () => {
    world = new ContainerWorld();
    await world.start();
  });
  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: [], groups: [] });
  });

  it('that is sent SIGTERM sees its task to its end and tells how it ended', async () => {
    const id = world.launch('while ! [ -e go ]; do sleep 0.02; done; exit 9');
    const pid = await world.started(id);
    process.kill(world.supervisorPid(id), 'SIGTERM');
    expect(world.isolation.members(id)).toContain(pid);
    writeFileSync(join(world.root, 'sandboxes', id, 'go'), '');
    expect(await world.ended(id)).toEqual({ exit: { code: 9 } });
  });

  it('that is sent SIGTERM waits no longer than a moment after the end of its task, and its output is kept', async () => {
    const id = world.launch('while ! [ -e go ]; do sleep 0.02; done; echo bye; exit 9');
    await world.started(id);
    const supervisor = world.supervisorPid(id);
    await world.containerizer.stop();
    process.kill(supervisor, 'SIGTERM');
    writeFileSync(join(world.root, 'sandboxes', id, 'go'), '');
    await waitFor(() => !existsSync(`/proc/${supervisor}`), {
      what: 'the supervisor to go',
    });
    await world.restart();
    expect(await world.ended(id)).toEqual({ exit: { code: 9 } });
    expect(world.output(id)).toBe('bye\n');
  });

  it.each([
    ['first', formerSupervisor],
    ['second', formerLauncher],
  ])('of the %s format is found again, and its task’s end told', async (_name, begin) => {
    const { files } = world.containerizer;
    const id = '99999999-2222-4333-8444-555555555555';
    const spec = {
      id,
      command: { shell: true, value: 'while ! [ -e go ]; do sleep 0.02; done; exit 9', arguments: [] },
      environment: [],
      account: nobody,
      limits: { cpus: 0.1, memMiB: 64 },
    };
    mkdirSync(files.sandbox(id), { recursive: true });
    const host = {
      files,
      isolation: world.isolation,
      namespaces: noNamespaces,
      clock: new SystemClock(),
      log: silentLog,
      stopped: false,
      request: () => undefined,
      emit: () => undefined,
    };
    prepareContainer(host, spec);
    begin(world, id);
    await waitFor(() => world.records(id).includes('.task'));
    world.specs.set(id, spec);
    await world.restart();
    const pid = await world.started(id);
    expect(await world.containerizer.entrance(id)).toMatchObject({ pid, namespaces: [] });
    writeFileSync(join(files.sandbox(id), 'go'), '');
    expect(await world.ended(id)).toEqual({ exit: { code: 9 } });
  });
});

function formerSupervisor({ containerizer: { files }, isolation }: ContainerWorld, id: string): void {
  const script = join(files.runtime, 'supervisor-1.sh');
  writeFileSync(script, supervisorFormat1);
  const args = ['--fork', 'sh', script, files.root, id, '65534', '65534', '65534', ...isolation.parents];
  spawn('setsid', args, { stdio: 'ignore', env: {} });
}

function formerLauncher({ containerizer: { files }, isolation }: ContainerWorld, id: string): void {
  const script = join(files.runtime, 'launcher-2.sh');
  writeFileSync(script, launcherFormat2);
  spawnSync('sh', [script, files.root, '--', ...isolation.parents], {
    input: `65534 65534 65534 ${id}\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  });
}

describe('how many containers are made in advance', () => {
  const facts = { size: 8, stock: 3, queued: 0, failures: 0, sinceFailureMs: 0 };

  it('is what is missing, but none while launches queue up', () => {
    expect(toMake(facts)).toBe(5);
    expect(toMake({ ...facts, stock: 8 })).toBe(0);
    expect(toMake({ ...facts, queued: 9 })).toBe(0);
    expect(toMake({ ...facts, size: 0, stock: 0 })).toBe(0);
  });

  it('is none while launches are under way, unless few are left', () => {
    const burst = { size: 12, stock: 5, starting: 7 };
    expect(rests(burst)).toBe(true);
    expect(rests({ ...burst, starting: 0 })).toBe(false);
    expect(rests({ ...burst, stock: 2 })).toBe(false);
  });

  it('is one at a time, ever more seldom, when they cannot be made', () => {
    expect(toMake({ ...facts, failures: 1, sinceFailureMs: FIRST_PAUSE_MS - 1 })).toBe(0);
    expect(toMake({ ...facts, failures: 1, sinceFailureMs: FIRST_PAUSE_MS })).toBe(1);
    expect([1, 2, 3, 99].map(pauseAfter)).toEqual([500, 1000, 2000, LONGEST_PAUSE_MS]);
  });

  it('never brings more than there are to be', () => {
    const count = fc.nat({ max: 50 });
    fc.assert(
      fc.property(count, count, count, count, (size, stock, queued, failures) => {
        const made = toMake({ size, stock, queued, failures, sinceFailureMs: 1e9 });
        return made >= 0 && made + Math.min(stock, size) <= size;
      }),
    );
  });
});
