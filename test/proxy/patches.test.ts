import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { TableBook } from '../../src/proxy/control/table-book.js';
import { patchedServers, serversPatch } from '../../src/proxy/decide/servers-patch.js';
import type { TableDelta } from '../../src/proxy/table.js';
import { Routes } from '../../src/proxy/worker/routes.js';
import { serverAt } from './rig.js';
import { instance, record, World } from './world.js';

const appId = '/web' as AppId;
const followed = () => new Routes({ serviceChanged: () => undefined, inFlight: () => undefined });
function bookOf(world: World): TableBook {
  return new TableBook(1, {
    record: (id) => world.registry.get(id),
    instances: (id) => world.instances.ofApp(id),
    bootId: () => 'boot',
    groups: ['*'],
  });
}

describe('a patch of servers', () => {
  it('turns the one list into the other, whatever came, went or changed (property)', () => {
    const list = fc.uniqueArray(fc.record({ port: fc.integer({ min: 1, max: 40 }), weight: fc.nat(2) }), {
      selector: ({ port }) => port,
      maxLength: 30,
    });
    // What is told of most is a list that is much like the one before.
    const edits = fc.array(fc.nat(40), { maxLength: 4 });
    fc.assert(
      fc.property(list, edits, edits, list, fc.boolean(), (one, going, coming, random, similar) => {
        const kept = one.filter((_, n) => !going.includes(n));
        const come = coming.filter(
          (port, n) => kept.every((each) => each.port !== port) && coming.indexOf(port) === n,
        );
        const other = similar ? [...kept, ...come.map((port) => ({ port, weight: 9 }))] : random;
        const servers = (of: typeof one) =>
          [...of].sort((a, b) => a.port - b.port).map(({ port, weight }) => ({ ...serverAt(port), weight }));
        const [before, after] = [servers(one), servers(other)];
        const patch = serversPatch(before, after);
        if (patch) expect(patchedServers(before, patch)).toEqual(after);
        else {
          const text = (of: typeof before): Set<string> => new Set(of.map((each) => JSON.stringify(each)));
          const [was, is] = [text(before), text(after)];
          const differing =
            [...was].filter((each) => !is.has(each)).length + [...is].filter((each) => !was.has(each)).length;
          expect(2 * differing).toBeGreaterThan(after.length);
        }
      }),
    );
  });

  it('is as long as what changed, and is not made when the order is another', () => {
    const many = Array.from({ length: 500 }, (_, n) => serverAt(n + 1));
    const after = [...many.slice(0, 200), serverAt(900), ...many.slice(201)];
    expect(serversPatch(many, after)).toEqual({ gone: ['task-201'], put: [[200, serverAt(900)]] });
    expect(serversPatch(many, [...many].reverse())).toBeUndefined();
  });
});

describe('the server of a large app', () => {
  it('tells one change by its size, and nothing that only the whole list says is lost (property)', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), port: fc.integer({ min: 31_000, max: 31_060 }) }),
      fc.record({ do: fc.constant('remove' as const), nth: fc.nat(60) }),
      fc.record({ do: fc.constant('sick' as const), nth: fc.nat(60) }),
      fc.record({ do: fc.constant('scale' as const), instances: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ do: fc.constant('label' as const), sticky: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 15 }), (rounds) => {
        const world = new World();
        let app = record({ id: appId, labels: { HAPROXY_0_VHOST: 'web.test' } });
        world.want(app);
        for (let n = 0; n < 20; n++) world.put(instance(appId, `first-${n}`, 30_000 + n));
        const book = bookOf(world);
        book.rebuild([appId]);
        const [whole, patched] = [followed(), followed()];
        for (const routes of [whole, patched]) routes.replace(book.snapshot());
        let made = 0;
        for (const steps of rounds) {
          for (const each of steps) {
            const all = world.instances.ofApp(appId);
            const nth = 'nth' in each ? all[each.nth % Math.max(1, all.length)] : undefined;
            if (each.do === 'add') world.put(instance(appId, `more-${made++}`, each.port));
            else if (each.do === 'remove' && nth) world.forget(nth);
            else if (each.do === 'sick' && nth?.task)
              world.put({ ...nth, health: { taskId: nth.task.id, portOpen: false, results: [] } });
            else if (each.do === 'scale') app = { ...app, app: { ...app.app, instances: each.instances } };
            else if (each.do === 'label')
              app = {
                ...app,
                app: {
                  ...app.app,
                  labels: { HAPROXY_0_VHOST: 'web.test', HAPROXY_0_STICKY: `${each.sticky}` },
                },
              };
          }
          world.want(app);
          const { delta, patched: shorter } = book.rebuild([appId]);
          if (!delta) continue;
          expect(whole.apply(delta)).toBe(true);
          expect(patched.apply(JSON.parse(JSON.stringify(shorter ?? delta)) as TableDelta)).toBe(true);
          expect(patched.table()).toEqual(whole.table());
          expect(patched.table()).toEqual(book.snapshot());
        }
      }),
      { numRuns: 30 },
    );
  });

  it('sends patches only to proxies that said that they understand them', () => {
    const world = new World();
    world.want(record({ id: appId }));
    for (let n = 0; n < 20; n++) world.put(instance(appId, `first-${n}`, 30_000 + n));
    const book = bookOf(world);
    book.rebuild([appId]);
    world.put(instance(appId, 'more', 31_000));
    const { delta, patched } = book.rebuild([appId]);
    expect(delta?.services['/web:10000']?.servers).toHaveLength(21);
    expect(delta).not.toHaveProperty('patches');
    expect(patched?.services).toEqual({});
    expect(patched?.patches?.['/web:10000']?.put).toHaveLength(1);
  });
});
