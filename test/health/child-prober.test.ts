import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChildProber } from '../../src/health/child-prober.js';
import type { ProbeResult, ProbeTarget } from '../../src/health/health.js';
import { ResultBatches } from '../../src/health/result-batches.js';
import { silentLog } from '../../src/logging/log.js';
import { SystemClock } from '../../src/util/clock.js';
import { identify, isAlive } from '../../src/util/process-identity.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { emitSources } from '../store/emit-sources.js';
import { waitFor } from '../support/wait-for.js';

const dir = mkdtempSync(join(tmpdir(), 'longrun-prober-'));
let entry: string;
let server: Server;
let port: number;
let status = 200;
let prober: ChildProber;
let results: ProbeResult[] = [];

beforeAll(async () => {
  entry = join(emitSources(dir, ['health', 'util', 'logging']), 'health/prober-main.js');
  server = createServer((_request, response) => response.writeHead(status).end());
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  await new Promise((closed) => server.close(closed));
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  status = 200;
  results = [];
  prober = new ChildProber({ entry, clock: new SystemClock(), log: silentLog });
  await prober.start((result) => results.push(result));
});
afterEach(() => prober.stop());

function target(key: string, more: Partial<ProbeTarget> = {}): ProbeTarget {
  return {
    key,
    protocol: 'HTTP',
    host: '127.0.0.1',
    port,
    path: '/',
    intervalMs: 100,
    timeoutMs: 10_000,
    eager: true,
    ...more,
  };
}

const until = (condition: () => boolean, what: string): Promise<boolean> =>
  waitFor(condition, { what, timeoutMs: 15_000 });

const of = (key: string): ProbeResult[] => results.filter((result) => result.key === key);

function pidOf(child: ChildProber): number {
  if (child.pid === undefined) throw new Error('there is no prober');
  return child.pid;
}

describe('the prober process', () => {
  it('probes what it is told, also what it was told before it ran, until it is removed', async () => {
    prober.add(target('a'));
    prober.add(target('b', { path: '/b' }));
    await until(() => of('a').length >= 3 && of('b').length >= 3, 'results of both');
    status = 500;
    await until(() => of('a').at(-1)?.ok === false, 'a failure');
    expect(of('a').at(-1)).toMatchObject({ cause: 'status 500', elapsedMs: expect.any(Number) });
    prober.remove('a');
    const [a, b] = [of('a').length, of('b').length];
    await until(() => of('b').length > b + 3, 'more of the other');
    expect(of('a')).toHaveLength(a);
  });

  it('a result of an earlier target under the same key is not told', async () => {
    status = 500;
    prober.add(target('a'));
    await until(() => of('a').length >= 2, 'results');
    results.length = 0;
    prober.add(target('a', { protocol: 'TCP' }));
    await until(() => results.length >= 2, 'results of the new target');
    expect(results.every(({ ok }) => ok)).toBe(true);
  });

  it('when it is killed another takes its place with all targets', async () => {
    prober.add(target('a'));
    prober.add(target('b'));
    await until(() => of('a').length >= 1 && of('b').length >= 1, 'results');
    const first = pidOf(prober);
    process.kill(first, 'SIGKILL');
    await until(() => prober.pid !== undefined && prober.pid !== first, 'another prober');
    results.length = 0;
    await until(() => of('a').length >= 2 && of('b').length >= 2, 'results of the new prober');
  });

  it('a pause of the prober fails nobody, although every timeout of it passed meanwhile', async () => {
    prober.add(target('a', { timeoutMs: 1_500, intervalMs: 10 }));
    await until(() => of('a').length >= 5, 'results');
    process.kill(pidOf(prober), 'SIGSTOP');
    const pausedMs = performance.now();
    await until(() => performance.now() - pausedMs > 2_000, 'a long pause');
    process.kill(pidOf(prober), 'SIGCONT');
    const before = results.length;
    await until(() => results.length > before + 5, 'results after the pause');
    expect(results.filter(({ ok }) => !ok)).toEqual([]);
  });

  it('stop ends the process', async () => {
    prober.add(target('a'));
    await until(() => of('a').length >= 1, 'a result');
    const identity = identify(pidOf(prober));
    await prober.stop();
    expect(identity && isAlive(identity)).toBe(false);
    const told = results.length;
    prober.add(target('b'));
    expect(results).toHaveLength(told);
  });
});

describe('result batches', () => {
  it('send one batch at a time and keep only the newest result of each target meanwhile', () => {
    const clock = new VirtualClock();
    const sent: { keys: string[]; done: () => void }[] = [];
    const batches = new ResultBatches(
      (items, done) => sent.push({ keys: items.map(({ key, ok }) => `${key}:${ok}`), done }),
      (delayMs, run) => clock.after(delayMs, run),
    );
    const push = (key: string, ok: boolean): void => batches.push({ key, ok, generation: 1 });
    push('a', true);
    push('b', true);
    clock.advance(10);
    for (let n = 0; n < 1_000; n++) push('a', n % 2 === 0);
    push('b', false);
    clock.advance(1_000);
    expect(sent.map(({ keys }) => keys)).toEqual([['a:true', 'b:true']]);
    sent[0]?.done();
    expect(sent.map(({ keys }) => keys)).toEqual([
      ['a:true', 'b:true'],
      ['a:false', 'b:false'],
    ]);
    sent[1]?.done();
    clock.advance(1_000);
    expect(sent).toHaveLength(2);
  });
});
