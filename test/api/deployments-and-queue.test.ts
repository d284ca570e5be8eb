import fc from 'fast-check';
import { countEarliest, funnelOrder, rejectFunnel } from '../../src/api/decide/reject-funnel.js';
import { waitFor } from '../support/wait-for.js';
import { ApiWorld } from './support/api-world.js';
import { expectContract } from './support/contract.js';
import { at, record, running } from './support/fakes.js';

let world: ApiWorld;
const { id } = record('/web').app;
beforeEach(async () => {
  world = await new ApiWorld().start();
  world.registry.put(record('/web'));
});
afterEach(() => world.stop());

describe('deployments', () => {
  const plan = {
    id: 'd1',
    version: at(1),
    steps: [
      { actions: [{ action: 'StartApplication' as const, app: id }] },
      { actions: [{ action: 'ScaleApplication' as const, app: id, victims: [running('/web', 1).id] }] },
    ],
    transitions: {},
  };

  it('are shown with steps, current actions and what they wait for', async () => {
    world.deployments.running.set('d1', {
      plan,
      currentStep: 2,
      startedAt: at(1),
      phase: 'running',
      deadline: at(60),
      overdue: true,
    });
    world.deployments.waitingNow.set('d1', [{ app: id, reason: 'no agent offers 4 cpus' }]);
    world.deployments.readiness.set(id, [{ name: 'readinessCheck', taskId: 't', ready: false }]);
    const answer = await world.ask('GET', '/v2/deployments');
    const [shown] = JSON.parse(answer.text) as Record<string, unknown>[];
    expect(shown).toEqual({
      id: 'd1',
      version: at(1),
      affectedApps: ['/web'],
      affectedPods: [],
      steps: [
        { actions: [{ action: 'StartApplication', app: '/web' }] },
        { actions: [{ action: 'ScaleApplication', app: '/web' }] },
      ],
      currentActions: [
        {
          action: 'ScaleApplication',
          app: '/web',
          readinessCheckResults: [{ name: 'readinessCheck', taskId: 't', ready: false }],
        },
      ],
      currentStep: 2,
      totalSteps: 2,
      startedAt: at(1),
      deadline: at(60),
      overdue: true,
      waiting: [{ app: '/web', reason: 'no agent offers 4 cpus' }],
    });
    expectContract('DeploymentStepInfo', shown);
    expect(answer.headers['x-event-position']).toBe('7-0');
  });

  it('before the first step have no current actions', async () => {
    world.deployments.running.set('d1', { plan, currentStep: 0, startedAt: at(1), phase: 'scheduled' });
    const [shown] = JSON.parse((await world.ask('GET', '/v2/deployments')).text) as Record<string, unknown>[];
    expect(shown).toMatchObject({ currentStep: 0, currentActions: [] });
  });

  it('are rolled back by DELETE, and only stopped with force', async () => {
    world.deployments.running.set('d1', { plan, currentStep: 1, startedAt: at(1), phase: 'running' });
    const rollback = await world.ask('DELETE', '/v2/deployments/d1');
    expect(rollback.status).toBe(200);
    expect(rollback.json['deploymentId']).toBe('revert-of-d1');
    const stop = await world.ask('DELETE', '/v2/deployments/d1?force=true');
    expect([stop.status, stop.text]).toEqual([202, '']);
    expect(world.deployments.cancelled).toMatchObject([
      { id: 'd1', force: false },
      { id: 'd1', force: true },
    ]);
    const unknown = await world.ask('DELETE', '/v2/deployments/zz');
    expect(unknown.json['message']).toBe('DeploymentPlan zz does not exist');
  });
});

describe('the queue', () => {
  const refusal = (hostname: string, reasons: readonly (typeof funnelOrder)[number][]) => ({
    agentId: hostname as never,
    hostname,
    reasons,
    explanation: ['needs 4 cpus, 1 offered'],
    at: at(3),
    offer: { id: 'offer-1', hostname, agentId: 'agent-1', resources: [], attributes: [] },
  });
  beforeEach(() =>
    world.scheduler.entries.set(id, {
      appId: id,
      role: '*',
      count: 2,
      since: at(3),
      backoffUntil: at(10 ** 9),
      processedOffers: 10,
      unusedOffers: 10,
      lastUnusedOfferAt: at(4),
      launchAttemptRefusals: { UnfulfilledRole: 2, UnfulfilledConstraint: 3, InsufficientMemory: 5 },
      lastRefusals: [
        refusal('h1', ['InsufficientPorts', 'InsufficientCpus']),
        refusal('h2', ['InsufficientPorts']),
      ],
    }),
  );

  it('shows delay and both funnels, every reason in order', async () => {
    const answer = await world.ask('GET', '/v2/queue');
    expectContract('Queue', answer.json);
    const [item] = answer.json['queue'] as Record<string, never>[];
    expect(item).toMatchObject({ count: 2, role: '*', delay: { overdue: false }, app: { id: '/web' } });
    expect(item).not.toHaveProperty('lastUnusedOffers');
    const summary = item?.['processedOffersSummary'] as unknown as Record<
      string,
      { reason: string; declined: number; processed: number }[]
    >;
    const declined = (name: string): string =>
      summary[name]?.map((row) => `${row.declined}/${row.processed}`).join(' ') ?? '';
    expect(declined('rejectSummaryLaunchAttempt')).toBe('2/10 3/8 0/5 0/5 0/5 5/5 0/0 0/0 0/0 0/0');
    expect(declined('rejectSummaryLastOffers')).toBe('0/2 0/2 0/2 0/2 1/2 0/1 0/1 0/1 1/1 0/0');
  });

  it('shows the last unused offers when asked, with all their reasons', async () => {
    const answer = await world.ask('GET', '/v2/queue?embed=lastUnusedOffers');
    expectContract('Queue', answer.json);
    expect(answer.json['queue']).toMatchObject([
      {
        lastUnusedOffers: [
          { offer: { id: 'offer-1' }, reason: ['InsufficientPorts', 'InsufficientCpus'], timestamp: at(3) },
          {},
        ],
      },
    ]);
  });

  it('says with embed=placement whether what waits would fit and what is missing, of one app if asked', async () => {
    const offer = {
      id: { value: 'o' },
      framework_id: { value: 'f' },
      agent_id: { value: 'agent-1' },
      hostname: 'host-1',
      allocation_info: { role: '*' },
      resources: [
        { name: 'cpus', type: 'SCALAR' as const, scalar: { value: 1.5 } },
        { name: 'mem', type: 'SCALAR' as const, scalar: { value: 4_000 } },
      ],
    };
    const api = await new ApiWorld().start({ freeOffers: () => [offer] });
    try {
      for (const name of ['/big', '/web']) {
        api.registry.put(record(name, { cpus: 1, portDefinitions: [] }));
        const [entry] = world.scheduler.queue();
        if (entry) api.scheduler.entries.set(name as never, { ...entry, appId: name as never });
      }
      const { json } = await api.ask('GET', '/v2/queue?embed=placement&id=/web');
      expectContract('Queue', json);
      expect(json['queue']).toMatchObject([
        {
          app: { id: '/web' },
          placement: { instances: 2, fitting: 1, fits: false, agents: [{ missing: { cpus: 0.5 } }] },
        },
      ]);
      const all = (await api.ask('GET', '/v2/queue')).json['queue'] as object[];
      expect(all.map((each) => 'placement' in each)).toEqual([false, false]);
    } finally {
      await api.stop();
    }
  });

  it('a passed backoff is overdue: it waits for offers', async () => {
    for (const entry of world.scheduler.queue())
      world.scheduler.entries.set(id, { ...entry, backoffUntil: at(-1) });
    expect((await world.ask('GET', '/v2/queue')).json['queue']).toMatchObject([
      { delay: { timeLeftSeconds: 0, overdue: true } },
    ]);
  });

  it('forgets a delay with 204; 404 for what does not wait', async () => {
    expect((await world.ask('DELETE', '/v2/queue//web/delay')).status).toBe(204);
    expect(world.scheduler.resets).toEqual([id]);
    const answer = await world.ask('DELETE', '/v2/queue/other/app/delay');
    expect(answer.json['message']).toBe('Application /other/app not found in tasks queue.');
    expect((await world.ask('DELETE', '/v2/queue/web')).status).toBe(404);
  });

  it('every offer of a funnel is counted once (property)', () => {
    const refusals = fc.array(fc.uniqueArray(fc.constantFrom(...funnelOrder), { minLength: 1 }), {
      maxLength: 50,
    });
    fc.assert(
      fc.property(refusals, (all) => {
        const rows = rejectFunnel(all.length, countEarliest(all.map((reasons) => refusal('h', reasons))));
        const declined = rows.reduce((sum, row) => sum + row.declined, 0);
        expect(declined).toBe(all.length);
        for (const row of rows) expect(row.declined).toBeLessThanOrEqual(row.processed);
      }),
    );
  });
});

describe('facts about the server', () => {
  it("info has Marathon's keys, unset ones as null", async () => {
    const answer = await world.ask('GET', '/v2/info');
    expectContract('Info', answer.json);
    expect(answer.json).toMatchObject({
      version: '0.1.0',
      elected: true,
      leader: `127.0.0.1:${world.port}`,
      frameworkId: 'framework-1',
      marathon_config: { local_port_min: 10_000, launch_token: null },
      http_config: { http_port: world.port, https_port: null },
    });
    expect((await world.ask('GET', '/v2/leader')).json).toEqual({ leader: `127.0.0.1:${world.port}` });
  });

  it.each([
    [undefined, 200, 'pong', 'text/plain; charset=utf-8'],
    ['*/*', 200, 'pong', 'text/plain; charset=utf-8'],
    ['text/html', 200, 'pong', 'text/plain; charset=utf-8'],
    ['application/json', 200, '"pong"', 'application/json'],
    ['image/png', 204, '', undefined],
  ])('ping with Accept %s', async (accept, status, text, type) => {
    const answer = await world.ask('GET', '/ping', accept === undefined ? {} : { headers: { accept } });
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([status, text, type]);
  });

  it('metrics are JSON unless text is preferred', async () => {
    expectContract('Metrics', (await world.ask('GET', '/metrics')).json);
    const scraper = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    expect((await world.ask('GET', '/metrics', { headers: { accept: scraper } })).text).toMatch(/^# TYPE/);
    expect((await world.ask('GET', '/metrics/prometheus')).text).toMatch(/^# TYPE/);
    expect((await world.ask('GET', '/metrics', { headers: { accept: 'image/png' } })).status).toBe(406);
  });

  it("counts requests by Marathon's names", async () => {
    await world.ask('GET', '/v2/apps');
    await world.ask('GET', '/v2/apps/nope');
    expect(world.metrics.counts.get('http.requests.get.duration.timer.seconds')).toBe(2);
    expect(world.metrics.counts.get('http.responses.4xx.rate.meter')).toBe(1);
    expect(world.metrics.gauges.get('http.requests.active.gauge')?.()).toBe(0);
  });

  it('counts the bytes of request bodies, and takes no event stream for a slow request', async () => {
    const bytes = (name: string): number => world.metrics.counts.get(`http.${name}.counter.bytes`) ?? 0;
    await world.ask('POST', '/v2/tasks/delete', { body: { ids: [], filler: 'x'.repeat(5_000) } });
    expect(bytes('requests.size')).toBeGreaterThan(5_000);
    const stream = new AbortController();
    const { body } = await fetch(`${world.url}/v2/events`, {
      headers: { accept: 'text/event-stream' },
      signal: stream.signal,
    });
    await body?.getReader().read();
    stream.abort();
    await waitFor(() => bytes('responses.event-stream.size') > 0);
    expect(world.metrics.counts.get('http.requests.duration.timer.seconds')).toBe(1);
  });

  it('everything below /v2 waits until the state is loaded; ping does not', async () => {
    world.ready = false;
    const answer = await world.ask('GET', '/v2/apps');
    expect([answer.status, answer.json['code'], answer.headers['retry-after']]).toEqual([
      503,
      'starting',
      '2',
    ]);
    expect((await world.ask('GET', '/ping')).status).toBe(200);
  });
});

describe('methods and paths', () => {
  it.each([
    ['DELETE', '/v2/apps', 'GET, POST, PUT, PATCH, HEAD, OPTIONS'],
    ['POST', '/v2/apps/web', 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS'],
    ['PATCH', '/v2/apps/web/restart', 'POST, DELETE, OPTIONS'],
    ['PUT', '/v2/tasks', 'GET, HEAD, OPTIONS'],
    ['GET', '/v2/tasks/delete', 'POST, OPTIONS'],
    ['POST', '/ping', 'GET, HEAD, OPTIONS'],
  ])('%s %s is 405 and says what is allowed', async (method, path, allow) => {
    const answer = await world.ask(method, path);
    expect([answer.status, answer.headers['allow'], answer.json['message']]).toEqual([
      405,
      allow,
      'Method Not Allowed',
    ]);
    const options = await world.ask('OPTIONS', path);
    expect([options.status, options.headers['allow']]).toEqual([204, allow]);
  });

  it.each([
    '/v2',
    '/v1/apps',
    '/v2/nothing',
    '/v2/deployments/a/b',
    '/v2/files/x',
    '/v2/files/x/write',
    '//',
    '/v2/Apps',
  ])('%s is 404 in JSON', async (path) => {
    const answer = await world.ask('GET', path);
    expect([answer.status, answer.json['message']]).toEqual([404, 'URI not found']);
  });

  it('malformed percent-encoding is 400', async () => {
    expect((await world.ask('GET', '/v2/apps/%zz')).status).toBe(400);
    expect((await world.ask('GET', '/v2/tasks/%zz/exec')).json['code']).toBe('bad-request');
  });
});
