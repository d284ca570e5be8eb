import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { Longrun, webApp } from './support/longrun.js';

const root = packageRoot();
const bin = join(root, 'bin/longrun.js');
const ended = (longrun: Longrun): Promise<unknown> =>
  waitFor(() => longrun.process.exitCode !== null || longrun.process.signalCode !== null, {
    timeoutMs: 20_000,
    what: 'up to end',
  });
const taskIds = async (longrun: Longrun, id: string): Promise<string[]> =>
  ((await longrun.app(id))?.tasks ?? []).map((task) => task.id).sort();

describe('stopping and coming back', () => {
  let longrun: Longrun;
  beforeEach(async () => {
    longrun = await Longrun.start();
    await longrun.deploy(webApp('/web', { instances: 2 }));
  }, 60_000);
  afterEach(async () => longrun.destroy(), 40_000);

  it.each(['SIGTERM', 'SIGHUP'] as const)(
    '%s leaves tasks alone and the next up re-attaches to them',
    async (signal) => {
      const before = await taskIds(longrun, '/web');
      const pids = longrun.taskPids().sort();
      longrun.process.kill(signal);
      await ended(longrun);
      expect(longrun.taskPids().sort()).toEqual(pids);
      await longrun.up();
      const app = await waitFor(
        async () => {
          const now = await longrun.app('/web');
          return now?.tasksHealthy === 2 ? now : undefined;
        },
        { timeoutMs: 20_000, what: 'both instances healthy' },
      );
      expect(app.tasks.map(({ id }) => id).sort()).toEqual(before);
      expect(longrun.taskPids().sort()).toEqual(pids);
    },
    60_000,
  );

  it('Ctrl-C stops everything, definitions stay and start again', async () => {
    longrun.process.kill('SIGINT');
    await ended(longrun);
    expect(longrun.taskPids()).toEqual([]);
    await waitFor(() => longrun.ownPids().length === 0, {
      timeoutMs: 5_000,
      what: () => `nothing to be left, but ${longrun.ownPids()}`,
    });
    await longrun.up();
    const app = await waitFor(
      async () => {
        const now = await longrun.app('/web');
        return now?.tasksHealthy === 2 ? now : undefined;
      },
      { timeoutMs: 20_000, what: 'both instances again' },
    );
    expect(app.instances).toBe(2);
  }, 60_000);

  it('a second Ctrl-C does not wait for a task that ignores SIGTERM', async () => {
    await longrun.deploy({
      id: '/stubborn',
      cmd: "trap '' TERM; while :; do sleep 1; done",
      cpus: 0.01,
      mem: 32,
      portDefinitions: [],
      taskKillGracePeriodSeconds: 120,
    });
    longrun.process.kill('SIGINT');
    await waitFor(() => longrun.output.join('').includes('stopping everything'), {
      what: 'the first Ctrl-C to be seen',
    });
    // Pressed until it is taken for a second one: npm hands the first on twice within moments.
    await waitFor(
      () => {
        longrun.process.kill('SIGINT');
        return longrun.process.exitCode !== null || longrun.process.signalCode !== null;
      },
      { timeoutMs: 20_000, what: 'up to end' },
    );
    expect(longrun.taskPids()).toEqual([]);
  }, 60_000);

  it('a second up on the work dir refuses and says who holds it', () => {
    const second = spawnSync(
      process.execPath,
      [bin, 'up', '--work-dir', longrun.workDir, '--http-port', '0'],
      { encoding: 'utf8' },
    );
    expect(second.status).toBe(1);
    expect(second.stderr).toContain(`process ${longrun.ready.pids.parent}`);
  });

  it('down ends it, and backup and restore bring the apps to another work dir', async () => {
    const file = join(longrun.workDir, 'copy.backup');
    const cli = (...args: string[]): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8', timeout: 30_000 });
    const made = cli('backup', file, '--work-dir', longrun.workDir, '--url', longrun.ready.api);
    expect([made.status, made.stderr]).toEqual([0, '']);
    const stopped = cli('down', '--work-dir', longrun.workDir, '--url', longrun.ready.api);
    expect([stopped.status, stopped.stderr]).toEqual([0, '']);
    expect(longrun.taskPids()).toEqual([]);
    const other = await Longrun.start('--agent-reregister-timeout', '3');
    try {
      other.process.kill('SIGINT');
      await ended(other);
      const restored = cli('restore', file, '--work-dir', other.workDir);
      expect([restored.status, restored.stderr]).toEqual([0, '']);
      await other.up();
      expect((await other.request('GET', '/v2/apps/web')).status).toBe(200);
      await waitFor(
        async () => other.taskPids().length === 2 && (await other.app('/web'))?.tasksHealthy === 2,
        { timeoutMs: 60_000, what: 'the restored app to run for real' },
      );
    } finally {
      await other.destroy();
    }
  }, 90_000);

  it('says which port is taken, by whom, and which flag changes it', async () => {
    const port = new URL(longrun.ready.api).port;
    const other = spawn(process.execPath, [
      bin,
      'up',
      '--work-dir',
      join(longrun.workDir, 'other'),
      '--http-port',
      port,
      '--master-port',
      '0',
      '--agent-port',
      '0',
      '--lb-http-port',
      '0',
      '--lb-app-id-port',
      '0',
      '--lb-stats-port',
      '0',
    ]);
    let text = '';
    other.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    await waitFor(() => other.exitCode !== null, { timeoutMs: 15_000, what: 'it to give up' });
    expect(other.exitCode).toBe(1);
    expect(text).toContain(`port ${port}`);
    expect(text).toContain(`(pid ${longrun.ready.pids.server})`);
    expect(text).toContain('--http-port');
  }, 30_000);

  const root0 = process.getuid?.() === 0 ? it : it.skip;
  root0(
    'after a reboot no old pid is trusted and every app comes back by itself',
    async () => {
      const before = await taskIds(longrun, '/web');
      await waitFor(
        () => {
          longrun.killOwn();
          return longrun.ownPids().length === 0;
        },
        { what: 'the host to be down' },
      );
      await ended(longrun);
      const fake = join(longrun.workDir, 'boot_id');
      writeFileSync(fake, '00000000-0000-4000-8000-000000000001\n');
      await longrun.up({
        wrap: [
          'unshare',
          '--mount',
          '--propagation',
          'private',
          'sh',
          '-c',
          `mount --bind ${fake} /proc/sys/kernel/random/boot_id && exec "$0" "$@"`,
        ],
      });
      const app = await waitFor(
        async () => {
          const now = await longrun.app('/web');
          return now?.tasksHealthy === 2 && !now.tasks.some(({ id }) => before.includes(id))
            ? now
            : undefined;
        },
        { timeoutMs: 30_000, what: 'both instances after the reboot' },
      );
      expect(app.tasks.map(({ id }) => id).some((id) => before.includes(id))).toBe(false);
    },
    90_000,
  );
});
