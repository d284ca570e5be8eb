import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command } from 'commander';
import { addRestCommands, runRestCommand } from '../../src/cli/rest/add-rest-commands.js';
import {
  appList,
  appRemove,
  appRestart,
  appRun,
  appScale,
  appShow,
} from '../../src/cli/rest/app-commands.js';
import { type CommandIo, printableOutput } from '../../src/cli/rest/command-io.js';
import { logs } from '../../src/cli/rest/logs-command.js';
import { RestClient } from '../../src/cli/rest/rest-client.js';
import { status, why } from '../../src/cli/rest/status-commands.js';
import { table } from '../../src/cli/rest/table.js';
import { ApiWorld } from '../api/support/api-world.js';
import { at, record, running } from '../api/support/fakes.js';
import { waitFor } from '../support/wait-for.js';

class Screen implements CommandIo {
  text = '';
  errors = '';
  files: Record<string, string> = {};
  terminal = false;
  readonly controller = new AbortController();
  readonly interrupted = this.controller.signal;
  out(text: string): void {
    this.text += `${text}\n`;
  }
  err(text: string): void {
    this.errors += `${text}\n`;
  }
  raw(text: string): void {
    this.text += text;
  }
  async readText(path: string): Promise<string> {
    const text = this.files[path];
    if (text === undefined)
      throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT' });
    return text;
  }
}

let world: ApiWorld;
let client: RestClient;
let screen: Screen;
const change = { wait: true, timeoutSeconds: 5, json: false, force: false, pollMs: 10 };
const { id } = record('/web').app;

beforeEach(async () => {
  world = await new ApiWorld().start();
  client = new RestClient(world.url);
  screen = new Screen();
  world.registry.put(record('/web', { instances: 2 }));
  world.scheduler.add(running('/web', 1));
});
afterEach(() => world.stop());

/** Every accepted change becomes a running deployment that ends by `ending` when told. */
function deploymentsEndBy(ending: 'deployment_success' | 'deployment_failed', extra = {}): () => void {
  const accept = world.deployments.change.bind(world.deployments);
  let last = '';
  world.deployments.change = async (prepare, options) => {
    const accepted = await accept(prepare, options);
    last = accepted.deploymentId;
    const plan = {
      id: last,
      version: at(1),
      steps: [{ actions: [{ action: 'ScaleApplication' as const, app: id }] }],
      transitions: {},
    };
    world.deployments.running.set(last, { plan, currentStep: 1, startedAt: at(1), phase: 'running' });
    world.deployments.waitingNow.set(last, [{ app: id, reason: 'waits for its health check to succeed' }]);
    return accepted;
  };
  return () => {
    world.deployments.running.delete(last);
    world.events.publish({ eventType: ending, id: last, ...extra });
  };
}

describe('a change', () => {
  it('is watched to its end, saying what it waits for', async () => {
    const end = deploymentsEndBy('deployment_success');
    const done = appScale(client, screen, { ...change, id: 'web', instances: 4 });
    await waitFor(() => screen.text.includes('waits for its health check'));
    end();
    expect(await done).toBe(0);
    expect(screen.text).toMatch(
      /step 1 of 1: \/web waits for its health check to succeed\nweb to 4: done in/,
    );
    expect(world.registry.get(id)?.app.instances).toBe(4);
  });

  it('that fails ends with 3 and its reason', async () => {
    const end = deploymentsEndBy('deployment_failed', { reason: 'The upgrade has been cancelled' });
    const done = appRestart(client, screen, { ...change, id: '/web' });
    await waitFor(() => screen.text.includes('step 1'));
    end();
    expect(await done).toBe(3);
    expect(screen.errors).toContain('The upgrade has been cancelled');
  });

  it('is left to itself after the time limit or Ctrl-C', async () => {
    deploymentsEndBy('deployment_success');
    expect(await appScale(client, screen, { ...change, timeoutSeconds: 0, id: 'web', instances: 1 })).toBe(4);
    screen.controller.abort();
    expect(await appScale(client, screen, { ...change, id: 'web', instances: 1 })).toBe(4);
  });

  it('whose ending was missed ends when it is no longer listed', async () => {
    const end = deploymentsEndBy('deployment_success');
    const publish = world.events.publish.bind(world.events);
    world.events.publish = (body) => void (body.eventType === 'deployment_success' || publish(body));
    const done = appScale(client, screen, { ...change, id: 'web', instances: 1 });
    await waitFor(() => screen.text.includes('step 1'));
    end();
    expect(await done).toBe(0);
  });

  it('without waiting only says which deployment has begun', async () => {
    expect(await appRemove(client, screen, { ...change, wait: false, json: true, id: '/web' })).toBe(0);
    expect(JSON.parse(screen.text)).toEqual({ deploymentId: 'deployment-1' });
    expect(world.registry.size).toBe(0);
  });

  it('run creates or replaces one app, and several by one bulk call', async () => {
    screen.files = {
      'a.json': '{"id": "new/app"}',
      'b.json': '[{"id": "/x"}, {"id": "/y"}]',
      'c.yaml': 'id: /z\ninstances: 3\n',
    };
    for (const file of Object.keys(screen.files))
      expect(await appRun(client, screen, { ...change, wait: false, file })).toBe(0);
    expect([...world.registry.records.keys()]).toEqual(['/web', '/new/app', '/x', '/y', '/z']);
    expect(world.changes.calls.map(({ name }) => name)).toEqual(['updateApp', 'replaceApps', 'updateApp']);
    expect(world.changes.calls[0]?.options).toEqual({ partialUpdate: false, mayCreate: true });
  });
});

describe('an error', () => {
  const fails = async (url: string, run: Parameters<typeof runRestCommand>[2]): Promise<string> => {
    expect(await runRestCommand(url, screen, run)).toBe(1);
    return screen.errors;
  };

  it('of the server is told with its details and its hint', async () => {
    const text = await fails(world.url, (at) => appShow(at, screen, { id: 'nope', json: false }));
    expect(text).toContain("error: App '/nope' does not exist\nGET /v2/apps lists what exists.");
    const wrong = await fails(world.url, (at) => at.ask('POST', '/v2/apps', []).then(() => 0));
    expect(wrong).toContain('/: error.expected.jsobject');
    expect(wrong).not.toContain('See `details`');
  });

  it('to reach a server says how to start one', async () => {
    const text = await fails('http://127.0.0.1:1', (at) => appList(at, screen, { json: false }));
    expect(text).toMatch(
      /no longrun server answers at http:\/\/127\.0\.0\.1:1 .*\nStart one with `longrun up`/,
    );
  });

  it('in a file names the file and what is expected', async () => {
    screen.files = { 'bad.json': '{', 'anonymous.json': '{}' };
    expect(await fails(world.url, (at) => appRun(at, screen, { ...change, file: 'bad.json' }))).toContain(
      'bad.json cannot be read',
    );
    expect(
      await fails(world.url, (at) => appRun(at, screen, { ...change, file: 'anonymous.json' })),
    ).toContain('has no app `id`');
    expect(await fails(world.url, (at) => appRun(at, screen, { ...change, file: 'none.json' }))).toContain(
      'error: none.json does not exist\nName a file',
    );
    screen.files['-'] = '{}';
    expect(await fails(world.url, (at) => appRun(at, screen, { ...change, file: '-' }))).toContain(
      'standard input has no app `id`',
    );
  });
});

describe('looking', () => {
  beforeEach(() => {
    world.scheduler.entries.set(id, {
      appId: id,
      role: '*',
      count: 1,
      since: at(1),
      processedOffers: 3,
      unusedOffers: 3,
      launchAttemptRefusals: { InsufficientCpus: 3 },
      lastRefusals: [
        {
          agentId: 'a' as never,
          hostname: 'host-2',
          reasons: ['InsufficientCpus'],
          explanation: ['needs 4 cpus, 1 offered'],
          at: at(1),
          offer: {},
        },
      ],
    });
  });

  it('status shows the whole picture', async () => {
    expect(await status(client, screen, { json: false })).toBe(0);
    expect(screen.text).toContain('1 running of 2 wanted');
    expect(screen.text).toMatch(/\/web {10,}1 {2}an offer/);
  });

  it('why explains with reasons, in words', async () => {
    expect(await why(client, screen, { id: 'web', json: false })).toBe(0);
    expect(screen.text).toContain('/web: 1 running of 2 wanted');
    expect(screen.text).toContain('- host-2: needs 4 cpus, 1 offered');
    expect(screen.text).toContain('- 3 of 3 offers refused: too few cpus (InsufficientCpus)');
  });

  it('why says a reason once, however many instances it holds for', async () => {
    const reason = 'no agent offers enough: host-2: needs 4 cpus, 1 offered';
    const waits = ['web.instance-1', 'web.instance-2'].map((instance) => ({ app: id, instance, reason }));
    const steps = [{ actions: [{ action: 'ScaleApplication' as const, app: id }] }];
    const plan = { id: 'd', version: at(1), steps, transitions: {} };
    world.deployments.running.set('d', { plan, currentStep: 1, startedAt: at(1), phase: 'running' });
    world.deployments.waitingNow.set('d', waits as never);
    await why(client, screen, { id: 'web', json: false });
    expect(screen.text.split('needs 4 cpus')).toHaveLength(2);
    expect(screen.text).toContain(`- each of 2 instances: ${reason}`);
  });

  it('why begins with an agent that nothing is heard of', async () => {
    const silent = { agentId: 'agent-1', hostname: 'host-1', silentMs: 12_400 };
    const own = await new ApiWorld().start({ silentAgents: () => [silent] });
    try {
      own.registry.put(record('/web', { instances: 2 }), record('/other', { instances: 1 }));
      own.scheduler.add(running('/web', 1));
      await why(new RestClient(own.url), screen, { id: '/web', json: false });
      expect(screen.text.split('\n')[1]).toBe(
        `  - ${running('/web', 1).id}: nothing has been heard of the agent on host-1 for 12 s; the task may run on, and is not replaced yet`,
      );
      for (const entry of world.scheduler.queue())
        own.scheduler.entries.set('/other' as never, { ...entry, appId: '/other' as never });
      await why(new RestClient(own.url), screen, { id: '/other', json: false });
      expect(screen.text).toContain('host-1 for 12 s; it offers nothing until it is back');
    } finally {
      await own.stop();
    }
  });

  it('why says so when nothing is wrong', async () => {
    world.scheduler.entries.clear();
    world.scheduler.add(running('/web', 2));
    await why(client, screen, { id: '/web', json: false });
    expect(screen.text).toContain('Everything is as wanted.');
  });

  it('list does not call an app steady whose port is not served', async () => {
    world.scheduler.add(running('/web', 2));
    world.notServed = [{ servicePort: 10_000, reason: 'port 10000 is taken by nginx (pid 1)' }];
    await appList(client, screen, { json: false });
    expect(screen.text).toMatch(/^\/web .* port not served$/m);
  });

  it('show tells how requests went, and compares versions while there are several', async () => {
    const sums = { requests: 600, requestsPerSecond: 10, errorShare: 0.005, p50: 2, p95: 8, p99: 61 };
    world.traffic = {
      all: sums,
      versions: new Map([
        ['2026-01-01T00:00:00.000Z', sums],
        ['2026-02-02T00:00:00.000Z', { ...sums, errorShare: 0 }],
      ]),
      instances: new Map(),
    };
    await appShow(client, screen, { id: 'web', json: false });
    expect(screen.text).toMatch(
      /traffic +10 requests\/s, 0\.50 % failed, p50 2\.0 ms, p95 8\.0 ms, p99 61 ms\n/,
    );
    expect(screen.text).toMatch(/2026-02-02T00:00:00\.000Z: 10 requests\/s, none failed.*\n.*2026-01-01/);
  });

  it('list and show are tables, or JSON for programs', async () => {
    await appList(client, screen, { json: false });
    expect(screen.text).toMatch(/^APP .*STATE\n\/web +1\/2 /);
    expect(screen.text).toMatch(/ waiting\n/);
    await appShow(client, screen, { id: 'web', json: false });
    expect(screen.text).toContain(running('/web', 1).task?.id);
    const json = new Screen();
    await appList(client, json, { json: true });
    expect(JSON.parse(json.text)).toMatchObject({ apps: [{ id: '/web' }] });
  });
});

describe('logs', () => {
  let agent: Server;
  const files = new Map<string, Buffer>();
  const [one, two] = [running('/web', 1).task?.id ?? '', running('/web', 2).task?.id ?? ''];
  const read = (over: Partial<Parameters<typeof logs>[2]> = {}): Promise<number> =>
    logs(client, screen, {
      target: '/web',
      follow: false,
      lines: 100,
      streams: ['stdout'],
      pollMs: 5,
      ...over,
    });

  beforeEach(async () => {
    files.clear();
    agent = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'http://agent');
      const file = files.get((searchParams.get('path') ?? '').replace('/tasks/', ''));
      const offset = Number(searchParams.get('offset'));
      response.setHeader('content-type', 'application/json');
      if (!file) {
        response.writeHead(404).end('{"message":"no such file"}');
        return;
      }
      const piece = file.subarray(offset, offset + Math.min(65_536, Number(searchParams.get('length'))));
      response.end(
        JSON.stringify(
          offset < 0 ? { data: '', offset: file.length } : { data: piece.toString('utf8'), offset },
        ),
      );
    });
    await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
    world.agents.set('agent-1', { hostname: '127.0.0.1', port: (agent.address() as AddressInfo).port });
  });
  afterEach(async () => {
    agent.closeAllConnections();
    await new Promise((resolve) => agent.close(resolve));
  });

  it('print the last lines, whole', async () => {
    files.set(`${one}/stdout`, Buffer.from('a\nb\nc\nunfinished'));
    await read({ lines: 2 });
    expect(screen.text).toBe('b\nc\nunfinished\n');
  });

  it('are objects for programs, one a line', async () => {
    files.set(`${one}/stdout`, Buffer.from('a "quoted" one\nb\n'));
    await read({ target: one, json: true });
    expect(
      screen.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { task: one, stream: 'stdout', line: 'a "quoted" one' },
      { task: one, stream: 'stdout', line: 'b' },
    ]);
  });

  it('of more than one piece come whole, characters of several bytes and broken ones included', async () => {
    const text = Buffer.concat([
      Buffer.from('é€😀'.repeat(20_000)),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('\nend\n'),
    ]);
    files.set(`${one}/stdout`, text);
    await read({ lines: 1_000_000 });
    expect(screen.text.replaceAll('\ufffd', '')).toBe(`${'é€😀'.repeat(20_000)}\nend\n`);
  });

  it('follow what is written, by new tasks too, through a rotation, and never mix lines of two tasks', async () => {
    files.set(`${one}/stdout`, Buffer.from('first\nbeg'));
    const done = read({ follow: true });
    await waitFor(() => screen.text.includes('first\n'));
    world.scheduler.add(running('/web', 2));
    files.set(`${two}/stdout`, Buffer.from('second\n'));
    await waitFor(() => /00000002\.1 {2}second\n/.test(screen.text), { what: () => screen.text });
    files.set(`${one}/stdout`, Buffer.from('first\nbegun\n'));
    await waitFor(() => /00000001\.1 {2}begun\n/.test(screen.text), { what: () => screen.text });
    files.set(`${one}/stdout`, Buffer.from('new\n'));
    await waitFor(() => screen.text.includes('new\n'));
    screen.controller.abort();
    expect(await done).toBe(0);
  });

  it('of a file that is not there, or of an app without tasks, are an error', async () => {
    await expect(read({ target: one })).rejects.toMatchObject({ status: 404 });
    world.scheduler.byId.clear();
    await expect(read()).rejects.toMatchObject({ message: '/web has no task' });
  });

  it('keep colours and nothing else that steers a terminal', () => {
    expect(printableOutput('\u001b[31mred\u001b[0m \u001b]0;title\u0007\u001b[2J')).toBe(
      '\u001b[31mred\u001b[0m ?]0;title??[2J',
    );
  });
});

it('tables align numbers to the right and texts to the left', () => {
  expect(
    table(
      ['A', 'LONG'],
      [
        ['x', 5],
        ['yyy', 12345],
      ],
    ),
  ).toBe('A     LONG\nx        5\nyyy  12345');
});

it('the help of every command teaches by example; those that change something name the exit codes', () => {
  const program = new Command();
  addRestCommands(program);
  const app = program.commands.find((command) => command.name() === 'app');
  for (const command of [...program.commands, ...(app?.commands ?? [])]) {
    expect(command.description()).not.toBe('');
    const written: string[] = [];
    command.configureOutput({ writeOut: (text) => void written.push(text) }).outputHelp();
    const help = written.join('');
    expect(help).toMatch(/Examples?:\n {2}longrun/);
    if (['run', 'scale', 'restart', 'rm'].includes(command.name())) expect(help).toContain('Exit codes:');
  }
  expect(program.commands.map((command) => command.name())).toEqual(['status', 'app', 'logs', 'why']);
});

describe('app run --dry-run', () => {
  const announcement = {
    dryRun: true,
    version: at(1),
    definitions: [],
    changes: [
      {
        id: '/web',
        change: 'restart',
        restartsInstances: true,
        restartingFields: ['/cmd'],
        inPlaceFields: [],
        diff: [{ path: '/cmd', old: 'a', new: 'b\u001b[2J', effect: 'restart' }],
      },
    ],
    groups: [],
    steps: [{ actions: [{ action: 'RestartApplication', app: '/web' }] }],
    placement: [
      {
        id: '/web',
        instances: 2,
        fitting: 1,
        fits: false,
        agents: [
          {
            hostname: 'h',
            reasons: [],
            explanation: ['needs 4 cpus, 1.5 offered'],
            missing: {},
            offered: {},
          },
        ],
        smallestChange: { instances: 1, hostname: 'h', lowerTo: { cpus: 1.5 } },
      },
    ],
    peakExtraCapacity: { instances: 2, cpus: 8, mem: 64, disk: 0, gpus: 0 },
    lockedBy: ['d1'],
  };
  const answered: string[] = [];
  let server: Server;
  let url: string;

  beforeEach(async () => {
    answered.length = 0;
    server = createServer((request, response) => {
      answered.push(`${request.method} ${request.url}`);
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(announcement));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    screen.files = { 'web.json': '{"id": "/web", "cmd": "b"}' };
  });
  afterEach(() => new Promise<void>((resolve) => void server.close(() => resolve())));

  const run = (json: boolean): Promise<number> =>
    appRun(new RestClient(url), screen, { ...change, json, dryRun: true, file: 'web.json' });

  it('says what would change, what is missing and what it takes, and asks for nothing else', async () => {
    expect(await run(false)).toBe(0);
    expect(answered).toEqual(['PUT /v2/apps/web?partialUpdate=false&force=false&dryRun=true']);
    for (const words of [
      '~ /web changes; every instance is replaced',
      '- /cmd: "a" (restarts)',
      'step 1: RestartApplication /web',
      'only 1 of 2 new instances fit right now',
      'h: needs 4 cpus, 1.5 offered',
      'one more would fit on h with cpus 1.5',
      '8 cpus and 64 MiB more, for 2 more instances',
      'locked by deployment d1',
      'Nothing was changed.',
    ])
      expect(screen.text).toContain(words);
    expect(screen.text).not.toContain('\u001b');
  });

  it('is there for every command that changes an app', async () => {
    const args = { ...change, dryRun: true, id: '/web' };
    await appScale(new RestClient(url), screen, { ...args, instances: 4 });
    await appRestart(new RestClient(url), screen, args);
    await appRemove(new RestClient(url), screen, args);
    expect(answered).toEqual([
      'PATCH /v2/apps/web?force=false&dryRun=true',
      'POST /v2/apps/web/restart?force=false&dryRun=true',
      'DELETE /v2/apps/web?dryRun=true',
    ]);
    expect(screen.text.match(/Nothing was changed/g)).toHaveLength(3);
  });

  it('is in colour on a terminal, and the answer itself with --json', async () => {
    screen.terminal = true;
    await run(false);
    expect(screen.text).toContain('\u001b[31m    - /cmd');
    screen.text = '';
    await run(true);
    expect(JSON.parse(screen.text)).toEqual(announcement);
  });
});
