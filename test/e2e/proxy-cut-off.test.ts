import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { patience, waitFor } from '../support/wait-for.js';
import { RunningCommand } from './support/command.js';
import { ask } from './support/http.js';
import { Load, stopLoads } from './support/load.js';
import { type AppJson, webApp } from './support/longrun.js';
import { commandOf, environmentOf, livePids } from './support/parts.js';
import { PortBlock } from './support/port-block.js';

/** The server waits so long for a silent proxy, and a deployment so much longer at most. */
const LEASE_MS = 10_000;
const GRACE_MS = 5_000;

describe('one of three proxies is cut off during a rolling deploy', () => {
  const ports = PortBlock.take();
  const commands: RunningCommand[] = [];
  const frozen: number[] = [];
  let api = '';

  const run = async (...args: string[]): Promise<RunningCommand> => {
    const command = new RunningCommand(args);
    commands.push(command);
    await command.up();
    return command;
  };

  afterEach(stopLoads);
  afterAll(async () => {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    for (const command of [...commands].reverse()) await command.end('SIGINT').catch(() => undefined);
    const dirs = commands.map(({ workDir }) => workDir);
    for (const pid of livePids()) {
      if (dirs.some((dir) => environmentOf(pid).includes(dir) || commandOf(pid).includes(dir)))
        process.kill(pid, 'SIGKILL');
    }
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    ports.release();
  }, 60_000);

  const request = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const json = { 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { headers: json, body: JSON.stringify(body) };
    const got = await ask(api, { method, path, ...sent });
    if (got.status >= 300) throw new Error(`${method} ${path}: ${got.status} ${got.text}`);
    return JSON.parse(got.text || 'null');
  };
  const settled = (timeoutMs: number): Promise<AppJson> =>
    waitFor(
      async () => {
        const { app } = (await request('GET', '/v2/apps/web')) as { app: AppJson };
        return app.deployments.length === 0 && app.tasksHealthy === app.instances ? app : undefined;
      },
      { timeoutMs, what: 'the deployment to end' },
    );

  it('which waits for its lease at most; clients of all three see no failure', async () => {
    const server = await run(
      ...['server', '--http-port', '0', '--master-port', '0', '--service-ports', ports.servicePorts],
    );
    api = server.urls['api'] ?? '';
    const joining = ['--server', server.urls['master'] ?? '', '--token-file', join(server.workDir, 'token')];
    const own = ['--lb-http-port', '0', '--lb-stats-port', '0', '--lb-app-id-port', '0', '--disable-dns'];
    const [proxies] = await Promise.all([
      Promise.all([0, 1, 2].map(() => run('proxy', ...joining, ...own))),
      run('agent', ...joining, '--agent-port', '0', '--resources', `ports:[${ports.hostPorts}]`),
    ]);
    await request(
      'POST',
      '/v2/apps',
      webApp('/web', {
        instances: 2,
        env: { APP_VERSION: '1', DIE_AT_ONCE: '1' },
        labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' },
        loadBalancer: { drainSeconds: 3 },
      }),
    );
    const before = await settled(30_000);
    // A deployment ends when its instances are healthy; whether every proxy knows them yet is another matter.
    for (const { urls } of proxies)
      await waitFor(async () => (await ask(urls['lb'] ?? '', { host: 'web.test' })).status === 200, {
        what: 'every proxy to know the app',
      });
    const kinds = ['keep-alive GET', 'fresh GET', 'POST'];
    const loads = proxies.map(
      (proxy) =>
        new Load({
          url: proxy.urls['lb'] ?? '',
          host: 'web.test',
          kinds,
          clients: 1,
          pauseMs: 10,
          webSocket: false,
          timeoutMs: 60_000,
        }),
    );
    await waitFor(() => loads.every((load) => load.sent > 20), { what: 'load on all three' });

    const [lost] = proxies;
    const [cut] = loads;
    if (!lost || !cut) throw new Error('no proxy');
    frozen.push(...workersOf(lost), lost.process.pid ?? 0);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    const sentBefore = cut.sent;
    const startedMs = performance.now();
    await request('PATCH', '/v2/apps/web', { env: { APP_VERSION: '2', DIE_AT_ONCE: '1' } });
    const after = await settled(60_000);
    const tookMs = performance.now() - startedMs;
    expect(after.tasks.filter(({ id }) => before.tasks.some((task) => task.id === id))).toEqual([]);
    expect(cut.sent - sentBefore).toBeLessThanOrEqual(kinds.length);
    for (const pid of frozen.splice(0)) process.kill(pid, 'SIGCONT');
    await waitFor(() => cut.sent > sentBefore + 50, { what: 'the proxy to serve again' });

    const [ofCut, ...others] = await Promise.all(loads.map((load) => load.stop()));
    expect(ofCut?.failures).toEqual([]);
    expect(others.map(({ failures, slow }) => ({ failures, slow }))).toEqual(
      others.map(() => ({ failures: [], slow: [] })),
    );
    // Health checks and starts take their own time besides.
    expect(tookMs).toBeLessThan(LEASE_MS + GRACE_MS + 10_000 * patience);
    expect(tookMs).toBeGreaterThan(LEASE_MS / 2);
  }, 90_000);
});

/** The worker processes of a proxy. */
function workersOf({ workDir }: RunningCommand): number[] {
  return readdirSync(join(workDir, 'run')).flatMap((name) => {
    const pid = /^proxy-(\d+)\.sock$/.exec(name)?.[1];
    return pid === undefined ? [] : [Number(pid)];
  });
}
