import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { silentLog } from '../../src/logging/log.js';
import { parseCachedTable, usableTable } from '../../src/proxy/decide/usable-cache.js';
import type { FromProxy, RoutingTable, ToProxy } from '../../src/proxy/table.js';
import { DeadlineQueue, type Expiring } from '../../src/proxy/worker/deadlines.js';
import { Routes } from '../../src/proxy/worker/routes.js';
import { TableCache } from '../../src/proxy/worker/table-cache.js';
import { TableFollower } from '../../src/proxy/worker/table-follower.js';
import type { TaskId } from '../../src/scheduler/instance.js';
import type { LineHandlers } from '../../src/util/line/line.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';
import { serverAt, service } from './rig.js';

const task = 'task' as TaskId;
const table = (version: number, ...services: ReturnType<typeof service>[]): RoutingTable => ({
  epoch: 1,
  version,
  services: Object.fromEntries(services.map((each) => [`${each.appId}:${each.servicePort}`, each])),
});

/** A follower with its line in the test's hands. */
function following(groups?: readonly string[]): {
  routes: Routes;
  follower: TableFollower;
  handlers: LineHandlers<ToProxy>;
  sent: FromProxy[];
  clock: VirtualClock;
  line: { connected: boolean; closed: boolean };
} {
  const clock = new VirtualClock();
  const sent: FromProxy[] = [];
  const line = { connected: true, closed: false };
  let handlers: LineHandlers<ToProxy> | undefined;
  const routes: Routes = new Routes({
    serviceChanged: () => undefined,
    inFlight: (taskId, count) => follower.inFlight(taskId, count),
  });
  const follower: TableFollower = new TableFollower(
    { proxyId: 'p', pid: 1, bootId: 'boot', host: 'node.test', ...(groups && { groups }) },
    routes,
    { notServed: () => ({}), changedStats: () => undefined, forgetStats: () => undefined },
    clock,
    silentLog,
    {
      tableApplied: () => undefined,
      disconnected: () => undefined,
      names: () => undefined,
      certificates: () => undefined,
    },
    (given) => {
      handlers = given;
      return {
        get connected() {
          return line.connected;
        },
        send: (message) => void sent.push(message),
        close: () => {
          line.closed = true;
        },
      };
    },
  );
  follower.start();
  if (!handlers) throw new Error('the follower made no line');
  return { routes, follower, handlers, sent, clock, line };
}

describe('a worker on the line', () => {
  it('makes no new line once it has ended: it would be a proxy that nobody knows, with a lease', () => {
    const served = following();
    served.follower.stop(true);
    expect(served.sent).toContainEqual({ type: 'GOODBYE' });
    expect(served.line.closed).toBe(false);
    const cutOff = following();
    cutOff.line.connected = false;
    cutOff.follower.stop(true);
    expect(cutOff.line.closed).toBe(true);
    const left = following();
    left.follower.stop(false);
    expect(left.sent).toEqual([]);
    expect(left.line.closed).toBe(true);
  });

  it('takes of the table what is of its groups, and confirms the whole', () => {
    const { routes, handlers, sent } = following(['edge']);
    handlers.onReset();
    const inside = { ...service([serverAt(1, 'task')]), groups: ['inside'] };
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, inside) });
    expect(routes.services.size).toBe(0);
    const delta = {
      epoch: 1,
      from: 4,
      to: 5,
      services: { '/shop/web:10000': { ...inside, groups: ['inside', 'edge'] } },
    };
    handlers.onMessage({ type: 'DELTA', delta });
    expect(routes.services.size).toBe(1);
    handlers.onMessage({
      type: 'DELTA',
      delta: { ...delta, from: 5, to: 6, services: { '/shop/web:10000': inside } },
    });
    expect(routes.services.size).toBe(0);
    expect(sent.filter(({ type }) => type === 'ACK').map((ack) => ack.type === 'ACK' && ack.version)).toEqual(
      [4, 5, 6],
    );
    expect(sent[0]).toMatchObject({ type: 'HELLO', groups: ['edge'] });
  });

  it('says hello, confirms each table, and reports what is in flight before it confirms', () => {
    const { routes, handlers, sent } = following();
    handlers.onReset();
    const web = service([serverAt(1, 'task')]);
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, web) });
    routes.service('/shop/web:10000')?.servers[0]?.begin(0);
    handlers.onMessage({
      type: 'DELTA',
      delta: { epoch: 1, from: 4, to: 5, services: { '/shop/web:10000': { ...web, servers: [] } } },
    });
    expect(sent).toEqual([
      { type: 'HELLO', proxyId: 'p', pid: 1, bootId: 'boot', host: 'node.test', patches: true },
      { type: 'ACK', epoch: 1, version: 4 },
      { type: 'IN_FLIGHT', taskId: task, count: 1 },
      { type: 'ACK', epoch: 1, version: 5 },
    ]);
  });

  it('keeps the services of an app that the server cannot read, and no others', () => {
    const { routes, handlers } = following();
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, service([serverAt(1, 'task')])) });
    handlers.onMessage({ type: 'SNAPSHOT', table: { ...table(5), kept: ['/shop/web' as AppId] } });
    expect(routes.service('/shop/web:10000')?.servers).toHaveLength(1);
    expect(Object.keys(routes.table().services)).toEqual(['/shop/web:10000']);
    handlers.onMessage({ type: 'SNAPSHOT', table: table(6) });
    expect(routes.service('/shop/web:10000')).toBeUndefined();
  });

  it('asks for the whole table when a change does not follow its own', () => {
    const { routes, handlers, sent } = following();
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, service([])) });
    handlers.onMessage({ type: 'DELTA', delta: { epoch: 1, from: 6, to: 7, services: {} } });
    expect(sent.map(({ type }) => type)).toEqual(['ACK', 'HELLO']);
    expect(routes.version).toBe(4);
  });

  it('tells a new server what is still in flight', () => {
    const { routes, handlers, sent } = following();
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, service([serverAt(1, 'task')])) });
    const server = routes.service('/shop/web:10000')?.servers[0];
    server?.begin(0);
    handlers.onMessage({ type: 'SNAPSHOT', table: table(5) });
    sent.length = 0;
    handlers.onReset();
    expect(sent.map(({ type }) => type)).toEqual(['HELLO', 'IN_FLIGHT']);
    server?.end();
    expect(sent.at(-1)).toEqual({ type: 'IN_FLIGHT', taskId: task, count: 0 });
  });

  it('collects counts on the way down, but tells the end at once', () => {
    const { routes, handlers, sent, clock } = following();
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, service([serverAt(1, 'task')])) });
    const server = routes.service('/shop/web:10000')?.servers[0];
    for (let i = 0; i < 100; i++) server?.begin(0);
    handlers.onMessage({ type: 'SNAPSHOT', table: table(5) });
    sent.length = 0;
    for (let i = 0; i < 50; i++) server?.end();
    clock.advance(200);
    for (let i = 0; i < 50; i++) server?.end();
    clock.advance(200);
    expect(sent).toEqual([
      { type: 'IN_FLIGHT', taskId: task, count: 50 },
      { type: 'IN_FLIGHT', taskId: task, count: 0 },
    ]);
  });

  it('corrects a count when a task comes back and leaves again', () => {
    const { routes, handlers, sent } = following();
    const web = service([serverAt(1, 'task')]);
    handlers.onMessage({ type: 'SNAPSHOT', table: table(4, web) });
    const server = routes.service('/shop/web:10000')?.servers[0];
    server?.begin(0);
    handlers.onMessage({ type: 'SNAPSHOT', table: table(5) });
    handlers.onMessage({ type: 'SNAPSHOT', table: table(6, web) });
    server?.end();
    sent.length = 0;
    handlers.onMessage({ type: 'SNAPSHOT', table: table(7) });
    expect(sent).toEqual([
      { type: 'IN_FLIGHT', taskId: task, count: 0 },
      { type: 'ACK', epoch: 1, version: 7 },
    ]);
  });

  it('renews its lease well before it ends', () => {
    const { handlers, sent, clock } = following();
    handlers.onMessage({ type: 'LEASE', leaseMs: 10_000 });
    clock.advance(10_000);
    expect(sent.filter(({ type }) => type === 'LEASE').length).toBeGreaterThanOrEqual(3);
  });
});

describe('the cached table', () => {
  const here = { ...serverAt(1, 'here'), bootId: 'boot-1' };
  const elsewhere = { ...serverAt(2, 'elsewhere'), bootId: 'boot-of-another-host' };
  const unknown = { ...serverAt(3, 'unknown'), bootId: '' };
  const cached = {
    format: 1,
    localBootId: 'boot-1',
    table: table(3, service([here, elsewhere, unknown])),
  } as const;
  const names = (of: RoutingTable): string[] =>
    (of.services['/shop/web:10000']?.servers ?? []).map(({ taskId }) => taskId);

  it('is served whole within one boot; after a reboot only what ran on other hosts is', () => {
    expect(names(usableTable(cached, 'boot-1'))).toEqual(['here', 'elsewhere', 'unknown']);
    expect(names(usableTable(cached, 'boot-2'))).toEqual(['elsewhere']);
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"format":1,"localBootId":"b","table":{"ver'],
    ['newer', '{"format":2,"localBootId":"b","table":{"version":1,"epoch":1,"services":{}}}'],
    ['not ours', '[]'],
    ['null', 'null'],
  ])('that is %s is not believed', (_name, text) => {
    expect(parseCachedTable(text)).toBeUndefined();
  });

  it.each([
    ['of nothing', []],
    ['of one app', [service([serverAt(1)])]],
    [
      'of thousands of servers, which is written in pieces',
      Array.from({ length: 400 }, (_, n) =>
        service(
          Array.from({ length: 10 }, (_each, port) => serverAt(port + 1)),
          { servicePort: 10_000 + n },
        ),
      ),
    ],
  ])('comes back from disk as it was: a table %s', async (_name, services) => {
    const dir = mkdtempSync(join(tmpdir(), 'longrun-cache-'));
    const file = join(dir, 'deep', 'table.json');
    const clock = new VirtualClock();
    const cache = new TableCache(file, 'boot-1', clock, silentLog);
    expect(cache.load()).toBeUndefined();
    const now = table(9, ...services);
    cache.changed(() => now);
    await cache.flush();
    expect(new TableCache(file, 'boot-1', clock, silentLog).load()).toEqual(now);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ format: 1, localBootId: 'boot-1' });
    writeFileSync(file, 'garbage');
    expect(cache.load()).toBeUndefined();
    cache.stop();
    rmSync(dir, { recursive: true });
  });
});

describe('virtual hosts claimed by several', () => {
  it('go to the first claimant that has servers', () => {
    const { routes, handlers } = following();
    const blue = service([], { appId: '/blue' as never });
    const green = service([serverAt(1)], { appId: '/green' as never });
    handlers.onMessage({ type: 'SNAPSHOT', table: table(1, green, blue) });
    expect(routes.byVhost('web.test', '/')).toBe(routes.service('/green:10000'));
    handlers.onMessage({
      type: 'DELTA',
      delta: { epoch: 1, from: 1, to: 2, services: { '/blue:10000': { ...blue, servers: [serverAt(2)] } } },
    });
    expect(routes.byVhost('web.test', '/')).toBe(routes.service('/blue:10000'));
    handlers.onMessage({
      type: 'DELTA',
      delta: { epoch: 1, from: 2, to: 3, services: { '/blue:10000': null } },
    });
    expect(routes.byVhost('web.test', '/')).toBe(routes.service('/green:10000'));
  });
});

describe('a deadline queue', () => {
  it('ends exactly those that were not touched in time, in order', () => {
    const op = fc.record({ item: fc.nat(5), what: fc.constantFrom('wait', 'leave', 'pass'), ms: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 80 }), (ops) => {
        let nowMs = 0;
        const queue = new DeadlineQueue(50, () => nowMs);
        const ended: number[] = [];
        const due = new Map<number, number>();
        const items = Array.from(
          { length: 6 },
          (_, id): Expiring => ({
            queue: undefined,
            previous: undefined,
            next: undefined,
            dueMs: 0,
            expired: () => void ended.push(id),
          }),
        );
        for (const { item, what, ms } of ops) {
          const one = items[item];
          if (!one) throw new Error('no such item');
          if (what === 'wait') {
            queue.wait(one);
            due.set(item, nowMs + 50);
          } else if (what === 'leave') {
            queue.leave(one);
            due.delete(item);
          } else {
            nowMs += ms;
            queue.sweep(nowMs);
            const expected = [...due].filter(([, at]) => at <= nowMs).map(([id]) => id);
            for (const id of expected) due.delete(id);
            expect([...ended].sort()).toEqual(expected.sort());
            ended.length = 0;
          }
          expect(queue.size).toBe(due.size);
        }
      }),
    );
  });
});
