import type { ClientHttp2Session } from 'node:http2';
import { silentLog } from '../../src/logging/log.js';
import { PasswordDesk } from '../../src/proxy/worker/http/rules/password-desk.js';
import { issue } from '../support/issued-certificate.js';
import { waitFor } from '../support/wait-for.js';
import { http2Client } from './http2-rig.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const web = issue('web', ['web.test']);
/** More than a client has room for, so that some of it waits in the load balancer; less than makes the server wait. */
const ANSWER_BYTES = 150_000;
const LINGER_MS = 100;

let plane: Plane;
let session: ClientHttp2Session | undefined;

afterEach(async () => {
  session?.destroy();
  session = undefined;
  await plane.close();
});

async function start(
  backend: Backend,
  over: Parameters<typeof service>[1] = {},
  timeouts: NonNullable<Parameters<typeof Plane.start>[1]>['timeouts'] = {},
): Promise<Plane> {
  plane = await Plane.start([service([serverAt(backend.port)], over)], { timeouts });
  plane.own(backend);
  return plane;
}

const hasPassed = (ms: number): Promise<unknown> => {
  const untilMs = performance.now() + ms;
  return waitFor(() => performance.now() > untilMs);
};

/** The HTTP/2 stream of a client that takes only what it has room for. */
async function stalled(clientMs: number) {
  const backend = await Backend.answering('x'.repeat(ANSWER_BYTES));
  await start(backend, {}, { lingerMs: LINGER_MS, clientMs });
  plane.certificates.replace({
    epoch: 1,
    version: 1,
    certificates: [{ name: 'web', certificate: web.cert, privateKey: web.key }],
    authorities: [],
    challenges: {},
  });
  const port = await plane.openHttps();
  session = await http2Client(`https://127.0.0.1:${port}`, { servername: 'web.test', ca: web.cert });
  const stream = session.request({ ':path': '/', ':authority': 'web.test' });
  const said = { bytes: 0, error: '', closed: false };
  stream.on('error', (error) => {
    said.error = error.message;
  });
  stream.on('close', () => {
    said.closed = true;
  });
  await new Promise((answered) => stream.once('response', answered));
  const read = (): void => {
    stream.on('data', (chunk: Buffer) => {
      said.bytes += chunk.length;
    });
  };
  return { said, read };
}

describe('the end of an answer', () => {
  it('waits for a client that takes it slowly, long after the server has done', async () => {
    const { said, read } = await stalled(20_000);
    // A sweep comes every 200 ms.
    await hasPassed(LINGER_MS + 500);
    expect(said.closed).toBe(false);
    read();
    await waitFor(() => said.closed, { what: () => JSON.stringify(said) });
    expect(said).toMatchObject({ bytes: ANSWER_BYTES, error: '' });
    await waitFor(() => plane.sessions.size <= 1);
  });

  it('does not wait for one that takes nothing for the client timeout', async () => {
    const { said } = await stalled(300);
    await waitFor(() => said.closed);
    expect(said.error).not.toBe('');
  });
});

describe('a request', () => {
  it('that was pipelined with a part of its body is read to its end', async () => {
    const backend = await Backend.start((socket, soFar) => {
      const asked = soFar.endsWith('0123456789') ? 2 : soFar.endsWith('\r\n\r\n') ? 1 : 0;
      // The rest of the body comes while the first answer is still under way.
      if (asked === 1 && !soFar.includes('POST'))
        void waitFor(() => sentAll).then(() =>
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none'),
        );
      if (asked === 2) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo');
    });
    let sentAll = false;
    const client = await (await start(backend)).client();
    client.send(`${get('/1')}POST /2 HTTP/1.1\r\nHost: web.test\r\nContent-Length: 10\r\n\r\n01234`);
    await waitFor(() => backend.received.includes('GET /1'));
    client.send('56789');
    sentAll = true;
    await client.sees(/one[\s\S]*two$/);
  });

  it.each([
    ['no body', '', 'GET'],
    ['a body', 'hello', 'POST'],
  ])('with %s is answered to a client that ended while its password was checked', async (_, body, method) => {
    const backend = await Backend.answering('fine');
    await start(backend, { rules: { basicAuth: { realm: 'staff', users: { ann: '$6$h' } } } });
    let checked = (_right: boolean): void => undefined;
    const verify = (): Promise<boolean> =>
      new Promise((done) => {
        checked = done;
      });
    let asked = 0;
    const passwords = new PasswordDesk(
      plane.clock,
      () => {
        asked += 1;
        return verify();
      },
      silentLog,
    );
    Object.assign(plane.shared, { passwords });
    const client = await plane.client();
    const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
    const authorization = `Authorization: Basic ${Buffer.from('ann:secret').toString('base64')}\r\n`;
    client.send(`${method} / HTTP/1.1\r\nHost: web.test\r\n${authorization}${length}\r\n${body}`);
    client.socket.end();
    await waitFor(() => asked === 1);
    // Its end came before what another client asks now and is refused.
    await (await plane.client()).send(get('/', 'web.test', 'Connection: close\r\n')).seesEnd();
    checked(true);
    expect(await client.seesEnd()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*fine$/);
    expect(backend.received.endsWith(`\r\n\r\n${body}`)).toBe(true);
    await waitFor(() => plane.sessions.size === 0);
  });
});
