import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import type { Server, Service } from '../../src/proxy/table.js';
import type { LiveServer } from '../../src/proxy/worker/live-server.js';
import type { LiveService } from '../../src/proxy/worker/live-service.js';
import { Routes } from '../../src/proxy/worker/routes.js';
import type { Asking } from '../../src/proxy/worker/wait-queue.js';
import { serverAt, service } from './rig.js';

/** A worker's table without sockets. */
class Table {
  readonly routes = new Routes({ serviceChanged: () => undefined, inFlight: () => undefined });
  #version = 0;

  constructor(...services: Service[]) {
    this.serve(...services);
  }

  serve(...services: Service[]): void {
    this.#version += 1;
    const named = services.map((each) => [`${each.appId}:${each.servicePort}`, each] as const);
    this.routes.replace({ epoch: 1, version: this.#version, services: Object.fromEntries(named) });
  }

  live(key = '/shop/web:10000'): LiveService {
    const live = this.routes.service(key);
    if (!live) throw new Error(`no service ${key}`);
    return live;
  }

  server(port: number): LiveServer {
    for (const live of this.routes.services.values())
      for (const each of live.servers) if (each.server.port === port) return each;
    throw new Error(`no server at ${port}`);
  }
}

const asking: Asking = { nowMs: 1_000, tried: [], client: '10.0.0.1', target: '/' };
const ports = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
const all = (count: number): Server[] => ports(count).map((port) => serverAt(port));
/** How often each port is chosen. */
function counted(live: LiveService, draws: number, more: Partial<Asking> = {}): Record<number, number> {
  const counts: Record<number, number> = {};
  for (let i = 0; i < draws; i++) {
    const port = live.pick({ ...asking, ...more })?.server.port ?? 0;
    counts[port] = (counts[port] ?? 0) + 1;
  }
  return counts;
}
function refuse(server: LiveServer, nowMs: number, times = 1): void {
  for (let i = 0; i < times; i++) server.refused(nowMs);
}

describe('weights', () => {
  it('share out requests, a server before its service', () => {
    const table = new Table(service([serverAt(1), { ...serverAt(2), weight: 1 }], { weight: 3 }));
    expect(counted(table.live(), 400)).toEqual({ 1: 300, 2: 100 });
  });

  it('of 0 leave a server to the clients whose cookie names it', () => {
    const table = new Table(service([serverAt(1), { ...serverAt(2), weight: 0 }], { sticky: true }));
    expect(counted(table.live(), 10)).toEqual({ 1: 10 });
    const cookie = table.server(2).stickyId;
    expect(table.live().pick({ ...asking, cookie })?.server.port).toBe(2);
    expect(table.server(2).state(0)).toBe('DRAIN');
  });

  it('of 0 everywhere leave nobody', () => {
    const table = new Table(service(all(3), { weight: 0 }));
    expect(table.live().pick(asking)).toBeUndefined();
    expect(table.live().hasServers).toBe(false);
  });

  it('may change while the server stays', () => {
    const table = new Table(service(all(2)));
    expect(counted(table.live(), 100)).toEqual({ 1: 50, 2: 50 });
    const kept = table.server(2);
    table.serve(service([serverAt(1), { ...serverAt(2), weight: 3 }]));
    expect(counted(table.live(), 100)).toEqual({ 1: 25, 2: 75 });
    expect(table.server(2)).toBe(kept);
  });
});

describe('a disabled server', () => {
  it('gets nothing, not even those whose cookie names it', () => {
    const table = new Table(service([serverAt(1), { ...serverAt(2), disabled: true }], { sticky: true }));
    const cookie = table.server(2).stickyId;
    expect(counted(table.live(), 10, { cookie })).toEqual({ 1: 10 });
    expect(table.server(2).state(0)).toBe('MAINT');
  });

  it('is chosen by no algorithm, whatever became of the others (property)', () => {
    const some = fc.array(
      fc.record({
        disabled: fc.boolean(),
        weight: fc.integer({ min: 0, max: 3 }),
        refused: fc.boolean(),
        tried: fc.boolean(),
        full: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    );
    const algorithm = fc.constantFrom(
      'roundrobin',
      'leastconn',
      'random',
      'first',
      'source',
      'uri',
      'header',
    );
    fc.assert(
      fc.property(some, algorithm, fc.boolean(), (given, balance, limited) => {
        const listed = given.map(({ disabled, weight }, n) => ({
          ...serverAt(n + 1),
          weight,
          ...(disabled && { disabled }),
        }));
        const limits = limited ? { limits: { connectionsPerServer: 1 } } : {};
        const table = new Table(
          service(listed, { balance, balanceHeader: 'x-key', ...limits } as Partial<Service>),
        );
        const tried: LiveServer[] = [];
        given.forEach((each, n) => {
          const live = table.server(n + 1);
          if (each.refused) live.refused(900);
          if (each.tried) tried.push(live);
          if (each.full) live.begin(900);
        });
        const chosen = table.live().pick({ ...asking, tried, lines: 'X-Key: a\r\n' });
        const may = (each: (typeof given)[number]): boolean => !each.disabled && each.weight > 0;
        const of = chosen && given[chosen.server.port - 1];
        if (of) {
          expect(may(of)).toBe(true);
          if (limited) expect(of.full).toBe(false);
          // Tried again only when there is nothing else.
          if (of.tried) expect(given.some((each) => may(each) && !each.tried)).toBe(false);
        } else {
          // Nobody may have anything, or there is somebody to wait for.
          expect(
            given.filter(may).every((each) => limited && each.full) ||
              (limited && given.some((each) => may(each) && each.full)),
          ).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('slow start', () => {
  const joined = (over: Partial<Service> = {}): Table => {
    const table = new Table(service(all(1), { slowStartMs: 10_000, ...over }));
    table.live().pick(asking);
    table.serve(service(all(2), { slowStartMs: 10_000, ...over }));
    return table;
  };

  it('lets the share of a server that joins grow to its weight', () => {
    const table = joined();
    expect(counted(table.live(), 2_100, { nowMs: 1_000 })[2]).toBeLessThan(120);
    const half = counted(table.live(), 1_500, { nowMs: 6_000 })[2] ?? 0;
    expect(Math.abs(half - 500)).toBeLessThan(20);
    expect(counted(table.live(), 100, { nowMs: 11_000 })).toEqual({ 1: 50, 2: 50 });
  });

  it('does the same for leastconn', () => {
    const table = joined({ balance: 'leastconn' });
    const counts: Record<number, number> = {};
    for (let i = 0; i < 90; i++) {
      const server = table.live().pick({ ...asking, nowMs: 1_000 + (i === 0 ? 0 : 5_000) });
      server?.begin(0);
      counts[server?.server.port ?? 0] = (counts[server?.server.port ?? 0] ?? 0) + 1;
    }
    expect(Math.abs((counts[2] ?? 0) - 30)).toBeLessThan(4);
  });

  it('begins anew for a server that comes back after it was left alone', () => {
    const table = new Table(service(all(2), { slowStartMs: 10_000 }));
    expect(counted(table.live(), 100)).toEqual({ 1: 50, 2: 50 });
    refuse(table.server(2), 1_000);
    expect(counted(table.live(), 100, { nowMs: 1_400 })).toEqual({ 1: 100 });
    const back = counted(table.live(), 2_100, { nowMs: 1_500 })[2] ?? 0;
    expect(back).toBeGreaterThan(0);
    expect(back).toBeLessThan(120);
    const half = counted(table.live(), 1_500, { nowMs: 6_500 })[2] ?? 0;
    expect(Math.abs(half - 500)).toBeLessThan(20);
    expect(counted(table.live(), 100, { nowMs: 11_500 })).toEqual({ 1: 50, 2: 50 });
  });

  it('is not for servers of the first table', () => {
    const table = new Table(service(all(2), { slowStartMs: 10_000 }));
    expect(counted(table.live(), 100)).toEqual({ 1: 50, 2: 50 });
  });
});

describe('a server that fails', () => {
  it('is left alone after a refused connection, for longer each time, and has its part again after a success', () => {
    const table = new Table(service(all(3)));
    const bad = table.server(2);
    bad.refused(1_000);
    expect(bad.state(1_000)).toBe('DOWN');
    expect(counted(table.live(), 10, { nowMs: 1_400 })).toEqual({ 1: 5, 3: 5 });
    expect(counted(table.live(), 9, { nowMs: 1_501 })).toEqual({ 1: 3, 2: 3, 3: 3 });
    bad.refused(1_600);
    expect(counted(table.live(), 10, { nowMs: 2_500 })[2]).toBeUndefined();
    bad.accepted();
    expect(bad.state(2_500)).toBe('UP');
    expect(counted(table.live(), 9, { nowMs: 2_500 })[2]).toBe(3);
    expect(bad.ejections).toBe(2);
  });

  it('is left alone once for many connections that are refused at one moment', () => {
    const table = new Table(service(all(3)));
    refuse(table.server(1), 1_000, 50);
    expect(table.server(1).ejections).toBe(1);
    expect(table.server(1).ejectedUntilMs).toBe(1_500);
  });

  it('is left alone after bad answers in a row, whether it takes connections or not, until it answers well', () => {
    const table = new Table(service(all(3)));
    const bad = table.server(1);
    for (const status of [502, 503]) bad.answered(status, 1_000);
    bad.accepted();
    expect(bad.state(1_000)).toBe('UP');
    bad.answered(504, 1_000);
    bad.accepted();
    expect(bad.state(1_000)).toBe('DOWN');
    bad.answered(500, 1_100);
    expect(bad.state(1_100)).toBe('UP');
    bad.answered(503, 1_200);
    bad.answerFailed(1_200);
    expect(bad.state(1_200)).toBe('UP');
  });

  it('is judged by the rules of its service', () => {
    const ejection = { failures: 2, baseMs: 2_000, longestMs: 3_000 };
    const table = new Table(service(all(3), { ejection }));
    const bad = table.server(1);
    bad.refused(1_000);
    expect(bad.state(1_000)).toBe('UP');
    bad.refused(1_000);
    expect(bad.ejectedUntilMs).toBe(3_000);
    bad.refused(3_001);
    expect(bad.ejectedUntilMs).toBe(6_001);
    const never = new Table(service(all(3), { ejection: { failures: 0 } }));
    refuse(never.server(1), 1_000, 10);
    expect(never.server(1).state(1_000)).toBe('UP');
  });

  it.each([
    [undefined, 2, { 3: 12, 4: 12 }],
    [undefined, 3, { 1: 6, 2: 6, 3: 6, 4: 6 }],
    [1, 3, { 4: 24 }],
    [0.2, 1, { 1: 6, 2: 6, 3: 6, 4: 6 }],
  ])(
    'is asked again when too many fail with it (threshold %p, %i of 4 fail)',
    (panicThreshold, failing, expected) => {
      const over = panicThreshold === undefined ? {} : { ejection: { panicThreshold } };
      const table = new Table(service(all(4), over));
      for (const port of ports(failing)) table.server(port).refused(1_000);
      expect(counted(table.live(), 24, { nowMs: 1_100 })).toEqual(expected);
      // When they have had their time, none of them is counted any more.
      expect(counted(table.live(), 24, { nowMs: 1_501 })).toEqual({ 1: 6, 2: 6, 3: 6, 4: 6 });
    },
  );

  it('is asked all the same when it is the only one', () => {
    const table = new Table(service(all(1), { ejection: { panicThreshold: 1 } }));
    table.server(1).refused(1_000);
    expect(table.live().pick({ ...asking, nowMs: 1_100 })?.server.port).toBe(1);
  });
});

describe('a header', () => {
  it('keeps those who send the same value at the same server; those who send none go in turn', () => {
    const table = new Table(service(all(5), { balance: 'header', balanceHeader: 'x-user' }));
    const portOf = (user: string): number | undefined =>
      table.live().pick({ ...asking, lines: `Accept: *\r\nX-USER: ${user} \r\n` })?.server.port;
    const users = Array.from({ length: 40 }, (_, n) => `user${n}`);
    const before = users.map(portOf);
    expect(users.map(portOf)).toEqual(before);
    expect(new Set(before).size).toBe(5);
    expect(counted(table.live(), 50, { lines: 'Accept: *\r\n' })).toEqual({
      1: 10,
      2: 10,
      3: 10,
      4: 10,
      5: 10,
    });
  });
});

describe('a cookie', () => {
  it('holds through a deployment: the client moves once, when its server goes, and stays where it came to', () => {
    let ids = ports(4);
    const sticky = (): Service =>
      service(
        ids.map((port) => serverAt(port)),
        { sticky: true },
      );
    const table = new Table(sticky());
    // 40 clients, each with the cookie of where it was sent first.
    const first = Array.from({ length: 40 }, () => table.live().pick(asking));
    const cookies = first.map((each) => each?.stickyId ?? '');
    const moves = cookies.map(() => 0);
    for (let replaced = 0; replaced < 4; replaced++) {
      ids = [...ids.slice(1), 10 + replaced];
      table.serve(sticky());
      for (let visit = 0; visit < 3; visit++) {
        cookies.forEach((cookie, client) => {
          const server = table.live().pick({ ...asking, cookie });
          if (server?.stickyId !== cookie) moves[client] = (moves[client] ?? 0) + 1;
          cookies[client] = server?.stickyId ?? '';
        });
      }
    }
    // Nobody stays where nobody is, and nobody moves without need: at each replacement only those of the server that went.
    expect(Math.min(...moves)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...moves)).toBeLessThanOrEqual(4);
    const counts = cookies.map((cookie) => ids.findIndex((port) => table.server(port).stickyId === cookie));
    expect(counts).not.toContain(-1);
    const again = cookies.map((cookie) => table.live().pick({ ...asking, cookie })?.stickyId);
    expect(again).toEqual(cookies);
  });

  it('counts for nothing while its server is left alone, unless too many are', () => {
    const table = new Table(service(all(3), { sticky: true }));
    const cookie = table.server(2).stickyId;
    table.server(2).refused(1_000);
    expect(counted(table.live(), 10, { cookie })[2]).toBeUndefined();
    table.server(1).refused(1_000);
    expect(counted(table.live(), 10, { cookie })).toEqual({ 2: 10 });
  });
});

describe('services of one deployment group', () => {
  const blue = (over: Partial<Service> = {}): Service =>
    service(all(2), { appId: '/web-blue' as AppId, deploymentGroup: 'web', ...over });
  const green = (over: Partial<Service> = {}): Service =>
    service([serverAt(11), serverAt(12)], { appId: '/web-green' as AppId, deploymentGroup: 'web', ...over });

  it('serve as one where they claim the same, by weight over all servers', () => {
    const table = new Table(blue(), green({ weight: 3 }));
    for (const key of ['/web-blue:10000', '/web-green:10000'])
      expect(counted(table.live(key), 80)).toEqual({ 1: 10, 2: 10, 11: 30, 12: 30 });
    expect(table.server(11).owner).toBe(table.live('/web-green:10000'));
  });

  it('move from one to the other as servers are disabled and weighed', () => {
    const table = new Table(blue(), green());
    table.serve(blue({ servers: all(2).map((each) => ({ ...each, disabled: true as const })) }), green());
    expect(counted(table.live('/web-blue:10000'), 10)).toEqual({ 11: 5, 12: 5 });
    table.serve(green());
    expect(counted(table.live('/web-green:10000'), 10)).toEqual({ 11: 5, 12: 5 });
    table.serve(green(), blue());
    expect(Object.keys(counted(table.live('/web-green:10000'), 40))).toEqual(['1', '2', '11', '12']);
  });

  it('serve on their own in other groups, or where they claim other things', () => {
    const table = new Table(blue(), green({ deploymentGroup: 'other' }));
    expect(counted(table.live('/web-blue:10000'), 10)).toEqual({ 1: 5, 2: 5 });
    table.serve(blue(), green({ servicePort: 10_001, vhosts: ['other.test'] }));
    expect(counted(table.live('/web-blue:10000'), 10)).toEqual({ 1: 5, 2: 5 });
    expect(counted(table.live('/web-green:10001'), 10)).toEqual({ 11: 5, 12: 5 });
  });

  it('are one also when the one has no servers at all', () => {
    const table = new Table(blue({ servers: [] }), green());
    expect(table.live('/web-blue:10000').hasServers).toBe(true);
    expect(counted(table.live('/web-blue:10000'), 10)).toEqual({ 11: 5, 12: 5 });
  });
});
