import dgram, { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { type DecodedPacket, decode, encode, type OptAnswer, type RecordType } from 'dns-packet';
import type { AppId } from '../../src/apps/app.js';
import { parseResolver } from '../../src/config/resolvers.js';
import { DnsServer } from '../../src/discovery/dns-server.js';
import { Forwarder } from '../../src/discovery/forwarder.js';
import { Zone } from '../../src/discovery/zone.js';
import { silentLog } from '../../src/logging/log.js';
import { SystemClock } from '../../src/util/clock.js';
import { SystemDice } from '../../src/util/ids.js';
import { waitFor } from '../support/wait-for.js';

const clock = new SystemClock();
const zone = new Zone({ domain: 'mesos', framework: 'marathon', digest: (id) => `${id}xxxxx` });
const endpoint = (n: number) => ({
  taskId: `t${n}`,
  agentId: `a-S${n}`,
  ip: `10.0.${n >> 8}.${n & 255}`,
  agentIp: '127.0.0.1',
  ports: [{ number: 31000 + n, protocol: 'tcp' as const, name: 'http' }],
});
zone.setApp({ appId: '/web' as AppId, endpoints: [endpoint(1), endpoint(2)] });
zone.setApp({ appId: '/many' as AppId, endpoints: Array.from({ length: 200 }, (_, n) => endpoint(n)) });
zone.setApp({ appId: '/shop/cart' as AppId, endpoints: [endpoint(3)] });
zone.setApp({
  appId: '/huge' as AppId,
  endpoints: Array.from({ length: 500 }, (_, n) => {
    const { ports, ...rest } = endpoint(n);
    return { ...rest, ports: [...ports, ...ports.map((one) => ({ ...one, number: one.number + 1 }))] };
  }),
});

const common = { address: '127.0.0.1', port: 0, ttl: 5, clock, dice: new SystemDice(), log: silentLog };
let upstream: DnsServer;
let server: DnsServer;
let port: number;
let upstreamAt: number;
let resolver: Resolver;

beforeAll(async () => {
  const elsewhere = new Zone({ domain: 'example', framework: 'org', digest: (id) => id });
  elsewhere.setApp({ appId: '/www' as AppId, endpoints: [endpoint(7)] });
  elsewhere.setApp({ appId: '/big' as AppId, endpoints: Array.from({ length: 100 }, (_, n) => endpoint(n)) });
  upstream = new DnsServer({ ...common, zone: elsewhere });
  upstreamAt = await upstream.start();
  const resolvers = [{ address: '127.0.0.1', port: upstreamAt }];
  server = new DnsServer({ ...common, zone, forwarder: new Forwarder(resolvers, clock) });
  port = await server.start();
  resolver = new Resolver({ timeout: 10_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
});

afterAll(async () => {
  await Promise.all([server.stop(), upstream.stop()]);
});

/** A connection for questions in a row; whole answers are kept. */
async function overTcp() {
  const socket = connect(port, '127.0.0.1');
  await new Promise((connected) => socket.once('connect', connected));
  const answers: Buffer[] = [];
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      answers.push(received.subarray(2, 2 + received.readUInt16BE(0)));
      received = received.subarray(2 + received.readUInt16BE(0));
    }
  });
  const send = (message: Buffer): void => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  };
  return { socket, answers, send };
}

/** One message there and one back, as it is. */
function askUdp(message: Buffer): Promise<DecodedPacket & { flag_tc?: boolean }> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.on('message', (answer) => {
      socket.close();
      resolve(decode(answer) as DecodedPacket & { flag_tc?: boolean });
    });
    socket.send(message, port, '127.0.0.1');
  });
}

const question = (name: string, type: RecordType, size?: number): Buffer =>
  encode({
    type: 'query',
    id: 4711,
    flags: 1 << 8,
    questions: [{ name, type, class: 'IN' }],
    ...(size !== undefined && {
      additionals: [
        { type: 'OPT', name: '.', udpPayloadSize: size, flags: 0, options: [] } as unknown as OptAnswer,
      ],
    }),
  });

describe('the DNS server', () => {
  it('answers where tasks are, and their ports, as a resolver asks', async () => {
    expect((await resolver.resolve4('web.marathon.mesos')).sort()).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(await resolver.resolve4('CART.Shop.marathon.mesos.', { ttl: true })).toEqual([
      { address: '10.0.0.3', ttl: 5 },
    ]);
    const found = await resolver.resolveSrv('_http._web._tcp.marathon.mesos');
    expect(found.map(({ name, port: number }) => [name, number]).sort()).toEqual([
      ['web-t1xxx-s1.marathon.mesos', 31001],
      ['web-t2xxx-s2.marathon.mesos', 31002],
    ]);
    expect(await resolver.resolve4('web-t2xxx-s2.marathon.mesos')).toEqual(['10.0.0.2']);
    expect((await resolver.resolveSoa('mesos')).nsname).toBe('ns1.mesos');
  });

  it('gives the addresses of the hosts with the ports, and another order each time', async () => {
    const answer = await askUdp(question('_web._tcp.marathon.mesos', 'SRV', 1_232));
    expect(answer.additionals?.filter(({ type }) => type === 'A')).toHaveLength(2);
    const firsts = new Set<string>();
    for (let i = 0; i < 40 && firsts.size < 2; i++)
      firsts.add((await resolver.resolve4('web.marathon.mesos'))[0] ?? '');
    expect(firsts.size).toBe(2);
  });

  it('tells a name that is not there from one that says nothing of the kind', async () => {
    await expect(resolver.resolve4('nobody.marathon.mesos')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve6('web.marathon.mesos')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('shop.marathon.mesos')).rejects.toMatchObject({ code: 'ENODATA' });
    const none = await askUdp(question('nobody.marathon.mesos', 'A'));
    expect(none.authorities?.[0]).toMatchObject({ type: 'SOA', name: 'mesos' });
  });

  it('cuts off what does not fit in a datagram, and says it all over TCP', async () => {
    const cut = await askUdp(question('many.marathon.mesos', 'A'));
    expect([cut.flag_tc, cut.answers?.length]).toEqual([true, 0]);
    expect(await resolver.resolve4('many.marathon.mesos')).toHaveLength(200);
    const wide = await askUdp(question('cart.shop.marathon.mesos', 'A', 4_096));
    expect(wide.additionals?.some(({ type }) => type === 'OPT')).toBe(true);
  });

  it('says over TCP as much as a message holds', async () => {
    const asked = question('_huge._tcp.marathon.mesos', 'SRV');
    expect((await askUdp(asked)).flag_tc).toBe(true);
    const client = await overTcp();
    client.send(asked);
    await waitFor(() => client.answers.length === 1);
    const [whole] = client.answers;
    expect(whole?.length).toBeLessThanOrEqual(65_535);
    const { answers = [] } = decode(whole ?? Buffer.alloc(0));
    expect(answers.length).toBeGreaterThan(400);
    expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['SRV']));
    client.socket.destroy();
  });

  it('asks nothing more of a connection that does not take its answers, and loses none of them', async () => {
    const client = await overTcp();
    client.socket.pause();
    const before = server.counts.answered;
    const asked = 2_000;
    for (let n = 0; n < asked; n++) client.send(question('_huge._tcp.marathon.mesos', 'SRV'));
    let [seen, unchanged] = [0, 0];
    await waitFor(() => {
      unchanged = server.counts.answered === seen ? unchanged + 1 : 0;
      seen = server.counts.answered;
      return seen > before && unchanged > 50;
    });
    // What the kernel takes on both sides is some megabytes.
    expect(seen - before).toBeLessThan(asked / 4);
    client.socket.resume();
    await waitFor(() => client.answers.length === asked, { timeoutMs: 60_000 });
    client.socket.destroy();
  }, 90_000);

  it('drops what comes from port 0, and lives on', async () => {
    const made: Socket[] = [];
    const create = dgram.createSocket;
    const spy = jest.spyOn(dgram, 'createSocket').mockImplementation((...args: unknown[]) => {
      const socket = (create as (...all: unknown[]) => Socket)(...args);
      made.push(socket);
      return socket;
    });
    const fresh = new DnsServer({ ...common, zone });
    await fresh.start();
    spy.mockRestore();
    const [udp] = made;
    const from = { address: '127.0.0.1', port: 0, family: 'IPv4', size: 1 };
    udp?.emit('message', question('web.marathon.mesos', 'A'), from);
    expect(fresh.counts.answered).toBe(0);
    await fresh.stop();
  });

  it('goes on to the next server where there is no way to one', async () => {
    const away = { address: '255.255.255.255', port: 53 };
    const query = question('www.org.example', 'A');
    expect(await new Forwarder([away], clock).ask(query)).toBeUndefined();
    const answer = await new Forwarder([away, { address: '127.0.0.1', port: upstreamAt }], clock).ask(query);
    expect(decode(answer ?? Buffer.alloc(0)).answers).toHaveLength(1);
  });

  it('asks other servers about other domains, over TCP when it must', async () => {
    expect(await resolver.resolve4('www.org.example')).toEqual(['10.0.0.7']);
    expect(await resolver.resolve4('big.org.example')).toHaveLength(100);
  });

  it('says SERVFAIL when nobody else answers, and refuses when it may not ask anybody', async () => {
    const alone = new DnsServer({ ...common, zone });
    const strict = new Resolver({ timeout: 10_000, tries: 1 });
    strict.setServers([`127.0.0.1:${await alone.start()}`]);
    await expect(strict.resolve4('www.org.example')).rejects.toMatchObject({ code: 'EREFUSED' });
    await alone.stop();
    const deaf = new DnsServer({
      ...common,
      zone,
      forwarder: new Forwarder([{ address: '127.0.0.1', port: 1 }], clock),
    });
    strict.setServers([`127.0.0.1:${await deaf.start()}`]);
    await expect(strict.resolve4('www.org.example')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    await deaf.stop();
  });

  it('lives on after messages that are none, and never answers an answer', async () => {
    const socket = createSocket('udp4');
    const before = server.counts.malformed;
    const answers: Buffer[] = [];
    socket.on('message', (message) => answers.push(message));
    const junk = [
      Buffer.alloc(0),
      Buffer.from([1]),
      Buffer.alloc(700, 0xff),
      encode({ type: 'response', id: 1 }),
    ];
    for (const message of junk) socket.send(message, port, '127.0.0.1');
    // The answer to a good question comes after the bad ones were read.
    socket.send(question('web.marathon.mesos', 'A'), port, '127.0.0.1');
    while (answers.length === 0) await new Promise((again) => socket.once('message', again));
    expect(answers).toHaveLength(1);
    expect(server.counts.malformed - before).toBeGreaterThanOrEqual(3);
    socket.close();
    const two = encode({
      type: 'query',
      id: 2,
      questions: ['a.mesos', 'b.mesos'].map((name) => ({ name, type: 'A' as const, class: 'IN' as const })),
    });
    expect((await askUdp(two)) as { rcode?: string }).toMatchObject({ rcode: 'FORMERR' });
  });

  it('ends a TCP connection that sends no question', async () => {
    const socket = connect(port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.write(Buffer.from([0, 3, 1, 2, 3]));
    await closed;
  });
});

describe('a resolver in the settings', () => {
  it('is an address, with a port if need be', () => {
    expect(parseResolver('10.0.0.1')).toEqual({ address: '10.0.0.1', port: 53 });
    expect(parseResolver('10.0.0.1:5353')).toEqual({ address: '10.0.0.1', port: 5353 });
    expect(parseResolver('[fd00::1]:53')).toEqual({ address: 'fd00::1', port: 53 });
    expect(parseResolver('fd00::1')).toEqual({ address: 'fd00::1', port: 53 });
    for (const bad of ['', 'dns.example', '10.0.0.1:0', '10.0.0.1:70000', '1.2.3', '[::1'])
      expect(parseResolver(bad)).toBeUndefined();
  });
});
