import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { masterRequestListener } from '../../../src/embedded-mesos/master/http.js';
import { silentLog } from '../../../src/logging/log.js';
import { type TestFramework, task, World, type WorldAgent } from './world.js';

type Json = Record<string, unknown>;
/** Names of members that a real master answered with. */
const recorded = (
  JSON.parse(readFileSync(join(__dirname, '../fixtures/recorded-keys.json'), 'utf8')) as {
    master: Record<string, string[]> & { empty: Record<string, unknown> };
  }
).master;

/** Only there when a framework has said some. */
const optional = new Set(['offer_constraints']);

let world: World;
let server: Server;
let framework: TestFramework;
let member: WorldAgent;

beforeAll(async () => {
  world = await new World().start();
  framework = await world.framework({
    name: 'mara thon',
    hostname: 'localhost',
    webui_url: 'http://x/',
    labels: { labels: [{ key: 'a', value: 'b' }] },
  });
  member = world.agent('127.0.0.1', 'ports:[31000-32000];cpus:2;mem:2048;disk:1000');
  await world.settle();
  const labels = { labels: [{ key: 'k', value: 'v' }] };
  const tasks = ['one', 'two', 'three'].map((id) => ({
    ...task(id, member.agent.id ?? '', 'cpus:0.1;mem:32;ports:[31000-31001]'),
    labels,
  }));
  for (const [index, each] of tasks.entries()) {
    const ports = 31_000 + 10 * index;
    const resources = each.resources.map((resource) =>
      resource.type === 'RANGES'
        ? { ...resource, ranges: { range: [{ begin: ports, end: ports + 1 }] } }
        : resource,
    );
    tasks[index] = { ...each, resources };
  }
  framework.launch(framework.lastOffer, tasks, 3600);
  await world.settle();
  server = createServer(masterRequestListener(world.master, { log: silentLog }));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});

afterAll(() => {
  world.master.stop();
  server.close();
});

function ask(
  path: string,
  method = 'GET',
): Promise<{ status: number; allow: string | undefined; text: string }> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    request({ port, path, method, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, allow: response.headers.allow, text }),
      );
    })
      .on('error', reject)
      .end();
  });
}

async function read(path: string): Promise<Json> {
  const { status, text } = await ask(path);
  expect([path, status]).toEqual([path, 200]);
  return JSON.parse(text) as Json;
}

function first(value: unknown): Json {
  return (value as Json[])[0] as Json;
}

const idsOf = (value: unknown): unknown[] => (value as Json[]).map(({ id }) => id);

describe("a reading tool finds on the master's port", () => {
  it.each<[string, string, (body: Json) => unknown]>([
    ['/version', 'version', (body) => body],
    ['/state', 'state', (body) => body],
    ['/frameworks', 'frameworks', (body) => body],
    ['/frameworks', 'framework', (body) => first(body['frameworks'])],
    ['/frameworks', 'task', (body) => first(first(body['frameworks'])['tasks'])],
    ['/slaves', 'slaves', (body) => body],
    ['/slaves', 'slave', (body) => first(body['slaves'])],
    ['/state-summary', 'stateSummary', (body) => body],
    ['/state-summary', 'summarySlave', (body) => first(body['slaves'])],
    ['/state-summary', 'summaryFramework', (body) => first(body['frameworks'])],
    ['/roles', 'role', (body) => first(body['roles'])],
    ['/roles', 'quota', (body) => first(body['roles'])['quota']],
    ['/tasks', 'tasks', (body) => body],
    ['/flags', 'flags', (body) => body],
  ])('under %s the members of a real %s', async (path, kind, pick) => {
    const ours = Object.keys(pick(await read(path)) as Json);
    expect(ours.sort()).toEqual((recorded[kind] ?? []).filter((name) => !optional.has(name)).sort());
  });

  it.each(['/master', ''])('every document under %s/..., with and without .json', async (prefix) => {
    for (const name of ['state', 'slaves', 'frameworks', 'tasks', 'roles', 'state-summary'])
      for (const suffix of ['', '.json', '/']) await read(`${prefix}/${name}${suffix}`);
  });

  it.each(Object.entries(recorded.empty))(
    'nothing under /%s, in the form of a real one',
    async (name, body) => {
      expect(await read(`/${name}`)).toEqual(body);
    },
  );

  it('the counters and gauges that exporters ask for', async () => {
    const metrics = await read('/metrics/snapshot');
    // Percentiles of times, the log's and quotas' own figures are not kept.
    const wanted = (recorded['metrics'] ?? []).filter(
      (name) =>
        !/_ms(\/|$)|^registrar\/|\/quota\/|offer_filters\/roles|^master\/operations\/\w+\//.test(name),
    );
    expect(wanted.length).toBeGreaterThan(100);
    expect(wanted.filter((name) => typeof metrics[name] !== 'number')).toEqual([]);
    expect(metrics[`master/frameworks/mara%20thon/${framework.id}/tasks/active/task_running`]).toBe(3);
    expect(metrics['allocator/mesos/roles/*/shares/dominant']).toBeCloseTo(0.15);
    expect(metrics['system/cpus_total']).toBeGreaterThan(0);
  });

  it('what a framework and its role hold, with the ports of all tasks joined', async () => {
    const { used_resources: used } = first((await read('/frameworks'))['frameworks']);
    expect(used).toEqual({
      disk: 0,
      mem: 96,
      gpus: 0,
      cpus: 0.3,
      ports: '[31000-31001, 31010-31011, 31020-31021]',
    });
    expect(first((await read('/roles'))['roles'])).toMatchObject({
      name: '*',
      weight: 1,
      allocated: { cpus: 0.3, mem: 96 },
      frameworks: [framework.id],
    });
  });

  it('only what is asked for', async () => {
    expect(idsOf((await read(`/slaves?slave_id=${member.agent.id}`))['slaves'])).toEqual([member.agent.id]);
    expect((await read('/slaves?slave_id=nobody'))['slaves']).toEqual([]);
    expect(idsOf((await read(`/frameworks?framework_id=${framework.id}`))['frameworks'])).toEqual([
      framework.id,
    ]);
    expect((await read('/frameworks?framework_id=nobody'))['frameworks']).toEqual([]);
    expect(idsOf((await read('/tasks?task_id=two'))['tasks'])).toEqual(['two']);
    expect((await read('/tasks?framework_id=nobody'))['tasks']).toEqual([]);
  });

  it('tasks in pages, the newest first unless asked otherwise', async () => {
    const ascending = idsOf((await read('/tasks?order=asc'))['tasks']);
    expect([...ascending].sort()).toEqual(['one', 'three', 'two']);
    expect(idsOf((await read('/tasks'))['tasks'])).toEqual([...ascending].reverse());
    expect(idsOf((await read('/tasks?order=asc&limit=1&offset=1'))['tasks'])).toEqual([ascending[1]]);
    expect((await read('/tasks?offset=99'))['tasks']).toEqual([]);
    expect(idsOf((await read('/tasks?limit=nonsense'))['tasks']).length).toBe(3);
  });

  it('the load of its machine', async () => {
    expect(Object.keys(await read('/system/stats.json')).sort()).toEqual([
      'avg_load_15min',
      'avg_load_1min',
      'avg_load_5min',
      'cpus_total',
      'mem_free_bytes',
      'mem_total_bytes',
    ]);
  });

  it('OPTIONS and HEAD answered', async () => {
    expect(await ask('/roles', 'OPTIONS')).toMatchObject({ status: 204, allow: 'GET, HEAD, OPTIONS' });
    expect(await ask('/frameworks', 'HEAD')).toMatchObject({ status: 200, text: '' });
  });
});
