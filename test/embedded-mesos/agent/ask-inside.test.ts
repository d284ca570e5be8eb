import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { askEndpoint } from '../../../src/embedded-mesos/agent/checks/ask-endpoint.js';
import { ContainerAttempts } from '../../../src/embedded-mesos/agent/checks/attempt.js';
import type { CheckPlan } from '../../../src/embedded-mesos/agent/decide/check-plan.js';
import { ExecHost } from '../../../src/embedded-mesos/agent/exec/exec-host.js';
import type { Entrance } from '../../../src/embedded-mesos/containers/containerizer.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemDice } from '../../../src/util/ids.js';
import { compiledSources } from '../support/compiled-sources.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.info('skipped: networks of their own need root');
const asRoot = isRoot ? describe : describe.skip;

asRoot('an endpoint in a network of its own', () => {
  let inside: ChildProcess;
  let host: ExecHost;
  let entrance: Entrance;

  beforeAll(async () => {
    const serve = `require('node:http').createServer((q, a) => { a.statusCode = 204; a.end() })
      .listen(8080, '127.0.0.1', () => console.log('listening'))`;
    const line = 'ip link set lo up && exec "$0" -e "$1"';
    inside = spawn('unshare', ['--net', 'sh', '-c', line, process.execPath, serve], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => inside.stdout?.once('data', resolve));
    host = new ExecHost({
      script: join(compiledSources(), 'embedded-mesos/agent/exec/main.js'),
      dice: new SystemDice(),
      log: silentLog,
    });
    entrance = {
      pid: inside.pid ?? 0,
      namespaces: ['net'],
      cgroups: [],
      environment: [],
      workingFolder: '/',
    };
  }, 30_000);

  afterAll(() => {
    host.stop();
    inside.kill('SIGKILL');
  });

  const attempts = (): ContainerAttempts =>
    new ContainerAttempts({
      containerizer: { entrance: async () => entrance },
      host,
      askScript: join(compiledSources(), 'embedded-mesos/agent/checks/ask-main.js'),
    });
  const plan = (probe: CheckPlan['probe']): CheckPlan => ({
    kind: 'check',
    probe,
    delayMs: 0,
    intervalMs: 1_000,
    timeoutMs: 5_000,
  });

  it('is asked there', async () => {
    const http = { type: 'HTTP', scheme: 'http', host: '127.0.0.1', port: 8080, path: '/' } as const;
    expect(await attempts().make('c', plan(http))).toEqual({ type: 'answered', statusCode: 204 });
    const tcp = { type: 'TCP', host: '127.0.0.1' } as const;
    expect(await attempts().make('c', plan({ ...tcp, port: 8080 }))).toEqual({ type: 'connected' });
    expect(await attempts().make('c', plan({ ...tcp, port: 8081 }))).toMatchObject({ type: 'refused' });
  });

  it('fails with a reason when its network is gone', async () => {
    entrance = { ...entrance, pid: 2 ** 22 };
    const result = await attempts().make('c', plan({ type: 'TCP', host: '127.0.0.1', port: 8080 }));
    expect(result).toMatchObject({ type: 'failed', why: expect.stringContaining('cannot be entered') });
  });
});

describe('an endpoint that redirects', () => {
  it('is followed to itself, and not to another host', async () => {
    let location = '/good';
    const server = createServer((request, response) => {
      if (request.url === '/good') response.writeHead(200).end();
      else response.writeHead(302, { location }).end();
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const probe = { type: 'HTTP', scheme: 'http', host: '127.0.0.1', port, path: '/' } as const;
    try {
      expect(await askEndpoint(probe, 5_000)).toEqual({ type: 'answered', statusCode: 200 });
      location = 'http://169.254.169.254/secrets';
      expect(await askEndpoint(probe, 5_000)).toEqual({ type: 'answered', statusCode: 302 });
      location = '/';
      expect(await askEndpoint(probe, 5_000)).toMatchObject({
        type: 'failed',
        why: 'more than 50 redirects',
      });
    } finally {
      server.close();
    }
  });

  it('that says nothing fails when its time is over', async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const probe = { type: 'HTTP', scheme: 'http', host: '127.0.0.1', port, path: '/' } as const;
    expect(await askEndpoint(probe, 100)).toEqual({ type: 'failed', why: 'no answer within 0.1 s' });
    server.closeAllConnections();
    server.close();
  });
});
