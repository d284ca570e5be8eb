import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ProcessGroups } from '../src/embedded-mesos/containers/isolation/process-groups.js';
import { allPids, textOf } from '../src/embedded-mesos/containers/processes.js';
import { waitFor } from '../test/support/wait-for.js';
import { Containers } from './_containers.js';
import { quantile, type Row, report } from './_report.js';

/** What isolation of processes holds and costs. Usage: npm run bench -- isolate [shares|launch|many|log ...] */
const parts: Readonly<Record<string, () => Promise<Row[]>>> = { shares, launch, many, log };
const HOGS_MS = 20_000;
const MANY = 500;
const BURST = 200;
const LOG_MIB = 1024;

/** Two hogs that share one core at 1:3, and one that may have half a core of another. */
async function shares(): Promise<Row[]> {
  const containers = new Containers({ warm: 0 });
  await containers.containerizer.start([]);
  try {
    const hog = (core: number): string => `exec taskset -c ${core} sh -c 'while :; do :; done'`;
    const limits = { memMiB: 64 };
    const ids = [
      containers.launch(hog(0), { limits: { ...limits, cpus: 0.25 } }),
      containers.launch(hog(0), { limits: { ...limits, cpus: 0.75 } }),
      containers.launch(hog(1), { limits: { ...limits, cpus: 0.1, cpusLimit: 0.5 } }),
    ];
    for (const id of ids) await containers.started(id);
    await pause(500);
    const use = (): number[] =>
      ids.map((id) => {
        const { cpus_user_time_secs: user = 0, cpus_system_time_secs: system = 0 } =
          containers.containerizer.statistics(id) ?? {};
        return user + system;
      });
    const [before, beganMs] = [use(), performance.now()];
    await pause(HOGS_MS);
    const seconds = (performance.now() - beganMs) / 1000;
    const [small = 0, large = 0, limited = 0] = use().map((now, at) => now - (before[at] ?? 0));
    const error = (got: number, wanted: number): number => (Math.abs(got - wanted) / wanted) * 100;
    return [
      {
        what: 'two hogs in one core at 1:3, error of the smaller share',
        value: error(small / (small + large), 0.25),
        unit: '%',
        target: '<= 5',
      },
      { what: '  both together', value: (small + large) / seconds, unit: 'cores' },
      {
        what: 'a hog at a quota of 0.5 cpu, error',
        value: error(limited / seconds, 0.5),
        unit: '%',
        target: '<= 5',
      },
    ];
  } finally {
    await containers.close();
  }
}

/** From the order to the task's program, one at a time: with everything, and as it is where nothing can be isolated. */
async function launch(): Promise<Row[]> {
  const kinds = {
    'default isolation': () => new Containers(),
    'strict isolation': () => new Containers({ level: 'strict' }),
    'no namespaces': () => new Containers({ level: 'none' }),
    'posix fallback': () => new Containers({ level: 'none', isolation: new ProcessGroups('a bench') }),
    'default isolation, not made in advance': () => new Containers({ warm: 0 }),
    'no namespaces, not made in advance': () => new Containers({ level: 'none', warm: 0 }),
    'posix fallback, not made in advance': () =>
      new Containers({ level: 'none', isolation: new ProcessGroups('a bench'), warm: 0 }),
  };
  const rows: Row[] = [];
  let fallback = 0;
  const bursts: Row[] = [];
  const measured: [string, number, number][] = [];
  for (const [name, make] of Object.entries(kinds)) {
    const containers = make();
    await containers.containerizer.start([]);
    const times: number[] = [];
    try {
      for (let count = 0; count < 60; count++) {
        await pause(120);
        const began = performance.now();
        const id = containers.launch('exec sleep 1000');
        const ms = (await containers.started(id)) - began;
        if (count >= 10) times.push(ms);
        await containers.kill(id);
      }
      const began = performance.now();
      const ids = Array.from({ length: BURST }, () => containers.launch('exec sleep 1000'));
      for (const id of ids) await containers.started(id);
      const perSecond = BURST / ((performance.now() - began) / 1000);
      bursts.push({ what: `${BURST} at once, ${name}`, value: perSecond, unit: 'tasks/s' });
    } finally {
      await containers.close();
    }
    measured.push([name, quantile(times, 0.5), quantile(times, 0.95)]);
    if (name === 'posix fallback') fallback = quantile(times, 0.5);
  }
  for (const [name, half, most] of measured) {
    rows.push({ what: `launch, ${name}: p50`, value: half, unit: 'ms' });
    rows.push({ what: `launch, ${name}: p95`, value: most, unit: 'ms' });
  }
  for (const [name, half] of measured.slice(0, 2))
    rows.push({
      what: `${name} against posix fallback`,
      value: half - fallback,
      unit: 'ms',
      target: '<= 15',
    });
  return [...rows, ...bursts];
}

/** So many tasks on one agent: what asking each for its statistics every ten seconds costs, and what stands around each. */
async function many(): Promise<Row[]> {
  const containers = new Containers();
  await containers.containerizer.start([]);
  try {
    const ids = Array.from({ length: MANY }, () => containers.launch('exec sleep 10000'));
    for (const id of ids) await containers.started(id);
    await pause(3_000);
    const guards = guardsOf(containers, new Set(ids));
    const memory = guards.reduce((sum, pid) => sum + privateKiB(pid), 0);
    const [cpu, beganMs] = [process.cpuUsage(), performance.now()];
    const samples = setInterval(() => {
      for (const id of ids) containers.containerizer.statistics(id);
    }, 10_000);
    await pause(30_500);
    clearInterval(samples);
    const used = process.cpuUsage(cpu);
    return [
      {
        what: `${MANY} tasks: containerizer with statistics of all every 10 s`,
        value: ((used.user + used.system) / 1000 / (performance.now() - beganMs)) * 100,
        unit: '% of a core',
        target: '<= 3',
      },
      { what: '  processes around each task', value: guards.length / MANY, unit: '' },
      {
        what: '  private memory of these, per task',
        value: memory / 1024 / MANY,
        unit: 'MiB',
        target: '<= 0.5',
      },
    ];
  } finally {
    await containers.close();
  }
}

/** Supervisors, and what stands between them and the tasks: all in the supervisors' group but launcher and log pump. */
function guardsOf(containers: Containers, ids: ReadonlySet<string>): number[] {
  const group = containers.isolation.supervisorGroups[0] ?? '';
  const { launcher, logPump } = containers.containerizer.servants;
  const records = containers.containerizer.files.records;
  const supervisors = new Set(
    readdirSync(records)
      .filter((name) => name.endsWith('.supervisor') && ids.has(name.split('.')[0] ?? ''))
      .map((name) => Number(textOf(join(records, name))?.split(' ')[1])),
  );
  const known = new Set(allPids());
  return readFileSync(join(group, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(Number)
    .filter((pid) => known.has(pid) && pid !== launcher && pid !== logPump)
    .filter((pid) => {
      const line = textOf(`/proc/${pid}/cmdline`) ?? '';
      return supervisors.has(pid) || [...ids].some((id) => line.includes(id));
    });
}

function privateKiB(pid: number): number {
  const rollup = textOf(`/proc/${pid}/smaps_rollup`) ?? '';
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
  return of('Private_Clean') + of('Private_Dirty');
}

/** Output of one task as fast as it can, until the last byte is in its file; and the same bytes through a bare pipe. */
async function log(): Promise<Row[]> {
  const containers = new Containers();
  await containers.containerizer.start([]);
  try {
    await waitFor(() => containers.containerizer.servants.logPump, { what: 'the log pump' });
    await pause(500);
    const limits = { cpus: 2, memMiB: 256 };
    const began = performance.now();
    const id = containers.launch(`yes "$(head -c 200 /dev/zero | tr '\\0' x)" | head -c ${LOG_MIB}M`, {
      limits,
    });
    await containers.ended(id);
    const seconds = (performance.now() - began) / 1000;
    const peak = Number(/VmHWM:\s+(\d+)/.exec(containers.pumpStatus())?.[1]) / 1024;
    return [
      {
        what: `log path, ${LOG_MIB} MiB of one task into rotated files`,
        value: LOG_MIB / seconds,
        unit: 'MiB/s',
        target: '>= 300',
      },
      { what: '  peak memory of the log pump', value: peak, unit: 'MiB', target: '<= 80' },
    ];
  } finally {
    await containers.close();
  }
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const rows: Row[] = [];
  // The containerizer's own timers keep no process alive.
  const alive = setInterval(() => undefined, 1_000);
  for (const [name, part] of Object.entries(parts))
    if (asked.length === 0 || asked.includes(name)) rows.push(...(await part()));
  clearInterval(alive);
  report(asked.length === 0 ? 'isolate' : `isolate-${asked.join('-')}`, rows);
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
