import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type Issued, issue } from '../support/issued-certificate.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const authority = issue('test authority', [], { ca: true });
const web = issue('web', ['web.test', '*.web.test'], { issuer: authority });
const other = issue('other', ['other.test'], { issuer: authority });
const people = issue('people', [], { ca: true });
const machines = issue('machines', [], { ca: true });

let plane: Plane;
const sockets: TLSSocket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await plane.close();
});

interface Reply {
  readonly text: string;
  readonly socket: TLSSocket;
}

let version = 0;
function shelve(certificates: Readonly<Record<string, Issued>>, authorities: readonly Issued[] = []): void {
  version += 1;
  plane.certificates.replace({
    epoch: 1,
    version,
    certificates: Object.entries(certificates).map(([name, { cert, key }]) => ({
      name,
      certificate: cert,
      privateKey: key,
    })),
    authorities: authorities.map(({ commonName, cert }) => ({ name: commonName, certificates: cert })),
    challenges: { 'a-token': 'a-token.thumbprint' },
  });
}

function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'web.test',
      ca: authority.cert,
      ...options,
    });
    sockets.push(socket);
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
  });
}

function say(socket: TLSSocket, text: string): Promise<string> {
  return new Promise((resolve) => {
    let seen = '';
    const finish = (): void => resolve(seen);
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      const end = seen.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(seen)?.[1] ?? Number.NaN);
      if (end >= 0 && seen.length >= end + 4 + length) finish();
    });
    socket.on('close', finish);
    socket.write(text);
  });
}

async function ask(port: number, request: string, options: ConnectionOptions = {}): Promise<Reply> {
  const socket = await open(port, options);
  return { text: await say(socket, request), socket };
}

const shownTo = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN);

describe('the port for virtual hosts over TLS', () => {
  it('forwards what HTTP/1.1 clients ask over TLS, and says so to the server', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    shelve({ web });
    const { text } = await ask(await plane.openHttps(), get());
    expect(text).toContain('hello');
    expect(backend.received).toContain('X-Forwarded-Proto: https\r\n');
  });

  it('shows each host its own certificate, by its name or its wildcard', async () => {
    plane = await Plane.start([]);
    shelve({ web, other });
    const port = await plane.openHttps();
    expect(shownTo(await open(port))).toBe('web');
    expect(shownTo(await open(port, { servername: 'deep.web.test' }))).toBe('web');
    expect(shownTo(await open(port, { servername: 'other.test' }))).toBe('other');
  });

  it('shows who names no host, or one that nobody has, the certificate called default', async () => {
    plane = await Plane.start([]);
    shelve({ a: web, default: other });
    const port = await plane.openHttps();
    expect(shownTo(await open(port, { servername: 'nobody.test', rejectUnauthorized: false }))).toBe('other');
    expect(shownTo(await open(port, { servername: '', rejectUnauthorized: false }))).toBe('other');
  });

  it('uses a new certificate for new connections, and leaves those that are there alone', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    shelve({ web });
    const port = await plane.openHttps();
    const before = await open(port);
    const renewed = issue('renewed', ['web.test'], { issuer: authority });
    shelve({ web: renewed });
    expect(shownTo(await open(port))).toBe('renewed');
    expect(await say(before, get())).toContain('hello');
  });

  it('takes clients back that another worker with the same ticket keys knows', async () => {
    plane = await Plane.start([]);
    shelve({ web });
    plane.certificates.setTicketKeys(Buffer.alloc(48, 7));
    const port = await plane.openHttps();
    const first = await open(port, { maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    shelve({ web });
    const again = await open(port, { maxVersion: 'TLSv1.2', ...(session && { session }) });
    expect(again.isSessionReused()).toBe(true);
    plane.certificates.setTicketKeys(Buffer.alloc(48, 8));
    const stranger = await open(port, { maxVersion: 'TLSv1.2', ...(session && { session }) });
    expect(stranger.isSessionReused()).toBe(false);
  });

  it('ends connections that speak no TLS, and has none of them left', async () => {
    plane = await Plane.start([]);
    shelve({ web });
    const client = await plane.client(await plane.openHttps());
    client.send(get());
    await client.seesEnd();
    expect(client.text).toBe('');
    expect(plane.sessions.size).toBe(0);
  });

  it('ends handshakes that are begun and not gone on with', async () => {
    plane = await Plane.start([], { timeouts: { httpRequestMs: 50 } });
    shelve({ web });
    const client = await plane.client(await plane.openHttps());
    client.send('\x16\x03\x01');
    await client.seesEnd();
    expect(plane.sessions.size).toBe(0);
  });

  it('answers ACME challenges in the clear, and nothing else under that path', async () => {
    plane = await Plane.start([]);
    shelve({});
    const client = await plane.client();
    client.send(get('/.well-known/acme-challenge/a-token', 'new.test'));
    expect(await client.sees(/thumbprint/)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\na-token\.thumbprint$/s);
    client.send(get('/.well-known/acme-challenge/constructor', 'new.test'));
    await client.sees('404 Not Found');
  });
});

describe('a service port with TLS of its own', () => {
  it('speaks with the certificates that its app names', async () => {
    const backend = await Backend.answering('hello');
    const secured = service([serverAt(backend.port)], { tls: { certificates: ['other'] } });
    plane = await Plane.start([secured]);
    plane.own(backend);
    shelve({ web, other });
    const { text, socket } = await ask(await plane.openService(secured), get(), { servername: 'other.test' });
    expect(text).toContain('hello');
    expect(shownTo(socket)).toBe('other');
  });

  it('carries bytes in tcp mode', async () => {
    const backend = await Backend.start((socket, soFar) => socket.end(`heard ${soFar}`));
    const secured = service([serverAt(backend.port)], {
      mode: 'tcp',
      vhosts: [],
      tls: { certificates: ['web'] },
    });
    plane = await Plane.start([secured]);
    plane.own(backend);
    shelve({ web });
    const { text } = await ask(await plane.openService(secured), 'bytes');
    expect(text).toBe('heard bytes');
  });
});

describe('clients that must show a certificate', () => {
  const ann = issue('ann', [], { issuer: people });
  const robot = issue('robot', [], { issuer: machines });
  const guarded = (port: number) =>
    service([serverAt(port)], { vhosts: ['web.test'], tls: { clientAuthorities: ['people'] } });

  it('are let in with one of the right authority, by name', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([guarded(backend.port)]);
    plane.own(backend);
    shelve({ web }, [people, machines]);
    const forged = 'X-SSL-Client-CN: root\r\nX-SSL-Client-Verify: NONE\r\nX-SSL-Client-DN: CN=root\r\n';
    const { text } = await ask(await plane.openHttps(), get('/', 'web.test', forged), ann);
    expect(text).toContain('hello');
    expect(backend.received).toContain('X-SSL-Client-CN: ann\r\n');
    expect(backend.received).toContain('X-SSL-Client-DN: CN=ann\r\n');
    expect(backend.received).toContain('X-SSL-Client-Verify: SUCCESS\r\n');
    expect(backend.received).not.toMatch(/root|NONE/);
  });

  it.each([
    ['without one', {}],
    ['with one of another authority', robot],
  ])('are not let in %s', async (_how, certificate) => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([guarded(backend.port)]);
    plane.own(backend);
    shelve({ web }, [people, machines]);
    const port = await plane.openHttps();
    const outcome = await ask(port, get(), certificate).then(
      ({ text }) => text,
      () => 'refused',
    );
    expect(['', 'refused']).toContain(outcome);
    expect(backend.received).toBe('');
  });

  it('cannot come by another host’s connection, nor in the clear, nor by naming their app', async () => {
    const backend = await Backend.answering('hello');
    const open = service([serverAt(backend.port)], {
      appId: '/open' as never,
      servicePort: 10_001,
      vhosts: ['other.test'],
    });
    plane = await Plane.start([guarded(backend.port), open]);
    plane.own(backend);
    shelve({ web, other }, [people]);
    const fronted = await ask(await plane.openHttps(), get(), { servername: 'other.test' });
    expect(fronted.text).toMatch(/^HTTP\/1\.1 421 /);
    const plain = await plane.client();
    plain.send(get());
    await plain.sees('403 Forbidden');
    const byApp = await plane.client(await plane.openApps());
    byApp.send(get('/', 'web.test', 'X-Marathon-App-Id: /shop/web\r\n'));
    await byApp.sees('403 Forbidden');
    expect(backend.received).toBe('');
  });

  it('cannot come in the clear where clients are sent to TLS either, whatever they say, and by whatever port', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([{ ...guarded(backend.port), rules: { redirectToHttps: true } }]);
    plane.own(backend);
    shelve({ web }, [people]);
    await plane.openHttps();
    const plain = await plane.client();
    plain.send(get());
    await plain.sees('301');
    const claims = await plane.client();
    claims.send(get('/', 'web.test', 'X-Forwarded-Proto: https\r\n'));
    await claims.sees('403 Forbidden');
    const byApp = await plane.client(await plane.openApps());
    byApp.send(get('/', 'web.test', 'X-Marathon-App-Id: /shop/web\r\n'));
    await byApp.sees('403 Forbidden');
    expect(backend.received).toBe('');
  });

  it('are all refused while their authority is not known', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([guarded(backend.port)]);
    plane.own(backend);
    shelve({ web }, []);
    await expect(open(await plane.openHttps(), ann)).rejects.toThrow();
  });

  it('are unknown to servers that ask for none, whatever they say', async () => {
    const backend = await Backend.answering('hello');
    plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    shelve({ web });
    await ask(
      await plane.openHttps(),
      get('/', 'web.test', 'X-SSL-Client-Verify: SUCCESS\r\nx-ssl-client-dn: CN=root\r\n'),
    );
    expect(backend.received).not.toMatch(/ssl-client/i);
  });
});
