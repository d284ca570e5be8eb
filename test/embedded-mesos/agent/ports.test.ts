import { createServer, type Server } from 'node:net';
import fc from 'fast-check';
import {
  hasPorts,
  listeningHead,
  takenPorts,
} from '../../../src/embedded-mesos/agent/decide/listening-ports.js';
import { ListeningPorts } from '../../../src/embedded-mesos/agent/listening-ports.js';
import type { Resource } from '../../../src/embedded-mesos/protocol/v1.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';
import { AgentWorld } from './agent-world.js';

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? describe : describe.skip;

const ports = (begin: number, end = begin): Resource => ({
  name: 'ports',
  type: 'RANGES',
  ranges: { range: [{ begin, end }] },
});

const open = new Set<Server>();

afterEach(() => {
  for (const server of open) server.close();
  open.clear();
});

async function listen(port = 0): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer();
  open.add(server);
  await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close: () => new Promise((closed) => server.close(() => closed())),
  };
}

describe('the ports on which this host listens', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue\n';
  const line = (port: string, state: string): string =>
    `   0: 0100007F:${port} 00000000:0000 ${state} 00000000:00000000\n`;

  it('are the first lines of the kernel’s table, read piece by piece', () => {
    const whole = head + line('1F90', '0A') + line('7918', '0A') + line('0016', '01') + line('0017', '0A');
    expect(listeningHead(whole)).toEqual({ ports: [8080, 31_000], complete: true, rest: '' });
    fc.assert(
      fc.property(fc.nat({ max: whole.length }), (cut) => {
        const first = listeningHead(whole.slice(0, cut));
        const second = first.complete ? { ports: [] } : listeningHead(first.rest + whole.slice(cut));
        expect([...first.ports, ...second.ports]).toEqual([8080, 31_000]);
      }),
    );
    expect(listeningHead('')).toEqual({ ports: [], complete: false, rest: '' });
  });

  it('count for a task that was given one of them, unless it says that it is for UDP', () => {
    const task = { resources: [ports(31_000, 31_002)] };
    expect(takenPorts(task, [80, 31_002, 31_000, 31_002])).toEqual([31_000, 31_002]);
    const discovery = {
      visibility: 'FRAMEWORK' as const,
      ports: { ports: [{ number: 31_002, protocol: 'udp' }] },
    };
    expect(takenPorts({ ...task, discovery }, [31_002])).toEqual([]);
    expect([hasPorts(task), hasPorts({ resources: [] })]).toEqual([true, false]);
  });

  it('are those of sockets that really listen', async () => {
    const server = await listen();
    const clock = new VirtualClock();
    const listening = new ListeningPorts(clock);
    expect(await listening.now()).toContain(server.port);
    await server.close();
    clock.advance(1_000);
    expect(await listening.now()).not.toContain(server.port);
  });
});

asRoot('a task whose port another program listens on', () => {
  let world: AgentWorld;
  beforeEach(async () => {
    world = await new AgentWorld().start();
  });
  afterEach(async () => {
    expect(await world.close()).toEqual({ processes: 0, groups: [] });
  });

  it('fails with a sentence that names the port, and runs on another', async () => {
    const server = await listen();
    const resources = world.task('').resources;
    const [busy = ''] = world.run(
      world.task('exec sleep 300', { resources: [...resources, ports(server.port)] }),
    );
    const status = await world.status(busy, 'TASK_FAILED');
    expect(status).toMatchObject({
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
      message: `Failed to launch container: another program listens on port ${server.port} of this host`,
    });
    await server.close();
    const [free = ''] = world.run(
      world.task('exec sleep 300', { resources: [...resources, ports(server.port)] }),
    );
    await world.status(free, 'TASK_RUNNING');
  });

  it('runs when that program ends within a moment', async () => {
    const server = await listen();
    const resources = world.task('').resources;
    const [task = ''] = world.run(
      world.task('exec sleep 300', { resources: [...resources, ports(server.port)] }),
    );
    await server.close();
    await world.status(task, 'TASK_RUNNING');
    expect(world.states(task)).toEqual(['TASK_RUNNING']);
  });
});
