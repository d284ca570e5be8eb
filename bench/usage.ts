import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { AppId, AppRecord } from '../src/apps/app.js';
import { SAMPLE_EVERY_MS, UsageSampler } from '../src/embedded-mesos/agent/usage/usage-sampler.js';
import { detectIsolation } from '../src/embedded-mesos/containers/isolation/detect-isolation.js';
import { ProcessContainerizer } from '../src/embedded-mesos/containers/process-containerizer.js';
import type { TaskUsage } from '../src/embedded-mesos/protocol/agent-line.js';
import { silentLog } from '../src/logging/log.js';
import { LmdbStore } from '../src/store/lmdb-store.js';
import { resolutions } from '../src/usage/decide/resolution.js';
import { UsageBook } from '../src/usage/usage-book.js';
import { SystemClock } from '../src/util/clock.js';
import { SystemDice } from '../src/util/ids.js';
import { VirtualClock } from '../src/util/virtual-clock.js';
import { packageRoot } from '../test/support/package-root.js';
import { waitFor } from '../test/support/wait-for.js';
import { quantile, type Row, report } from './_report.js';

/** What looking at containers costs an agent, and what taking, storing and showing it costs the server. */
const tasks = Number(process.argv[2] ?? 500);
const apps = Number(process.argv[3] ?? 10_000);
const ROUNDS = 10;
const MIB = 1024 * 1024;
const rows: Row[] = [];

/** Longest stretch between two turns of the event loop while `work` runs. */
async function longestTurn(work: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let over = false;
  const watch = (async () => {
    let lastMs = performance.now();
    while (!over) {
      await turn();
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
    }
  })();
  await work();
  over = true;
  await watch;
  return longestMs;
}

async function agent(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'longrun-bench-usage-'));
  const clock = new SystemClock();
  const running = new Set<string>();
  const ended = new Set<string>();
  const containerizer = new ProcessContainerizer({
    root,
    isolation: detectIsolation(`bench${randomUUID().slice(0, 8)}`),
    pump: {
      script: join(packageRoot(), 'dist/embedded-mesos/containers/log-pump/main.js'),
      fileBytes: MIB,
      files: 2,
    },
    onEvent: (event) => {
      if (event.type === 'started') running.add(event.id);
      else if (event.type === 'ended') ended.add(event.id);
    },
    clock,
    dice: new SystemDice(),
    log: silentLog,
  });
  await containerizer.start([]);
  const ids: string[] = [];
  for (let count = 0; count < tasks; count++) {
    const id = containerizer.nextId();
    ids.push(id);
    containerizer.launch({
      id,
      command: { shell: true, value: 'exec sleep 1000', arguments: [] },
      environment: [],
      limits: { cpus: 0.01, memMiB: 32 },
    });
  }
  await waitFor(() => running.size === tasks, { timeoutMs: 300_000, what: 'all tasks' });
  await pause(2_000);
  try {
    await measureLooks(containerizer, ids);
  } finally {
    for (const id of ids) containerizer.kill(id, 0);
    await waitFor(() => ended.size === tasks, { timeoutMs: 300_000, what: 'the end of all tasks' });
    for (const id of ids) containerizer.forget(id);
    await containerizer.tearDown();
    rmSync(root, { recursive: true, force: true });
  }
}

async function measureLooks(containerizer: ProcessContainerizer, ids: readonly string[]): Promise<void> {
  const one: number[] = [];
  for (const id of ids) {
    const beganMs = performance.now();
    containerizer.statistics(id);
    one.push(performance.now() - beganMs);
  }
  let bytes = 0;
  let reported: (() => void) | undefined;
  // Rounds follow each other at once: time is the pause between them, which costs nothing.
  let round: (() => void) | undefined;
  const clock = new SystemClock();
  const sampler = new UsageSampler({
    tasks: () => ids.map((id) => ({ taskId: `app.instance-${id}._app.1`, containerId: id })),
    statistics: (id) => containerizer.statistics(id),
    report: (used) => {
      reported?.();
      bytes = JSON.stringify({ type: 'USAGE', tasks: used }).length;
    },
    clock: {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, run) => clock.after(delayMs, run),
      every: (_periodMs, run) => {
        round = run;
        return { cancel: () => undefined };
      },
    },
  });
  const oneRound = (): Promise<void> =>
    new Promise((done) => {
      reported = done;
      round?.();
    });
  sampler.start();
  round?.();
  await pause(3_000);
  const before = process.cpuUsage();
  const waits: number[] = [];
  for (let done = 0; done < ROUNDS; done++) {
    const beganMs = performance.now();
    await oneRound();
    waits.push(performance.now() - beganMs);
  }
  const { user, system } = process.cpuUsage(before);
  const msPerRound = (user + system) / 1_000 / ROUNDS;
  const turnMs = await longestTurn(oneRound);
  sampler.stop();
  const share = (msPerRound / SAMPLE_EVERY_MS) * 100;
  rows.push(
    {
      what: `one look at a container (${containerizer.isolationKind}), p50`,
      value: quantile(one, 0.5),
      unit: 'ms',
    },
    { what: `a round over ${ids.length} tasks, processor time`, value: msPerRound, unit: 'ms' },
    { what: 'the same at a round every 10 s', value: share, unit: '% of a core', target: '<= 3' },
    { what: 'a round from its begin to its report, p50', value: quantile(waits, 0.5), unit: 'ms' },
    { what: 'longest turn of the event loop meanwhile', value: turnMs, unit: 'ms', target: '<= 20' },
    { what: 'a report on the line', value: bytes / 1024, unit: 'KiB' },
  );
}

async function server(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'longrun-bench-usage-'));
  const clock = new VirtualClock(Date.now());
  const store = new LmdbStore({ dir: folder, log: silentLog, clock: new SystemClock() });
  await store.open();
  let written = 0;
  let writes = 0;
  const record = { app: { cpus: 0.1, mem: 64, instances: 1 } } as unknown as AppRecord;
  const book = new UsageBook({
    store: {
      get: (key) => store.get(key),
      scan: (prefix, options) => store.scan(prefix, options),
      commit: (batch) => {
        writes += batch.writes.length;
        for (const write of batch.writes)
          if (write.op === 'put') written += JSON.stringify(write.value).length;
        return store.commit(batch);
      },
    },
    epoch: 1,
    apps: { get: () => record },
    isDeleted: () => false,
    appOf: (taskId) => `/${taskId}` as AppId,
    clock,
    log: silentLog,
  });
  book.start();
  const used: TaskUsage[] = Array.from({ length: apps }, (_, index) => ({
    taskId: `team-${index % 100}/app-${index}`,
    seconds: 10,
    cpus: 0.05 + (index % 7) / 100,
    throttled: 0,
    memoryBytes: (20 + (index % 30)) * MIB,
  }));
  globalThis.gc?.();
  const heapBefore = process.memoryUsage();
  const takes: number[] = [];
  let longestMs = 0;
  let cpuMs = 0;
  const TICKS = 36;
  for (let tick = 0; tick < TICKS; tick++) {
    clock.advance(5_000);
    const beganCpu = process.cpuUsage();
    for (let from = 0; from < used.length; from += 500) {
      const beganMs = performance.now();
      book.take(used.slice(from, from + 500));
      takes.push(performance.now() - beganMs);
      if (from % 2_000 === 0) await turn();
    }
    clock.advance(5_000);
    longestMs = Math.max(longestMs, await longestTurn(() => pause(250)));
    const { user, system } = process.cpuUsage(beganCpu);
    cpuMs += (user + system) / 1_000;
  }
  const heap = process.memoryUsage();
  const grewMiB = (heap.heapUsed + heap.arrayBuffers - heapBefore.heapUsed - heapBefore.arrayBuffers) / MIB;
  const [fine] = resolutions;
  const beganMs = performance.now();
  for (let asked = 0; asked < 100 && fine; asked++)
    await book.points(`/team-${asked}/app-${asked}` as AppId, fine, { fromMs: 0, toMs: clock.wallMs() });
  const readMs = (performance.now() - beganMs) / 100;
  await book.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  rows.push(
    {
      what: `a report of 500 tasks taken, ${apps} apps, p99`,
      value: quantile(takes, 0.99),
      unit: 'ms',
      target: '<= 20',
    },
    { what: 'longest turn while apps are stored', value: longestMs, unit: 'ms', target: '<= 20' },
    { what: 'records written per 10 s', value: writes / TICKS, unit: '' },
    { what: 'bytes written per 10 s', value: written / TICKS / 1024, unit: 'KiB' },
    { what: 'processor time per 10 s (the bench’s own counting included)', value: cpuMs / TICKS, unit: 'ms' },
    { what: 'memory per app that runs', value: (grewMiB * 1024) / apps, unit: 'KiB' },
    { what: 'the last hour of an app, read', value: readMs, unit: 'ms' },
  );
}

async function main(): Promise<void> {
  // No timer of the clock keeps a process alive.
  const alive = setInterval(() => undefined, 1_000);
  await agent();
  await server();
  clearInterval(alive);
  report('usage', rows);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
