import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { ServedCertificate } from '../../src/certificates/bundle.js';
import { silentLog } from '../../src/logging/log.js';
import { readClientHello } from '../../src/proxy/decide/client-hello.js';
import { CertificateCache } from '../../src/proxy/worker/tls/certificate-cache.js';
import { CertificateFiles } from '../../src/proxy/worker/tls/certificate-files.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { issue } from '../support/issued-certificate.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const web = issue('web', ['web.test']);
const renewed = issue('renewed', ['web.test']);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-certificates-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('certificates in files', () => {
  it('are read with their keys inside or beside them, and again when they change', async () => {
    const found: (readonly ServedCertificate[])[] = [];
    const files = new CertificateFiles(folder, new VirtualClock(), silentLog, (all) => found.push(all));
    writeFileSync(join(folder, 'inside.pem'), `${web.cert}${web.key}`);
    writeFileSync(join(folder, 'beside.crt'), web.cert);
    writeFileSync(join(folder, 'beside.key'), web.key);
    writeFileSync(join(folder, 'readme.txt'), 'hello');
    await files.look();
    expect(found.at(-1)?.map(({ name }) => name)).toEqual(['beside', 'inside']);
    await files.look();
    expect(found).toHaveLength(1);
    writeFileSync(join(folder, 'inside.pem'), `${renewed.key}${renewed.cert}${renewed.cert}`);
    rmSync(join(folder, 'beside.crt'));
    await files.look();
    expect(found.at(-1)).toMatchObject([{ name: 'inside', privateKey: renewed.key }]);
  });

  it('stay as they were while a file is half written or its key is another’s', async () => {
    const found: (readonly ServedCertificate[])[] = [];
    const files = new CertificateFiles(folder, new VirtualClock(), silentLog, (all) => found.push(all));
    writeFileSync(join(folder, 'web.pem'), `${web.cert}${web.key}`);
    await files.look();
    writeFileSync(join(folder, 'web.pem'), `${renewed.cert}${web.key}`);
    await files.look();
    writeFileSync(join(folder, 'web.pem'), renewed.cert.slice(0, 200));
    await files.look();
    expect(found).toHaveLength(1);
    writeFileSync(join(folder, 'other.pem'), `${renewed.cert}${renewed.key}`);
    await files.look();
    expect(found.at(-1)).toMatchObject([{ name: 'web', certificate: web.cert }, { name: 'other' }]);
  });

  it('of the server are kept on disk for nobody but the owner', async () => {
    const cache = new CertificateCache(join(folder, 'certificates.json'), silentLog);
    expect(cache.load()).toBeUndefined();
    const bundle = {
      epoch: 2,
      version: 5,
      certificates: [{ name: 'web', certificate: web.cert, privateKey: web.key }],
      authorities: [],
      challenges: {},
    };
    await cache.save(bundle);
    expect(cache.load()).toEqual(bundle);
    expect(statSync(join(folder, 'certificates.json')).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, 'certificates.json'), '{"format":1,"bundle":');
    expect(cache.load()).toBeUndefined();
  });
});

describe('a certificate that is replaced under load', () => {
  it('loses no request, neither of fresh connections nor of those that stay', async () => {
    const backend = await Backend.answering('hello');
    const plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    let version = 0;
    const shelve = ({ cert, key }: typeof web): void => {
      version += 1;
      const certificates = [{ name: 'web', certificate: cert, privateKey: key }];
      plane.certificates.replace({ epoch: 1, version, certificates, authorities: [], challenges: {} });
    };
    shelve(web);
    const port = await plane.openHttps();
    const options = { host: '127.0.0.1', port, servername: 'web.test', ca: [web.cert, renewed.cert] };
    /** Asks so often over one connection; the number of answers. */
    const ask = (times: number): Promise<number> =>
      new Promise((resolve) => {
        let answers = 0;
        const socket = connect(options, () => socket.write(get()));
        socket.on('data', (chunk) => {
          answers += chunk.toString('latin1').split('hello').length - 1;
          if (answers < times) socket.write(get());
          else socket.destroy();
        });
        socket.on('error', () => socket.destroy());
        socket.on('close', () => resolve(answers));
      });
    const staying = Promise.all([ask(150), ask(150)]);
    const fresh: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      const asked = [ask(1), ask(1)];
      shelve(turn % 2 === 0 ? renewed : web);
      fresh.push(...(await Promise.all(asked)));
    }
    expect(fresh).toEqual(fresh.map(() => 1));
    expect(await staying).toEqual([150, 150]);
    await plane.close();
  });
});

describe('what a TLS client says first', () => {
  it('is understood however it is cut, and is not whole before its end', async () => {
    const hello = await new Promise<Buffer>((resolve) => {
      void Backend.start((socket, soFar) => {
        socket.destroy();
        resolve(Buffer.from(soFar, 'latin1'));
      }).then((backend) => {
        const socket = connect({ port: backend.port, host: '127.0.0.1', servername: 'Web.TEST' });
        socket.on('error', () => void backend.close());
      });
    });
    expect(readClientHello(hello)).toEqual({ serverName: 'web.test' });
    for (let length = 0; length < hello.length; length++)
      expect(readClientHello(hello.subarray(0, length))).toBe('more');
    // In records of seven bytes, as is allowed.
    const message = hello.subarray(5);
    const pieces = Array.from({ length: Math.ceil(message.length / 7) }, (_, i) => {
      const piece = message.subarray(i * 7, i * 7 + 7);
      return Buffer.concat([Buffer.from([22, 3, 1, 0, piece.length]), piece]);
    });
    expect(readClientHello(Buffer.concat(pieces))).toEqual({ serverName: 'web.test' });
  });

  it.each([
    ['a request without TLS', Buffer.from('GET / HTTP/1.1\r\n')],
    ['an alert', Buffer.from([21, 3, 1, 0, 2, 1, 0])],
    ['a hello without end', Buffer.from([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff])],
    ['lengths that lie', Buffer.from([22, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 9, 9])],
  ])('is refused when it is %s', (_what, bytes) => {
    expect(readClientHello(bytes)).toBe('broken');
  });
});
