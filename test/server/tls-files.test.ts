import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { get } from 'node:https';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { createApiServer } from '../../src/api/create-api.js';
import { RestClient } from '../../src/cli/rest/rest-client.js';
import { tlsDispatcher } from '../../src/cli/rest/server-connection.js';
import { type Log, silentLog } from '../../src/logging/log.js';
import { TlsFiles } from '../../src/server/tls-files.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

const pem = (name: string): string =>
  readFileSync(join(process.cwd(), 'test/server/support/tls', `${name}.pem`), 'utf8');
const LOOK_MS = 5_000;

let folder: string;
let clock: VirtualClock;
let complaints: string[];
let server: Server;
let files: TlsFiles;
let port: number;
const put = (name: 'cert' | 'key', text: string): void => writeFileSync(join(folder, name), text);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'longrun-tls-'));
  clock = new VirtualClock();
  complaints = [];
  put('cert', pem('first-cert'));
  put('key', pem('first-key'));
  const log: Log = { ...silentLog, error: (message) => void complaints.push(message), child: () => log };
  files = new TlsFiles({ certFile: join(folder, 'cert'), keyFile: join(folder, 'key'), clock, log });
  server = createApiServer((_request, response) => response.end('{"secure":true}'), files.pair);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  files.start(server);
});
afterEach(async () => {
  files.stop();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

/** The name in the certificate that a new connection is shown. */
function shownName(options: object = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      { host: '127.0.0.1', port, rejectUnauthorized: false, ...options },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}

describe('the certificate of the API', () => {
  it('is used anew for new connections once both files have changed; open ones go on', async () => {
    const open: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await new Promise<void>((resolve) => open.once('secureConnect', () => resolve()));
    expect(await shownName()).toBe('first');
    put('cert', pem('second-cert'));
    clock.advance(LOOK_MS);
    expect(await shownName()).toBe('first');
    expect(complaints).toHaveLength(1);
    put('key', pem('second-key'));
    clock.advance(LOOK_MS);
    expect(await shownName()).toBe('second');
    const answer = new Promise<string>((resolve) =>
      open.once('data', (data: Buffer) => resolve(data.toString())),
    );
    open.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 200/);
    open.destroy();
  });

  it('stays as it was when what is new is no certificate, is gone, or fits no key; each is told once', async () => {
    for (const bad of ['no certificate', pem('second-cert')]) {
      put('cert', bad);
      clock.advance(3 * LOOK_MS);
      expect(await shownName()).toBe('first');
    }
    expect(complaints).toHaveLength(2);
    put('cert', pem('first-cert'));
    clock.advance(LOOK_MS);
    expect(complaints).toHaveLength(2);
  });

  it('that does not fit at the start is refused with a sentence', () => {
    put('key', pem('second-key'));
    const options = { certFile: join(folder, 'cert'), keyFile: join(folder, 'key'), clock, log: silentLog };
    expect(() => new TlsFiles(options)).toThrow(/are no certificate and its key .*--tls-cert and --tls-key/);
    expect(() => new TlsFiles({ ...options, keyFile: join(folder, 'none') })).toThrow('ENOENT');
  });

  it('is not offered below TLS 1.2, and plain HTTP gets nothing', async () => {
    await expect(shownName({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).rejects.toThrow();
    const got = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connectPlain(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      socket.on('data', (data: Buffer) => {
        text += data.toString('latin1');
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
    });
    expect(got).not.toContain('secure');
  });

  it('is known to the command line by an authority, or as the very one of its work dir', async () => {
    const ask = (caFile?: string, certificate?: string): Promise<unknown> => {
      const dispatcher = tlsDispatcher(caFile, certificate);
      return new RestClient({
        url: `https://127.0.0.1:${port}`,
        ...(dispatcher === undefined ? {} : { dispatcher }),
      }).get('/');
    };
    expect(await ask(join(folder, 'cert'))).toEqual({ secure: true });
    expect(await ask(undefined, pem('first-cert'))).toEqual({ secure: true });
    await expect(ask(undefined, pem('second-cert'))).rejects.toThrow(/another certificate/);
    await expect(ask()).rejects.toThrow(/no longrun server answers/);
  });

  it('serves https with the bounds of the API', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      get({ host: '127.0.0.1', port, ca: pem('first-cert'), agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).on('error', reject);
    });
    expect(status).toBe(200);
    expect(server.headersTimeout).toBe(10_000);
    expect(server.requestTimeout).toBe(60_000);
  });
});
