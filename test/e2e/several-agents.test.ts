import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { RunningCommand } from './support/command.js';
import { ask } from './support/http.js';
import { type AppJson, webApp } from './support/longrun.js';
import { commandOf, environmentOf, livePids } from './support/parts.js';
import { PortBlock } from './support/port-block.js';

/** Server, three agents and a load balancer as commands of their own on one host, as somebody who tries placement would. */
describe('several agents on one host', () => {
  const ports = PortBlock.take();
  let server: RunningCommand;
  let proxy: RunningCommand;
  const agents: RunningCommand[] = [];
  const racks = ['rack:r1;zone:a', 'rack:r2;zone:a', 'rack:r3;zone:b'];

  beforeAll(async () => {
    server = new RunningCommand([
      'server',
      '--http-port',
      '0',
      '--master-port',
      '0',
      '--service-ports',
      ports.servicePorts,
      '--agent-ping-timeout',
      '20',
    ]);
    await server.up();
    const join_ = (extra: readonly string[]): string[] => [
      '--server',
      server.urls['master'] ?? '',
      '--token-file',
      join(server.workDir, 'token'),
      ...extra,
    ];
    proxy = new RunningCommand([
      'proxy',
      ...join_(['--lb-http-port', '0', '--lb-stats-port', '0', '--lb-app-id-port', '0', '--disable-dns']),
    ]);
    await proxy.up();
    for (const [i, attributes] of racks.entries()) {
      const first = ports.first + 100 + i * 30;
      const agent = new RunningCommand([
        'agent',
        ...join_([
          '--hostname',
          `127.0.0.${i + 1}`,
          '--agent-port',
          '0',
          '--attributes',
          attributes,
          '--resources',
          `cpus:2;mem:1024;ports:[${first}-${first + 29}]`,
        ]),
      ]);
      agents.push(agent);
      await agent.up();
    }
  }, 90_000);

  afterAll(async () => {
    for (const command of [...agents, proxy, server]) await command.end('SIGINT').catch(() => undefined);
    const dirs = [...agents, proxy, server].map(({ workDir }) => workDir);
    for (const pid of livePids()) {
      if (dirs.some((dir) => environmentOf(pid).includes(dir) || commandOf(pid).includes(dir)))
        process.kill(pid, 'SIGKILL');
    }
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    ports.release();
  }, 90_000);

  const request = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown }> => {
    const got = await ask(server.urls['api'] ?? '', {
      method,
      path,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: got.status, body: JSON.parse(got.text || 'null') };
  };
  const app = async (id: string): Promise<AppJson> =>
    ((await request('GET', `/v2/apps${id}`)).body as { app: AppJson }).app;
  const steady = (id: string): Promise<AppJson> =>
    waitFor(
      async () => {
        const now = await app(id);
        return now.deployments.length === 0 && now.tasksRunning === now.instances ? now : undefined;
      },
      { timeoutMs: 30_000, what: `${id} to be steady` },
    );
  const place = async (
    id: string,
    instances: number,
    constraints: readonly (readonly string[])[],
  ): Promise<readonly string[]> => {
    expect(
      (
        await request('POST', '/v2/apps', {
          id,
          cmd: 'exec sleep 1000',
          cpus: 0.01,
          mem: 16,
          portDefinitions: [],
          instances,
          constraints,
        })
      ).status,
    ).toBe(201);
    return (await steady(id)).tasks.map(({ host }) => host).sort();
  };

  it('places by constraints: UNIQUE, GROUP_BY, CLUSTER, LIKE and MAX_PER', async () => {
    expect(await place('/unique', 3, [['hostname', 'UNIQUE']])).toEqual([
      '127.0.0.1',
      '127.0.0.2',
      '127.0.0.3',
    ]);
    const grouped = await place('/grouped', 6, [['rack', 'GROUP_BY', '3']]);
    expect(new Set(grouped).size).toBe(3);
    for (const host of new Set(grouped)) expect(grouped.filter((one) => one === host)).toHaveLength(2);
    expect(await place('/clustered', 3, [['rack', 'CLUSTER', 'r2']])).toEqual([
      '127.0.0.2',
      '127.0.0.2',
      '127.0.0.2',
    ]);
    expect(await place('/liked', 2, [['zone', 'LIKE', 'b|c']])).toEqual(['127.0.0.3', '127.0.0.3']);
    expect(new Set(await place('/few', 4, [['zone', 'MAX_PER', '2']])).size).toBeGreaterThanOrEqual(2);
  }, 90_000);

  it('says why a fourth copy of three unique ones waits', async () => {
    expect((await request('PATCH', '/v2/apps/unique', { instances: 4 })).status).toBe(200);
    const waiting = await waitFor(
      async () => {
        const { queue } = (await request('GET', '/v2/queue')).body as {
          queue: {
            app: { id: string };
            processedOffersSummary: { rejectSummaryLaunchAttempt: { reason: string; declined: number }[] };
          }[];
        };
        const summary =
          queue.find((entry) => entry.app.id === '/unique')?.processedOffersSummary
            .rejectSummaryLaunchAttempt ?? [];
        return summary.find(({ reason, declined }) => reason === 'UnfulfilledConstraint' && declined > 0);
      },
      { timeoutMs: 20_000, what: 'the reason in the queue' },
    );
    expect(waiting.reason).toBe('UnfulfilledConstraint');
    expect((await request('PATCH', '/v2/apps/unique?force=true', { instances: 3 })).status).toBe(200);
    await steady('/unique');
  }, 40_000);

  it('balances over tasks of several agents through `longrun proxy`', async () => {
    expect(
      (
        await request(
          'POST',
          '/v2/apps',
          webApp('/web', {
            instances: 3,
            constraints: [['hostname', 'UNIQUE']],
            labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' },
          }),
        )
      ).status,
    ).toBe(201);
    const ids = new Set((await steady('/web')).tasks.map(({ id }) => id));
    const seen = new Set<string>();
    await waitFor(
      async () => {
        const got = await ask(proxy.urls['lb'] ?? '', { host: 'web.test' });
        if (got.status === 200) seen.add(got.text);
        return seen.size === 3;
      },
      { what: 'every task to answer' },
    );
    expect(seen).toEqual(ids);
  }, 40_000);

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'an agent that ends by %s and comes back in time keeps its tasks',
    async (signal) => {
      const before = (await steady('/web')).tasks.map(({ id }) => id).sort();
      const [agent] = agents;
      if (!agent) throw new Error('no agent');
      await agent.end(signal);
      for (let i = 0; i < 20; i++)
        expect((await ask(proxy.urls['lb'] ?? '', { host: 'web.test' })).status).toBe(200);
      await agent.up();
      const back = await waitFor(
        async () => {
          const now = await app('/web');
          return now.tasksHealthy === 3 ? now : undefined;
        },
        { timeoutMs: 20_000, what: 'three healthy instances' },
      );
      expect(back.tasks.map(({ id }) => id).sort()).toEqual(before);
      expect(await place(`/later-${signal.toLowerCase()}`, 1, [['rack', 'CLUSTER', 'r1']])).toEqual([
        '127.0.0.1',
      ]);
    },
    60_000,
  );
});
