import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../test/support/wait-for.js';
import { type Ask, askWith, closedLoop, type Measured, openLoop } from './_load.js';
import { quantile, type Row, report } from './_report.js';
import {
  type BenchServer,
  cpuSeconds,
  ended,
  forgetPeak,
  memoryMiB,
  Prober,
  startAgents,
  startServer,
} from './_server.js';

/**
 * The API of a server that holds many apps: a real `longrun server` with its durable store, simulated agents and readers of
 * its events in other processes. Every app is made through the API and every instance launched. Beside it the physical
 * limit: node's own http server that answers the very same bytes. Usage: npm run bench -- api [apps] [instances of each]
 * [--check]; with --check it fails when a target is missed.
 */
const sizes = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const apps = Number(sizes[0] ?? 10_000);
const instancesOfEach = Number(sizes[1] ?? 5);
const mustMeetTargets = process.argv.includes('--check');

const FEW_APPS = Math.min(100, apps);
const APPS_PER_REQUEST = 1_000;
const AGENTS = {
  count: 50,
  host: '127.0.0.2',
  resources: 'cpus:64;mem:65536;disk:100000;ports:[6000-20999]',
};
const SERVICE_PORTS = '30000-60000';
const WRITES_PER_SECOND = 50;
const WRITES = 400;
/** A hiccup of the machine spoils the p99 of 400 writes by itself: the median of so many rounds is told, and the worst. */
const ROUNDS = 3;
const SUBSCRIBERS = 10;
const MANY_SUBSCRIBERS = 100;
const WRITE_TARGET = '<= 60';

/** What users of Marathon wrote about the same in its issue tracker (github.com/d2iq-archive/marathon). */
const REPORTED: readonly Row[] = [
  { what: 'reported of Marathon: GET /v2/apps with 1 000 tasks (issue 1274)', value: '12', unit: 's' },
  { what: 'reported of Marathon: unresponsive beyond (issue 1910)', value: '4 000', unit: 'tasks' },
  { what: 'reported of Marathon: trouble beyond (issue 2429)', value: '2 000', unit: 'apps' },
];

interface Bench {
  readonly ask: Ask;
  readonly prober: Prober;
  readonly server: BenchServer;
}

const groupOf = (index: number): string => `/team-${Math.floor(index / APPS_PER_REQUEST)}`;
const idOf = (index: number): string => `${groupOf(index)}/app-${index}`;

/** An app as people write them; every other one has a port that the load balancer serves. */
function definition(index: number, instances = instancesOfEach): Record<string, unknown> {
  const isServed = index % 2 === 0;
  return {
    id: idOf(index),
    cmd: `exec /opt/service-${index}/bin/run --config /etc/service-${index}.conf`,
    cpus: 0.01,
    mem: 8,
    instances,
    env: { SERVICE_NAME: `service-${index}`, LOG_LEVEL: 'info', DATABASE: `db-${index % 20}.internal:5432` },
    labels: {
      team: `team-${index % 20}`,
      tier: index % 3 === 0 ? 'front' : 'back',
      ...(isServed ? { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: `service-${index}.test` } : {}),
    },
    portDefinitions: isServed ? [{ port: 0, name: 'http', protocol: 'tcp' }] : [],
  };
}

async function settled(ask: Ask, what: string): Promise<void> {
  // Seldom: the question itself costs the server something while there is much to tell.
  const isOver = async (): Promise<boolean> => {
    if ((await ask('GET', '/v2/deployments')).text === '[]') return true;
    await new Promise<void>((again) => setTimeout(again, 50));
    return false;
  };
  await waitFor(isOver, { timeoutMs: 600_000, what });
}

/** Makes the apps from `from` to `to`, a thousand in a request, and waits until all run. Answers the seconds it took. */
async function grow(ask: Ask, from: number, to: number): Promise<number> {
  const started = performance.now();
  for (let next = from; next < to; ) {
    const end = Math.min(to, next + APPS_PER_REQUEST);
    const body = Array.from({ length: end - next }, (_, offset) => definition(next + offset));
    const answer = await ask('PUT', '/v2/apps?force=true&partialUpdate=false', body);
    if (answer.status >= 300)
      throw new Error(`the apps were refused: ${answer.status} ${answer.text.slice(0, 500)}`);
    next = end;
    await settled(ask, `${next} apps to run`);
  }
  return (performance.now() - started) / 1_000;
}

const latencies = (what: string, latenciesMs: readonly number[], target?: string): Row[] => [
  { what: `  ${what}, p50`, value: quantile(latenciesMs, 0.5), unit: 'ms' },
  { what: `  ${what}, p99`, value: quantile(latenciesMs, 0.99), unit: 'ms', ...(target ? { target } : {}) },
];

/** What a phase cost the server: how long everybody else waited, and how much memory it took. */
async function costing(bench: Bench, phase: () => Promise<Row[]>): Promise<Row[]> {
  const { pid } = bench.server.process;
  bench.prober.take();
  forgetPeak(pid);
  const before = memoryMiB(pid, 'VmRSS');
  const cpuBefore = cpuSeconds(pid);
  const started = performance.now();
  const rows = await phase();
  const seconds = (performance.now() - started) / 1_000;
  const lag = bench.prober.take();
  return [
    ...rows,
    { what: '  GET /ping meanwhile, p99', value: quantile(lag, 0.99), unit: 'ms', target: '<= 50' },
    { what: '  GET /ping meanwhile, worst', value: Math.max(...lag), unit: 'ms' },
    { what: '  cpu of the server', value: (100 * (cpuSeconds(pid) - cpuBefore)) / seconds, unit: '%' },
    { what: '  memory of the server, before', value: before, unit: 'MiB' },
    { what: '  memory of the server, peak', value: memoryMiB(pid, 'VmHWM'), unit: 'MiB' },
  ];
}

/** Reads of one kind, as fast as four callers can. */
async function reads(ask: Ask, what: string, path: (index: number) => string, count: number): Promise<Row[]> {
  const { perSecond, latenciesMs, last } = await closedLoop(count, 4, (index) =>
    ask('GET', path(index), undefined, { discard: true }),
  );
  return [
    { what: `${what} (${sizeText(last.bytes)}), 4 at a time`, value: perSecond, unit: 'requests/s' },
    ...latencies('latency', latenciesMs),
  ];
}

function sizeText(bytes: number): string {
  return bytes < 100_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

let posted = 0;

/** POST and PATCH at a steady rate, with `count` apps there. */
async function writes(bench: Bench, count: number, rounds = ROUNDS): Promise<Row[]> {
  const { ask } = bench;
  const posts: Measured[] = [];
  const patches: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    const posting = await openLoop(WRITES, WRITES_PER_SECOND, () => {
      const id = `/new/app-${posted++}`;
      return ask('POST', '/v2/apps', { ...definition(1, 1), id });
    });
    posts.push(posting);
    await settled(ask, 'the new apps to run');
    patches.push(await openLoop(WRITES, WRITES_PER_SECOND, (index) => patch(ask, count, index)));
    await settled(ask, 'the changed apps to run');
  }
  const perSecond = (all: readonly Measured[]): number =>
    quantile(
      all.map((each) => each.perSecond),
      0.5,
    );
  return [
    {
      what: `POST of an app beside ${count}, ${WRITES_PER_SECOND}/s`,
      value: perSecond(posts),
      unit: 'requests/s',
    },
    ...ofRounds(posts),
    {
      what: `PATCH of instances beside ${count}, ${WRITES_PER_SECOND}/s`,
      value: perSecond(patches),
      unit: 'requests/s',
    },
    ...ofRounds(patches),
  ];
}

/** Latencies of some rounds: the medians of p50 and p99, and the worst p99. */
function ofRounds(rounds: readonly Measured[]): Row[] {
  const each = (q: number): number[] => rounds.map(({ latenciesMs }) => quantile(latenciesMs, q));
  return [
    { what: '  latency, p50', value: quantile(each(0.5), 0.5), unit: 'ms' },
    {
      what: `  latency, p99, median of ${rounds.length} rounds`,
      value: quantile(each(0.99), 0.5),
      unit: 'ms',
      target: WRITE_TARGET,
    },
    { what: '  latency, p99, worst round', value: Math.max(...each(0.99)), unit: 'ms' },
  ];
}

let turn = 0;

/** One instance more, or the same one less, of one app after the other. */
function patch(ask: Ask, count: number, index: number): ReturnType<Ask> {
  const which = (turn + index * 7) % count;
  if (index === WRITES - 1) turn += 1;
  return ask('PATCH', `/v2/apps${idOf(which)}?force=true`, {
    instances: instancesOfEach + ((turn + index) % 2),
  });
}

/** Reads of one app while writes go on. */
async function readsBesideWrites(bench: Bench): Promise<Row[]> {
  const reading = askWith(bench.server.urls.api, 4);
  let isWriting = true;
  const latenciesMs: number[] = [];
  const writing = openLoop(WRITES, WRITES_PER_SECOND, (index) => patch(bench.ask, apps, index)).finally(
    () => {
      isWriting = false;
    },
  );
  const started = performance.now();
  for (let index = 0; isWriting; index++) {
    const { latenciesMs: some } = await openLoop(20, 200, (each) =>
      reading('GET', `/v2/apps${idOf((index * 37 + each * 101) % apps)}`, undefined, { discard: true }),
    );
    latenciesMs.push(...some);
  }
  const seconds = (performance.now() - started) / 1_000;
  const { latenciesMs: writeLatenciesMs } = await writing;
  await settled(bench.ask, 'the changed apps to run');
  return [
    {
      what: `GET of one app while ${WRITES_PER_SECOND} PATCHes/s go on`,
      value: latenciesMs.length / seconds,
      unit: 'requests/s',
    },
    ...latencies('latency', latenciesMs, '<= 20'),
    ...latencies('PATCH meanwhile', writeLatenciesMs, WRITE_TARGET),
  ];
}

/** The whole list, once it was asked for before. */
async function whole(bench: Bench, path: string, target?: string): Promise<Row[]> {
  const { pid } = bench.server.process;
  const one = askWith(bench.server.urls.api, 1);
  await one('GET', path, undefined, { discard: true });
  forgetPeak(pid);
  const before = memoryMiB(pid, 'VmRSS');
  const { latenciesMs, last } = await closedLoop(5, 1, () => one('GET', path, undefined, { discard: true }));
  return [
    {
      what: `whole GET ${path} (${sizeText(last.bytes)}), median of 5`,
      value: quantile(latenciesMs, 0.5),
      unit: 'ms',
      ...(target ? { target } : {}),
    },
    { what: '  worst of 5', value: Math.max(...latenciesMs), unit: 'ms' },
    {
      what: '  memory of the server, growth over 5 of them',
      value: memoryMiB(pid, 'VmHWM') - before,
      unit: 'MiB',
    },
  ];
}

/** The same bytes from node's own http server with nothing behind it. */
async function limits(ask: Ask, workDir: string): Promise<Row[]> {
  const paths = ['/v2/apps/team-0/app-0', '/v2/apps?limit=100', '/v2/apps'];
  const files = await Promise.all(
    paths.map(async (path, index) => {
      const file = join(workDir, `body-${index}.json`);
      writeFileSync(file, (await ask('GET', path)).text);
      return `${path}=${file}`;
    }),
  );
  const child = fork(join(__dirname, '_bare.js'), files);
  const { port } = await new Promise<{ port: number }>((ready, failed) => {
    child.once('message', (message) => ready(message as { port: number }));
    child.once('exit', () => failed(new Error('the bare server ended')));
  });
  const bare = askWith(`http://127.0.0.1:${port}`, 4);
  const rows: Row[] = [];
  for (const [index, path] of paths.entries()) {
    const count = [2_000, 500, 5][index] ?? 1;
    rows.push(...(await reads(bare, `limit: bare node:http, ${path}`, () => path, count)));
  }
  child.disconnect();
  return rows;
}

interface Subscribers {
  readonly child: ChildProcess;
  count(): Promise<{ readonly bytes: number; readonly frames: number; readonly lost: number }>;
}

async function subscribe(api: string, count: number): Promise<Subscribers> {
  const child = fork(join(__dirname, '_subscribers.js'), [api, String(count)]);
  await new Promise((open) => child.once('message', open));
  return {
    child,
    count: () =>
      new Promise((done) => {
        child.once('message', (message) => done(message as { bytes: number; frames: number; lost: number }));
        child.send('count');
      }),
  };
}

/** The same writes with ten times as many readers of events. */
async function manySubscribers(bench: Bench): Promise<Row[]> {
  const subscribers = await subscribe(bench.server.urls.api, MANY_SUBSCRIBERS);
  const before = await subscribers.count();
  const started = performance.now();
  const rows = await readsBesideWrites(bench);
  const seconds = (performance.now() - started) / 1_000;
  const { frames, lost } = await subscribers.count();
  subscribers.child.disconnect();
  if (lost > 0) throw new Error(`${lost} of ${MANY_SUBSCRIBERS} readers of events were cut off`);
  return [
    {
      what: `${MANY_SUBSCRIBERS} more readers of events: events handed over`,
      value: (frames - before.frames) / seconds,
      unit: 'events/s',
    },
    ...rows.map((row, index) => (index === 0 ? { ...row, what: `  ${row.what}` } : row)),
  ];
}

/** Killed without a word and started again on the same store. */
async function restart(
  former: BenchServer,
  workDir: string,
): Promise<{ readonly server: BenchServer; readonly rows: Row[] }> {
  // A profile is written only at an orderly end.
  await ended(former.process, process.env['PROFILE'] ? 'SIGTERM' : 'SIGKILL');
  const proxy = fork(join(__dirname, '_sim-proxy.js'), [former.urls.master, join(workDir, 'token')]);
  interface Pushed {
    readonly services: number;
    readonly servers: number;
    readonly atMs: number;
  }
  const pushed = new Promise<Pushed>((table) =>
    proxy.once('message', (message) =>
      table({ ...(message as Omit<Pushed, 'atMs'>), atMs: performance.now() }),
    ),
  );
  const started = performance.now();
  const starting = startServer({
    workDir,
    servicePorts: SERVICE_PORTS,
    httpPort: Number(new URL(former.urls.api).port),
    masterPort: Number(new URL(former.urls.master).port),
  });
  const ask = askWith(former.urls.api, 1);
  await waitFor(
    () =>
      ask('GET', `/v2/apps${idOf(apps - 1)}`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    { timeoutMs: 60_000, what: 'reads to be served' },
  );
  const readsMs = performance.now() - started;
  const table = await pushed;
  const server = await starting;
  proxy.disconnect();
  const services = Math.ceil(apps / 2);
  if (table.services < services || table.servers < services * instancesOfEach)
    throw new Error(`the table pushed has ${table.services} services and ${table.servers} servers`);
  const settledMiB = memoryMiB(server.process.pid, 'VmRSS');
  const firstList = await ask('GET', '/v2/apps', undefined, { discard: true });
  return {
    server,
    rows: [
      {
        what: 'restart after kill -9, until reads are served',
        value: readsMs / 1_000,
        unit: 's',
        target: '<= 5',
      },
      {
        what: `  until the routing table is pushed (${table.services} services, ${table.servers} servers)`,
        value: (table.atMs - started) / 1_000,
        unit: 's',
        target: '<= 5',
      },
      { what: '  memory of the server then', value: settledMiB, unit: 'MiB' },
      { what: '  first whole GET /v2/apps after it', value: firstList.tookMs, unit: 'ms' },
    ],
  };
}

async function measure(bench: Bench, workDir: string, few: Row[], growS: number): Promise<Row[]> {
  const { ask } = bench;
  const one = (index: number): string => `/v2/apps${idOf((index * 37) % apps)}`;
  const groups = '/v2/groups?embed=group.groups&embed=group.apps&embed=group.apps.counts';
  const rows: Row[] = [
    {
      what: `${apps} apps x ${instancesOfEach} instances by bulk PUT, all running, ${SUBSCRIBERS} readers of events`,
      value: (apps * instancesOfEach) / growS,
      unit: 'tasks/s',
    },
  ];
  const phase = async (run: () => Promise<Row[]>): Promise<void> => {
    rows.push(...(await costing(bench, run)));
  };
  await phase(() => reads(ask, 'GET of one app', one, 4_000));
  await phase(() => reads(ask, 'GET /v2/apps?limit=100', () => '/v2/apps?limit=100', 500));
  await phase(() => whole(bench, '/v2/apps', '<= 1 000'));
  await phase(() => whole(bench, '/v2/apps?embed=apps.tasks'));
  await phase(() => whole(bench, groups));
  await phase(() => readsBesideWrites(bench));
  rows.push(...few);
  await phase(() => writes(bench, apps));
  await phase(() => manySubscribers(bench));
  rows.push(...(await limits(ask, workDir)));
  return rows;
}

function missed({ value, target }: Row): boolean {
  if (target === undefined) return false;
  const limit = Number(target.replaceAll(/[^\d.]/g, ''));
  return typeof value !== 'number' || (target.startsWith('<=') ? value > limit : value < limit);
}

async function main(): Promise<void> {
  const workDir = mkdtempSync(join(tmpdir(), 'longrun-bench-api-'));
  let server = await startServer({ workDir, servicePorts: SERVICE_PORTS });
  const children: ChildProcess[] = [];
  try {
    children.push(await startAgents(server.urls, workDir, AGENTS));
    const ask = askWith(server.urls.api, 64);
    const prober = new Prober(server.urls.api).start();
    const bench = { ask, prober, server };
    const firstS = await grow(ask, 0, FEW_APPS);
    const readers = await subscribe(server.urls.api, SUBSCRIBERS);
    children.push(readers.child);
    // A server that has just started is slow until its code is compiled: this is about the number of apps.
    await writes(bench, FEW_APPS, 1);
    const few = await costing(bench, () => writes(bench, FEW_APPS));
    const growS = firstS + (await grow(ask, FEW_APPS, apps));
    process.stderr.write(`${apps} apps run after ${growS.toFixed(1)} s\n`);
    const rows = await measure(bench, workDir, few, growS);
    await prober.stop();
    const again = await restart(server, workDir);
    server = again.server;
    rows.push(...again.rows, ...REPORTED);
    report('api', rows);
    const misses = rows.filter(missed);
    for (const { what, value, target } of misses)
      process.stdout.write(`missed: ${what.trim()}: ${value} (${target})\n`);
    if (mustMeetTargets && misses.length > 0) process.exitCode = 1;
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
    await ended(server.process, 'SIGTERM');
    rmSync(workDir, { recursive: true, force: true });
  }
  process.exit();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
