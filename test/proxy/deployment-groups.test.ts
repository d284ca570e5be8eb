import fc from 'fast-check';
import type { AppId, AppRecord } from '../../src/apps/app.js';
import { TableBook } from '../../src/proxy/control/table-book.js';
import { type Colour, disabledTasks } from '../../src/proxy/decide/blue-green.js';
import { deltaOfGroups, tableOfGroups } from '../../src/proxy/decide/only-groups.js';
import type { RoutingTable, TableDelta } from '../../src/proxy/table.js';
import type { Instance, TaskId } from '../../src/scheduler/instance.js';
import { instance, record } from './world.js';

const colour = (
  appId: string,
  startedAt: string,
  tasks: number,
  healthy: number,
  target?: number,
): Colour => ({
  appId: appId as AppId,
  deployment: { group: 'g', startedAt, ...(target === undefined ? {} : { targetInstances: target }) },
  tasks: Array.from({ length: tasks }, (_, index) => `${appId}.${index}` as TaskId),
  healthy,
});

describe('moving from one colour to the other', () => {
  it.each([
    // old, healthy new, target -> disabled
    [4, 0, 4, 0],
    [4, 1, 4, 1],
    [4, 3, 4, 3],
    [4, 6, 4, 4],
    [2, 1, 4, 0],
    [2, 3, 4, 1],
    [10, 2, 10, 2],
  ])('of %d old tasks with %d healthy new ones towards %d disables %d', (old, healthy, target, expected) => {
    const disabled = disabledTasks([
      colour('/b', '2026', healthy, healthy, target),
      colour('/a', '2025', old, old, 1),
    ]);
    expect([...disabled]).toEqual(Array.from({ length: expected }, (_, index) => `/a.${index}`));
  });

  it('never touches the newest, nor anybody without a target (property)', () => {
    const count = fc.nat({ max: 12 });
    fc.assert(
      fc.property(count, count, count, (old, healthy, target) => {
        const [blue, green] = [colour('/a', '', old, old), colour('/b', '2026', healthy, healthy, target)];
        const disabled = disabledTasks([blue, green]);
        for (const task of disabled) expect(task.startsWith('/a.')).toBe(true);
        expect(disabled.size).toBeLessThanOrEqual(healthy);
        if (disabled.size > 0) expect(old - disabled.size + healthy).toBeGreaterThanOrEqual(target);
        expect(disabledTasks([blue, colour('/b', '2026', healthy, healthy)]).size).toBe(0);
        expect(disabledTasks([green]).size).toBe(0);
      }),
    );
  });
});

class Book {
  readonly records = new Map<AppId, AppRecord>();
  readonly instances = new Map<AppId, Instance[]>();
  readonly book = new TableBook(1, {
    record: (appId) => this.records.get(appId),
    instances: (appId) => this.instances.get(appId) ?? [],
    bootId: () => 'boot',
    groups: ['*'],
  });

  put(wanted: AppRecord, ...running: Instance[]): TableDelta | undefined {
    const { id } = wanted.app;
    this.records.set(id, wanted);
    this.instances.set(id, running);
    return this.book.rebuild([id]).delta;
  }
}

const zdd = (id: string, started: string, over: Record<string, string> = {}) =>
  record({
    id,
    labels: {
      HAPROXY_0_VHOST: 'shop.test',
      HAPROXY_DEPLOYMENT_GROUP: 'shop',
      HAPROXY_DEPLOYMENT_STARTED_AT: started,
      ...over,
    },
  });
const disabledIn = (delta: TableDelta | undefined, key: string) =>
  delta?.services[key]?.servers.map(({ disabled }) => disabled === true);

describe('the table of a deployment group', () => {
  it('disables old servers as new ones become healthy, in the same delta, and lets both have the port', () => {
    const book = new Book();
    const old = ['a1', 'a2'].map((name, index) => instance('/a', name, 31_000 + index * 10));
    book.put(zdd('/a', '2025-01-01T00:00:00Z'), ...old);
    const blue = zdd('/b', '2026-01-01T00:00:00Z', { HAPROXY_DEPLOYMENT_TARGET_INSTANCES: '2' });
    const waiting = instance('/b', 'b1', 31_100, { condition: 'Starting' });
    expect(book.put(blue, waiting)?.services).toMatchObject({
      '/b:10000': { deploymentGroup: 'shop', bindPort: true, servers: [] },
    });
    const first = book.put(blue, instance('/b', 'b1', 31_100));
    expect(Object.keys(first?.services ?? {}).sort()).toEqual(['/a:10000', '/b:10000']);
    expect(disabledIn(first, '/a:10000')).toEqual([true, false]);
    expect(first?.services['/a:10000']?.bindPort).toBe(true);
    const both = book.put(blue, instance('/b', 'b1', 31_100), instance('/b', 'b2', 31_110));
    expect(disabledIn(both, '/a:10000')).toEqual([true, true]);
    book.records.delete('/b' as AppId);
    expect(disabledIn(book.book.rebuild(['/b' as AppId]).delta, '/a:10000')).toEqual([false, false]);
  });

  it('changes nothing of apps of other groups', () => {
    const book = new Book();
    book.put(
      record({ id: '/other', portDefinitions: [{ port: 9_000, protocol: 'tcp' }] }),
      instance('/other', 'o', 32_000),
    );
    book.put(zdd('/a', '2025-01-01T00:00:00Z'), instance('/a', 'a1', 31_000));
    const delta = book.put(
      zdd('/b', '2026-01-01T00:00:00Z', { HAPROXY_DEPLOYMENT_TARGET_INSTANCES: '1' }),
      instance('/b', 'b1', 31_100),
    );
    expect(Object.keys(delta?.services ?? {}).sort()).toEqual(['/a:10000', '/b:10000']);
  });
});

describe('who binds a service port', () => {
  const claimant = (id: string, group: string) => record({ id, labels: { HAPROXY_GROUP: group } });
  const binds = (book: Book) =>
    Object.fromEntries(
      Object.values(book.book.snapshot().services).map(({ appId, bindPort }) => [appId, bindPort]),
    );

  it('is the first app of each load balancer’s group; who is refused keeps nobody else from it', () => {
    const book = new Book();
    book.put(claimant('/a', 'x'));
    book.put(claimant('/b', 'x,y'));
    book.put(claimant('/c', 'y'));
    expect(binds(book)).toEqual({ '/a': true, '/b': false, '/c': true });
    book.put(claimant('/a', 'z'));
    expect(binds(book)).toEqual({ '/a': true, '/b': true, '/c': false });
    book.records.delete('/b' as AppId);
    book.book.rebuild(['/b' as AppId]);
    expect(binds(book)).toEqual({ '/a': true, '/c': true });
  });
});

describe('the part of a table that a load balancer of some groups takes', () => {
  const book = new Book();
  book.put(record({ id: '/in', labels: { HAPROXY_GROUP: 'internal' } }));
  book.put(
    record({
      id: '/out',
      labels: { HAPROXY_GROUP: 'external,edge' },
      portDefinitions: [{ port: 1, protocol: 'tcp' }],
    }),
  );
  book.put(record({ id: '/none', portDefinitions: [{ port: 2, protocol: 'tcp' }] }));
  const table: RoutingTable = book.book.snapshot();
  const keys = (groups: string[]) => Object.keys(tableOfGroups(table, groups).services).sort();

  it('is what is of its groups; of `*` everything; what has no group is of `*` only', () => {
    expect(keys(['*'])).toEqual(['/in:10000', '/none:2', '/out:1']);
    expect(keys(['internal', 'edge'])).toEqual(['/in:10000', '/out:1']);
    expect(keys(['other'])).toEqual([]);
    expect(tableOfGroups(table, ['other']).version).toBe(table.version);
  });

  it('loses a service that moves to another group', () => {
    const delta: TableDelta = { epoch: 1, from: 1, to: 2, services: { ...table.services, '/gone:1': null } };
    expect(deltaOfGroups(delta, ['internal'])).toEqual({
      ...delta,
      services: {
        '/in:10000': table.services['/in:10000'],
        '/out:1': null,
        '/none:2': null,
        '/gone:1': null,
      },
    });
  });
});
