import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/logging/log.js';
import type { ProxyStats } from '../../src/proxy/stats/proxy-stats.js';
import { inSlices, Slices } from '../../src/proxy/stats/slices.js';
import type { Service } from '../../src/proxy/table.js';
import { ControlSocket, controlSocketPath } from '../../src/proxy/worker/control-socket.js';
import { Routes } from '../../src/proxy/worker/routes.js';
import { StatsDesk } from '../../src/proxy/worker/stats-desk.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { serverAt, service } from './rig.js';

const SERVICES = 600;
/** No process has it: what stands in for another worker. */
const SIBLING = 4_194_305;

let dir: string;
const ends: (() => void)[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'longrun-desk-'));
  mkdirSync(join(dir, 'run'));
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  rmSync(dir, { recursive: true, force: true });
});

const key = (i: number): string => `/shop/web:${10_000 + i}`;

/** A worker's desk over so many services, of two servers each. */
function desk(count = SERVICES): { desk: StatsDesk; routes: Routes; clock: VirtualClock } {
  const routes = new Routes({ serviceChanged: () => undefined, inFlight: () => undefined });
  const services: Record<string, Service> = {};
  for (let i = 0; i < count; i++)
    services[key(i)] = service([serverAt(1), serverAt(2)], {
      servicePort: 10_000 + i,
      vhosts: [`h${i}.test`],
    });
  routes.replace({ epoch: 1, version: 1, services });
  for (const live of routes.services.values()) live.counters.request(0);
  const clock = new VirtualClock();
  const made = new StatsDesk({
    workDir: dir,
    routes,
    ports: () => [],
    notServed: () => ({}),
    connected: () => true,
    retiring: () => false,
    strangers: () => new Map(),
    accessLog: () => undefined,
    clock,
    log: silentLog,
  });
  return { desk: made, routes, clock };
}

async function listening(server: NetServer): Promise<void> {
  await new Promise<void>((open) => server.listen(controlSocketPath(join(dir, 'run'), SIBLING), open));
  ends.push(() => server.close());
}

const sums = (stats: ProxyStats): readonly number[] => [
  ...new Set(stats.services.map(({ values }) => values.req_tot)),
];

describe('the numbers of several workers', () => {
  it('come together whatever their number, a part at a time', async () => {
    const other = desk().desk;
    const never = (): never => {
      throw new Error('was not asked for');
    };
    const socket = new ControlSocket(
      controlSocketPath(join(dir, 'run'), SIBLING),
      { identify: never, refetch: never, retire: never, exit: never, stats: (wanted) => other.own(wanted) },
      silentLog,
    );
    socket.open();
    ends.push(() => socket.close());
    const together = await desk().desk.all({ detail: 'all' });
    expect(together.workers).toHaveLength(2);
    expect(together.services).toHaveLength(SERVICES);
    expect(sums(together)).toEqual([2]);
    expect(together.services.every(({ servers }) => servers.length === 2)).toBe(true);
  });

  it('include those of a worker of an earlier binary, which tells all at once', async () => {
    const other = desk().desk;
    await listening(
      createServer((socket) => {
        socket.once('data', () => void other.own().then((stats) => socket.end(JSON.stringify(stats))));
      }),
    );
    const together = await desk().desk.all({ detail: 'row' });
    expect(together.services).toHaveLength(SERVICES);
    expect(sums(together)).toEqual([2]);
  });

  it('leave out a worker that breaks off, wholly', async () => {
    await listening(
      createServer((socket) => {
        socket.once('data', () => socket.end('{"services":[]}\n{"serv'));
      }),
    );
    const alone = await desk().desk.all({ detail: 'row' });
    expect(alone.workers).toHaveLength(1);
    expect(sums(alone)).toEqual([1]);
  });

  it('are put together in slices, between which others have their turn', async () => {
    let nowMs = 0;
    let turns = 0;
    const steps = (function* () {
      for (let i = 0; i < 10; i++) {
        nowMs += 3;
        yield;
      }
      return 'done';
    })();
    const slices = new Slices(() => nowMs);
    const rest = slices.rest.bind(slices);
    slices.rest = () => {
      turns += 1;
      return rest();
    };
    expect(await inSlices(steps, slices)).toBe('done');
    expect(turns).toBe(5);
  });
});

describe('what moved since the server was told', () => {
  it('is told some services at a time, each once', () => {
    const { desk: mine, routes } = desk();
    const told: string[] = [];
    let reports = 0;
    do {
      reports += 1;
      const changed = Object.keys(mine.changed() ?? {});
      expect(changed.length).toBeLessThanOrEqual(250);
      told.push(...changed);
    } while (mine.hasMore);
    expect(reports).toBeGreaterThan(2);
    expect(told).toHaveLength(SERVICES);
    expect(new Set(told).size).toBe(SERVICES);

    const rest = (): Record<string, unknown> => {
      const all = {};
      do Object.assign(all, mine.changed());
      while (mine.hasMore);
      return all;
    };
    expect(rest()).toEqual({});
    routes.service(key(3))?.counters.request(0);
    expect(Object.keys(rest())).toEqual([key(3)]);
    routes.replace({ epoch: 1, version: 2, services: { [key(1)]: service([], { servicePort: 10_001 }) } });
    const gone = rest();
    expect(Object.keys(gone)).toHaveLength(SERVICES - 1);
    expect(gone[key(0)]).toBeNull();
    mine.forget();
    expect(Object.keys(rest())).toEqual([key(1)]);
  });
});
