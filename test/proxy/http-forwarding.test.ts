import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let plane: Plane;
afterEach(() => plane.close());

async function planeFor(backend: Backend): Promise<Plane> {
  plane = await Plane.start([service([serverAt(backend.port)])]);
  plane.own(backend);
  return plane;
}

describe('requests over one connection', () => {
  it('are answered one after another over one connection to the server', async () => {
    const backend = await Backend.answering('hello');
    const client = await (await planeFor(backend)).client();
    for (let i = 1; i <= 5; i++) {
      client.send(get(`/${i}`));
      await waitFor(() => client.text.split('hello').length === i + 1);
    }
    expect(backend.connections).toBe(1);
    expect(client.text).not.toMatch(/Connection:/i);
  });

  it('may be pipelined and are answered in order', async () => {
    const backend = await Backend.start((socket, soFar) => {
      const asked = [...soFar.matchAll(/GET (\/\d+) /g)].at(-1)?.[1] ?? '';
      // The first answer is the slowest.
      setTimeout(
        () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${asked.length}\r\n\r\n${asked}`),
        asked === '/1' ? 50 : 0,
      );
    });
    const client = await (await planeFor(backend)).client();
    client.send(get('/1') + get('/2') + get('/3', 'web.test', 'Connection: close\r\n'));
    const bodies = [...(await client.seesEnd()).matchAll(/\r\n\r\n(\/\d)/g)].map((match) => match[1]);
    expect(bodies).toEqual(['/1', '/2', '/3']);
  });

  it('end with the connection when the client says close, or speaks HTTP/1.0', async () => {
    const backend = await Backend.answering('x');
    const started = await planeFor(backend);
    const closing = await started.client();
    expect(await closing.send(get('/', 'web.test', 'Connection: close\r\n')).seesEnd()).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\nx$/,
    );
    const old = await started.client();
    expect(await old.send('GET / HTTP/1.0\r\nHost: web.test\r\n\r\n').seesEnd()).toMatch(
      /Connection: close\r\n\r\nx$/,
    );
  });

  it('keep an HTTP/1.0 connection open when the client asks for that', async () => {
    const client = await (await planeFor(await Backend.answering('x'))).client();
    const request = 'GET / HTTP/1.0\r\nHost: web.test\r\nConnection: keep-alive\r\n\r\n';
    await client.send(request).sees(/Connection: keep-alive\r\n\r\nx/);
    client.send(request);
    await waitFor(() => client.text.split('HTTP/1.1 200').length === 3);
  });
});

describe('what a server is told', () => {
  it('is who asked, how and for which host; hop-by-hop fields stay behind', async () => {
    const backend = await Backend.answering('x');
    const client = await (await planeFor(backend)).client();
    const extra =
      'X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Proto: https\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nX-Own: kept\r\n';
    await client.send(get('/a?b=c', 'Web.Test:9080', extra)).sees('x');
    expect(backend.received).toMatch(/^GET \/a\?b=c HTTP\/1\.1\r\nHost: Web\.Test:9080\r\n/);
    expect(backend.received).toContain('X-Own: kept\r\n');
    expect(backend.received).toContain('X-Forwarded-For: 10.1.1.1, 127.0.0.1\r\n');
    expect(backend.received).toContain('X-Forwarded-Proto: http\r\n');
    expect(backend.received).toContain('X-Forwarded-Host: Web.Test:9080\r\n');
    expect(backend.received).toContain('X-Forwarded-Port: 9080\r\n');
    expect(backend.received).not.toMatch(/X-Secret|Keep-Alive|^TE:|https|^Connection/im);
  });

  it('never loses Host or lengths because Connection names them', async () => {
    const backend = await Backend.answering('x');
    const client = await (await planeFor(backend)).client();
    await client
      .send(
        'POST / HTTP/1.1\r\nHost: web.test\r\nConnection: host, content-length\r\nContent-Length: 2\r\n\r\nok',
      )
      .sees('\r\n\r\nx');
    expect(backend.received).toMatch(/Host: web\.test\r\n[\s\S]*Content-Length: 2\r\n[\s\S]*\r\n\r\nok$/);
  });
});

describe('bodies', () => {
  it('with a length pass both ways whole, and large ones too', async () => {
    const size = 3_000_000;
    const backend = await Backend.start((socket, soFar) => {
      const start = soFar.indexOf('\r\n\r\n') + 4;
      if (start > 3 && soFar.length - start === size)
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${soFar.slice(start)}`);
    });
    const client = await (await planeFor(backend)).client();
    const body = Array.from({ length: size / 10 }, (_, i) => String(i).padStart(10, '.')).join('');
    client.send(`POST /up HTTP/1.1\r\nHost: web.test\r\nContent-Length: ${size}\r\n\r\n${body}`);
    await waitFor(() => client.text.length >= size, { what: 'the whole answer' });
    expect(client.text.slice(client.text.indexOf('\r\n\r\n') + 4) === body).toBe(true);
  });

  it('in chunks pass both ways as they are, byte by byte if need be', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.endsWith('0\r\nX-Trailer: t\r\n\r\n'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\n\r\n');
    });
    const client = await (await planeFor(backend)).client();
    const request =
      'POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n';
    for (const byte of request) {
      client.send(byte);
      await new Promise<void>((next) => setImmediate(next));
    }
    await client.sees('3;ext=1\r\nabc\r\n0\r\n\r\n');
    expect(backend.received).toMatch(
      /Transfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n4\r\nwiki\r\nA\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n$/,
    );
    client.send(request);
    await waitFor(() => client.text.split('0\r\n\r\n').length === 3);
    expect(backend.connections).toBe(1);
  });

  it('in chunks reach an HTTP/1.0 client without the chunks', async () => {
    const backend = await Backend.start((socket) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'),
    );
    const client = await (await planeFor(backend)).client();
    const text = await client.send('GET / HTTP/1.0\r\nHost: web.test\r\n\r\n').seesEnd();
    expect(text).toMatch(/\r\n\r\nabcde$/);
    expect(text).not.toMatch(/Transfer-Encoding/i);
  });

  it('that end with the server connection end the client connection', async () => {
    const backend = await Backend.start((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'));
    const client = await (await planeFor(backend)).client();
    expect(await client.send(get()).seesEnd()).toMatch(/Connection: close\r\n\r\nuntil the end$/);
  });

  it('are absent after HEAD, 204 and 304 whatever the head says, and the connection goes on', async () => {
    const answers = [
      'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast',
    ];
    const backend = await Backend.start((socket) => socket.write(answers.shift() ?? ''));
    const client = await (await planeFor(backend)).client();
    await client.send('HEAD / HTTP/1.1\r\nHost: web.test\r\n\r\n').sees('Content-Length: 500\r\n\r\n');
    await client.send(get()).sees(/ 204 No Content\r\n\r\n/);
    await client.send(get()).sees(/ 304 Not Modified\r\n[\s\S]*\r\n\r\n$/);
    expect(await client.send(get()).sees('last')).toMatch(
      /Content-Length: 77\r\n\r\nHTTP\/1\.1 200 OK\r\nContent-Length: 4\r\n\r\nlast$/,
    );
    expect(backend.connections).toBe(1);
  });

  it('wait for 100 Continue, which is passed on', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.endsWith('body!')) socket.write('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n');
      else if (soFar.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    });
    const client = await (await planeFor(backend)).client();
    await client
      .send('PUT / HTTP/1.1\r\nHost: web.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
      .sees('HTTP/1.1 100 Continue\r\n\r\n');
    await client.send('body!').sees('201 Created');
  });
});

describe('an answer that comes before the request has ended', () => {
  it('is delivered, and the connection ends since the rest of the body has nowhere to go', async () => {
    const backend = await Backend.start((socket) =>
      socket.write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig'),
    );
    const client = await (await planeFor(backend)).client();
    const text = await client
      .send('POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 1000\r\n\r\npart')
      .seesEnd();
    expect(text).toMatch(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n\r\nbig$/);
  });
});

describe('an upgrade', () => {
  it('joins both sides, passes bytes both ways and one side ending to the other', async () => {
    const backend = await Backend.start(
      (socket, soFar) => {
        if (soFar.endsWith('\r\n\r\n'))
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: yes\r\n\r\nearly',
          );
        else if (!soFar.endsWith('GET'))
          socket.write(`echo:${soFar.slice(soFar.lastIndexOf('\r\n\r\n') + 4)}`, 'latin1');
      },
      (socket) => socket.on('end', () => socket.end('bye')),
    );
    const client = await (await planeFor(backend)).client();
    client.send(
      get('/ws', 'web.test', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n'),
    );
    const head = await client.sees('early');
    expect(head).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\n[\s\S]*Sec-WebSocket-Accept: yes\r\n[\s\S]*Upgrade: websocket\r\n/,
    );
    expect(backend.received).toMatch(/Connection: Upgrade\r\nUpgrade: websocket\r\n/);
    await client.send('\x81\x05Hello').sees('echo:\x81\x05Hello');
    client.socket.end();
    await client.sees('bye');
    await waitFor(() => plane.sessions.size === 0);
    expect(plane.routes.service('/shop/web:10000')?.servers[0]?.inFlight).toBe(0);
  });

  it('tells the server of a client that ended before the server agreed', async () => {
    let agree = (): void => undefined;
    const backend = await Backend.start(
      (socket, soFar) => {
        if (!soFar.startsWith('GET /ws ')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        else
          agree = () =>
            socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
      },
      (socket) => socket.on('end', () => socket.end('bye')),
    );
    const client = await (await planeFor(backend)).client();
    client.send(get('/ws', 'web.test', 'Connection: Upgrade\r\nUpgrade: x\r\n'));
    client.socket.end();
    await waitFor(() => backend.received.endsWith('\r\n\r\n'));
    // Its end came before what another client asks now and has answered.
    await (await plane.client()).send(get('/', 'web.test', 'Connection: close\r\n')).seesEnd();
    agree();
    expect(await client.seesEnd()).toMatch(/bye$/);
    await waitFor(() => plane.sessions.size === 0);
    expect(plane.routes.service('/shop/web:10000')?.servers[0]?.inFlight).toBe(0);
  });

  it('that nobody asked for is a server error', async () => {
    const backend = await Backend.start((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    );
    const client = await (await planeFor(backend)).client();
    await client.send(get()).sees(/^HTTP\/1\.1 502 /);
  });
});

describe('malformed answers', () => {
  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a bare LF', 'HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['an unknown encoding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n'],
  ])('(%s) become 502 with the reason', async (_name, answer) => {
    const backend = await Backend.start((socket) => socket.write(answer));
    const client = await (await planeFor(backend)).client();
    expect(await client.send(get()).sees(/\r\n\r\n502/)).toMatch(
      /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*X-Longrun-Reason: \/shop\/web gave a malformed answer/,
    );
  });

  it('that break off in the middle end the client connection: what is missing tells that it is not complete', async () => {
    const backend = await Backend.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart');
      setTimeout(() => socket.destroy(), 20);
    });
    const client = await (await planeFor(backend)).client();
    expect(await client.send(get()).seesEnd()).toMatch(/Content-Length: 100\r\n\r\npart$/);
  });

  it('that break off in the middle reset the connection of a client that could not tell', async () => {
    const backend = await Backend.start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n');
      setTimeout(() => socket.destroy(), 20);
    });
    const client = await (await planeFor(backend)).client();
    client.send('GET / HTTP/1.0\r\nHost: web.test\r\n\r\n');
    await waitFor(() => client.closed);
    expect(client.ended).toBe(false);
  });
});

describe('virtual hosts', () => {
  it('are found whatever their case and port; an unknown one gets 404 that names it', async () => {
    const one = await Backend.answering('one');
    const two = await Backend.answering('two');
    plane = await Plane.start([
      service([serverAt(one.port)], { vhosts: ['one.test', 'www.one.test'] }),
      service([serverAt(two.port)], { servicePort: 10_001, vhosts: ['two.test'] }),
      service([], { servicePort: 10_002, vhosts: ['empty.test'] }),
    ]);
    plane.own(one);
    plane.own(two);
    const client = await plane.client();
    await client.send(get('/', 'WWW.One.Test:9080')).sees(/one$/);
    await client.send(get('/', 'two.test')).sees(/two$/);
    await client.send(get('/', 'two.test.')).sees(/two.*two$/s);
    await client.send(get('/', 'three.test')).sees(/404 Not Found: no app serves the host three\.test\n$/);
    await client
      .send(get('/', 'empty.test'))
      .sees(
        /503 Service Unavailable: no server of \/shop\/web is up\n\/shop\/web on service port \d+: 0 instances are healthy\.\n$/,
      );
    await client.send(get('/', 'one.test')).sees(/one$/);
  });

  it('take turns over their servers', async () => {
    const backends = await Promise.all(['a', 'b', 'c'].map((name) => Backend.answering(name)));
    plane = await Plane.start([service(backends.map(({ port }) => serverAt(port)))]);
    for (const backend of backends) plane.own(backend);
    const client = await plane.client();
    for (let i = 1; i <= 6; i++) {
      client.send(get());
      await waitFor(() => client.text.split('200 OK').length === i + 1);
    }
    expect(client.text.match(/[abc](?=HTTP|$)/g)?.join('')).toMatch(/^(abcabc|bcabca|cabcab)$/);
  });
});
