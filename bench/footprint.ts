import { readdirSync, readFileSync } from 'node:fs';
import { Longrun } from '../test/e2e/support/longrun.js';
import { waitFor } from '../test/support/wait-for.js';
import { quantile, type Row, report } from './_report.js';

/** Memory (sum of PSS), idle cpu, start and recovery times, and whether churn comes back to the baseline. */
const cycles = Number(process.argv[2] ?? 100);
/** Before growth is measured: code compiled, bounded buffers filled. */
const WARM_UP_CYCLES = 50;
const instances = Number(process.argv[3] ?? 1000);

/** The parts of longrun itself: its processes without tasks. */
function parts(longrun: Longrun): number[] {
  const tasks = new Set(longrun.taskPids());
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Ended meanwhile.
    }
  }
  const own = new Set<number>([longrun.ready.pids.parent, ...longrun.ownPids()]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (own.has(parent) && !own.has(pid)) {
        own.add(pid);
        grew = true;
      }
    }
  }
  return [...own].filter((pid) => !tasks.has(pid) && pid !== process.pid);
}

function pssMiB(pids: readonly number[]): { total: number; by: Record<string, number> } {
  const by: Record<string, number> = {};
  let total = 0;
  for (const pid of pids) {
    try {
      const kb = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      // The script it runs; a worker of the proxy says in one word what it is, a supervisor is a shell.
      const command = words.find((word) => /\.(js|sh)$/.test(word)) ?? words[0] ?? '';
      const name = command.slice(command.lastIndexOf('/') + 1);
      by[name] = (by[name] ?? 0) + kb / 1024;
      total += kb / 1024;
    } catch {
      // Ended meanwhile.
    }
  }
  return { total, by };
}

/**
 * Nanoseconds on a processor by process, of all its threads, as the scheduler counted them: the clock ticks of
 * /proc/PID/stat charge a whole tick to whoever runs at it, which timers that wake with the tick always do.
 */
function cpuNs(pids: readonly number[]): Map<number, number> {
  const used = new Map<number, number>();
  for (const pid of pids) {
    try {
      let ns = 0;
      for (const thread of readdirSync(`/proc/${pid}/task`))
        ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
      used.set(pid, ns);
    } catch {
      // Ended meanwhile.
    }
  }
  return used;
}

/** Processor seconds of these from then to now; one that came meanwhile counts from its begin. */
function cpuSecondsSince(before: ReadonlyMap<number, number>, pids: readonly number[]): number {
  let ns = 0;
  for (const [pid, now] of cpuNs(pids)) ns += now - (before.get(pid) ?? 0);
  return ns / 1e9;
}

const pause = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

async function main(): Promise<void> {
  const started = performance.now();
  const longrun = await Longrun.start(
    '--resources',
    'cpus:64;mem:131072;disk:10000;ports:[31000-32000]',
    '--log-level',
    'warn',
  );
  const rows: Row[] = [
    { what: '`up` to ready', value: (performance.now() - started) / 1000, unit: 's', target: '<= 2' },
  ];
  try {
    await pause(5_000);
    const base = pssMiB(parts(longrun));
    rows.push({ what: 'sum of PSS after start', value: base.total, unit: 'MiB', target: '<= 220' });
    for (const [name, mib] of Object.entries(base.by))
      rows.push({ what: `  ${name}`, value: mib, unit: 'MiB' });
    // What follows a start (collections, caches thrown away) is over by then.
    await pause(25_000);
    const before = cpuNs(parts(longrun));
    await pause(20_000);
    rows.push({
      what: 'idle',
      value: (cpuSecondsSince(before, parts(longrun)) / 20) * 100,
      unit: '% of a core',
      target: '<= 1',
    });
    rows.push(...(await recoveries(longrun)));
    // Once with everything compiled and every buffer in use.
    for (let i = 0; i < WARM_UP_CYCLES; i++) await churn(longrun);
    const settled = await settledMiB(longrun);
    for (let i = 0; i < cycles; i++) await churn(longrun);
    rows.push({
      what: `growth of PSS over ${cycles} deploy/kill cycles, once idle`,
      value: (await settledMiB(longrun)) - settled,
      unit: 'MiB',
    });
    const withNone = pssMiB(parts(longrun)).total;
    await longrun.deploy(
      {
        id: '/many',
        cmd: 'exec sleep 10000',
        cpus: 0.001,
        mem: 32,
        instances,
        portDefinitions: [],
        taskKillGracePeriodSeconds: 5,
      },
      240_000,
    );
    await pause(5_000);
    rows.push({
      what: `PSS more with ${instances} instances (supervisors included)`,
      value: pssMiB(parts(longrun)).total - withNone,
      unit: 'MiB',
    });
    report('footprint', rows);
  } finally {
    await longrun.destroy();
  }
}

/** The sum of PSS when it falls no further: V8 gives memory back when its process is idle for some time. */
async function settledMiB(longrun: Longrun): Promise<number> {
  let lowest = pssMiB(parts(longrun)).total;
  for (let quiet = 0; quiet < 6; quiet++) {
    await pause(5_000);
    const now = pssMiB(parts(longrun)).total;
    if (now < lowest - 1) quiet = 0;
    lowest = Math.min(lowest, now);
  }
  return lowest;
}

async function churn(longrun: Longrun): Promise<void> {
  await longrun.deploy({
    id: '/churn',
    cmd: 'exec sleep 10000',
    cpus: 0.01,
    mem: 32,
    instances: 2,
    portDefinitions: [],
  });
  await longrun.request('DELETE', '/v2/apps/churn');
  await waitFor(async () => (await longrun.request<unknown[]>('GET', '/v2/deployments')).body.length === 0, {
    timeoutMs: 30_000,
  });
}

/** kill -9, then how long until the part does its work again. */
async function recoveries(longrun: Longrun): Promise<Row[]> {
  const rows: Row[] = [];
  const measure = async (
    what: string,
    pid: () => number | undefined,
    up: () => Promise<boolean>,
    target: string,
  ): Promise<void> => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const victim = pid();
      if (victim === undefined) throw new Error(`no ${what}`);
      process.kill(victim, 'SIGKILL');
      const began = performance.now();
      await waitFor(async () => pid() !== victim && pid() !== undefined && (await up().catch(() => false)), {
        timeoutMs: 20_000,
        what,
      });
      times.push((performance.now() - began) / 1000);
      await pause(6_000);
    }
    rows.push({
      what: `recovery of the ${what} after kill -9, median`,
      value: quantile(times, 0.5),
      unit: 's',
      target,
    });
  };
  const byCommand = (command: RegExp) => (): number | undefined =>
    parts(longrun).find((pid) => {
      try {
        return command.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        return false;
      }
    });
  await measure(
    'server',
    byCommand(/server-main/),
    async () => (await longrun.request('GET', '/v2/apps')).status === 200,
    '<= 1.5',
  );
  await measure(
    'agent',
    byCommand(/agent-main/),
    async () => (await fetch(`${longrun.ready.agent}/health`)).status === 200,
    '<= 1',
  );
  await measure(
    'proxy worker',
    byCommand(/worker-main|^longrun proxy/),
    async () => (await fetch(`${longrun.ready.stats}/_haproxy_health_check`)).status === 200,
    '<= 0.3',
  );
  return rows;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
