import { silentLog } from '../../src/logging/log.js';
import { bindDatagrams } from '../../src/proxy/listeners/bind-datagrams.js';
import { BindError, bindSocket } from '../../src/proxy/listeners/bind-socket.js';
import { ListenerHolder, type SentSocket } from '../../src/proxy/listeners/listener-holder.js';
import { OptionalPorts } from '../../src/proxy/listeners/optional-ports.js';
import type { ToWorker } from '../../src/proxy/listeners/worker-messages.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { waitFor } from '../support/wait-for.js';

/** A holder whose sockets are only noted. */
function holding(): {
  holder: ListenerHolder;
  bound: Set<number>;
  binds: number[];
  send: (message: ToWorker, socket?: SentSocket) => void;
  told: string[];
  taken: Set<number>;
} {
  const bound = new Set<number>();
  const binds: number[] = [];
  const taken = new Set<number>();
  const told: string[] = [];
  const holder = new ListenerHolder('127.0.0.1', silentLog, (_address, port) => {
    if (taken.has(port)) throw new BindError(`port ${port} is taken by nginx (pid 7)`, 'EADDRINUSE');
    binds.push(port);
    bound.add(port);
    return { port, socket: { getsockname: () => 0, close: () => void bound.delete(port) } };
  });
  const send = (message: ToWorker, socket?: SentSocket): void => {
    told.push(
      message.type === 'NOT_BOUND'
        ? `${message.port}: ${message.reason}`
        : `${message.type}${socket ? ' with its socket' : ''}`,
    );
  };
  return { holder, bound, binds, send, told, taken };
}

describe('a socket', () => {
  it('is bound once, given to every worker that asks, and closed when the last one drops it', () => {
    const { holder, bound, binds, send, told } = holding();
    for (const slot of [0, 1]) {
      holder.started(slot);
      holder.listen(slot, { port: 10_000 }, send);
    }
    expect(binds).toEqual([10_000]);
    expect(told).toEqual(['LISTENER with its socket', 'LISTENER with its socket']);
    holder.drop(0, { port: 10_000 });
    expect(bound.has(10_000)).toBe(true);
    holder.drop(1, { port: 10_000 });
    expect(bound.has(10_000)).toBe(false);
  });

  it('for datagrams is another one than that for connections on the same port', () => {
    const tcp: string[] = [];
    const udp: string[] = [];
    const noted = (log: string[]) => (_address: string, port: number) => {
      log.push(`bound ${port}`);
      return {
        port,
        socket: { getsockname: () => 0, close: () => void log.push(`closed ${port}`) } as never,
      };
    };
    const holder = new ListenerHolder('127.0.0.1', silentLog, noted(tcp), noted(udp));
    const told: ToWorker[] = [];
    const send = (message: ToWorker): void => void told.push(message);
    holder.listen(0, { port: 10_000 }, send);
    holder.listen(0, { port: 10_000, datagrams: true }, send);
    expect(told).toEqual([
      { type: 'LISTENER', role: 'service', port: 10_000 },
      { type: 'LISTENER', role: 'service', port: 10_000, datagrams: true },
    ]);
    holder.started(0);
    holder.listen(0, { port: 10_000, datagrams: true }, send);
    holder.synced(0);
    expect([tcp, udp]).toEqual([['bound 10000', 'closed 10000'], ['bound 10000']]);
    holder.drop(0, { port: 10_000, datagrams: true });
    expect(udp).toEqual(['bound 10000', 'closed 10000']);
  });

  it('that is taken is answered with the owner, and bound when it is asked for again later', () => {
    const { holder, send, told, taken } = holding();
    taken.add(10_000);
    holder.listen(0, { port: 10_000 }, send);
    taken.clear();
    holder.listen(0, { port: 10_000 }, send);
    expect(told).toEqual(['10000: port 10000 is taken by nginx (pid 7)', 'LISTENER with its socket']);
  });

  it('is not bound while earlier workers hold it', () => {
    const { holder, binds, send } = holding();
    holder.pause();
    holder.listen(0, { port: 10_000 }, send);
    holder.listen(0, { port: 10_001 }, send);
    holder.drop(0, { port: 10_001 });
    expect(binds).toEqual([]);
    holder.resume();
    expect(binds).toEqual([10_000]);
  });
});

describe('a socket with an address of its own', () => {
  it('is another one than that of the same port elsewhere', () => {
    const binds: string[] = [];
    const told: unknown[] = [];
    const holder = new ListenerHolder('127.0.0.1', silentLog, (address, port) => {
      binds.push(`${address}:${port}`);
      return { port, socket: { getsockname: () => 0, close: () => void binds.push('closed') } };
    });
    holder.listen(0, { port: 10_000 }, (message) => void told.push(message));
    holder.listen(0, { port: 10_000, address: '127.0.0.2' }, (message) => void told.push(message));
    holder.drop(0, { port: 10_000 });
    expect(binds).toEqual(['127.0.0.1:10000', '127.0.0.2:10000', 'closed']);
    expect(told).toEqual([
      { type: 'LISTENER', role: 'service', port: 10_000 },
      { type: 'LISTENER', role: 'service', port: 10_000, address: '127.0.0.2' },
    ]);
    expect(holder.ports).toEqual([10_000]);
  });
});

describe('a port that the load balancer can do without', () => {
  it('is said to be busy once, tried again, and handed out when it is free', async () => {
    const { holder, taken, binds, told, send } = holding();
    const clock = new VirtualClock();
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (text: string) => void warnings.push(text) };
    const optional = new OptionalPorts(holder, clock, log, (role) => holder.sendFixed(send, role));
    holder.bindFixed('lb', 9_080);
    taken.add(9_091);
    optional.open([{ role: 'app-id', port: 9_091, what: 'the port for apps', flag: '--lb-app-id-port' }]);
    expect(optional.port('app-id')).toBeUndefined();
    await clock.advance(30_000);
    expect(warnings).toEqual([
      'the port for apps is not served: port 9091 is taken by nginx (pid 7); it is tried again, --lb-app-id-port chooses another port',
    ]);
    taken.clear();
    await clock.advance(10_000);
    expect(optional.port('app-id')).toBe(9_091);
    expect(binds).toEqual([9_080, 9_091]);
    expect(told).toEqual(['LISTENER with its socket']);
    optional.stop();
  });
});

describe('a worker that dies', () => {
  it('leaves its sockets bound until its successor has said what it needs', () => {
    const { holder, bound, binds, send } = holding();
    holder.started(0);
    holder.listen(0, { port: 10_000 }, send);
    holder.listen(0, { port: 10_001 }, send);
    holder.synced(0);
    holder.started(0);
    expect([...bound]).toEqual([10_000, 10_001]);
    holder.listen(0, { port: 10_001 }, send);
    holder.synced(0);
    expect([...bound]).toEqual([10_001]);
    expect(binds).toEqual([10_000, 10_001]);
  });
});

describe('binding for real', () => {
  it('reports the port that was chosen, and a listening owner by name and pid', async () => {
    const { createServer } = await import('node:net');
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as { port: number };
    expect(() => bindSocket('127.0.0.1', port)).toThrow(
      new RegExp(`port ${port} is taken by .*\\(pid ${process.pid}\\)`),
    );
    await new Promise((closed) => server.close(closed));
    const free = bindSocket('127.0.0.1', 0);
    expect(free.port).toBeGreaterThan(0);
    free.socket.close();
    expect(() => bindSocket('192.0.2.1', 0)).toThrow(/192\.0\.2\.1 is not one of this machine's/);
  });
});

describe('a socket for datagrams that is only bound', () => {
  it('holds its port, says who cannot have it why, and lets go when it is closed', async () => {
    const first = bindDatagrams('127.0.0.1', 0);
    expect(() => bindDatagrams('127.0.0.1', first.port)).toThrow(
      `UDP port ${first.port} is taken by another process`,
    );
    expect(() => bindDatagrams('192.0.2.1', 0)).toThrow("address 192.0.2.1 is not one of this machine's");
    first.socket.close();
    const again = await waitFor(
      () => {
        try {
          return bindDatagrams('127.0.0.1', first.port);
        } catch {
          return undefined;
        }
      },
      { timeoutMs: 20_000, what: 'the port to be free' },
    );
    again.socket.close();
  });
});
