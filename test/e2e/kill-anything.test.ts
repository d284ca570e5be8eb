import { readFileSync } from 'node:fs';
import { SeededDice } from '../../src/util/ids.js';
import { waitFor } from '../support/wait-for.js';
import { Load } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';

/** Proof 2 of the first slice: seeded kill -9 of anything during deployments. */
const seed = Number(process.env['SEED'] ?? 20261122);
const rounds = Number(process.env['ROUNDS'] ?? 1);

describe(`kill -9 of anything during deployments (seed ${seed})`, () => {
  let longrun: Longrun;
  const dice = new SeededDice(seed);
  beforeAll(async () => {
    longrun = await Longrun.start();
    await longrun.deploy(webApp('/web', { instances: 3, env: { APP_VERSION: '0' }, labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' }, loadBalancer: { drainSeconds: 3 } }));
  }, 60_000);
  afterAll(async () => longrun.destroy(), 60_000);

  let version = 0;
  const apiUp = (): Promise<unknown> =>
    waitFor(async () => (await longrun.request('GET', '/ping').catch(() => undefined))?.status === 200, { timeoutMs: 15_000, what: 'the API' });
  /** Sends a change until it is acknowledged; an unacknowledged one may or may not have happened. */
  const change = async (): Promise<string> => {
    version += 1;
    for (;;) {
      await apiUp();
      const answer = await longrun.request('PATCH', '/v2/apps/web?force=true', { env: { APP_VERSION: String(version) } }).catch(() => undefined);
      if (answer?.status === 200) return String(version);
    }
  };
  const current = async (): Promise<{ pids: Record<string, number[]> }> => ({ pids: classify(longrun) });
  const settled = async (wanted: string): Promise<void> => {
    await apiUp();
    const app = await waitFor(async () => {
      const now = await longrun.app('/web').catch(() => undefined);
      return now && now.deployments.length === 0 && now.tasksHealthy === 3 && now.tasksRunning === 3 ? now : undefined;
    }, { timeoutMs: 60_000, what: async () => 'the deployment to end' } as never);
    expect((app as unknown as { env: Record<string, string> }).env['APP_VERSION']).toBe(wanted);
    await waitFor(() => longrun.taskPids().length === 3, { timeoutMs: 15_000, what: () => `three task processes, not ${longrun.taskPids().length}` });
  };

  for (let round = 0; round < rounds; round++) {
    it.each(['server', 'agent', 'pump'] as const)(`round ${round}: killing the %s fails no request, loses and doubles no task`, async (which) => {
      const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
      const wanted = await change();
      await waitFor(() => load.sent > Math.floor(dice.random() * 200));
      for (const pid of (await current()).pids[which] ?? []) process.kill(pid, 'SIGKILL');
      await settled(wanted);
      const { failures, slow } = await load.stop();
      expect({ failures, slow }).toEqual({ failures: [], slow: [] });
    }, 120_000);

    it(`round ${round}: killing a proxy worker fails at most what it held and refuses none`, async () => {
      const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
      await waitFor(() => load.sent > 100);
      for (const pid of (await current()).pids['proxy'] ?? []) process.kill(pid, 'SIGKILL');
      const sentThen = load.sent;
      await waitFor(() => load.sent > sentThen + 300, { timeoutMs: 20_000 });
      const { failures } = await load.stop();
      expect(failures.filter(({ why }) => why.includes('ECONNREFUSED'))).toEqual([]);
      expect(failures.length).toBeLessThanOrEqual(9);
    }, 60_000);

    it(`round ${round}: killing a task fails at most its requests that change something`, async () => {
      const load = new Load({ url: longrun.ready.lb, host: 'web.test', webSocket: false, kinds: ['keep-alive GET', 'fresh GET', 'POST'] });
      await waitFor(() => load.sent > 100);
      const [victim] = longrun.taskPids();
      if (victim !== undefined) process.kill(victim, 'SIGKILL');
      const sentThen = load.sent;
      await waitFor(() => load.sent > sentThen + 300, { timeoutMs: 20_000 });
      const { failures } = await load.stop();
      expect(failures.filter(({ idempotent }) => idempotent)).toEqual([]);
      await settled(String(version));
    }, 60_000);

    it(`round ${round}: killing a supervisor ends its task's whole cgroup and brings another`, async () => {
      const before = longrun.taskPids();
      const [victim] = (await current()).pids['supervisor'] ?? [];
      expect(victim).toBeDefined();
      process.kill(victim ?? 0, 'SIGKILL');
      await waitFor(() => longrun.taskPids().some((pid) => !before.includes(pid)), { timeoutMs: 20_000, what: 'a new task' });
      await settled(String(version));
    }, 60_000);

    it(`round ${round}: killing the parent leaves traffic alone; the next up takes over`, async () => {
      const load = new Load({ url: longrun.ready.lb, host: 'web.test' });
      await waitFor(() => load.sent > 100);
      process.kill(longrun.ready.pids.parent, 'SIGKILL');
      await waitFor(() => longrun.process.signalCode !== null);
      const sentThen = load.sent;
      await waitFor(() => load.sent > sentThen + 100);
      const { failures: alone } = await load.stop();
      expect(alone).toEqual([]);
      await longrun.up();
      await settled(String(version));
    }, 90_000);
  }
});

/** Processes of this longrun by their part. */
function classify(longrun: Longrun): Record<string, number[]> {
  const parts: Record<string, number[]> = { server: [], agent: [], proxy: [], pump: [], supervisor: [] };
  const tasks = new Set(longrun.taskPids());
  for (const pid of descendantsAndOwn(longrun)) {
    if (tasks.has(pid)) continue;
    let command = '';
    try {
      command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      continue;
    }
    if (/server-main/.test(command)) parts['server']?.push(pid);
    else if (/agent-main/.test(command)) parts['agent']?.push(pid);
    else if (/worker-main/.test(command)) parts['proxy']?.push(pid);
    else if (/pump/.test(command)) parts['pump']?.push(pid);
    else if (/supervisor-\d+\.sh/.test(command)) parts['supervisor']?.push(pid);
  }
  return parts;
}

function descendantsAndOwn(longrun: Longrun): number[] {
  const { readdirSync } = require('node:fs') as typeof import('node:fs');
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Ended meanwhile.
    }
  }
  const own = new Set([longrun.process.pid ?? 0, ...longrun.ownPids()]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (own.has(parent) && !own.has(pid)) {
        own.add(pid);
        grew = true;
      }
    }
  }
  return [...own];
}
