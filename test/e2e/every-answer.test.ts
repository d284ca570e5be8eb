import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { expectContractAnswer, headerTexts } from '../support/checked-answers.js';
import { selfSignedCertificate } from '../support/self-signed-certificate.js';
import { waitFor } from '../support/wait-for.js';
import { Longrun, type TaskJson, webApp } from './support/longrun.js';

const DAY_MS = 24 * 3_600_000;

type Row = [status: number, method: string, path: string, body?: unknown];

/** Answers that openapi.yaml promises and that no other suite has a reason to ask for. Each is held against it. */
describe('what openapi.yaml says a running longrun answers', () => {
  let longrun: Longrun;
  let task: TaskJson;
  const sleeper = { cmd: 'exec sleep 1000', cpus: 0.01, mem: 32, instances: 1 };

  beforeAll(async () => {
    longrun = await Longrun.start();
    const web = await longrun.deploy(webApp('/shop/web'));
    [task] = web.tasks as [TaskJson];
    // Its deployment cannot end: no machine has that much.
    const waiting = { id: '/busy/waiting', cmd: 'exec sleep 1000', cpus: 100_000, mem: 32 };
    expect((await longrun.request('POST', '/v2/apps', waiting)).status).toBe(201);
  }, 60_000);
  afterAll(() => longrun.destroy(), 40_000);

  const told = async ([, method, path, body]: Row, headers: Record<string, string> = {}): Promise<string> =>
    `${(await longrun.request(method, path, body, headers)).status} ${method} ${path}`;
  const expected = ([status, method, path]: Row): string => `${status} ${method} ${path}`;

  /** `{x}` stands for what the name is in the running system. */
  const named = (path: string): string => path.replace('{task}', encodeURIComponent(task.id));

  it.each<Row>([
    [400, 'GET', '/docs/%zz'],
    [400, 'POST', '/logging', '{"level"'],
    [400, 'PUT', '/logging', '{"level"'],
    [422, 'PUT', '/logging', { level: 'shouting' }],
    [400, 'GET', '/v2/apps/%zz/*'],
    [400, 'GET', '/v2/apps/%zz/*/tasks'],
    [404, 'GET', '/v2/apps/nobody/*/tasks'],
    [422, 'GET', '/v2/apps/shop/*/tasks?limit=many'],
    [422, 'GET', '/v2/apps/*/tasks?limit=many'],
    [400, 'POST', '/v2/apps/%zz/restart'],
    [404, 'POST', '/v2/apps/nobody/restart'],
    [400, 'GET', '/v2/apps/%zz/tasks'],
    [422, 'GET', '/v2/apps/shop/web/tasks?limit=many'],
    [404, 'DELETE', '/v2/apps/nobody/tasks'],
    [400, 'DELETE', '/v2/apps/%zz/tasks/some'],
    [400, 'GET', '/v2/apps/%zz/history'],
    [400, 'GET', '/v2/apps/%zz/traffic'],
    [400, 'GET', '/v2/apps/%zz/versions'],
    [400, 'GET', '/v2/apps/%zz/versions/2020-01-01T00:00:00.000Z'],
    [400, 'POST', '/v2/groups', '{"id"'],
    [422, 'POST', '/v2/groups', { id: 'Upper Case' }],
    [400, 'PUT', '/v2/groups', '{"id"'],
    [400, 'PATCH', '/v2/groups', '{"id"'],
    [422, 'GET', '/v2/groups/apps?limit=many'],
    [422, 'GET', '/v2/groups/versions/yesterday'],
    [400, 'GET', '/v2/groups/%zz'],
    [400, 'POST', '/v2/groups/shop', '{"id"'],
    [422, 'POST', '/v2/groups/shop', { id: 'Upper Case' }],
    [400, 'PUT', '/v2/groups/shop', '{"id"'],
    [400, 'PATCH', '/v2/groups/shop', '{"id"'],
    [400, 'DELETE', '/v2/groups/%zz'],
    [400, 'GET', '/v2/groups/%zz/apps'],
    [422, 'GET', '/v2/groups/shop/apps?limit=many'],
    [400, 'GET', '/v2/groups/%zz/versions'],
    [400, 'GET', '/v2/groups/%zz/versions/2020-01-01T00:00:00.000Z'],
    [400, 'GET', '/v2/pods/%zz'],
    [400, 'DELETE', '/v2/pods/%zz'],
    [400, 'GET', '/v2/pods/%zz::status'],
    [400, 'GET', '/v2/pods/%zz::versions'],
    [400, 'GET', '/v2/pods/%zz::versions/2020-01-01T00:00:00.000Z'],
    [400, 'DELETE', '/v2/pods/%zz::instances'],
    [400, 'DELETE', '/v2/pods/%zz::instances/some'],
    [422, 'GET', '/v2/deployments?limit=many'],
    [422, 'GET', '/v2/queue?limit=many'],
    [400, 'DELETE', '/v2/queue/%zz/delay'],
    [400, 'POST', '/v2/tokens', '{"rights"'],
    [400, 'PUT', '/v2/certificates/front', '{"pem"'],
    [400, 'PUT', '/v2/secrets/shop/key', '{"value"'],
    [400, 'GET', '/v2/tasks/%zz/exec'],
    [200, 'GET', '/v2/files/{task}/browse'],
    [400, 'GET', '/v2/files/%zz/browse'],
    [404, 'GET', '/v2/files/nobody/browse'],
    [404, 'GET', '/v2/files/{task}/browse?path=nothing'],
    [400, 'GET', '/v2/files/%zz/download'],
    [404, 'GET', '/v2/files/{task}/download?path=nothing'],
  ])('%i to %s %s', async (...row: Row) => {
    const [status, method, path, body] = row;
    const asked: Row = [status, method, named(path), body];
    expect(await told(asked)).toBe(expected(asked));
  });

  it.each([
    '/v2/apps/*',
    '/v2/apps/*/tasks',
    '/v2/apps/shop/*/tasks',
    '/v2/groups',
    '/v2/groups/apps',
    '/v2/groups/shop/apps',
  ])('304 to GET %s with its tag', async (path) => {
    const { status, headers } = await longrun.request('GET', path);
    expect(status).toBe(200);
    const again = await longrun.request('GET', path, undefined, {
      'if-none-match': headers.get('etag') ?? '',
    });
    expect(again.status).toBe(304);
  });

  it.each<Row>([
    [409, 'PUT', '/v2/apps', [{ ...sleeper, id: '/busy/waiting' }]],
    [409, 'PATCH', '/v2/apps', [{ id: '/busy/waiting', mem: 33 }]],
    [409, 'PUT', '/v2/apps/busy/waiting', sleeper],
    [409, 'PATCH', '/v2/apps/busy/waiting', { mem: 33 }],
    [409, 'DELETE', '/v2/apps/busy/waiting?force=false'],
    [409, 'POST', '/v2/apps/busy/waiting/restart'],
    [409, 'PUT', '/v2/groups', { id: '/', groups: [{ id: 'busy', apps: [{ ...sleeper, id: 'waiting' }] }] }],
    [409, 'DELETE', '/v2/groups'],
    [409, 'PUT', '/v2/groups/busy', { apps: [{ ...sleeper, id: 'waiting' }] }],
  ])('%i to %s %s while a deployment holds its app', async (...row: Row) => {
    expect(await told(row)).toBe(expected(row));
  });

  it.each<Row>([
    [412, 'DELETE', '/v2/apps/shop/web/tasks/{task}'],
    [412, 'POST', '/v2/groups', { id: '/new', apps: [] }],
    [412, 'PUT', '/v2/groups', { id: '/', apps: [] }],
    [412, 'PATCH', '/v2/groups/shop', { enforceRole: false }],
    [412, 'POST', '/v2/groups/fresh', { apps: [] }],
  ])('%i to %s %s with the tag of something else', async (...row: Row) => {
    const [status, method, path, body] = row;
    const asked: Row = [status, method, named(path), body];
    expect(await told(asked, { 'if-match': '"1~2"' })).toBe(expected(asked));
  });

  it('certificates: told, kept while an app uses them, removed', async () => {
    const { cert: certificate, key: privateKey } = selfSignedCertificate(
      'shop.test',
      new Date(Date.now() - DAY_MS),
      new Date(Date.now() + DAY_MS),
    );
    const put = await longrun.request('PUT', '/v2/certificates/front', {
      certificate,
      privateKey,
    });
    expect(put.status).toBe(201);
    expect((await longrun.request('GET', '/v2/certificates/front')).status).toBe(200);
    const user = webApp('/shop/secure', {
      labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: 'shop.test', HAPROXY_0_SSL_CERT: 'front' },
    });
    await longrun.deploy(user);
    expect((await longrun.request('DELETE', '/v2/certificates/front')).status).toBe(409);
    expect((await longrun.request('DELETE', '/v2/apps/shop/secure')).status).toBe(200);
    await waitFor(async () => (await longrun.app('/shop/secure')) === undefined);
    expect((await longrun.request('DELETE', '/v2/certificates/front')).status).toBe(204);
  });

  /** How an opening of a WebSocket ended, held against openapi.yaml. */
  async function opened(path: string, protocols: string[]): Promise<number> {
    const socket = new WebSocket(`${longrun.ready.api.replace('http', 'ws')}${path}`, protocols);
    const answer = await new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>(
      (done, fail) => {
        socket.once('upgrade', ({ headers }) => done({ status: 101, headers, body: Buffer.alloc(0) }));
        socket.once('unexpected-response', (_request, response) => {
          const pieces: Buffer[] = [];
          response.on('data', (piece: Buffer) => pieces.push(piece));
          response.on('end', () =>
            done({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(pieces),
            }),
          );
        });
        socket.once('error', fail);
      },
    );
    if (answer.status === 101) await new Promise((closed) => socket.once('close', closed));
    expectContractAnswer({ method: 'GET', path, ...answer, headers: headerTexts(answer.headers) });
    return answer.status;
  }

  it('a program in a task by WebSocket', async () => {
    const path = named('/v2/tasks/{task}/exec?command=true');
    expect(await opened(path, ['longrun.exec.v1'])).toBe(101);
    expect(await opened(path, [])).toBe(400);
    expect(await opened('/v2/tasks/nobody/exec?command=true', ['longrun.exec.v1'])).toBe(404);
  });

  it('a backup, and the way down', async () => {
    const operator = {
      authorization: `Bearer ${readFileSync(join(longrun.workDir, 'token'), 'utf8').trim()}`,
    };
    const may = (method: string, path: string) => longrun.request(method, path, undefined, operator);
    expect((await may('GET', '/longrun/v1/backup')).status).toBe(200);
    expect((await may('POST', '/longrun/v1/down')).status).toBe(202);
    await waitFor(() => longrun.process.exitCode !== null, { timeoutMs: 20_000 });
  });
});
