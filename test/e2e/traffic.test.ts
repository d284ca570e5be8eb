import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../support/wait-for.js';
import { Load, stopLoads } from './support/load.js';
import { Longrun, webApp } from './support/longrun.js';

/**
 * What the load balancer promises whatever happens around it, over HTTP and TLS at once: keep-alive and fresh connections,
 * bodies, answers of 2 s, WebSockets, large downloads, clients that give up after 3 s; through rolling deployments, scaling,
 * restarts, rollbacks, a new certificate, and the death of server and agent. PLANES (builtin, haproxy), REQUESTS, CLIENTS,
 * PAUSE_MS and DOWNLOAD_MIB make it longer (npm run test:long).
 */
const planes = (process.env['PLANES'] ?? 'builtin').split(',');
const wantedRequests = Number(process.env['REQUESTS'] ?? 1_500);
const clients = Number(process.env['CLIENTS'] ?? 2);
/** Of each client between two requests: the machine must not be the limit. */
const pauseMs = Number(process.env['PAUSE_MS'] ?? 5);
const downloadMiB = Number(process.env['DOWNLOAD_MIB'] ?? 20);
const hasHaproxy = ['/usr/sbin/haproxy', '/usr/bin/haproxy'].some((path) => existsSync(path));
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const HOST = 'web.test';

/** The port for TLS opens with the first certificate, so that nobody tells which one it would be. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A certificate that nobody has signed, as files of PEM. */
function makeCertificate(dir: string): { certificate: string; privateKey: string } {
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-keyout', key, '-out', certificate],
  ]);
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
  return { certificate: readFileSync(certificate, 'utf8'), privateKey: readFileSync(key, 'utf8') };
}

describe.each(planes)('traffic through the %s plane', (plane) => {
  const isLeftOut = !hasOpenssl || (plane === 'haproxy' && !hasHaproxy);
  let longrun: Longrun;
  let dir: string;
  let httpsPort = 0;
  let version = 0;

  beforeAll(async () => {
    if (isLeftOut) return;
    dir = mkdtempSync(join(tmpdir(), 'traffic-'));
    httpsPort = await freePort();
    longrun = await Longrun.start('--lb', plane, '--lb-https-port', String(httpsPort));
  }, 60_000);
  afterEach(stopLoads);
  afterAll(async () => {
    if (isLeftOut) return;
    await longrun.destroy();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  const change = async (method: string, path: string, body: unknown): Promise<void> => {
    await waitFor(
      async () => {
        const answer = await longrun.request(method, path, body).catch(() => undefined);
        // Without its server the API refuses connections: it is asked again.
        if (answer !== undefined && answer.status !== 200)
          throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
        return answer !== undefined;
      },
      { timeoutMs: 20_000, what: `${method} ${path} to be acknowledged` },
    );
    await longrun.settled('/web', 90_000);
  };
  const deploy = (): Promise<void> => {
    version += 1;
    return change('PATCH', '/v2/apps/web', { env: { APP_VERSION: String(version), DIE_AT_ONCE: '1' } });
  };
  const newCertificate = async (): Promise<void> => {
    const answer = await longrun.request('PUT', '/v2/certificates/web', makeCertificate(dir));
    if (answer.status >= 300)
      throw new Error(`the certificate was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  };
  const kill = (part: 'server' | 'agent') => async (): Promise<void> => {
    const before = longrun.toldPids().join();
    process.kill(longrun.ready.pids[part], 'SIGKILL');
    await waitFor(() => longrun.toldPids().join() !== before, { timeoutMs: 20_000, what: `a new ${part}` });
    longrun.ready = JSON.parse(readFileSync(join(longrun.workDir, 'ready.json'), 'utf8'));
  };

  (isLeftOut ? it.skip : it)(
    'fails no request and delays none, whatever is deployed, scaled, renewed or killed',
    async () => {
      await newCertificate();
      await longrun.deploy(
        webApp('/web', {
          instances: 4,
          env: { APP_VERSION: '0', DIE_AT_ONCE: '1' },
          labels: { HAPROXY_0_VHOST: HOST, HAPROXY_GROUP: 'external' },
          loadBalancer: { drainSeconds: 5 },
        }),
      );
      const lbHttps = `https://127.0.0.1:${httpsPort}/`;
      const common = { host: HOST, clients, timeoutMs: 3_000, pauseMs, toleratedMs: 1_000 };
      const loads = [
        new Load({ ...common, url: longrun.ready.lb, downloadMiB }),
        new Load({ ...common, url: lbHttps }),
      ];
      const sent = (): number => loads.reduce((sum, load) => sum + load.sent, 0);
      await waitFor(() => sent() > 100, { timeoutMs: 20_000 });
      /** Of a few changes ago: the oldest versions go. */
      let former = '';
      const acts: readonly (() => Promise<void>)[] = [
        deploy,
        () => change('PATCH', '/v2/apps/web', { instances: 8 }),
        newCertificate,
        kill('server'),
        () => change('PATCH', '/v2/apps/web', { instances: 3 }),
        deploy,
        kill('agent'),
        () => change('POST', '/v2/apps/web/restart', undefined),
        newCertificate,
        () => change('PUT', '/v2/apps/web', { version: former }),
        () => change('PATCH', '/v2/apps/web', { instances: 4 }),
      ];
      do {
        former = (await longrun.app('/web'))?.version ?? former;
        for (const act of acts) await act();
      } while (sent() < wantedRequests);
      const results = await Promise.all(loads.map((load) => load.stop()));
      const requests = results.reduce((sum, result) => sum + result.sent, 0);
      process.stdout.write(`${plane}: ${requests} requests, ${JSON.stringify(results[0]?.byKind)}\n`);
      expect(results.map(({ failures, slow }) => ({ failures, slow }))).toEqual(
        results.map(() => ({ failures: [], slow: [] })),
      );
      expect(results[0]?.byKind['download']).toBeGreaterThan(0);
    },
    120_000 + wantedRequests * 10,
  );
});
