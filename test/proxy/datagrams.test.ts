import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import { silentLog } from '../../src/logging/log.js';
import { serviceKey } from '../../src/proxy/decide/names.js';
import { ListenerHolder, type SendToWorker } from '../../src/proxy/listeners/listener-holder.js';
import type { Server, Service } from '../../src/proxy/table.js';
import { UdpPort } from '../../src/proxy/worker/udp/udp-port.js';
import { joinNotServed, UdpPorts } from '../../src/proxy/worker/udp/udp-ports.js';
import type { TaskId } from '../../src/scheduler/instance.js';
import { waitFor } from '../support/wait-for.js';
import { Plane, serverAt, service } from './rig.js';

/** A socket on a port of its own that keeps what it gets. */
class Peer {
  readonly got: string[] = [];
  readonly from = new Set<number>();
  private constructor(readonly socket: Socket) {}

  static async open(answer?: (text: string) => string): Promise<Peer> {
    const socket = createSocket('udp4');
    const peer = new Peer(socket);
    socket.on('message', (bytes, from) => {
      peer.got.push(bytes.toString());
      peer.from.add(from.port);
      if (answer) socket.send(answer(bytes.toString()), from.port, from.address);
    });
    await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
    peers.push(peer);
    return peer;
  }

  get port(): number {
    return this.socket.address().port;
  }

  say(text: string, port: number): void {
    this.socket.send(text, port, '127.0.0.1');
  }
}

const peers: Peer[] = [];
let plane: Plane;
let port: UdpPort | undefined;
let of: Service;

async function serve(
  servers: readonly Server[],
  over: Partial<Service> = {},
  maxFlows?: number,
  clientMs = 20_000,
): Promise<number> {
  of = service(servers, { mode: 'tcp', vhosts: [], udp: 'only', ...over });
  plane = await Plane.start([of], { timeouts: { clientMs, lingerMs: 1_000 } });
  const key = serviceKey(of.appId, of.servicePort);
  const { routes, shared } = plane;
  const socket = createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const at = socket.address().port;
  port = new UdpPort('shop_web_udp', at, key, routes, shared, socket, () => undefined, maxFlows);
  return at;
}

afterEach(async () => {
  port?.close();
  port = undefined;
  for (const { socket } of peers.splice(0)) socket.close();
  await plane.close();
});

const inFlight = (): number =>
  [...plane.routes.services.values()]
    .flatMap((live) => live.servers)
    .reduce((sum, { inFlight: each }) => sum + each, 0);

describe('datagrams of a service port', () => {
  it('of one client go to one server and its answers come back, those of others to others', async () => {
    const one = await Peer.open((text) => `one:${text}`);
    const two = await Peer.open((text) => `two:${text}`);
    const at = await serve([serverAt(one.port), serverAt(two.port)]);
    const [a, b] = [await Peer.open(), await Peer.open()];
    for (let i = 0; i < 5; i++) a.say(`a${i}`, at);
    await waitFor(() => a.got.length === 5);
    for (let i = 0; i < 5; i++) b.say(`b${i}`, at);
    await waitFor(() => b.got.length === 5);
    expect(new Set(a.got.map((text) => text.slice(0, 3))).size).toBe(1);
    expect(a.got[0]?.slice(0, 3)).not.toBe(b.got[0]?.slice(0, 3));
    expect(one.from.size + two.from.size).toBe(2);
    const live = plane.routes.service(serviceKey(of.appId, of.servicePort));
    expect(live?.counters).toMatchObject({ stot: 2, scur: 2, bin: 20, bout: 60 });
    expect(port?.counters).toMatchObject({ stot: 2, bin: 20, bout: 60 });
  });

  it('end their flow when nothing passes for the client timeout, and the server is free again', async () => {
    const ended = jest.fn();
    const echo = await Peer.open((text) => text);
    const at = await serve([serverAt(echo.port)], {}, undefined, 1_000);
    Object.assign(plane.shared, { exchangeEnded: ended });
    const client = await Peer.open();
    client.say('hello', at);
    await waitFor(() => client.got.length === 1);
    expect(inFlight()).toBe(1);
    await waitFor(() => port?.flows === 0);
    expect(inFlight()).toBe(0);
    expect(ended).toHaveBeenCalledTimes(1);
    expect(ended.mock.calls[0]?.[0]).toMatchObject({ mode: 'tcp', bytesIn: 5, bytesOut: 5, cause: '-' });
  });

  it('from port 0 are nobody’s, and are dropped', async () => {
    const echo = await Peer.open((text) => text);
    await serve([serverAt(echo.port)]);
    const from = { address: '127.0.0.1', port: 0, family: 'IPv4', size: 1 };
    port?.['socket'].emit('message', Buffer.from('x'), from);
    expect(port?.flows).toBe(0);
    expect(port?.counters.dcon).toBe(1);
    expect(echo.got).toEqual([]);
  });

  it('end with a server that cannot be reached at all, and leave nothing behind', async () => {
    const ended = jest.fn();
    const at = await serve([{ ...serverAt(5_000), host: '255.255.255.255' }]);
    Object.assign(plane.shared, { exchangeEnded: ended });
    (await Peer.open()).say('hello', at);
    await waitFor(() => ended.mock.calls.length === 1);
    expect(ended.mock.calls[0]?.[0]).toMatchObject({ cause: 'S' });
    expect(port?.flows).toBe(0);
    expect(inFlight()).toBe(0);
  });

  it('go elsewhere when the port of their server is closed', async () => {
    const dead = await Peer.open();
    const deadPort = dead.port;
    peers.splice(peers.indexOf(dead), 1);
    await new Promise<void>((closed) => dead.socket.close(closed));
    const good = await Peer.open((text) => text);
    const at = await serve([serverAt(deadPort), serverAt(good.port)]);
    const client = await Peer.open();
    await waitFor(() => {
      client.say('hello', at);
      return client.got.length > 0;
    });
    expect(client.got[0]).toBe('hello');
  });

  it('stay with a server that leaves while they come, and let it go soon after the last', async () => {
    const old = await Peer.open((text) => `old:${text}`);
    const fresh = await Peer.open((text) => `new:${text}`);
    const at = await serve([serverAt(old.port, 'old' as TaskId)]);
    const client = await Peer.open();
    client.say('1', at);
    await waitFor(() => client.got.length === 1);
    const next = { ...of, servers: [serverAt(fresh.port, 'new' as TaskId)] };
    plane.serve([next]);
    port?.tableChanged();
    client.say('2', at);
    await waitFor(() => client.got.length === 2);
    expect(client.got).toEqual(['old:1', 'old:2']);
    await waitFor(() => plane.inFlight.some(([task, count]) => task === 'old' && count === 0));
    client.say('3', at);
    await waitFor(() => client.got.length === 3);
    expect(client.got[2]).toBe('new:3');
  });

  it('of more clients than may be at once are dropped and counted', async () => {
    const echo = await Peer.open((text) => text);
    const at = await serve([serverAt(echo.port)], {}, 1);
    const [first, second] = [await Peer.open(), await Peer.open()];
    first.say('in', at);
    await waitFor(() => first.got.length === 1);
    second.say('out', at);
    await waitFor(() => (port?.counters.dcon ?? 0) === 1);
    expect(echo.got).toEqual(['in']);
  });

  it('of clients that may not come reach nobody', async () => {
    const echo = await Peer.open((text) => text);
    const at = await serve([serverAt(echo.port)], { access: { deny: ['127.0.0.1'] } });
    const client = await Peer.open();
    client.say('hello', at);
    await waitFor(() => port?.counters.dcon === 1);
    expect(echo.got).toEqual([]);
  });
});

describe('the ports for datagrams', () => {
  /** What a worker asks of its parent, and a parent that answers at once. */
  const ports = (
    parent = new ListenerHolder('127.0.0.1', silentLog),
  ): { ports: UdpPorts; parent: ListenerHolder } => {
    const answer: SendToWorker = (message, socket) => {
      if (message.type === 'NOT_BOUND') made.notBound(message.port, message.reason, message.address);
      else if (message.type === 'LISTENER' && socket) {
        // A worker gets a socket of its own on the same port; in one process there is only the parent's.
        const own = Object.assign(new EventEmitter(), {
          setRecvBufferSize: () => undefined,
          close: () => undefined,
        });
        expect(made.bound(message.port, own as unknown as Socket, message.address)).toBe(true);
      }
    };
    const made: UdpPorts = new UdpPorts(
      {
        listen: (at, address) => parent.listen(0, { port: at, address, datagrams: true }, answer),
        drop: (at, address) => parent.drop(0, { port: at, address, datagrams: true }),
      },
      () => plane.routes,
      plane.shared,
      silentLog,
      () => undefined,
    );
    return { ports: made, parent };
  };
  const isFree = async (at: number): Promise<boolean> => {
    const socket = createSocket('udp4');
    const bound = await new Promise<boolean>((done) => {
      socket.once('error', () => done(false));
      socket.bind(at, '127.0.0.1', () => done(true));
    });
    socket.close();
    return bound;
  };

  it('open with a service, wait for a port that is taken, and close with it', async () => {
    const squatter = await Peer.open();
    const servicePort = squatter.port;
    of = service([serverAt(1)], { mode: 'tcp', vhosts: [], udp: 'too', servicePort });
    plane = await Plane.start([of]);
    const { ports: made } = ports();
    const key = serviceKey(of.appId, servicePort);
    made.serviceChanged(key, of);
    expect(made.open).toEqual([]);
    peers.splice(peers.indexOf(squatter), 1);
    await new Promise<void>((closed) => squatter.socket.close(closed));
    await waitFor(() => made.open.length === 1, { timeoutMs: 20_000, what: 'the port to be had' });
    expect(await isFree(servicePort)).toBe(false);
    made.serviceChanged(key, { ...of, bindPort: false });
    expect(made.open).toEqual([]);
    await waitFor(() => isFree(servicePort), { timeoutMs: 20_000, what: 'the port to be free' });
    made.close();
  });

  it('are opened by one worker only, and not for services without datagrams', async () => {
    plane = await Plane.start([]);
    const none = new UdpPorts(
      undefined,
      () => plane.routes,
      plane.shared,
      silentLog,
      () => undefined,
    );
    none.serviceChanged('/a:1', service([], { udp: 'only' }));
    expect(none.open).toEqual([]);
    const { ports: some, parent } = ports();
    some.serviceChanged('/a:1', service([]));
    expect(some.open).toEqual([]);
    expect(parent.ports).toEqual([]);
  });

  it('that are not served are told beside those for connections', () => {
    const tcp = { 1: 'taken', 2: 'taken' };
    expect(joinNotServed(tcp, new Map())).toBe(tcp);
    const udp = new Map([
      [2, 'UDP: taken'],
      [3, 'UDP: taken'],
    ]);
    expect(joinNotServed(tcp, udp)).toEqual({ 1: 'taken', 2: 'taken; UDP: taken', 3: 'UDP: taken' });
  });
});
