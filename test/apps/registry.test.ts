import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import type { AppChange } from '../../src/apps/app-registry.js';
import { AppWorld, refusal } from './support/app-world.js';

const body = (id: string, more: object = {}): object => ({ id, cmd: 'x', ...more });

/** Everything that a world's next change could notice, by trying it. */
async function observable(world: AppWorld): Promise<unknown> {
  const [probe] = world.prepared(world.changes.createApp({ id: '/probe', cmd: 'x', ports: [0, 0, 0, 0] }));
  const clashes = [];
  for (const id of ['/g', '/g/a', '/g/h', '/g/a/x']) {
    const error = await refusal(() => world.prepared(world.changes.createApp(body(id)))).catch(
      () => undefined,
    );
    clashes.push(error?.code);
  }
  return { ports: probe?.after?.app.portDefinitions.map(({ port }) => port), clashes };
}

describe('the registry', () => {
  it('comes back from the store as it was', async () => {
    const world = new AppWorld();
    await world.post(body('/g/a'));
    await world.post(body('/g/b', { ports: [10_002] }));
    await world.patch('/g/a', { instances: 2 });
    const again = new AppWorld({ store: world.store });
    await again.registry.load();
    expect([...again.registry.all()]).toEqual([...world.registry.all()]);
    expect(again.registry.groups.size).toBe(2);
    expect(again.registry.versions('/g/a' as AppId)).toEqual(world.registry.versions('/g/a' as AppId));
    expect(await observable(again)).toEqual(await observable(world));
    const [, old] = again.registry.versions('/g/a' as AppId) ?? [];
    expect(old && (await again.registry.version('/g/a' as AppId, old))?.app.instances).toBe(1);
  });

  it('keeps an app that it cannot read aside, and loads the others', async () => {
    const world = new AppWorld();
    for (const id of ['/a', '/b', '/c', '/d']) await world.post(body(id));
    const broken = JSON.parse(world.store.records.get('app!/b') ?? '');
    delete broken.record.app.portDefinitions;
    world.store.records.set('app!/b', JSON.stringify(broken));
    world.store.records.set('app!/c', '7');
    world.store.records.set('app!/d', world.store.records.get('app!/a') ?? '');
    for (const key of world.store.records.keys()) {
      if (/^app-version!\/[bcd]!/.test(key)) world.store.records.set(key, '{}');
    }
    const again = new AppWorld({ store: world.store });
    await again.registry.load();
    expect([...again.registry.all()].map(({ app }) => app.id)).toEqual(['/a']);
    expect([...again.registry.setAside.keys()]).toEqual(['/b', '/c', '/d']);
    await again.post(body('/b'));
    expect([...again.registry.setAside.keys()]).toEqual(['/c', '/d']);
    expect([again.registry.isSetAside('/c' as AppId), again.registry.isSetAside('/a' as AppId)]).toEqual([
      true,
      false,
    ]);
  });

  it('takes an app whose record is damaged from the copy among its versions, unless just that is damaged too', async () => {
    const world = new AppWorld();
    for (const id of ['/a', '/b']) await world.post(body(id, { ports: [id === '/a' ? 10_001 : 10_002] }));
    for (const id of ['/a', '/b']) await world.patch(id, { instances: 3 });
    const wanted = world.registry.get('/a' as AppId);
    const versions = world.registry.versions('/a' as AppId);
    const [newestOfB] = world.registry.versions('/b' as AppId) ?? [];
    world.store.corrupt('app!/a', 'app!/b', `app-version!/b!${newestOfB}`);
    const again = new AppWorld({ store: world.store });
    await again.registry.load();
    expect(again.registry.get('/a' as AppId)).toEqual(wanted);
    expect(again.registry.versions('/a' as AppId)).toEqual(versions);
    expect([...again.registry.setAside.keys()]).toEqual(['/b']);
  });

  it('tells listeners once per call, and a failing one keeps nothing from the others', async () => {
    const world = new AppWorld();
    const told: number[] = [];
    world.registry.onChange(() => {
      throw new Error('of the first listener');
    });
    const forget = world.registry.onChange((changes) => told.push(changes.length));
    const apps = [body('/a'), body('/b')];
    await world.acceptLater(() => world.changes.replaceApps(apps, { partialUpdate: false }));
    forget();
    await world.post(body('/c'));
    expect(told).toEqual([2]);
  });

  it('shows staged changes to the next request and to nobody else', async () => {
    const world = new AppWorld();
    const changes = world.prepared(world.changes.createApp(body('/g/a', { ports: [0] })));
    world.registry.stage(changes);
    expect([world.registry.get('/g/a' as AppId), world.registry.size, [...world.registry.all()]]).toEqual([
      undefined,
      0,
      [],
    ]);
    const [second] = world.prepared(world.changes.createApp(body('/b')));
    expect(second?.after?.app.portDefinitions[0]?.port).toBe(10_001);
    expect((await refusal(() => world.prepared(world.changes.createApp(body('/g/a'))))).code).toBe(
      'app-exists',
    );
    expect((await refusal(() => world.prepared(world.changes.createApp(body('/g'))))).code).toBe(
      'invalid-object',
    );
    world.registry.apply(changes);
    expect(world.registry.size).toBe(1);
  });

  it('writes the same for a change whether it is staged or not', async () => {
    const world = new AppWorld();
    await world.post(body('/a'));
    const change = world.prepared(
      await world.changes.updateApp(
        '/a' as AppId,
        { instances: 2 },
        { partialUpdate: true, mayCreate: false },
      ),
    );
    const before = world.registry.writesFor(change);
    world.registry.stage(change);
    expect(world.registry.writesFor(change)).toEqual(before);
    world.registry.unstage(change);
    const gone = world.prepared(world.changes.deleteApp('/a' as AppId));
    const writes = world.registry.writesFor(gone);
    world.registry.stage(gone);
    expect(world.registry.writesFor(gone)).toEqual(writes);
    expect(writes.map(({ op }) => op)).toEqual(['delete', 'delete']);
  });

  it('is as if nothing had been when staged changes are taken back, whatever they were', async () => {
    const ids = ['/a', '/g/a', '/g/b', '/g/h/c'] as const;
    const step = fc.record({
      id: fc.constantFrom(...ids),
      act: fc.constantFrom('put', 'delete', 'restart'),
      ports: fc.uniqueArray(fc.constantFrom(0, 10_000, 10_001, 10_002), { maxLength: 3 }),
    });
    const prepare = (
      world: AppWorld,
      { id, act, ports }: { id: string; act: string; ports: readonly number[] },
    ): readonly AppChange[] => {
      const exists = world.registry.prospect.get(id as AppId) !== undefined;
      if (act === 'delete' && exists) return world.prepared(world.changes.deleteApp(id as AppId));
      if (act === 'restart' && exists) return world.prepared(world.changes.restartApp(id as AppId));
      return exists ? [] : world.prepared(world.changes.createApp(body(id, { ports })));
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        fc.array(step, { maxLength: 6 }),
        async (kept, takenBack) => {
          const world = new AppWorld({ routeConflicts: 'warn' });
          for (const one of kept) {
            const changes = prepare(world, one);
            world.registry.stage(changes);
            world.registry.apply(changes);
          }
          const before = await observable(world);
          const staged = takenBack.map((one) => {
            const changes = prepare(world, one);
            world.registry.stage(changes);
            return changes;
          });
          for (const changes of staged.reverse()) world.registry.unstage(changes);
          expect(await observable(world)).toEqual(before);
        },
      ),
      { numRuns: 200 },
    );
  });
});
