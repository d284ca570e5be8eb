import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { loadContract } from '../../src/api/contract/load-contract.js';
import { accessRoutes } from '../../src/api/decide/access-route.js';
import { accessTable } from '../../src/api/decide/access-table.js';
import type { AppId } from '../../src/apps/app.js';
import type { Deployment } from '../../src/deployments/deployment.js';
import { type Answer, ApiWorld } from './support/api-world.js';
import { type AuthWorld, bearer, makeAuth, OPERATOR_TOKEN } from './support/auth.js';
import { at, record, running } from './support/fakes.js';

/** Who asks, in the order of the columns below. `task`: a program on this host that has read a stolen backup of the store. */
const callers = [
  'nobody',
  'expired',
  'foreign',
  'viewer',
  'deployer',
  'everywhere',
  'admin',
  'page',
  'task',
] as const;
type Caller = (typeof callers)[number];

/** What comes of it: `ok` means only that access is not what stops it. `page`: an administrator's browser on a foreign page. */
//                     nobody expired foreign viewer deployer everywhere admin page  task
const open /*      */ = 'ok   ok  ok  ok  ok  ok  ok  ok     ok';
const self /*      */ = '401  401 ok  ok  ok  ok  ok  ok     401';
const see /*       */ = '401  401 403 ok  ok  ok  ok  ok     401';
const seeAll /*    */ = '401  401 403 403 403 ok  ok  ok     401';
const change /*    */ = '401  401 403 403 ok  403 ok  origin 401';
const changeAll /* */ = '401  401 403 403 403 403 ok  origin 401';
const administer /**/ = '401  401 403 403 403 403 ok  ok     401';

const task = running('/shop/web', 1).task?.id ?? '';

interface Row {
  readonly route: string;
  readonly path: string;
  readonly expected: string;
  readonly body?: unknown;
}

const row = (route: string, path: string, expected: string, body?: unknown): Row => ({
  route,
  path,
  expected,
  body,
});

const matrix: readonly Row[] = [
  row('GET /ping', '/ping', open),
  row('GET /', '/', open),
  row('GET /openapi.json', '/openapi.json', open),
  row('GET /openapi.yaml', '/openapi.yaml', open),
  row('GET /docs/{*file}', '/docs/', open),
  row('GET /metrics', '/metrics', seeAll),
  row('GET /metrics/prometheus', '/metrics/prometheus', seeAll),
  row('GET /config', '/config', administer),
  row('GET /logging', '/logging', administer),
  row('POST /logging', '/logging', changeAll, { logger: 'x', level: 'debug' }),
  row('PUT /logging', '/logging', changeAll, { logger: 'x', level: 'debug' }),
  row('GET /v2/apps', '/v2/apps', self),
  row('POST /v2/apps', '/v2/apps', change, { id: '/shop/new', cmd: 'x' }),
  row('PUT /v2/apps', '/v2/apps', change, [{ id: '/shop/web', instances: 2 }]),
  row('PATCH /v2/apps', '/v2/apps', change, [{ id: '/shop/web', instances: 2 }]),
  row('GET /v2/apps/{*groupId}/*', '/v2/apps/shop/*', see),
  row('GET /v2/apps/{*groupId}/*/tasks', '/v2/apps/shop/*/tasks', see),
  row('GET /v2/apps/{+appId}', '/v2/apps/shop/web', see),
  row('PUT /v2/apps/{+appId}', '/v2/apps/shop/web', change, { instances: 2 }),
  row('PATCH /v2/apps/{+appId}', '/v2/apps/shop/web', change, { instances: 2 }),
  row('DELETE /v2/apps/{+appId}', '/v2/apps/shop/web', change),
  row('POST /v2/apps/{+appId}/restart', '/v2/apps/shop/web/restart', change),
  row('DELETE /v2/apps/{+appId}/restart', '/v2/apps/shop/web/restart', change),
  row('GET /v2/apps/{+appId}/tasks', '/v2/apps/shop/web/tasks', see),
  row('DELETE /v2/apps/{+appId}/tasks', '/v2/apps/shop/web/tasks', change),
  row('DELETE /v2/apps/{+appId}/tasks/{taskId}', `/v2/apps/shop/web/tasks/${task}`, change),
  row('GET /v2/apps/{+appId}/history', '/v2/apps/shop/web/history', see),
  row('GET /v2/apps/{+appId}/usage', '/v2/apps/shop/web/usage', see),
  row('GET /v2/apps/{+appId}/traffic', '/v2/apps/shop/web/traffic', see),
  row('GET /v2/apps/{+appId}/versions', '/v2/apps/shop/web/versions', see),
  row('GET /v2/apps/{+appId}/versions/{version}', `/v2/apps/shop/web/versions/${at(0)}`, see),
  row('GET /v2/groups', '/v2/groups', self),
  row('POST /v2/groups', '/v2/groups', change, { id: '/shop/new' }),
  row('PUT /v2/groups', '/v2/groups', change, { id: '/shop', apps: [] }),
  row('PATCH /v2/groups', '/v2/groups', changeAll, { enforceRole: false }),
  row('DELETE /v2/groups', '/v2/groups', changeAll),
  row('GET /v2/groups/versions', '/v2/groups/versions', seeAll),
  row('GET /v2/groups/versions/{version}', `/v2/groups/versions/${at(0)}`, seeAll),
  row('GET /v2/groups/apps', '/v2/groups/apps', self),
  row('GET /v2/groups/{+groupId}', '/v2/groups/shop', see),
  row('POST /v2/groups/{+groupId}', '/v2/groups/shop/new', change, {}),
  row('PUT /v2/groups/{+groupId}', '/v2/groups/shop', change, {}),
  row('PATCH /v2/groups/{+groupId}', '/v2/groups/shop', change, { enforceRole: false }),
  row('DELETE /v2/groups/{+groupId}', '/v2/groups/shop', change),
  row('GET /v2/groups/{+groupId}/apps', '/v2/groups/shop/apps', see),
  row('GET /v2/groups/{+groupId}/versions', '/v2/groups/shop/versions', see),
  row('GET /v2/groups/{+groupId}/versions/{version}', `/v2/groups/shop/versions/${at(0)}`, see),
  row('GET /v2/pods', '/v2/pods', self),
  row('POST /v2/pods', '/v2/pods', change, { id: '/shop/new', containers: [{ name: 'c' }] }),
  row('GET /v2/pods/::status', '/v2/pods/::status', self),
  row('GET /v2/pods/{+podId}', '/v2/pods/shop::versions', see),
  row('PUT /v2/pods/{+podId}', '/v2/pods/shop/pod', change, { id: '/shop/pod', containers: [{ name: 'c' }] }),
  row('DELETE /v2/pods/{+podId}', '/v2/pods/shop::instances/x', change),
  row('GET /v2/tasks', '/v2/tasks', self),
  // Without an upgrade to a WebSocket it is 426 for whoever may.
  row(
    'GET /v2/tasks/{taskId}/exec',
    `/v2/tasks/${task}/exec?command=id`,
    '401  401 403 403 403 403 ok  ok     401',
  ),
  row('POST /v2/tasks/delete', '/v2/tasks/delete', change, { ids: [task] }),
  row('GET /v2/deployments', '/v2/deployments', self),
  row('GET /v2/deployments/{deploymentId}', '/v2/deployments/d1', self),
  row('DELETE /v2/deployments/{deploymentId}', '/v2/deployments/d1', change),
  row('GET /v2/queue', '/v2/queue', self),
  row('DELETE /v2/queue/{+appId}/delay', '/v2/queue/shop/web/delay', change),
  // Without Accept: text/event-stream it is 405 for whoever may ask.
  row('GET /v2/events', '/v2/events', self),
  row('GET /v2/discovery', '/v2/discovery', self),
  row('GET /v2/files/{taskId}/read', `/v2/files/${task}/read?path=stdout`, see),
  row('GET /v2/files/{taskId}/browse', `/v2/files/${task}/browse`, see),
  row('GET /v2/files/{taskId}/download', `/v2/files/${task}/download?path=stdout`, see),
  row('GET /v2/info', '/v2/info', self),
  row('GET /v2/plugins', '/v2/plugins', self),
  row('GET /v2/leader', '/v2/leader', self),
  row('DELETE /v2/leader', '/v2/leader', changeAll),
  row('GET /v2/tokens', '/v2/tokens', administer),
  row('POST /v2/tokens', '/v2/tokens', changeAll, { name: 'x', grants: [{ right: 'view', path: '/' }] }),
  row('DELETE /v2/tokens/{tokenId}', '/v2/tokens/none', changeAll),
  row('GET /v2/certificates', '/v2/certificates', administer),
  row('GET /v2/certificates/{certificateName}', '/v2/certificates/none', administer),
  row('PUT /v2/certificates/{certificateName}', '/v2/certificates/none', changeAll, { certificate: 'x' }),
  row('DELETE /v2/certificates/{certificateName}', '/v2/certificates/none', changeAll),
  row('GET /v2/secrets', '/v2/secrets', self),
  row('GET /v2/secrets/{+secretPath}', '/v2/secrets/shop/key', see),
  row('PUT /v2/secrets/{+secretPath}', '/v2/secrets/shop/key', change, { value: 'x' }),
  row('DELETE /v2/secrets/{+secretPath}', '/v2/secrets/shop/key', change),
  row('GET /v2/secret-key', '/v2/secret-key', administer),
  row('POST /v2/secret-key', '/v2/secret-key', changeAll),
  row('GET /v2/audit', '/v2/audit', administer),
];

let auth: AuthWorld;
let headers: Record<Caller, Record<string, string>>;

beforeAll(async () => {
  auth = await makeAuth();
  headers = {
    nobody: {},
    expired: await auth.token('expired', [{ right: 'admin', path: '/' }], 60),
    foreign: await auth.token('foreign', [{ right: 'admin', path: '/other' }]),
    viewer: await auth.token('viewer', [{ right: 'view', path: '/shop' }]),
    deployer: await auth.token('deployer', [{ right: 'deploy', path: '/shop' }]),
    everywhere: await auth.token('everywhere', [{ right: 'view', path: '/' }]),
    admin: await auth.token('admin', [{ right: 'admin', path: '/' }]),
    page: { ...bearer(OPERATOR_TOKEN), origin: 'http://evil.example' },
    task: bearer(createHash('sha256').update(OPERATOR_TOKEN).digest('hex')),
  };
  auth.clock.advance(60_000);
});

function verdict({ status, text }: Answer): string {
  if (status === 401) return '401';
  if (status !== 403) return 'ok';
  const { code } = JSON.parse(text) as { code: string };
  return code === 'missing-right' ? '403' : code === 'foreign-origin' ? 'origin' : 'ok';
}

async function prepared(): Promise<ApiWorld> {
  const world = await new ApiWorld().start({ auth });
  world.registry.put(record('/shop/web', { instances: 3 }), record('/other/db'));
  world.scheduler.add(running('/shop/web', 1));
  const plan = {
    id: 'd1',
    version: at(1),
    steps: [{ actions: [{ action: 'ScaleApplication' as const, app: '/shop/web' as AppId }] }],
    transitions: { ['/shop/web' as AppId]: { before: undefined, after: undefined } },
  } as Deployment['plan'];
  world.deployments.running.set('d1', { plan, currentStep: 1, startedAt: at(1), phase: 'running' });
  return world;
}

describe('who may do what', () => {
  it.each(matrix)('$route', async ({ route, path, expected, body }) => {
    const world = await prepared();
    try {
      const [method = ''] = route.split(' ');
      const found: string[] = [];
      for (const caller of callers) {
        const changesBefore = world.deployments.asked.length + world.scheduler.killed.length;
        const answer = await world.ask(method, path, {
          headers: headers[caller],
          ...(body === undefined ? {} : { body }),
        });
        const outcome = verdict(answer);
        found.push(`${caller} ${outcome}`);
        if (outcome === 'ok') continue;
        // A refusal changes nothing and shows nothing.
        expect(world.deployments.asked.length + world.scheduler.killed.length).toBe(changesBefore);
        expect(answer.text).not.toContain('sleep 1000');
      }
      const wanted = expected.split(/\s+/);
      expect(found).toEqual(callers.map((caller, index) => `${caller} ${wanted[index]}`));
    } finally {
      await world.stop();
    }
  });

  it('is said for every route of the table, and for no others', () => {
    const known = matrix.map(({ route }) => route).sort();
    expect(known).toEqual(accessTable.map(({ method, pattern }) => `${method} ${pattern}`).sort());
  });

  it('is said for every route of openapi.yaml', async () => {
    const { routes } = await loadContract(join(process.cwd(), 'openapi.yaml'));
    const find = accessRoutes(accessTable);
    const missing = routes.filter(({ method, path }) => {
      // The operator's own routes, beside the API: for administrators only, whatever the table says.
      if (path.startsWith('/longrun/v1/')) return false;
      const filled = path.replace(/\{\w+\}/g, 'a');
      return find(filled, method.toUpperCase(), () => false).kind !== 'row';
    });
    expect(missing).toEqual([]);
  });

  it('a route that nobody thought of is for administrators only', async () => {
    const world = await prepared();
    try {
      const ask = async (caller: Caller): Promise<number> =>
        (await world.ask('GET', '/v2/unheard-of', { headers: headers[caller] })).status;
      expect(await ask('nobody')).toBe(401);
      expect(await ask('viewer')).toBe(404);
      expect(await ask('admin')).toBe(404);
      const put = await world.ask('PUT', '/v2/tasks', { headers: headers.viewer, body: {} });
      expect([put.status, put.headers['allow']]).toEqual([405, 'GET, HEAD, OPTIONS']);
    } finally {
      await world.stop();
    }
  });

  it.each([
    '/v2/apps/shop/../other/db',
    '/v2/apps/%6fther/db',
    '/v2/apps/shop%2f..%2fother/db',
    '/v2/apps//other/./db/',
    '/v2/apps/other/db/versions',
    '/v2/apps/shop/../other/*',
    '/v2/apps/..%2fother/db/tasks',
  ])('%s does not lead around it', async (path) => {
    const world = await prepared();
    try {
      const answer = await world.ask('GET', path, { headers: headers.viewer });
      expect([answer.status, answer.text.includes('/other')]).toEqual([403, true]);
      expect(answer.json['code']).toBe('missing-right');
    } finally {
      await world.stop();
    }
  });

  it('tells what exists to nobody who may not see it', async () => {
    const world = await prepared();
    try {
      const there = await world.ask('GET', '/v2/apps/other/db', { headers: headers.viewer });
      const notThere = await world.ask('GET', '/v2/apps/other/no', { headers: headers.viewer });
      expect(there.text.replaceAll('/other/db', '')).toBe(notThere.text.replaceAll('/other/no', ''));
      const taken = await world.ask('POST', '/v2/apps', {
        headers: headers.deployer,
        body: { id: '/other/db' },
      });
      expect([taken.status, taken.json['missing']]).toEqual([403, { right: 'deploy', path: '/other/db' }]);
    } finally {
      await world.stop();
    }
  });

  it('asks nobody on a server that wants nobody to say who they are', async () => {
    const openAuth = await makeAuth({ required: false });
    const world = await new ApiWorld().start({ auth: openAuth });
    try {
      expect((await world.ask('GET', '/v2/tokens')).status).toBe(200);
      expect((await world.ask('GET', '/v2/apps', { headers: bearer('lr_stale') })).status).toBe(200);
    } finally {
      await world.stop();
    }
  });
});
