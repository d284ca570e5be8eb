import { connect, createServer, type Server, type Socket } from 'node:net';
import { MAX_HOLDING, TurnWrites } from '../../src/proxy/worker/turn-writes.js';
import { waitFor } from '../support/wait-for.js';
import { Backend, get, Plane, serverAt, service } from './rig.js';

let server: Server | undefined;
const sockets: Socket[] = [];
let plane: Plane | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  server = undefined;
  await plane?.close();
  plane = undefined;
});

/** Connected sockets, and what their peers have read of each. */
async function connected(count: number): Promise<{ readonly ours: Socket[]; readonly read: string[] }> {
  const read: string[] = [];
  const listening = createServer((socket) => {
    const index = read.push('') - 1;
    sockets.push(socket);
    socket.on('data', (chunk) => {
      read[index] += chunk.toString('latin1');
    });
    socket.on('end', () => {
      read[index] += '.';
    });
    socket.on('error', () => undefined);
  });
  server = listening;
  await new Promise<void>((ready) => listening.listen(0, '127.0.0.1', ready));
  const { port } = listening.address() as { port: number };
  const ours: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    socket.on('error', () => undefined);
    ours.push(socket);
    await waitFor(() => read.length === i + 1 && !socket.connecting, { what: () => `connection ${i}` });
  }
  return { ours, read };
}

const endOfTurn = (): Promise<void> => new Promise((ended) => setImmediate(ended));

describe('writes of a turn', () => {
  it('go out at its end, in their order', async () => {
    const { ours, read } = await connected(2);
    const writes = new TurnWrites();
    const [one, other] = ours;
    if (!one || !other) throw new Error('two connections');
    writes.write(one, 'a');
    writes.write(other, 'b');
    writes.write(one, 'c');
    one.write('d');
    expect([one.writableLength, other.writableLength]).toEqual([3, 1]);
    await endOfTurn();
    expect([one.writableCorked, other.writableCorked]).toEqual([0, 0]);
    await waitFor(() => read[0] === 'acd' && read[1] === 'b', { what: () => read.join() });
  });

  it('do not wait when too many hold back', async () => {
    const { ours } = await connected(MAX_HOLDING);
    const writes = new TurnWrites();
    const held = (): number => ours.filter(({ writableCorked }) => writableCorked > 0).length;
    for (const socket of ours.slice(1)) writes.write(socket, 'a');
    expect(held()).toBe(MAX_HOLDING - 1);
    if (ours[0]) writes.write(ours[0], 'a');
    expect(held()).toBe(0);
  });

  it('go out before the end of a connection, and before it is destroyed if it is released', async () => {
    const { ours, read } = await connected(2);
    const writes = new TurnWrites();
    const [one, other] = ours;
    if (!one || !other) throw new Error('two connections');
    writes.write(one, 'a');
    one.end();
    writes.write(other, 'b');
    writes.release(other);
    other.destroy();
    await waitFor(() => read[0] === 'a.' && read[1] === 'b.', { what: () => read.join() });
  });
});

describe('an answer', () => {
  it('is whole even when its connection is closed in the turn in which it came', async () => {
    const backend = await Backend.answering('whole');
    plane = await Plane.start([service([serverAt(backend.port)])]);
    plane.own(backend);
    const { sessions, shared } = plane;
    Object.assign(shared, { exchangeEnded: () => sessions.closeAll() });
    const client = (await plane.client()).send(get());
    expect(await client.seesEnd()).toMatch(/\r\n\r\nwhole$/);
  });
});
