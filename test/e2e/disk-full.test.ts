import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { Load, stopLoads } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

describe('a full disk under the log', () => {
  let longrun: Longrun;
  afterEach(async () => longrun.destroy(), 60_000);

  it('ends nothing: all starts, runs and comes back unheard', async () => {
    longrun = await Longrun.startBy(['sh', '-c', 'exec "$@" > /dev/full 2>&1', 'sh']);
    await longrun.deploy({ id: '/a', cmd: 'sleep 1000', cpus: 0.01, mem: 16, portDefinitions: [] });
    const [server = 0] = longrun.parts().server;
    process.kill(server, 'SIGKILL');
    await waitFor(
      async () => {
        const others = longrun.parts().server.filter((pid) => pid !== server);
        return others.length > 0 && (await longrun.request('GET', '/ping').catch(() => undefined));
      },
      { timeoutMs: 20_000, what: 'another server' },
    );
    await longrun.deploy({ id: '/b', cmd: 'sleep 1000', cpus: 0.01, mem: 16, portDefinitions: [] });
    expect((await longrun.app('/a'))?.tasksRunning).toBe(1);
    expect(longrun.process.exitCode).toBeNull();
  }, 60_000);
});

asRoot('a full disk under the store', () => {
  let longrun: Longrun;
  let store: string;
  beforeAll(async () => {
    const workDir = mkdtempSync(join(tmpdir(), 'longrun-e2e-'));
    store = join(workDir, 'store');
    mkdirSync(store, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', store]);
    execFileSync('chmod', ['0711', workDir]);
    longrun = await Longrun.startOn(workDir);
    await longrun.deploy(
      webApp('/web', { instances: 2, labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external' } }),
    );
  }, 60_000);
  afterEach(stopLoads);
  afterAll(async () => {
    rmSync(join(store, 'filler'), { force: true });
    longrun.process.kill('SIGINT');
    await waitFor(() => longrun.process.exitCode !== null, { timeoutMs: 20_000, what: 'up to end' }).catch(
      () => undefined,
    );
    execFileSync('umount', ['-l', store]);
    await longrun.destroy();
  }, 60_000);

  const fill = (): void => {
    for (let bytes = 256 * 1024; bytes >= 512; bytes /= 2) {
      for (;;) {
        try {
          writeFileSync(join(store, 'filler'), Buffer.alloc(bytes, 1), { flag: 'a' });
        } catch {
          break;
        }
      }
    }
  };

  it('refuses writes with 503 and a code, while reads, tasks and traffic go on, and recovers by itself', async () => {
    const tasks = longrun.taskPids();
    const load = new Load({
      url: longrun.ready.lb,
      host: 'web.test',
      kinds: ['keep-alive GET', 'fresh GET', 'POST'],
      webSocket: false,
      pauseMs: 20,
    });
    fill();
    const big = 'x'.repeat(200_000);
    const refused = await waitFor(
      async () => {
        const answer = await longrun.request('PATCH', '/v2/apps/web?force=true', {
          labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external', HAPROXY_BIG: big },
        });
        return answer.status === 503 ? answer : undefined;
      },
      { what: 'a write to be refused' },
    );
    expect(refused.body).toMatchObject({ code: 'store-unavailable' });
    expect(JSON.stringify(refused.body)).toContain('disk-full');
    expect((await longrun.request('POST', '/v2/apps', webApp('/other'))).status).toBe(503);
    expect((await longrun.request('GET', '/v2/apps')).status).toBe(200);
    expect((await longrun.app('/web'))?.labels['HAPROXY_BIG']).toBeUndefined();
    expect((await longrun.request('GET', '/v2/apps/other')).status).toBe(404);
    const sent = load.sent;
    await waitFor(() => load.sent > sent + 100);
    expect(longrun.taskPids()).toEqual(tasks);
    rmSync(join(store, 'filler'));
    await waitFor(
      async () =>
        (
          await longrun.request('PATCH', '/v2/apps/web?force=true', {
            labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_GROUP: 'external', HAPROXY_AFTER: 'yes' },
          })
        ).status === 200,
      { timeoutMs: 15_000, what: 'writing to resume by itself' },
    );
    expect((await longrun.settled('/web')).labels['HAPROXY_AFTER']).toBe('yes');
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(longrun.taskPids()).toEqual(tasks);
  }, 60_000);
});
