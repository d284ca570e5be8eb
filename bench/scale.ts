import { type ChildProcess, fork, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../test/support/package-root.js';
import { waitFor } from '../test/support/wait-for.js';
import { quantile, type Row, report } from './_report.js';

/**
 * How many tasks and apps one server carries: a real `longrun server` with its durable store, and simulated agents in another
 * process over the real line. Usage: npm run bench -- scale [instances] [apps]
 */
const instances = Number(process.argv[2] ?? 10_000);
const apps = Number(process.argv[3] ?? 1_000);
const AGENTS = 20;
const RESOURCES = 'cpus:64;mem:65536;disk:100000;ports:[31000-32999]';
const POSTS_AT_A_TIME = 16;
const PROBE_PERIOD_MS = 10;
const root = packageRoot();
const keepAlive = new Agent({ keepAlive: true, maxSockets: POSTS_AT_A_TIME + 4 });

interface Urls {
  readonly api: string;
  readonly master: string;
}

function ask(
  api: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const sent = request(new URL(path, api), { method, agent: keepAlive, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(payload);
  });
}

async function startServer(workDir: string): Promise<{ server: ChildProcess; urls: Urls }> {
  const readyFile = join(workDir, 'ready.json');
  const profile = process.env['PROFILE'] ? ['--cpu-prof', '--cpu-prof-dir', process.env['PROFILE']] : [];
  const args = [
    ...profile,
    join(root, 'bin/longrun.js'),
    'server',
    '--work-dir',
    workDir,
    '--http-port',
    '0',
    '--master-port',
    '0',
    '--service-ports',
    '40000-60000',
    '--ready-file',
    readyFile,
    '--log-level',
    'error',
  ];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await waitFor(() => existsSync(readyFile) || server.exitCode !== null, {
    timeoutMs: 20_000,
    what: 'the server to be ready',
  });
  return { server, urls: JSON.parse(readFileSync(readyFile, 'utf8')) as Urls };
}

async function startAgents({ master }: Urls, workDir: string): Promise<ChildProcess> {
  const agents = fork(join(__dirname, '_sim-agents.js'), [
    master,
    join(workDir, 'token'),
    String(AGENTS),
    RESOURCES,
  ]);
  await new Promise<void>((registered, failed) => {
    agents.once('message', () => registered());
    agents.once('exit', () => failed(new Error('the agents ended')));
  });
  return agents;
}

/** Asks for /ping all the time; what it takes longer than in peace, the event loop was busy. */
class Prober {
  readonly latenciesMs: number[] = [];
  #isStopped = false;
  constructor(private readonly api: string) {}

  async run(): Promise<void> {
    while (!this.#isStopped) {
      const sentMs = performance.now();
      await ask(this.api, 'GET', '/ping');
      const tookMs = performance.now() - sentMs;
      this.latenciesMs.push(tookMs);
      await new Promise<void>((next) => setTimeout(next, Math.max(0, PROBE_PERIOD_MS - tookMs)));
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}

async function running(api: string, id: string): Promise<number> {
  const { text } = await ask(api, 'GET', `/v2/apps${id}?embed=app.counts`);
  return (JSON.parse(text) as { app: { tasksRunning: number } }).app.tasksRunning;
}

async function metric(api: string, name: string): Promise<number | undefined> {
  const { text } = await ask(api, 'GET', '/metrics');
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

async function manyInstances(api: string): Promise<Row[]> {
  const app = { id: '/many', cmd: 'run', cpus: 0.01, mem: 8, instances: 0, portDefinitions: [] };
  await ask(api, 'POST', '/v2/apps', app);
  await waitFor(async () => (await ask(api, 'GET', '/v2/deployments')).text === '[]', {
    timeoutMs: 10_000,
    what: 'the empty app',
  });
  const prober = new Prober(api);
  const probing = prober.run();
  const up = performance.now();
  await ask(api, 'PATCH', '/v2/apps/many', { instances });
  await waitFor(async () => (await running(api, '/many')) === instances, {
    timeoutMs: 120_000,
    what: 'all to run',
  });
  const upS = (performance.now() - up) / 1_000;
  const lagWhileUp = prober.latenciesMs.splice(0);
  const down = performance.now();
  await ask(api, 'PATCH', '/v2/apps/many', { instances: 0 });
  await waitFor(async () => (await ask(api, 'GET', '/v2/deployments')).text === '[]', {
    timeoutMs: 120_000,
    what: 'all to end',
  });
  const downS = (performance.now() - down) / 1_000;
  const lag = await metric(api, 'event-loop.lag.p99.gauge.seconds');
  prober.stop();
  await probing;
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
      value: quantile(prober.latenciesMs, 0.99),
      unit: 'ms',
      target: '<= 50',
    },
  ];
}

async function manyApps(api: string): Promise<Row[]> {
  const prober = new Prober(api);
  const probing = prober.run();
  let next = 0;
  const refused: string[] = [];
  const started = performance.now();
  await Promise.all(
    Array.from({ length: POSTS_AT_A_TIME }, async () => {
      while (next < apps) {
        const { status, text } = await ask(api, 'POST', '/v2/apps', {
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
  await waitFor(async () => (await ask(api, 'GET', '/v2/deployments')).text === '[]', {
    timeoutMs: 120_000,
    what: 'all apps to run',
  });
  const runningS = (performance.now() - started) / 1_000;
  prober.stop();
  await probing;
  return [
    {
      what: `${apps} apps by POST, ${POSTS_AT_A_TIME} at a time`,
      value: apps / postedS,
      unit: 'apps/s',
      target: '>= 250',
    },
    { what: `  until all of them run`, value: apps / runningS, unit: 'apps/s' },
    {
      what: '  GET /ping meanwhile, p99',
      value: quantile(prober.latenciesMs, 0.99),
      unit: 'ms',
      target: '<= 50',
    },
    { what: '  GET /ping meanwhile, worst', value: Math.max(...prober.latenciesMs), unit: 'ms' },
  ];
}

async function main(): Promise<void> {
  const workDir = mkdtempSync(join(tmpdir(), 'longrun-bench-scale-'));
  const limits = await storeLimit();
  const { server, urls } = await startServer(workDir);
  let agents: ChildProcess | undefined;
  try {
    agents = await startAgents(urls, workDir);
    const rows = [...(await manyInstances(urls.api)), ...(await manyApps(urls.api))];
    report('scale', [...rows, ...limits]);
  } finally {
    server.kill('SIGTERM');
    await new Promise<void>((ended) =>
      server.exitCode === null ? server.once('exit', () => ended()) : ended(),
    );
    agents?.disconnect();
    keepAlive.destroy();
    rmSync(workDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
