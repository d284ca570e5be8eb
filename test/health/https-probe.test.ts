import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ProbeTarget } from '../../src/health/health.js';
import { type ProbeOutcome, probeOnce, type RunningProbe } from '../../src/health/probe.js';
import { selfSignedCertificate } from '../support/self-signed-certificate.js';

const DAY_MS = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const open: Server[] = [];
const seen: { path: string | undefined; serverName: string | false | undefined }[] = [];

async function listen(server: Server): Promise<number> {
  open.push(server);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return (server.address() as AddressInfo).port;
}

/** A task that speaks TLS: `/sick` is 503, `/moved` a redirect, anything else 200. */
function tlsTask(commonName: string, validFrom: Date, validTo: Date): Promise<number> {
  const server = createServer(selfSignedCertificate(commonName, validFrom, validTo), (request, response) => {
    seen.push({
      path: request.url,
      serverName: (request.socket as TLSSocket & { servername?: string | false }).servername,
    });
    if (request.url === '/sick') response.writeHead(503).end('sick');
    else if (request.url === '/moved') response.writeHead(302, { location: '/sick' }).end();
    else response.writeHead(200, { 'content-type': 'text/plain' }).end('fine');
  });
  return listen(server);
}

function target(port: number, more: Partial<ProbeTarget> = {}): ProbeTarget {
  return {
    key: 'k',
    protocol: 'HTTPS',
    host: '127.0.0.1',
    port,
    path: '/',
    intervalMs: 1_000,
    timeoutMs: 10_000,
    eager: false,
    ...more,
  };
}

function probe(port: number, more: Partial<ProbeTarget> = {}): Promise<ProbeOutcome> {
  return new Promise((done) => probeOnce(target(port, more), done));
}

describe('a check over HTTPS', () => {
  let port: number;
  beforeAll(async () => {
    port = await tlsTask('task', daysFromNow(-1), daysFromNow(1));
  });
  beforeEach(() => seen.splice(0));
  afterAll(async () => {
    for (const server of open) {
      if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  });

  it('asks over TLS and judges by the status', async () => {
    expect(await probe(port, { path: '/up?x=1' })).toEqual({ kind: 'ok' });
    expect(await probe(port, { path: '/sick' })).toEqual({ kind: 'failed', cause: 'status 503' });
    expect(seen.map(({ path }) => path)).toEqual(['/up?x=1', '/sick']);
  });

  it('follows no redirect: being sent on is an answer', async () => {
    expect(await probe(port, { path: '/moved' })).toEqual({ kind: 'ok' });
    expect(seen.map(({ path }) => path)).toEqual(['/moved']);
  });

  it.each<[string, Date, Date]>([
    ['was signed by nobody and is for another name', daysFromNow(-1), daysFromNow(1)],
    ['has expired', daysFromNow(-20), daysFromNow(-10)],
    ['is not valid yet', daysFromNow(10), daysFromNow(20)],
  ])(
    'takes a certificate that %s: it asks whether the task works, not who it is',
    async (_what, from, to) => {
      const other = await tlsTask('other.test', from, to);
      expect(await probe(other)).toEqual({ kind: 'ok' });
    },
  );

  it('names the host in the handshake when it is a name, and nothing when it is an address', async () => {
    expect(await probe(port, { host: 'localhost' })).toEqual({ kind: 'ok' });
    expect(await probe(port)).toEqual({ kind: 'ok' });
    expect(seen.map(({ serverName }) => serverName)).toEqual(['localhost', false]);
  });

  it('keeps the answer for a readiness check', async () => {
    expect(await probe(port, { keepResponse: true })).toEqual({
      kind: 'ok',
      response: { status: 200, contentType: 'text/plain', body: 'fine' },
    });
  });

  it('fails at a task that speaks plain HTTP, and at one that refuses', async () => {
    const plain = await listen(createHttpServer((_request, response) => response.end('plain')));
    expect(await probe(plain)).toMatchObject({ kind: 'failed', cause: expect.stringMatching(/./) });
    const gone = createTcpServer();
    const refusing = await listen(gone);
    await new Promise((closed) => gone.close(closed));
    open.splice(open.indexOf(gone), 1);
    expect(await probe(refusing)).toMatchObject({ kind: 'failed' });
  });

  it('is failed by time when the task never answers the handshake, and its connection is closed', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    let running: RunningProbe | undefined;
    const silent = await new Promise<Server>((connected) => {
      const server = createTcpServer((socket) => {
        closed = new Promise((end) => socket.resume().on('error', end).on('close', end));
        connected(server);
      });
      void listen(server).then((silentPort) => {
        running = probeOnce(target(silentPort), () => undefined);
      });
    });
    expect(silent.listening).toBe(true);
    expect(running?.timedOut()).toEqual({ kind: 'failed', cause: 'timed out after 10 s' });
    running?.cancel();
    await closed;
  });
});
