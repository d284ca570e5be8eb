import type { ClientHttp2Session, ServerHttp2Stream } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { haproxyLines } from '../../src/proxy/worker/access-log/haproxy-line.js';
import { jsonLines } from '../../src/proxy/worker/access-log/json-line.js';
import type { ExchangeRecord } from '../../src/proxy/worker/exchange-record.js';
import { MAX_RESETS } from '../../src/proxy/worker/h2/http2-front.js';
import { issue } from '../support/issued-certificate.js';
import { waitFor } from '../support/wait-for.js';
import { ask, Http2Backend, http2Client } from './http2-rig.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const web = issue('web', ['web.test']);

let plane: Plane;
const sessions: ClientHttp2Session[] = [];
const backends: Http2Backend[] = [];

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await plane.close();
  await Promise.all(backends.splice(0).map((backend) => backend.close()));
});

function shelve(): void {
  plane.certificates.replace({
    epoch: 1,
    version: 1,
    certificates: [{ name: 'web', certificate: web.cert, privateKey: web.key }],
    authorities: [],
    challenges: {},
  });
}

async function overTls(
  backend: Backend,
  over: Parameters<typeof service>[1] = {},
): Promise<ClientHttp2Session> {
  plane = await Plane.start([service([serverAt(backend.port)], over)]);
  plane.own(backend);
  shelve();
  const port = await plane.openHttps();
  const session = await http2Client(`https://127.0.0.1:${port}`, { servername: 'web.test', ca: web.cert });
  sessions.push(session);
  return session;
}

const to = (path = '/', more = {}) => ({ ':path': path, ':authority': 'web.test', ...more });

describe('clients that speak HTTP/2', () => {
  it('get what servers that speak HTTP/1.1 answer', async () => {
    const backend = await Backend.answering('hello', 'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-One: 1\r\n');
    const session = await overTls(backend);
    const answer = await ask(session, to('/a?b=c', { cookie: 'x=1; y=2' }));
    expect(answer.headers[':status']).toBe(200);
    expect(answer.body).toBe('hello');
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.headers['x-one']).toBe('1');
    expect(backend.received).toMatch(/^GET \/a\?b=c HTTP\/1\.1\r\nHost: web\.test\r\n/);
    expect(backend.received).toContain('cookie: x=1; y=2\r\n');
    expect(backend.received).toContain('X-Forwarded-Proto: https\r\n');
    expect(backend.received).not.toContain('Connection');
  });

  it('are told to servers that want a PROXY header as those of HTTP/1.1 are', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
    });
    const session = await overTls(backend, { proxyProtocol: { send: 'v1' } });
    expect((await ask(session, to())).body).toBe('fine');
    const { localPort } = session.socket;
    const port = session.socket.remotePort;
    expect(backend.received).toMatch(
      new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 ${localPort} ${port}\r\n`),
    );
  });

  it('are logged as speaking it', async () => {
    const session = await overTls(await Backend.answering('hello'));
    const lines: string[] = [];
    const formats = [haproxyLines({ withQuery: false }), jsonLines({ withQuery: false })];
    const exchangeEnded = (record: ExchangeRecord): void => {
      for (const format of formats) lines.push(format(record, { startedWallMs: 0, connections: 1 }));
    };
    Object.assign(plane.shared, { exchangeEnded });
    await ask(session, to('/a'));
    await waitFor(() => lines.length === formats.length, { what: () => lines.join('') });
    expect(lines[0]).toContain('"GET /a HTTP/2.0"');
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ path: '/a', protocol: 'HTTP/2.0', tls: 'TLSv1.3' });
  });

  it('ask many things at once over one connection', async () => {
    const session = await overTls(await Backend.answering('hello'));
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(session, to(`/${i}`))));
    expect(answers.map(({ body }) => body)).toEqual(Array.from({ length: 60 }, () => 'hello'));
  });

  it('send bodies of known and of unknown length, with trailers', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (/abc$|0\r\n(x-sum: 7\r\n)?\r\n$/.test(soFar)) socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    });
    const session = await overTls(backend);
    await ask(session, to('/', { ':method': 'POST', 'content-length': '3' }), 'abc');
    expect(backend.received).toMatch(/Content-Length: 3\r\n(.*\r\n)*\r\nabc$/i);
    await ask(session, to('/', { ':method': 'POST' }), 'unknown');
    expect(backend.received).toMatch(
      /Transfer-Encoding: chunked\r\n(.*\r\n)*\r\n7\r\nunknown\r\n0\r\n\r\n$/i,
    );
    const stream = session.request(to('/', { ':method': 'POST' }), { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
    stream.end('more');
    await waitFor(() => backend.received.endsWith('4\r\nmore\r\n0\r\nx-sum: 7\r\n\r\n'), {
      what: () => backend.received.slice(-80),
    });
  });

  it('get trailers, interim answers, and no body where there is none', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (/^HEAD/m.test(soFar)) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n');
      else if (soFar.includes('/trailers'))
        socket.end(
          'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
            '3\r\nabc\r\n2\r\nde\r\n0\r\nx-checksum: 7\r\n\r\n',
        );
    });
    const session = await overTls(backend);
    const trailing = await ask(session, to('/trailers'));
    expect(trailing).toMatchObject({ body: 'abcde', trailers: { 'x-checksum': '7' }, interim: [103] });
    const head = await ask(session, to('/', { ':method': 'HEAD' }));
    expect(head.headers['content-length']).toBe('99');
    expect(head.body).toBe('');
  });

  it('see an answer that breaks off as a reset stream, and the connection goes on', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.includes('/broken')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    const session = await overTls(backend);
    await expect(ask(session, to('/broken'))).rejects.toThrow();
    expect((await ask(session, to('/whole'))).body).toBe('ok');
  });

  it('get whole answers of every size, however slowly they take them', async () => {
    const bytes = 3_000_000;
    const backend = await Backend.start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
      socket.end(Buffer.alloc(bytes, 'x'));
    });
    const session = await overTls(backend);
    const stream = session.request(to('/'));
    stream.pause();
    await new Promise((answered) => stream.once('response', answered));
    let taken = 0;
    stream.on('data', (chunk: Buffer) => {
      taken += chunk.length;
      stream.pause();
      setImmediate(() => stream.resume());
    });
    stream.resume();
    await new Promise((closed) => stream.once('close', closed));
    expect(taken).toBe(bytes);
  });

  it('leave nothing behind at the server when they take a request back', async () => {
    let gone = false;
    const backend = await Backend.start(
      () => undefined,
      (socket) =>
        socket.on('end', () => {
          gone = true;
        }),
    );
    const session = await overTls(backend);
    const stream = session.request(to('/'));
    stream.on('error', () => undefined);
    await waitFor(() => backend.received !== '', { what: () => 'the request' });
    stream.close(8);
    await waitFor(() => gone, { what: () => 'the end of the connection to the server' });
    const [live] = [...plane.routes.services.values()];
    expect(live?.servers[0]?.inFlight).toBe(0);
  });

  it('are cut off when they only open streams to take them back', async () => {
    const session = await overTls(await Backend.start(() => undefined));
    for (let i = 0; i <= MAX_RESETS + 20 && !session.destroyed && !session.closed; i++) {
      const stream = session.request(to('/'));
      stream.on('error', () => undefined);
      await new Promise((ready) => {
        stream.once('ready', ready);
        stream.once('close', ready);
        setImmediate(ready);
      });
      stream.close(8);
    }
    await waitFor(() => session.destroyed, { what: () => 'the end of the connection' });
  });

  it('are told goodbye after their answers when the worker retires', async () => {
    const session = await overTls(await Backend.answering('hello'));
    await ask(session, to('/'));
    let goodbye = false;
    session.on('goaway', () => {
      goodbye = true;
    });
    plane.shared.retiring = true;
    plane.sessions.retireAll();
    await waitFor(() => goodbye || session.closed, { what: () => 'a goodbye' });
    await waitFor(() => plane.sessions.size === 0, { what: () => 'the end of the connection' });
  });

  it('are let go when they ask nothing for too long', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([service([serverAt(backend.port)])], { timeouts: { httpKeepAliveMs: 50 } });
    plane.own(backend);
    shelve();
    const session = await http2Client(`https://127.0.0.1:${await plane.openHttps()}`, {
      servername: 'web.test',
      ca: web.cert,
    });
    sessions.push(session);
    await waitFor(() => session.destroyed, { what: () => 'the end of the connection' });
    expect(plane.sessions.size).toBe(0);
  });

  it('find pages of the load balancer where nothing serves them', async () => {
    const session = await overTls(await Backend.answering('hello'));
    const answer = await ask(session, { ':path': '/', ':authority': 'nobody.test' });
    expect(answer.headers[':status']).toBe(404);
    expect(answer.headers['x-longrun-error']).toBe('unknown-host');
  });
});

describe('servers that speak HTTP/2 (gRPC)', () => {
  async function serve(
    onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
  ): Promise<{ session: ClientHttp2Session; backend: Http2Backend; port: number }> {
    const backend = await Http2Backend.start(onStream);
    backends.push(backend);
    const speaking = service([serverAt(backend.port)], { serverProtocol: 'h2c' });
    plane = await Plane.start([speaking]);
    const port = await plane.openService(speaking);
    const session = await http2Client(`http://127.0.0.1:${port}`);
    sessions.push(session);
    return { session, backend, port };
  }
  const call = { ':method': 'POST', ':path': '/shop.Cart/Add', ':authority': 'web.test' };
  const grpc = { ...call, 'content-type': 'application/grpc', te: 'trailers' };

  it('answer unary calls with their trailers', async () => {
    let seen: Record<string, unknown> = {};
    const { session } = await serve((stream, headers) => {
      seen = headers;
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('data', (chunk) => stream.write(chunk));
      stream.on('end', () => stream.end());
    });
    const answer = await ask(session, grpc, Buffer.from([0, 0, 0, 0, 1, 9]));
    expect(Buffer.from(answer.body, 'latin1')).toEqual(Buffer.from([0, 0, 0, 0, 1, 9]));
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'fine' });
    expect(seen.te).toBe('trailers');
    expect(seen['content-type']).toBe('application/grpc');
    expect(seen['x-forwarded-for']).toBe('127.0.0.1');
  });

  it('answer with nothing but trailers', async () => {
    const { session } = await serve((stream) =>
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
        { endStream: true },
      ),
    );
    const answer = await ask(session, grpc, 'x');
    expect(answer.headers).toMatchObject({ ':status': 200, 'grpc-status': '12' });
    expect(answer.headers['content-length']).toBeUndefined();
    expect(answer.body).toBe('');
  });

  it('talk both ways at the same time, message by message', async () => {
    const { session } = await serve((stream) => {
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('data', (chunk: Buffer) => stream.write(`echo ${chunk}`));
      stream.on('end', () => stream.end());
    });
    const stream = session.request(grpc);
    let heard = '';
    stream.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    for (const message of ['one', 'two', 'three']) {
      stream.write(message);
      await waitFor(() => heard.endsWith(`echo ${message}`), {
        what: () => `echo ${message} after ${heard}`,
      });
    }
    const trailers = new Promise<Record<string, unknown>>((got) => stream.once('trailers', got));
    stream.end();
    expect(await trailers).toMatchObject({ 'grpc-status': '0' });
  });

  it('share one connection between many calls', async () => {
    const { session, backend } = await serve((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('hello');
    });
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(session, call, 'x')));
    expect(answers.every(({ body }) => body === 'hello')).toBe(true);
    expect(backend.connections).toBe(1);
  });

  it('serve clients of HTTP/1.1 as well, at the same port', async () => {
    const { port } = await serve((stream) => {
      stream.respond({ ':status': 200, 'x-from': 'h2' });
      stream.end('hello');
    });
    const client = await plane.client(port);
    client.send(get('/'));
    expect(await client.sees('0\r\n\r\n')).toMatch(/x-from: h2\r\n(.*\r\n)*\r\n5\r\nhello\r\n0\r\n\r\n$/);
    client.send(get('/again'));
    await client.sees(/hello[\s\S]*hello/);
  });

  it('get a call again that they say they have not looked at, on another connection', async () => {
    let refusals = 0;
    const { session, backend } = await serve((stream) => {
      if (refusals === 0) {
        refusals += 1;
        stream.session?.goaway(0, 0);
        stream.close(7);
        return;
      }
      stream.respond({ ':status': 200 });
      stream.on('data', (chunk) => stream.write(chunk));
      stream.on('end', () => stream.end());
    });
    const answer = await ask(session, call, 'once more');
    expect(answer.body).toBe('once more');
    expect(backend.connections).toBe(2);
  });

  it('do not get a call again that they broke off', async () => {
    let calls = 0;
    const { session } = await serve((stream) => {
      calls += 1;
      stream.close(2);
    });
    const answer = await ask(session, call, 'x');
    expect(answer.headers[':status']).toBe(502);
    expect(calls).toBe(1);
  });

  it('that break off an answer show their clients that', async () => {
    const { session } = await serve((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half');
      setImmediate(() => stream.destroy(new Error('broken')));
    });
    await expect(ask(session, call, 'x')).rejects.toThrow();
  });

  it('are not told that a request is whole when its client broke it off', async () => {
    let heard = '';
    let whole = false;
    let aborted = false;
    const { session } = await serve((stream) => {
      stream.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
      });
      stream.on('end', () => {
        whole = true;
      });
      stream.on('aborted', () => {
        aborted = true;
      });
    });
    const stream = session.request(call);
    stream.on('error', () => undefined);
    stream.write('half');
    await waitFor(() => heard === 'half', { what: () => heard });
    stream.destroy(new Error('gone'));
    await waitFor(() => aborted, { what: () => 'the end of the stream' });
    expect(whole).toBe(false);
  });

  it('count as having a call in flight until its stream is over', async () => {
    let end = (): void => undefined;
    const { session } = await serve((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('begun');
      end = () => stream.end();
    });
    const stream = session.request(call);
    stream.end('x');
    await new Promise((begun) => stream.once('data', begun));
    const server = [...plane.routes.services.values()][0]?.servers[0];
    expect(server?.inFlight).toBe(1);
    plane.serve([service([], { serverProtocol: 'h2c' })]);
    expect(plane.inFlight.at(-1)?.[1]).toBe(1);
    end();
    await waitFor(() => plane.inFlight.at(-1)?.[1] === 0, { what: () => 'the end of the call' });
    await waitFor(() => backends[0]?.sessions.size === 0, { what: () => 'the end of the connection' });
  });

  it('that cannot be reached are left for others, like any', async () => {
    const backend = await Http2Backend.start((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('hello');
    });
    backends.push(backend);
    const closed = await new Promise<number>((resolve) => {
      const probe = connectTcp(backend.port, '127.0.0.1', () => {
        const { localPort = 0 } = probe;
        probe.destroy();
        resolve(localPort);
      });
    });
    const speaking = service([serverAt(closed, 'gone'), serverAt(backend.port)], { serverProtocol: 'h2c' });
    plane = await Plane.start([speaking]);
    const session = await http2Client(`http://127.0.0.1:${await plane.openService(speaking)}`);
    sessions.push(session);
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask(session, call, 'x')));
    expect(answers.map(({ headers }) => headers[':status'])).toEqual(Array.from({ length: 6 }, () => 200));
  });
});
