import { serviceKey } from '../../src/proxy/decide/names.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, type RawClient, serverAt, service, webApp } from './rig.js';

jest.setTimeout(120_000);

let plane: Plane | undefined;
afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

/** More than a client's socket and the kernel hold. */
const MANY = 16 * 1024 * 1024;
const OTHERS = 64 * 1024;
/** More than any read takes at once, so that all of the buffer that reads share is written over. */
const manyB = 'b'.repeat(OTHERS);

/** Service a.test, whose server speaks as it is told, and b.test, whose answers are all `b`. */
async function besides(speak: Parameters<typeof Backend.start>[0]): Promise<Plane> {
  const [one, other] = [await Backend.start(speak), await Backend.answering(manyB)];
  plane = await Plane.start([
    service([serverAt(one.port, 'a.1')], { vhosts: ['a.test'], servicePort: 1 }),
    service([serverAt(other.port, 'b.1')], { vhosts: ['b.test'], servicePort: 2 }),
  ]);
  plane.own(one);
  plane.own(other);
  return plane;
}

/** Another answer is read, and again as long as something still moves at the first service. */
async function readOthers(of: Plane): Promise<void> {
  const client = await of.client();
  const { counters } = of.routes.service(serviceKey(webApp, 1)) ?? of.vhost;
  for (let before = -1; before !== counters.bout; ) {
    before = counters.bout;
    client.text = '';
    client.send(get('/', 'b.test'));
    await waitFor(() => client.text.endsWith(manyB), { what: () => 'the other answer', timeoutMs: 60_000 });
  }
}

/** The client takes nothing before other answers were read; then all of what follows the head. */
async function takenLate(of: Plane, request: string, sent: () => boolean): Promise<RawClient> {
  const client = await of.client();
  client.socket.pause();
  client.send(request);
  await waitFor(sent, { what: () => 'the server to begin', timeoutMs: 60_000 });
  await readOthers(of);
  client.socket.resume();
  return client;
}

const bytesOf = (client: RawClient): number => client.text.length - client.text.indexOf('\r\n\r\n') - 4;

describe('bytes of a server, read into a buffer that all reads share,', () => {
  it('stay what they are in a head that comes in pieces', async () => {
    let finish: (() => void) | undefined;
    const of = await besides((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-Name: aaaa');
      finish = () => void socket.write('aaaa\r\nContent-Length: 2\r\n\r\nok');
    });
    const client = (await of.client()).send(get('/', 'a.test'));
    await waitFor(() => of.vhost.counters.bout > 0, { what: () => 'the first half' });
    await readOthers(of);
    finish?.();
    expect(await client.sees(/ok$/)).toContain('X-Name: aaaaaaaa\r\n');
  });

  it('stay what they are while a slow client takes a long answer', async () => {
    let begun = false;
    const of = await besides((socket) => {
      begun = true;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${MANY}\r\n\r\n${'a'.repeat(MANY)}`);
    });
    const client = await takenLate(of, get('/', 'a.test'), () => begun);
    await waitFor(() => bytesOf(client) >= MANY, {
      what: () => `${bytesOf(client)} bytes`,
      timeoutMs: 60_000,
    });
    expect(client.text.slice(-MANY) === 'a'.repeat(MANY)).toBe(true);
  });

  it('stay what they are when chunks are taken apart for a slow client of HTTP/1.0', async () => {
    let begun = false;
    const of = await besides((socket) => {
      begun = true;
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.write(`${MANY.toString(16)}\r\n${'a'.repeat(MANY)}\r\n0\r\n\r\n`);
    });
    const client = await takenLate(of, 'GET / HTTP/1.0\r\nHost: a.test\r\n\r\n', () => begun);
    await client.seesEnd();
    expect(bytesOf(client)).toBe(MANY);
    expect(client.text.slice(-MANY) === 'a'.repeat(MANY)).toBe(true);
  });

  it('stay what they are in a tunnel to a slow client', async () => {
    let begun = false;
    const of = await besides((socket) => {
      begun = true;
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n`);
      socket.write('a'.repeat(MANY));
    });
    const upgrade = get('/', 'a.test', 'Connection: Upgrade\r\nUpgrade: raw\r\n');
    const client = await takenLate(of, upgrade, () => begun);
    await waitFor(() => bytesOf(client) >= MANY, {
      what: () => `${bytesOf(client)} bytes`,
      timeoutMs: 60_000,
    });
    expect(client.text.slice(-MANY) === 'a'.repeat(MANY)).toBe(true);
  });
});
