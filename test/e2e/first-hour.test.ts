import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../support/package-root.js';
import { waitFor } from '../support/wait-for.js';
import { Longrun } from './support/longrun.js';

const root = packageRoot();

describe("a newcomer's first hour", () => {
  let longrun: Longrun;
  beforeAll(async () => {
    longrun = await Longrun.start();
  }, 40_000);
  afterAll(async () => longrun.destroy(), 40_000);

  const hello = JSON.parse(readFileSync(join(root, 'examples/hello.json'), 'utf8')) as {
    id: string;
    labels: Record<string, string>;
    portDefinitions: object[];
  };
  const viaVhost = async (): Promise<string> => {
    const answer = await waitFor(
      async () => {
        const got = await getWithHost(longrun.ready.lb, hello.labels['HAPROXY_0_VHOST'] ?? '');
        return got.status === 200 ? got : undefined;
      },
      { what: 'the virtual host to answer' },
    );
    return answer.text;
  };

  it('posts hello, sees it become healthy and answer through the load balancer', async () => {
    // Its port may be another longrun's on this host.
    const portDefinitions = [{ ...hello.portDefinitions[0], port: longrun.firstServicePort }];
    const app = await longrun.deploy({ ...hello, portDefinitions });
    expect(app.tasksRunning).toBe(1);
    expect(app.tasksHealthy).toBe(1);
    expect(await viaVhost()).toContain('Hello');
    const direct = await waitFor(
      async () =>
        (await fetch(`http://127.0.0.1:${app.portDefinitions[0]?.port}/`).catch(() => undefined)) ??
        undefined,
    );
    expect(await direct.text()).toContain('Hello');
  });

  it('finds the metrics that the operating page says to watch', async () => {
    const page = readFileSync(join(root, 'docs/operating.md'), 'utf8');
    const rows = page.slice(page.indexOf('Watch these'), page.indexOf('## Limits'));
    const names = [...rows.matchAll(/`((?:marathon|haproxy|process)_\w+)/g)].map(([, name]) => name ?? '');
    expect(names.length).toBeGreaterThan(8);
    const server = await fetch(`${longrun.ready.api}/metrics/prometheus`).then((each) => each.text());
    const balancer = await fetch(`${longrun.ready.stats}/metrics`).then((each) => each.text());
    const told = new Set([...`${server}\n${balancer}`.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));
    expect(names.filter((name) => !told.has(name))).toEqual([]);
    expect(server).toMatch(/^marathon_groups_active_gauge 1$/m);
  });

  it('scales it to four', async () => {
    const answer = await longrun.request('PATCH', '/v2/apps/hello', { instances: 4 });
    expect(answer.status).toBe(200);
    const app = await longrun.settled('/hello');
    expect(app.tasksRunning).toBe(4);
    const seen = new Set<string>();
    await waitFor(async () => {
      seen.add(await viaVhost());
      return seen.size === 4;
    });
  });

  it.each(['server', 'agent'] as const)(
    'kills the %s with kill -9 and watches it come right',
    async (which) => {
      const before = (await longrun.app('/hello'))?.tasks.map(({ id }) => id).sort();
      process.kill(longrun.ready.pids[which], 'SIGKILL');
      await waitFor(
        async () => (await longrun.request('GET', '/ping').catch(() => undefined))?.status === 200,
        { timeoutMs: 15_000, what: 'the API' },
      );
      const app = await waitFor(
        async () => {
          const now = await longrun.app('/hello').catch(() => undefined);
          return now?.tasksRunning === 4 && now.tasksHealthy === 4 ? now : undefined;
        },
        { timeoutMs: 20_000, what: 'four healthy instances' },
      );
      expect(app.tasks.map(({ id }) => id).sort()).toEqual(before);
      expect(await viaVhost()).toContain('Hello');
    },
  );

  it('kills a task with kill -9 and gets another one', async () => {
    const before = (await longrun.app('/hello'))?.tasks.map(({ id }) => id) ?? [];
    const victim = longrun
      .taskPids()
      .find((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`MESOS_TASK_ID=${before[0]}`));
    process.kill(victim ?? 0, 'SIGKILL');
    const app = await waitFor(
      async () => {
        const now = await longrun.app('/hello');
        return now?.tasksHealthy === 4 && !now.tasks.some(({ id }) => id === before[0]) ? now : undefined;
      },
      { timeoutMs: 20_000, what: 'a replacement' },
    );
    expect(app.tasks.map(({ id }) => id).filter((id) => before.includes(id))).toHaveLength(3);
  });

  it('deletes it, and nothing of it is left', async () => {
    expect((await longrun.request('DELETE', '/v2/apps/hello')).status).toBe(200);
    await waitFor(async () => longrun.taskPids().length === 0, {
      timeoutMs: 20_000,
      what: 'the tasks to end',
    });
    expect((await longrun.request('GET', '/v2/apps/hello')).status).toBe(404);
  });
});

async function getWithHost(url: string, host: string): Promise<{ status: number; text: string }> {
  const { request } = await import('node:http');
  return new Promise((done, fail) => {
    request(url, { headers: { host }, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => done({ status: response.statusCode ?? 0, text }));
    })
      .on('error', fail)
      .end();
  });
}
