import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { masterRequestListener } from '../../../src/embedded-mesos/master/http.js';
import { silentLog } from '../../../src/logging/log.js';
import { type TestFramework, task, World, type WorldAgent } from './world.js';

type Json = Record<string, unknown>;
const recorded = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/recorded-master-state.json'), 'utf8'),
) as Record<string, Json>;

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  readonly json: Json;
}

/** What only a native Mesos has to say: its build, flags and executors' constraints. */
const notOurs = ['build_date', 'build_time', 'build_user', 'offer_constraints', 'flags', 'capabilities'];

function keysOf(value: unknown): string[] {
  return Object.keys(value as Json)
    .filter((key) => !notOurs.includes(key))
    .sort();
}

function first(value: unknown): Json {
  return (value as Json[])[0] as Json;
}

describe("the master's port", () => {
  let world: World;
  let server: Server;
  let framework: TestFramework;
  let member: WorldAgent;

  beforeAll(async () => {
    world = await new World().start();
    framework = await world.framework({
      name: 'record',
      hostname: 'localhost',
      webui_url: 'http://x/',
      labels: { labels: [{ key: 'a', value: 'b' }] },
    });
    member = world.agent('127.0.0.1', 'ports:[31000-32000];cpus:2;mem:23081;disk:252899');
    await world.settle();
    const labels = { labels: [{ key: 'k', value: 'v' }] };
    framework.launch(
      framework.lastOffer,
      [{ ...task('sleep5.1', member.agent.id ?? '', 'cpus:0.1;mem:32'), labels }],
      3600,
    );
    await world.settle();
    server = createServer(
      masterRequestListener(world.master, {
        log: silentLog,
        isOwnHost: (host) => host.startsWith('127.0.0.1'),
      }),
    );
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  });

  afterAll(() => {
    world.master.stop();
    server.close();
  });

  function ask(
    path: string,
    { method = 'GET', host }: { method?: string; host?: string } = {},
  ): Promise<Answer> {
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const headers = { host: host ?? `127.0.0.1:${port}` };
      request({ port, path, method, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => {
          const json = (text.startsWith('{') ? JSON.parse(text) : {}) as Json;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
        });
      })
        .on('error', reject)
        .end();
    });
  }

  it.each(['/state', '/master/state', '/master/state/?x=1'])(
    'shows under %s what a real master shows',
    async (path) => {
      const { json, headers } = await ask(path);
      expect(headers['content-type']).toBe('application/json');
      expect(keysOf(json)).toEqual(keysOf(recorded['state']));
      expect(keysOf(first(json['slaves']))).toEqual(
        expect.arrayContaining(keysOf(first(recorded['state']?.['slaves']))),
      );
      const ours = first(json['frameworks']);
      const theirs = first(recorded['state']?.['frameworks']);
      expect(keysOf(ours)).toEqual(keysOf(theirs));
      expect(keysOf(first(ours['tasks']))).toEqual(keysOf(first(theirs['tasks'])));
      for (const name of [
        'used_resources',
        'offered_resources',
        'resources',
        'roles',
        'labels',
        'active',
        'connected',
        'recovered',
      ]) {
        expect([name, ours[name]]).toEqual([name, theirs[name]]);
      }
      const { resources, state, labels, executor_id } = first(theirs['tasks']);
      expect(first(ours['tasks'])).toMatchObject({ resources, state, labels, executor_id });
    },
  );

  it('shows agents with the sums a real master shows', async () => {
    const { json } = await ask('/slaves');
    const theirs = first(recorded['slaves']?.['slaves']);
    const ours = first(json['slaves']);
    expect(keysOf(ours)).toEqual(keysOf(theirs));
    for (const name of [
      'resources',
      'used_resources',
      'offered_resources',
      'unreserved_resources',
      'attributes',
      'pid',
      'active',
    ]) {
      if (name !== 'pid') expect([name, ours[name]]).toEqual([name, theirs[name]]);
    }
    expect(json['recovered_slaves']).toEqual([]);
  });

  it('sums up states of tasks', async () => {
    const { json } = await ask('/state-summary');
    expect(first(json['slaves'])).toMatchObject({
      TASK_RUNNING: 1,
      TASK_FINISHED: 0,
      framework_ids: [framework.id],
    });
    expect(first(json['frameworks'])).toMatchObject({ TASK_RUNNING: 1, slave_ids: [member.agent.id] });
    expect(keysOf(first(json['frameworks']))).toEqual(
      keysOf(first(recorded['stateSummary']?.['frameworks'])),
    );
  });

  it('lists tasks, version, health and metrics', async () => {
    expect(first((await ask('/tasks')).json['tasks'])['id']).toBe('sleep5.1');
    expect((await ask('/version')).json['version']).toMatch(/^\d+\.\d+\.\d+$/);
    expect((await ask('/health')).status).toBe(200);
    expect((await ask('/metrics/snapshot')).json).toMatchObject({
      'master/elected': 1,
      'master/slaves_connected': 1,
      'master/tasks_running': 1,
      'master/cpus_used': 0.1,
      'master/mem_percent': 32 / 23081,
    });
  });

  it('redirects to the leader, itself', async () => {
    const { status, headers } = await ask('/redirect');
    expect([status, headers['location']]).toEqual([307, '//127.0.0.1:5050']);
  });

  it('refuses unknown paths, wrong methods and foreign hosts', async () => {
    expect(await ask('/nonsense')).toMatchObject({ status: 404, json: { message: 'URI not found' } });
    expect(await ask('/constructor')).toMatchObject({ status: 404 });
    const posted = await ask('/state', { method: 'POST' });
    expect([posted.status, posted.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect((await ask('/state', { host: 'evil.example' })).status).toBe(403);
  });

  it('answers HEAD without a body', async () => {
    expect(await ask('/state', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });
});
