import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';
import { waitFor } from '../test/support/wait-for.js';
import { type Ask, askWith } from './_load.js';
import { quantile, type Row, report } from './_report.js';
import { cpuSeconds, ended, Prober, startAgents, startServer } from './_server.js';

/**
 * How many tasks and apps one server carries: a real `longrun server` with its durable store, and simulated agents in another
 * process over the real line. Usage: npm run bench -- scale [instances] [apps]
 */
const instances = Number(process.argv[2] ?? 10_000);
const apps = Number(process.argv[3] ?? 1_000);
const AGENTS = 20;
const RESOURCES = 'cpus:64;mem:65536;disk:100000;ports:[31000-32999]';
const POSTS_AT_A_TIME = 16;
const root = packageRoot();

async function running(ask: Ask, id: string): Promise<number> {
  const { text } = await ask('GET', `/v2/apps${id}?embed=app.counts`);
  return (JSON.parse(text) as { app: { tasksRunning: number } }).app.tasksRunning;
}

async function metric(ask: Ask, name: string): Promise<number | undefined> {
  const { text } = await ask('GET', '/metrics');
  const { gauges } = JSON.parse(text) as { gauges?: Record<string, { value?: number; max?: number }> };
  return gauges?.[Object.keys(gauges).find((key) => key.endsWith(name)) ?? '']?.value;
}

/** The store alone, in the same run: one durable commit after the other, and many at once. */
async function storeLimit(): Promise<Row[]> {
  const dist = (path: string): string => join(root, 'dist', path);
  const { LmdbStore } = (await import(
    dist('store/lmdb-store.js')
  )) as typeof import('../src/store/lmdb-store.js');
  const { SystemClock } = (await import(dist('util/clock.js'))) as typeof import('../src/util/clock.js');
  const { silentLog } = (await import(dist('logging/log.js'))) as typeof import('../src/logging/log.js');
  const dir = mkdtempSync(join(tmpdir(), 'longrun-bench-store-'));
  const store = new LmdbStore({ dir, log: silentLog, clock: new SystemClock() });
  await store.open();
  const commit = (key: string): Promise<void> =>
    store.commit({ epoch: 1, writes: [{ op: 'put', key, value: { text: 'x'.repeat(800) } }] });
  const started = performance.now();
  for (let i = 0; i < 500; i++) await commit(`one!${i}`);
  const oneByOne = 500 / ((performance.now() - started) / 1_000);
  const together = performance.now();
  await Promise.all(Array.from({ length: 10_000 }, (_, i) => commit(`many!${i}`)));
  const atOnce = 10_000 / ((performance.now() - together) / 1_000);
  await store.close();
  rmSync(dir, { recursive: true, force: true });
  return [
    { what: 'limit: durable lmdb commits, one after the other', value: oneByOne, unit: 'commits/s' },
    { what: 'limit: durable lmdb commits, 10 000 at once', value: atOnce, unit: 'commits/s' },
  ];
}

async function manyInstances(ask: Ask, prober: Prober): Promise<Row[]> {
  const app = { id: '/many', cmd: 'run', cpus: 0.01, mem: 8, instances: 0, portDefinitions: [] };
  await ask('POST', '/v2/apps', app);
  await waitFor(async () => (await ask('GET', '/v2/deployments')).text === '[]', {
    timeoutMs: 10_000,
    what: 'the empty app',
  });
  prober.take();
  const up = performance.now();
  await ask('PATCH', '/v2/apps/many', { instances });
  await waitFor(async () => (await running(ask, '/many')) === instances, {
    timeoutMs: 120_000,
    what: 'all to run',
  });
  const upS = (performance.now() - up) / 1_000;
  const lagWhileUp = prober.take();
  const down = performance.now();
  await ask('PATCH', '/v2/apps/many', { instances: 0 });
  await waitFor(async () => (await ask('GET', '/v2/deployments')).text === '[]', {
    timeoutMs: 120_000,
    what: 'all to end',
  });
  const downS = (performance.now() - down) / 1_000;
  const lag = await metric(ask, 'event-loop.lag.p99.gauge.seconds');
  const lagWhileDown = prober.take();
  return [
    {
      what: `1 app x ${instances} instances, PATCH to all running`,
      value: instances / upS,
      unit: 'tasks/s',
      target: '>= 2 000',
    },
    { what: '  GET /ping meanwhile, p99', value: quantile(lagWhileUp, 0.99), unit: 'ms', target: '<= 50' },
    { what: '  GET /ping meanwhile, worst', value: Math.max(...lagWhileUp), unit: 'ms' },
    ...(lag === undefined
      ? []
      : [
          {
            what: '  event loop lag p99, by the server itself',
            value: lag * 1_000,
            unit: 'ms',
            target: '<= 50',
          },
        ]),
    { what: `${instances} instances down to 0`, value: instances / downS, unit: 'tasks/s' },
    {
      what: '  GET /ping meanwhile, p99',
      value: quantile(lagWhileDown, 0.99),
      unit: 'ms',
      target: '<= 50',
    },
  ];
}

async function manyApps(ask: Ask, prober: Prober, pid: number | undefined): Promise<Row[]> {
  prober.take();
  const cpuBefore = cpuSeconds(pid);
  let next = 0;
  const refused: string[] = [];
  const started = performance.now();
  await Promise.all(
    Array.from({ length: POSTS_AT_A_TIME }, async () => {
      while (next < apps) {
        const { status, text } = await ask('POST', '/v2/apps', {
          id: `/fleet/app-${next++}`,
          cmd: 'run',
          cpus: 0.01,
          mem: 8,
          instances: 1,
        });
        if (status !== 201) refused.push(`${status} ${text}`);
      }
    }),
  );
  const postedS = (performance.now() - started) / 1_000;
  if (refused.length > 0) throw new Error(`${refused.length} POSTs were refused: ${refused[0]}`);
  await waitFor(async () => (await ask('GET', '/v2/deployments')).text === '[]', {
    timeoutMs: 120_000,
    what: 'all apps to run',
  });
  const runningS = (performance.now() - started) / 1_000;
  const lag = prober.take();
  const cpuMs = ((cpuSeconds(pid) - cpuBefore) * 1_000) / apps;
  return [
    {
      what: `${apps} apps by POST, ${POSTS_AT_A_TIME} at a time`,
      value: apps / postedS,
      unit: 'apps/s',
      target: '>= 250',
    },
    { what: '  until all of them run', value: apps / runningS, unit: 'apps/s' },
    { what: '  cpu of the server, from POST to running', value: cpuMs, unit: 'ms/app' },
    {
      what: '  GET /ping meanwhile, p99',
      value: quantile(lag, 0.99),
      unit: 'ms',
      target: '<= 50',
    },
    { what: '  GET /ping meanwhile, worst', value: Math.max(...lag), unit: 'ms' },
  ];
}

async function main(): Promise<void> {
  const workDir = mkdtempSync(join(tmpdir(), 'longrun-bench-scale-'));
  const limits = await storeLimit();
  const server = await startServer({ workDir, servicePorts: '40000-60000' });
  const ask = askWith(server.urls.api, POSTS_AT_A_TIME);
  const prober = new Prober(server.urls.api).start();
  let agents: ChildProcess | undefined;
  try {
    agents = await startAgents(server.urls, workDir, { count: AGENTS, resources: RESOURCES });
    const rows = [
      ...(await manyInstances(ask, prober)),
      ...(await manyApps(ask, prober, server.process.pid)),
    ];
    await prober.stop();
    report('scale', [...rows, ...limits]);
  } finally {
    agents?.disconnect();
    await ended(server.process, 'SIGTERM');
    rmSync(workDir, { recursive: true, force: true });
  }
  process.exit();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
