import { existsSync } from 'node:fs';
import { waitFor } from '../support/wait-for.js';
import { runCommand } from './support/command.js';
import { Longrun } from './support/longrun.js';

interface Usage {
  readonly now: { readonly instances: number; readonly cpus: number; readonly tasks: readonly object[] };
  readonly points: readonly {
    readonly at: string;
    readonly cpus: number;
    readonly requestedMemMiB: number;
  }[];
  readonly rightSize: { readonly verdict: string };
}

const isRoot = process.getuid?.() === 0;

/** Agents look every 10 s, so each figure takes its time; all of it is told with one wait. */
(isRoot ? describe : describe.skip)('what a real app uses', () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 60_000);
  afterAll(async () => longrun.destroy(), 40_000);

  it('is seen, shown to people and to Prometheus, and outlives the server', async () => {
    const usage = async (): Promise<Usage> =>
      (await longrun.request<Usage>('GET', '/v2/apps/busy/usage')).body;
    await longrun.deploy({
      id: '/busy',
      cmd: 'while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.05; done',
      cpus: 0.1,
      mem: 48,
      disk: 0,
      instances: 1,
    });
    const seen = await waitFor(
      async () => {
        const now = await usage();
        return now.points.length >= 2 && now.now.instances === 1 ? now : undefined;
      },
      { timeoutMs: 60_000, what: 'two points' },
    );
    expect(seen.now.tasks).toEqual([
      expect.objectContaining({ host: expect.any(String), limitMiB: 48, threads: expect.any(Number) }),
    ]);
    expect(seen.now.cpus).toBeGreaterThan(0.05);
    expect(seen.rightSize.verdict).toBe('unknown');
    const { status, out } = runCommand(['usage', '/busy', '--url', longrun.ready.api]);
    expect(status).toBe(0);
    expect(out).toMatch(/cpus\s+\d/);
    expect(out).toContain('busy.instance-');
    const metrics = await longrun.request<string>('GET', '/metrics/prometheus');
    expect(metrics.body).toMatch(/^longrun_app_cpus_used\{app="\/busy"\} 0\.\d+$/m);
    const { server } = longrun.ready.pids;
    process.kill(server, 'SIGTERM');
    await waitFor(() => !existsSync(`/proc/${server}`), { timeoutMs: 20_000, what: 'the end of the server' });
    const after = await waitFor(
      async () => {
        try {
          const { points } = await usage();
          return points?.some(({ at }) => at === seen.points[0]?.at) ? points : undefined;
        } catch {
          return undefined;
        }
      },
      { timeoutMs: 30_000, what: 'the points of before' },
    );
    expect(after.length).toBeGreaterThanOrEqual(2);
    await longrun.request('DELETE', '/v2/apps/busy');
    await waitFor(async () => (await longrun.request('GET', '/v2/apps/busy/usage')).status === 404, {
      timeoutMs: 20_000,
      what: 'the end of the app',
    });
  }, 150_000);
});
