import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { App, AppId } from '../../src/apps/app.js';
import type { Deployment } from '../../src/deployments/deployment.js';
import { waitFor } from '../support/wait-for.js';
import { ApiWorld } from './support/api-world.js';
import { type AuthWorld, bearer, makeAuth, OPERATOR_TOKEN } from './support/auth.js';
import { expectContract } from './support/contract.js';
import { at, record, running } from './support/fakes.js';

const admin = bearer(OPERATOR_TOKEN);
const basic = (text: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(text).toString('base64')}`,
});

let auth: AuthWorld;
let world: ApiWorld;
let viewer: Record<string, string>;

const plan = (id: string, ...apps: readonly string[]): Deployment['plan'] =>
  ({
    id,
    version: at(1),
    steps: [{ actions: apps.map((app) => ({ action: 'ScaleApplication' as const, app: app as AppId })) }],
    transitions: Object.fromEntries(apps.map((app) => [app, { before: undefined, after: undefined }])),
  }) as Deployment['plan'];

beforeEach(async () => {
  auth = await makeAuth();
  world = await new ApiWorld().start({ auth });
  viewer = await auth.token('viewer', [{ right: 'view', path: '/shop' }]);
  world.registry.put(record('/shop/web'), record('/shopping/cart'), record('/other/db'));
  world.scheduler.add(running('/shop/web', 1), running('/other/db', 2), running('/shopping/cart', 3));
});
afterEach(() => world.stop());

describe('lists', () => {
  it('of apps and tasks show what may be seen, and a group is not its namesake', async () => {
    const list = await world.ask('GET', '/v2/apps', { headers: viewer });
    expect((list.json['apps'] as { id: string }[]).map(({ id }) => id)).toEqual(['/shop/web']);
    const below = await world.ask('GET', '/v2/apps/*', { headers: viewer });
    expect((below.json['*'] as { id: string }[]).map(({ id }) => id)).toEqual(['/shop/web']);
    for (const path of ['/v2/tasks', '/v2/apps/*/tasks']) {
      const tasks = await world.ask('GET', path, { headers: viewer });
      expect((tasks.json['tasks'] as { appId: string }[]).map(({ appId }) => appId)).toEqual(['/shop/web']);
      const table = await world.ask('GET', path, { headers: { ...viewer, accept: 'text/plain' } });
      expect(table.text).not.toMatch(/other|shopping/);
    }
    const all = await world.ask('GET', '/v2/apps', { headers: admin });
    expect(all.json['apps']).toHaveLength(3);
  });

  it('of the queue show what may be seen', async () => {
    for (const appId of ['/shop/web', '/other/db'] as AppId[]) {
      world.scheduler.entries.set(appId, {
        appId,
        role: '*',
        count: 1,
        since: at(1),
        backoffUntil: at(1),
        processedOffers: 0,
        unusedOffers: 0,
        launchAttemptRefusals: {},
        lastRefusals: [],
      });
    }
    const { text } = await world.ask('GET', '/v2/queue', { headers: viewer });
    expect(text).toContain('/shop/web');
    expect(text).not.toContain('/other/db');
  });

  it('of deployments leave out those of others, and what is others’ in shared ones', async () => {
    const deployment = { currentStep: 1, startedAt: at(1), phase: 'running' } as const;
    world.deployments.running.set('theirs', { plan: plan('theirs', '/other/db'), ...deployment });
    world.deployments.running.set('shared', {
      plan: plan('shared', '/other/db', '/shop/web'),
      ...deployment,
      by: { principal: 'ann', requestId: 'r-1' },
    });
    world.deployments.waitingNow.set('shared', [
      { app: '/other/db' as AppId, reason: 'waits for the database' },
    ]);
    const answer = await world.ask('GET', '/v2/deployments', { headers: viewer });
    const shown = JSON.parse(answer.text) as Record<string, unknown>[];
    expect(answer.text).not.toMatch(/other|database/);
    expect(shown).toMatchObject([{ id: 'shared', affectedApps: ['/shop/web'], by: { principal: 'ann' } }]);
    expectContract('DeploymentStepInfo', shown[0]);
  });
});

describe('a change', () => {
  it('is refused whole when it touches one app too many', async () => {
    const deployer = await auth.token('deployer', [{ right: 'deploy', path: '/shop' }]);
    const body = [
      { id: '/shop/web', instances: 5 },
      { id: '/other/db', instances: 5 },
    ];
    const answer = await world.ask('PUT', '/v2/apps', { headers: deployer, body });
    expect([answer.status, answer.json['missing']]).toEqual([403, { right: 'deploy', path: '/other/db' }]);
    const ids = [running('/shop/web', 1).task?.id, running('/other/db', 2).task?.id];
    expect((await world.ask('POST', '/v2/tasks/delete', { headers: deployer, body: { ids } })).status).toBe(
      403,
    );
    expect(world.scheduler.killed).toEqual([]);
    expect(world.registry.get('/shop/web' as AppId)?.app.instances).toBe(1);
  });

  it('is refused by what it really touches, whatever its body said', async () => {
    const deployer = await auth.token('deployer', [{ right: 'deploy', path: '/shop' }]);
    world.changes.updateApp = () => () => [
      { appId: '/shop/web' as AppId, after: undefined },
      { appId: '/other/db' as AppId, after: undefined },
    ];
    const answer = await world.ask('PATCH', '/v2/apps/shop/web', { headers: deployer, body: {} });
    expect([answer.status, world.deployments.asked]).toEqual([403, []]);
  });

  it('carries who asked and by which request', async () => {
    const headers = { ...basic('ann:correct horse'), 'x-request-id': 'ci-job-17' };
    const answer = await world.ask('PATCH', '/v2/apps/shop/web', { headers, body: { instances: 4 } });
    expect(answer.headers['x-request-id']).toBe('ci-job-17');
    expect(world.deployments.asked).toEqual([
      { force: false, alone: false, by: { principal: 'ann', requestId: 'ci-job-17' } },
    ]);
  });
});

describe('who asks', () => {
  it('is known by password, and a wrong one is 401 with both challenges', async () => {
    expect((await world.ask('GET', '/v2/apps', { headers: basic('ann:correct horse') })).status).toBe(200);
    for (const wrong of ['ann:wrong', 'bob:correct horse', 'ann:', ':']) {
      const answer = await world.ask('GET', '/v2/apps', { headers: basic(wrong) });
      expect([wrong, answer.status]).toEqual([wrong, 401]);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="longrun".*Bearer realm="longrun"/);
      expectContract('Error', answer.json);
    }
  });

  it('is asked before a body is read', async () => {
    const body = '{"id": "/shop/web", "cmd":';
    expect((await world.ask('POST', '/v2/apps', { body })).status).toBe(401);
    expect((await world.ask('POST', '/v2/apps', { body, headers: viewer })).status).toBe(403);
  });

  it.each([
    ['a b', false],
    ['', false],
    ['x'.repeat(129), false],
    ['job/17:a+b=c@d.e_f-g', true],
  ])('request id %j is taken over: %s', async (id, taken) => {
    const answer = await world.ask('GET', '/ping', { headers: { 'x-request-id': id } });
    if (taken) expect(answer.headers['x-request-id']).toBe(id);
    else expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('tokens', () => {
  const grants = [{ right: 'deploy', path: '/shop/' }];

  it('are made, listed without their secret, and revoked at once', async () => {
    const made = await world.ask('POST', '/v2/tokens', { headers: admin, body: { name: 'ci', grants } });
    expect(made.status).toBe(201);
    expectContract('NewToken', made.json);
    const { secret, id } = made.json as { secret: string; id: string };
    expect(secret).toMatch(/^lr_[A-Za-z0-9_-]{43}$/);
    expect(made.json).toMatchObject({ createdBy: 'operator', grants: [{ right: 'deploy', path: '/shop' }] });
    expect((await world.ask('GET', '/v2/apps', { headers: bearer(secret) })).status).toBe(200);
    const list = await world.ask('GET', '/v2/tokens', { headers: admin });
    expectContract('TokenList', list.json);
    expect(list.text).not.toContain(secret);
    expect(list.text).not.toContain('sha256');
    expect((await world.ask('DELETE', `/v2/tokens/${id}`, { headers: admin })).status).toBe(204);
    expect((await world.ask('GET', '/v2/apps', { headers: bearer(secret) })).status).toBe(401);
    expect((await world.ask('DELETE', `/v2/tokens/${id}`, { headers: admin })).status).toBe(404);
  });

  it('that have expired are told so, and only then', async () => {
    const short = await auth.token('short', [{ right: 'view', path: '/' }], 60);
    auth.clock.advance(59_999);
    expect((await world.ask('GET', '/v2/apps', { headers: short })).status).toBe(200);
    auth.clock.advance(1);
    const answer = await world.ask('GET', '/v2/apps', { headers: short });
    expect([answer.status, answer.json['code']]).toEqual([401, 'token-expired']);
  });

  it.each<[unknown, string]>([
    [{ name: 'ci' }, '/grants'],
    [{ name: 'ci', grants: [] }, '/grants'],
    [{ name: 'ci', grants: [{ right: 'root', path: '/' }] }, '/grants(0)'],
    [{ name: 'ci', grants: [{ right: 'view', path: 'shop' }] }, '/grants(0)'],
    [{ name: 'ci', grants: [{ right: 'view', path: '/shop/../other' }] }, '/grants(0)'],
    [{ name: 'operator', grants }, '/name'],
    [{ name: 'a\nb', grants }, '/name'],
    [{ name: 'ci', grants, expiresInSeconds: 0 }, '/expiresInSeconds'],
    [{ name: 'ci', grants, expiresInSeconds: '60' }, '/expiresInSeconds'],
    [[], '/'],
  ])('asked for as %j are refused', async (body, path) => {
    const answer = await world.ask('POST', '/v2/tokens', { headers: admin, body });
    expect(answer.status).toBe(422);
    expect(answer.json['details']).toMatchObject([{ path }]);
    expectContract('Error', answer.json);
  });

  it('have unique names', async () => {
    const answer = await world.ask('POST', '/v2/tokens', {
      headers: admin,
      body: { name: 'viewer', grants },
    });
    expect([answer.status, answer.json['code']]).toEqual([409, 'token-exists']);
  });
});

interface Stream {
  text(): string;
  ended(): boolean;
}

function openStream(headers: Record<string, string>): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const path = '/v2/events';
    const options = { host: '127.0.0.1', port: world.port, path, agent: false };
    const request = httpRequest(
      { ...options, headers: { accept: 'text/event-stream', ...headers } },
      (response: IncomingMessage) => {
        let text = '';
        let ended = false;
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('close', () => {
          ended = true;
        });
        resolve({ text: () => text, ended: () => ended });
      },
    );
    request.on('error', reject);
    request.end();
  });
}

describe('event streams', () => {
  it('tell a part of the tree only what happens in it', async () => {
    const part = await openStream(viewer);
    const whole = await openStream(admin);
    const event = { eventType: 'status_update_event', taskStatus: 'TASK_RUNNING' } as const;
    world.events.publish({ ...event, appId: '/other/db' });
    world.events.publish({ ...event, appId: '/shopping/cart' });
    world.events.publish({ eventType: 'scheduler_registered_event', master: 'm', frameworkId: 'f' });
    const action = (app: string): object => ({ action: 'ScaleApplication', app });
    const actions = [action('/other/db'), action('/shop/web')];
    world.events.publish({
      eventType: 'deployment_info',
      plan: { id: 'd1', steps: [{ actions }], version: at(1) },
      currentStep: { actions },
    });
    world.events.publish({
      eventType: 'group_change_failed',
      groupId: '/',
      version: at(1),
      reason: '/other/db',
    });
    world.events.publish({ ...event, appId: '/shop/web' });
    await waitFor(() => part.text().includes('"appId":"/shop/web"'));
    await waitFor(() => whole.text().includes('"appId":"/shop/web"'));
    expect(part.text()).not.toMatch(/other|shopping|scheduler_registered/);
    expect(part.text()).toContain('deployment_info');
    expect(whole.text()).toMatch(/other\/db[\s\S]*shopping[\s\S]*scheduler_registered/);
  });

  it('replay to a part of the tree no more than they would have told it', async () => {
    world.events.publish({ eventType: 'app_terminated_event', appId: '/other/db' });
    world.events.publish({ eventType: 'app_terminated_event', appId: '/shop/web' });
    const stream = await openStream({ ...viewer, 'last-event-id': '7-0' });
    await waitFor(() => stream.text().includes('/shop/web'));
    expect(stream.text()).not.toContain('/other/db');
  });

  it('end when their token is revoked, and others go on', async () => {
    const one = await openStream(viewer);
    const other = await openStream(admin);
    const id = auth.tokens.list().find(({ name }) => name === 'viewer')?.id ?? '';
    await world.ask('DELETE', `/v2/tokens/${id}`, { headers: admin });
    world.events.publish({ eventType: 'app_terminated_event', appId: '/shop/web' });
    await waitFor(() => one.ended());
    await waitFor(() => other.text().includes('app_terminated_event'));
    expect(one.text()).not.toContain('app_terminated_event');
    expect(other.ended()).toBe(false);
  });
});

describe('the audit trail', () => {
  const entries = async (query = ''): Promise<Record<string, unknown>[]> => {
    const answer = await world.ask('GET', `/v2/audit${query}`, { headers: admin });
    expectContract('AuditPage', answer.json);
    return answer.json['entries'] as Record<string, unknown>[];
  };

  it('knows every write before its answer ends, refused ones too, and no read', async () => {
    const headers = { ...admin, 'x-request-id': 'r-1' };
    await world.ask('PATCH', '/v2/apps/shop/web?force=true', { headers, body: { instances: 4 } });
    expect(await entries()).toMatchObject([
      {
        seq: 1,
        who: 'operator',
        kind: 'operator',
        from: '127.0.0.1',
        method: 'PATCH',
        path: '/v2/apps/shop/web',
        status: 200,
        requestId: 'r-1',
        deploymentId: 'deployment-1',
        apps: ['/shop/web'],
        fields: ['instances'],
      },
    ]);
    await world.ask('GET', '/v2/apps');
    await world.ask('DELETE', '/v2/apps/shop/web');
    await world.ask('DELETE', '/v2/apps/shop/web', { headers: viewer });
    await world.ask('DELETE', '/v2/apps/shop/web', { headers: { ...admin, origin: 'http://evil.example' } });
    expect((await entries('?after=1')).map(({ who, status }) => [who, status])).toEqual([
      ['nobody', 401],
      ['viewer', 403],
      ['nobody', 403],
    ]);
  });

  it('has no dry run, a refused one included; where there is none to be had the write is one', async () => {
    const body = { instances: 4 };
    await world.ask('PATCH', '/v2/apps/shop/web?dryRun=true', { headers: admin, body });
    await world.ask('PATCH', '/v2/apps/shop/web?dryRun=true', { headers: viewer, body });
    await world.ask('PATCH', '/v2/apps/none?dryRun=true', { headers: admin, body });
    await world.ask('PUT', '/v2/groups/shop?dryRun=true', { headers: admin, body: { scaleBy: -1 } });
    expect(await entries()).toEqual([]);
    await world.ask('DELETE', '/v2/deployments/none?dryRun=true', { headers: admin });
    await world.ask('DELETE', '/v2/apps/shop/web?dryRun=false', { headers: viewer });
    expect((await entries()).map(({ path, status }) => [path, status])).toEqual([
      ['/v2/deployments/none', 404],
      ['/v2/apps/shop/web', 403],
    ]);
  });

  it('is read by page, by name and by app or group', async () => {
    for (let n = 1; n <= 5; n++)
      await world.ask('PATCH', '/v2/apps/shop/web', { headers: admin, body: { instances: n } });
    await world.ask('POST', '/v2/apps/other/db/restart', { headers: basic('ann:correct horse') });
    expect((await entries('?limit=2')).map(({ seq }) => seq)).toEqual([5, 6]);
    expect((await entries('?after=2&limit=2')).map(({ seq }) => seq)).toEqual([3, 4]);
    expect((await entries('?who=ann')).map(({ seq }) => seq)).toEqual([6]);
    expect((await entries('?app=/shop&limit=1')).map(({ seq }) => seq)).toEqual([5]);
    expect((await world.ask('GET', '/v2/audit?limit=x', { headers: admin })).status).toBe(422);
  });

  it('that cannot be written loses no answer', async () => {
    auth.store.failNextFlush();
    const answer = await world.ask('PATCH', '/v2/apps/shop/web', { headers: admin, body: { instances: 4 } });
    expect(answer.status).toBe(200);
    expect(world.defects).toMatchObject([{ who: 'operator', path: '/v2/apps/shop/web', status: 200 }]);
  });
});

it('the value of an environment variable is in no event, log line or audit entry', async () => {
  const canary = 'canary-4f1c9a';
  const lines: string[] = [];
  const note =
    (level: string) =>
    (message: string, fields?: unknown): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log = {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    child: () => log,
  };
  const own = await new ApiWorld().start({ auth, log });
  const env = { PASSWORD: canary, KEY: { secret: 'key' } } as unknown as App['env'];
  try {
    own.registry.put(record('/shop/web', { env }));
    await own.ask('PATCH', '/v2/apps/shop/web', { headers: admin, body: { instances: 4 } });
    await own.ask('POST', '/v2/apps', { headers: admin, body: { id: '/shop/web', env } });
    await own.ask('POST', '/v2/apps', { headers: viewer, body: { id: '/shop/x', env } });
    own.deployments.failure = new Error('something broke');
    await own.ask('PUT', '/v2/apps/shop/web', { headers: admin, body: { env, instances: 2 } });
    const posted = own.events.published.filter(({ eventType }) => eventType === 'api_post_event');
    expect(posted.map(({ json }) => JSON.parse(json))).toMatchObject([
      { appDefinition: { env: { PASSWORD: '***', KEY: { secret: 'key' } } } },
    ]);
    expect(JSON.stringify(own.events.published)).not.toContain(canary);
    expect(lines.join('\n')).toContain('something broke');
    expect(lines.join('\n')).not.toContain(canary);
    expect((await own.ask('GET', '/v2/audit', { headers: admin })).text).not.toContain(canary);
    expect((await own.ask('GET', '/v2/apps/shop/web', { headers: admin })).text).toContain(canary);
  } finally {
    await own.stop();
  }
});
