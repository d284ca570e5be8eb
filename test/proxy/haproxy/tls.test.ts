import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { createServer } from 'node:http';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { ServedAuthority } from '../../../src/certificates/bundle.js';
import { haproxyDir } from '../../../src/proxy/haproxy/haproxy-process.js';
import type { Service } from '../../../src/proxy/table.js';
import { type Issued, issue } from '../../support/issued-certificate.js';
import { waitFor } from '../../support/wait-for.js';
import { listening, RealHaproxy, withHaproxy } from './real.js';
import { server, web } from './world.js';

const authority = issue('test authority', [], { ca: true });
const shop = issue('shop', ['shop.test', '*.shop.test'], { issuer: authority });
const other = issue('other', ['other.test'], { issuer: authority });
const people = issue('people', [], { ca: true });
const machines = issue('machines', [], { ca: true });
const ann = issue('ann', [], { issuer: people });

withHaproxy('HAProxy with certificates', () => {
  let haproxy: RealHaproxy;
  let backend: HttpServer;
  const sockets: TLSSocket[] = [];
  let version = 0;

  beforeEach(async () => {
    haproxy = await RealHaproxy.onAnyPort();
    backend = createServer((request, response) => response.end(JSON.stringify(request.headers)));
    backend.listen(0, '127.0.0.1');
    await new Promise((done) => backend.once('listening', done));
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await haproxy.end();
    backend.closeAllConnections();
    await new Promise((closed) => backend.close(closed));
  });

  function shelve(
    certificates: Readonly<Record<string, Issued>>,
    authorities: readonly ServedAuthority[] = [],
    challenges: Readonly<Record<string, string>> = {},
  ): void {
    version += 1;
    haproxy.certificates.apply({
      epoch: 1,
      version,
      certificates: Object.entries(certificates).map(([name, { cert, key }]) => ({
        name,
        certificate: cert,
        privateKey: key,
      })),
      authorities,
      challenges,
    });
  }

  const known = ({ commonName, cert }: Issued): ServedAuthority => ({ name: commonName, certificates: cert });
  const here = (over: Partial<Service> = {}): Service =>
    web([server(1, { host: '127.0.0.1', port: (backend.address() as { port: number }).port })], {
      vhosts: ['shop.test'],
      bindPort: false,
      ...over,
    });
  const elsewhere = (over: Partial<Service> = {}): Service =>
    here({ appId: '/other' as never, servicePort: 10_001, vhosts: ['other.test'], ...over });

  function secured(servername: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port: haproxy.httpsPort,
        servername,
        ca: authority.cert,
        ...options,
      });
      sockets.push(socket);
      socket.once('secureConnect', () => resolve(socket));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('closed')));
    });
  }

  /** The whole answer on a connection of its own, or why there is none. */
  async function ask(
    host: string,
    options: ConnectionOptions & { about?: string; head?: string } = {},
  ): Promise<string> {
    const { about = host, head = '' } = options;
    const said = `GET /a?b=1 HTTP/1.1\r\nHost: ${about}\r\nConnection: close\r\n${head}\r\n`;
    try {
      return await answerOn(await secured(host, options), said);
    } catch (error) {
      return String(error);
    }
  }

  function answerOn(socket: NodeJS.ReadWriteStream, said: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let seen = '';
      socket.on('data', (piece: Buffer) => {
        seen += piece.toString();
      });
      socket.on('end', () => (seen === '' ? reject(new Error('closed')) : resolve(seen)));
      socket.on('error', reject);
      socket.write(said);
    });
  }

  const plain = (host: string, path: string, head = ''): Promise<string> =>
    answerOn(
      connectPlain({ host: '127.0.0.1', port: haproxy.lbPort }),
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${head}\r\n`,
    ).catch(String);

  async function served(...services: readonly Service[]): Promise<void> {
    haproxy.tell(...services);
    haproxy.plane.start();
    await haproxy.inForce();
    await waitFor(async () => (await ask('shop.test')).includes('HTTP/1.1'), { timeoutMs: 20_000 });
  }

  const shownSerial = async (host: string): Promise<string> =>
    (await secured(host, { rejectUnauthorized: false })).getPeerCertificate().fingerprint256;

  it('shows each host its own, takes a new one without a reload, and speaks HTTP/2', async () => {
    shelve({ shop, other });
    await served(here(), elsewhere());
    expect(await ask('shop.test')).toMatch(/^HTTP\/1\.1 200 .*"x-forwarded-proto":"https"/s);
    expect(await ask('other.test')).toMatch(/^HTTP\/1\.1 200 /);
    const old = await shownSerial('www.shop.test');
    const pid = haproxy.plane.generations.presentPid;
    const renewed = issue('shop', ['shop.test', '*.shop.test'], { issuer: authority });
    const waiting = await secured('shop.test');
    shelve({ shop: renewed, other });
    await waitFor(async () => (await shownSerial('www.shop.test')) !== old, { timeoutMs: 20_000 });
    expect(haproxy.plane.generations.presentPid).toBe(pid);
    expect(await answerOn(waiting, 'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 200 /,
    );
    expect((await secured('shop.test', { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('h2');
    const third = issue('third', ['third.test'], { issuer: authority });
    shelve({ shop: renewed, other, third });
    await waitFor(
      () =>
        secured('third.test').then(
          () => true,
          () => false,
        ),
      { timeoutMs: 20_000 },
    );
  }, 60_000);

  it('keeps keys in files that nobody else can read, and only those that are in use', async () => {
    shelve({ shop, 'odd / name': other });
    await served(here());
    const dir = join(haproxyDir(haproxy.workDir), 'certs');
    expect(readdirSync(dir)).toHaveLength(2);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(existsSync(join(haproxyDir(haproxy.workDir), 'next', 'certs'))).toBe(false);
    shelve({ shop });
    await waitFor(() => readdirSync(dir).length === 1, { timeoutMs: 20_000 });
    expect(readFileSync(join(dir, 'shop.pem'), 'utf8')).toContain('PRIVATE KEY');
  }, 60_000);

  it('sends clients without TLS to its port for it, but not the certificate authority that asks', async () => {
    shelve({ shop }, [], { 'a-token': 'a-token.thumbprint' });
    await served(here({ rules: { redirectToHttps: true, hsts: 'max-age=60' } }));
    expect(await plain('shop.test:8080', '/a?b=1')).toContain(
      `\r\nlocation: https://shop.test:${haproxy.httpsPort}/a?b=1\r\n`,
    );
    expect(await plain('shop.test', '/', 'X-Forwarded-Proto: https\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await ask('shop.test')).toContain('\r\nstrict-transport-security: max-age=60\r\n');
    const challenge = '/.well-known/acme-challenge';
    expect(await plain('shop.test', `${challenge}/a-token`)).toMatch(
      /^HTTP\/1\.1 200 .*\r\n\r\na-token\.thumbprint$/s,
    );
    expect(await plain('shop.test', `${challenge}/nobody`)).toMatch(/^HTTP\/1\.1 301 /);
    const pid = haproxy.plane.generations.presentPid;
    shelve({ shop }, [], { second: 'second.thumbprint' });
    await waitFor(
      async () => (await plain('shop.test', `${challenge}/second`)).endsWith('second.thumbprint'),
      { timeoutMs: 20_000 },
    );
    expect(await plain('shop.test', `${challenge}/a-token`)).toMatch(/^HTTP\/1\.1 301 /);
    expect(haproxy.plane.generations.presentPid).toBe(pid);
  }, 60_000);

  it('lets in to a host only who shows a certificate of its authorities, on a connection made for it', async () => {
    shelve({ shop, other }, [known(people), known(machines)]);
    await served(
      elsewhere({ vhosts: ['other.test', 'shop.test'] }),
      here({ vhosts: ['in.shop.test'], tls: { clientAuthorities: ['people'] } }),
    );
    const forged = { head: 'X-SSL-Client-Verify: SUCCESS\r\nX-SSL-Client-CN: root\r\n' };
    const shown = { cert: ann.cert, key: ann.key };
    expect(await ask('in.shop.test')).not.toContain('HTTP/1.1');
    expect(await ask('in.shop.test', { cert: other.cert, key: other.key })).not.toContain('HTTP/1.1');
    const let_in = await ask('in.shop.test', { ...shown, ...forged });
    expect(let_in).toMatch(/^HTTP\/1\.1 200 /);
    expect(let_in).toContain(
      '"x-ssl-client-verify":"SUCCESS","x-ssl-client-dn":"CN=ann","x-ssl-client-cn":"ann"',
    );
    expect(await ask('other.test', { about: 'in.shop.test', ...forged, ...shown })).toMatch(
      /^HTTP\/1\.1 421 /,
    );
    expect(await ask('other.test', forged)).not.toContain('x-ssl-client');
    expect(await plain('in.shop.test', '/', 'X-Forwarded-Proto: https\r\n')).toMatch(/^HTTP\/1\.1 403 /);
    const first = await secured('in.shop.test', shown);
    const session = await new Promise<Buffer | undefined>((resolve) => {
      first.once('session', resolve);
      first.once('end', () => resolve(first.getSession()));
      first.write('GET / HTTP/1.1\r\nHost: in.shop.test\r\nConnection: close\r\n\r\n');
      first.resume();
    });
    const again = await secured('in.shop.test', { ...shown, ...(session && { session }) });
    expect(again.isSessionReused()).toBe(false);
  }, 60_000);

  it('lets in to a service port whoever one of several authorities vouches for', async () => {
    const place = await listening();
    await new Promise((closed) => place.server.close(closed));
    shelve({ shop }, [known(people), known(machines)]);
    await served(
      here({
        vhosts: [],
        servicePort: place.port,
        bindPort: true,
        tls: { certificates: ['/etc/ssl/shop.pem'], clientAuthorities: ['people', 'machines'] },
      }),
    );
    const shown = { cert: ann.cert, key: ann.key };
    expect(await ask('shop.test', { port: place.port, ...shown })).toMatch(/^HTTP\/1\.1 200 /);
    expect(await ask('shop.test', { port: place.port })).not.toContain('HTTP/1.1');
  }, 60_000);

  it('lets nobody in by an authority that it does not know or cannot read, and serves all others', async () => {
    shelve({ shop }, [{ name: 'people', certificates: 'not a certificate\n' }]);
    await served(
      here(),
      elsewhere({ vhosts: ['in.shop.test'], tls: { clientAuthorities: ['people'] } }),
      here({
        appId: '/third' as never,
        servicePort: 10_002,
        vhosts: ['too.shop.test'],
        tls: { clientAuthorities: ['nobody'] },
      }),
    );
    for (const host of ['in.shop.test', 'too.shop.test'])
      expect(await ask(host, { cert: ann.cert, key: ann.key })).toMatch(/^HTTP\/1\.1 421 /);
  }, 60_000);

  it('speaks TLS on service ports whose certificates are there, and tells of the others', async () => {
    const places = [await listening(), await listening()];
    for (const place of places) await new Promise((closed) => place.server.close(closed));
    const [one = 0, two = 0] = places.map(({ port }) => port);
    shelve({ shop }, [known(people)]);
    await served(
      here(),
      elsewhere({
        vhosts: [],
        servicePort: one,
        bindPort: true,
        mode: 'tcp',
        tls: { certificates: ['/etc/ssl/shop.pem'], clientAuthorities: ['people'] },
      }),
      here({
        appId: '/third' as never,
        servicePort: two,
        bindPort: true,
        tls: { certificates: ['third'] },
        vhosts: [],
      }),
    );
    expect(await ask('shop.test', { port: one, cert: ann.cert, key: ann.key })).toMatch(/^HTTP\/1\.1 200 /);
    expect(await ask('shop.test', { port: one })).not.toContain('HTTP/1.1');
    await waitFor(() => haproxy.notServed.at(-1)?.[two] === 'none of its certificates is known');
    const third = issue('third', ['third.test'], { issuer: authority });
    shelve({ shop, third }, [known(people)]);
    await waitFor(async () => (await ask('third.test', { port: two })).startsWith('HTTP/1.1 200 '), {
      timeoutMs: 20_000,
    });
    await waitFor(() => haproxy.notServed.at(-1)?.[two] === undefined);
  }, 60_000);
});
