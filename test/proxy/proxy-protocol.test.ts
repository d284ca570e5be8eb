import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { packAddress, unpackAddress } from '../../src/proxy/decide/packed-address.js';
import {
  type Endpoint,
  MAX_V2_BYTES,
  ProxyHeaderRefused,
  readProxyHeader,
  writeProxyHeader,
} from '../../src/proxy/decide/proxy-header.js';
import { prefacedFrom } from '../../src/proxy/worker/proxy-preface.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** A header of version 2 as its bytes. */
function v2(command: number, family: number, payload: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(payload.length);
  return Buffer.concat([signature, Buffer.from([command, family]), length, payload]);
}

const port = fc.nat(0xffff);
const four: fc.Arbitrary<Endpoint> = fc.record({ address: fc.ipV4(), port });
const six: fc.Arbitrary<Endpoint> = fc.record({ address: fc.ipV6(), port });

describe('the PROXY header', () => {
  it.each(['v1', 'v2'] as const)(
    'is read as it was written (%s), however it is cut and whatever follows',
    (version) => {
      const ends = fc.oneof(fc.tuple(four, four), fc.tuple(six, six), fc.tuple(four, six));
      fc.assert(
        fc.property(ends, fc.uint8Array({ maxLength: 40 }), ([source, destination], rest) => {
          const header = writeProxyHeader(version, source, destination);
          for (let cut = 0; cut < header.length; cut++)
            expect(readProxyHeader(header.subarray(0, cut))).toBeUndefined();
          const read = readProxyHeader(Buffer.concat([header, rest]));
          expect(read?.length).toBe(header.length);
          for (const [told, meant] of [
            [read?.source, source],
            [read?.destination, destination],
          ] as const) {
            expect(told?.port).toBe(meant.port);
            expect(told && packAddress(told.address)).toEqual(
              packAddress(isIPv4(meant.address) ? meant.address : unpackAddress(packAddress(meant.address))),
            );
          }
        }),
      );
    },
  );

  it('never reads past what it may hold, and never throws anything else, whatever comes', () => {
    const begun = fc.constantFrom(
      Buffer.alloc(0),
      signature,
      Buffer.from('PROXY '),
      Buffer.from('PROXY TCP4 '),
    );
    fc.assert(
      fc.property(begun, fc.uint8Array({ maxLength: 200 }), (start, noise) => {
        const bytes = Buffer.concat([start, noise]);
        try {
          const read = readProxyHeader(bytes);
          if (read) expect(read.length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(ProxyHeaderRefused);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['something else', 'GET / HTTP/1.1\r\n'],
    ['no family', 'PROXY 10.0.0.1 10.0.0.2 1 2\r\n'],
    ['an address of the other family', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
    ['an address with a leading zero', 'PROXY TCP4 10.0.0.01 10.0.0.2 1 2\r\n'],
    ['a port with a leading zero', 'PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n'],
    ['a port beyond 65535', 'PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n'],
    ['two blanks', 'PROXY TCP4  10.0.0.1 10.0.0.2 1 2\r\n'],
    ['no line end for too long', `PROXY TCP4 ${'1'.repeat(120)}`],
    ['a line that ends too late', `PROXY UNKNOWN ${'x'.repeat(120)}\r\n`],
    ['lower case', 'proxy TCP4 10.0.0.1 10.0.0.2 1 2\r\n'],
    ['a wrong signature', `${signature.toString('latin1', 0, 11)}X`],
    ['version 1 in binary', v2(0x11, 0x11, Buffer.alloc(12)).toString('latin1')],
    ['an unknown command', v2(0x22, 0x11, Buffer.alloc(12)).toString('latin1')],
    ['no room for its addresses', v2(0x21, 0x11, Buffer.alloc(11)).toString('latin1')],
    ['more than may be attached', v2(0x21, 0x11, Buffer.alloc(MAX_V2_BYTES)).toString('latin1')],
  ])('is refused: %s', (_name, text) => {
    expect(() => readProxyHeader(Buffer.from(text, 'latin1'))).toThrow(ProxyHeaderRefused);
  });

  it.each([
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
    ['UNKNOWN with addresses', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n')],
    ['LOCAL', v2(0x20, 0, Buffer.alloc(0))],
    ['LOCAL with attachments', v2(0x20, 0x11, Buffer.alloc(30))],
    ['a socket of the file system', v2(0x21, 0x31, Buffer.alloc(216))],
  ])('leaves the connection to speak for itself: %s', (_name, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ length: bytes.length });
  });

  it('may have things attached, which are skipped', () => {
    const addresses = Buffer.from([10, 1, 2, 3, 10, 9, 8, 7, 0x30, 0x39, 0x00, 0x50]);
    const bytes = v2(0x21, 0x11, Buffer.concat([addresses, Buffer.from([1, 0, 2, 0x68, 0x32])]));
    expect(readProxyHeader(bytes)).toEqual({
      length: bytes.length,
      source: { address: '10.1.2.3', port: 12_345 },
      destination: { address: '10.9.8.7', port: 80 },
    });
  });

  it('says nothing where nothing is known', () => {
    const nobody = { address: '', port: 0 };
    expect(writeProxyHeader('v1', nobody, nobody).toString()).toBe('PROXY UNKNOWN\r\n');
    expect(readProxyHeader(writeProxyHeader('v2', nobody, nobody))).toEqual({ length: 16 });
  });
});

describe('clients behind another load balancer', () => {
  let plane: Plane;
  afterEach(() => plane.close());
  const told = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';

  async function start(options: Parameters<typeof service>[1] = {}): Promise<Backend> {
    const backend = await Backend.answering('fine');
    plane = await Plane.start([service([serverAt(backend.port)], options)]);
    plane.own(backend);
    return backend;
  }

  it('are known by the header that a trusted address sends on the shared port', async () => {
    const backend = await start();
    Object.assign(plane.shared, prefacedFrom(['127.0.0.0/8']));
    const client = await plane.client();
    await client.send(told + get()).sees(/fine$/);
    expect(backend.received).toContain('X-Forwarded-For: 203.0.113.7\r\n');
    expect(backend.received).toContain('X-Forwarded-Port: 443\r\n');
    await client.send(get('/again')).sees(/fine.*fine$/s);
    expect(backend.received.match(/X-Forwarded-For: 203\.0\.113\.7\r\n/g)?.length).toBe(2);
  });

  it('may not say who they are from an address that is not trusted', async () => {
    const backend = await start();
    Object.assign(plane.shared, prefacedFrom(['10.0.0.0/8']));
    const client = await plane.client();
    expect(await client.send(told + get()).seesEnd()).toMatch(/^HTTP\/1\.1 400 /);
    expect(backend.connections).toBe(0);
  });

  it('are cut off when a trusted address sends no header, or half of one for too long', async () => {
    const backend = await Backend.answering('fine');
    plane = await Plane.start([service([serverAt(backend.port)])], { timeouts: { httpRequestMs: 100 } });
    plane.own(backend);
    Object.assign(plane.shared, prefacedFrom(['127.0.0.1']));
    const silent = await plane.client();
    silent.send('PROXY TCP4 203.0.113.7 ');
    const plain = await plane.client();
    expect(await plain.send(get()).seesEnd()).toBe('');
    expect(await silent.seesEnd()).toBe('');
    await waitFor(() => plane.sessions.size === 0);
    expect(backend.connections).toBe(0);
  });

  it('are known on a service port that asks for the header, in tcp mode byte for byte', async () => {
    const backend = await Backend.start((socket, soFar) => {
      if (soFar.endsWith('hello')) socket.end('bye');
    });
    const tcp = service([serverAt(backend.port)], {
      mode: 'tcp',
      vhosts: [],
      proxyProtocol: { accept: true, send: 'v1' },
    });
    plane = await Plane.start([tcp]);
    plane.own(backend);
    const servicePort = await plane.openService(tcp);
    const client = await plane.client(servicePort);
    for (const piece of [told.slice(0, 9), `${told.slice(9)}he`, 'llo']) client.send(piece);
    expect(await client.seesEnd()).toBe('bye');
    expect(backend.received).toBe(`${told}hello`);
  });

  it('are told to servers in HTTP, on a connection for each request', async () => {
    const answered = new Set<unknown>();
    const backend = await Backend.start((socket, soFar) => {
      if (!soFar.includes('\r\n\r\n', 20) || answered.has(socket)) return;
      answered.add(socket);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine');
    });
    plane = await Plane.start([service([serverAt(backend.port)], { proxyProtocol: { send: 'v2' } })]);
    plane.own(backend);
    const client = await plane.client();
    await client.send(get('/one')).sees(/fine$/);
    await client.send(get('/two')).sees(/fine.*fine$/s);
    expect(backend.connections).toBe(2);
    const [first = ''] = backend.received.split('GET /one');
    const header = readProxyHeader(Buffer.from(first, 'latin1'));
    expect(header?.source).toEqual({ address: '127.0.0.1', port: client.socket.localPort });
    expect(header?.destination?.port).toBe(plane.port);
  });
});
