import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { waitFor } from '../support/wait-for.js';
import { ask } from './support/http.js';
import { type AppJson, Longrun, webApp } from './support/longrun.js';
import { commandOf, livePids } from './support/parts.js';

/** These need cgroups of their own, so root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** How long all of them are at it at once, and how long one answer may take meanwhile. */
const LOUD_MS = 8_000;
const SLOWEST_MS = 10_000;
/** More than any machine's processors have to be asked for, or nobody has to share. */
const LOOPS = 6;

interface Statistics {
  readonly executor_id: string;
  readonly statistics: {
    readonly cpus_user_time_secs?: number;
    readonly cpus_system_time_secs?: number;
  };
}

asRoot('beside hostile tasks of every kind at once', () => {
  let longrun: Longrun;
  const mark = `hostile-${process.pid}`;
  const spins = `for n in $(seq ${LOOPS}); do (while :; do :; done) & done; wait`;

  beforeAll(async () => {
    longrun = await Longrun.start();
    await longrun.deploy(
      webApp('/neighbour', { labels: { HAPROXY_0_VHOST: 'neighbour.test', HAPROXY_GROUP: 'external' } }),
    );
  }, 60_000);
  afterAll(async () => longrun.destroy(), 60_000);

  const plain = (id: string, cmd: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    id,
    cmd: `: ${mark}; ${cmd}`,
    cpus: 0.05,
    mem: 48,
    portDefinitions: [],
    // Those that are ended by the kernel come again at once, and again.
    backoffSeconds: 1,
    maxLaunchDelaySeconds: 1,
    taskKillGracePeriodSeconds: 1,
    ...more,
  });
  const hostile: readonly Record<string, unknown>[] = [
    plain('/loud/forks', 'b() { b | b & }; b; sleep 1000'),
    plain(
      '/loud/memory',
      `${process.execPath} -e 'const held = []; setInterval(() => held.push(Buffer.alloc(4e6, 1)), 5)'; exit $?`,
    ),
    plain('/loud/tmpfs', 'dd if=/dev/zero of=/dev/shm/full bs=1M count=400; sleep 1000', {
      isolation: 'strict',
    }),
    plain('/loud/spins', spins),
    plain('/loud/output', `yes ${'x'.repeat(100)}`),
    plain(
      '/loud/files',
      `${process.execPath} -e 'const fs = require("fs"); for (;;) try { fs.openSync("/dev/null") } catch {}'`,
      { networks: [{ mode: 'container/bridge' }], container: { type: 'MESOS' }, portDefinitions: undefined },
    ),
    plain('/loud/kills', 'while :; do (kill -9 -1) 2>/dev/null; sleep 0.2; done'),
  ];

  /** Seconds of processor time of an app's task so far, as the agent tells them; it answers in any noise. */
  async function cpuSeconds(app: string): Promise<number> {
    const { status, text } = await ask(`${longrun.ready.agent}/monitor/statistics`);
    expect(status).toBe(200);
    const all = JSON.parse(text) as readonly Statistics[];
    const found = all.find(({ executor_id }) =>
      executor_id.startsWith(`${app.slice(1).replaceAll('/', '_')}.`),
    );
    const { cpus_user_time_secs: user = 0, cpus_system_time_secs: system = 0 } = found?.statistics ?? {};
    return user + system;
  }

  it('a neighbour answers every request and gets its share of the processors, and the agent answers', async () => {
    await longrun.deploy(plain('/quiet', spins, { cpus: 0.5 }));
    for (const app of hostile) {
      const answer = await longrun.request('POST', '/v2/apps', app);
      expect([answer.status, app['id']]).toEqual([201, app['id']]);
    }
    await waitFor(async () => (await cpuSeconds('/loud/spins')) > 0 && (await cpuSeconds('/quiet')) > 0, {
      timeoutMs: 20_000,
      what: 'both to compute',
    });
    const before = { quiet: await cpuSeconds('/quiet'), loud: await cpuSeconds('/loud/spins') };
    const begin = performance.now();
    let [answers, slowestMs] = [0, 0];
    while (performance.now() - begin < LOUD_MS) {
      const asked = performance.now();
      expect((await ask(longrun.ready.lb, { host: 'neighbour.test' })).status).toBe(200);
      slowestMs = Math.max(slowestMs, performance.now() - asked);
      answers++;
    }
    const used = {
      quiet: (await cpuSeconds('/quiet')) - before.quiet,
      loud: (await cpuSeconds('/loud/spins')) - before.loud,
    };
    process.stdout.write(
      `beside ${hostile.length} hostile tasks: ${answers} answers, the slowest after ${slowestMs.toFixed(0)} ms; processor time ${used.quiet.toFixed(2)} s to ${used.loud.toFixed(2)} s at 10:1\n`,
    );
    expect(answers).toBeGreaterThan(10);
    expect(slowestMs).toBeLessThan(SLOWEST_MS);
    // Both have as many processes that want to run; asked for were ten times as much by one of them.
    expect(used.quiet).toBeGreaterThan(2 * used.loud);
    const neighbour = (await longrun.app('/neighbour')) as AppJson;
    expect(neighbour).toMatchObject({ tasksRunning: 1, tasksHealthy: 1 });
  }, 120_000);

  it('nothing of them is left once they are removed: no process, group, mount or network', async () => {
    const started = (await longrun.app('/neighbour'))?.tasks[0]?.id;
    await longrun.request('DELETE', '/v2/groups/loud?force=true');
    await longrun.request('DELETE', '/v2/apps/quiet?force=true');
    const left = (): readonly number[] => livePids().filter((pid) => commandOf(pid).includes(mark));
    await waitFor(() => left().length === 0, {
      timeoutMs: 40_000,
      what: () => `their ${left().length} processes to be gone`,
    });
    await waitFor(() => longrun.containerGroups().size === 1, {
      timeoutMs: 30_000,
      what: () => `other groups to go: ${[...longrun.containerGroups().keys()].join(', ')}`,
    });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(longrun.workDir);
    const networks = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
    expect(networks).not.toContain(longrun.instanceId);
    // The one that stayed is the one that was there.
    expect((await longrun.app('/neighbour'))?.tasks[0]?.id).toBe(started);
  }, 120_000);
});
