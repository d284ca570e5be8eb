import type { AppId } from '../../src/apps/app.js';
import { AppChanges } from '../../src/apps/app-changes.js';
import type { AppAfter } from '../../src/apps/decide/prepare-changes.js';
import * as reading from '../../src/apps/decide/read-definition.js';
import { GroupBook } from '../../src/apps/group-book.js';
import { GroupChanges } from '../../src/apps/group-changes.js';
import { GroupIndex } from '../../src/apps/group-index.js';
import { pruning } from '../../src/apps/pruning.js';
import { RecentVersions } from '../../src/apps/recent-versions.js';
import { MAX_BURIED_RECORDS, Tombstones } from '../../src/apps/tombstones.js';
import type { StoreWrite } from '../../src/store/state-store.js';
import { type Timestamp, timestamp } from '../../src/util/timestamp.js';
import { AppWorld, contract } from './support/app-world.js';

jest.mock('../../src/apps/decide/read-definition.js', () => {
  const real: typeof reading = jest.requireActual('../../src/apps/decide/read-definition.js');
  return { ...real, readDefinition: jest.fn(real.readDefinition) };
});

const settings = { defaultRole: '*', restartOnAnyChange: false };

/** A world whose changes carry groups along, as the deployments make them; the writes of each are counted. */
class TreeWorld extends AppWorld {
  readonly appChanges = new AppChanges({ registry: this.registry, contract, settings });
  readonly groupChanges = new GroupChanges({ registry: this.registry, contract, settings });

  async commit(
    prepare: (
      version: Timestamp,
    ) => Pick<ReturnType<Awaited<ReturnType<GroupChanges['update']>>['prepare']>, 'apps' | 'groups'>,
  ): Promise<readonly StoreWrite[]> {
    const at = this.nextVersion();
    const { apps, groups } = prepare(at);
    const changes = apps
      .map(({ appId, after }) => ({ appId, after, before: this.registry.get(appId) }))
      .filter(({ before, after }) => before !== after);
    const tree = { at, groups: this.registry.completeGroups(changes, groups, at) };
    const writes = this.registry.writesFor(changes, tree);
    this.registry.stage(changes, tree);
    expect(this.registry.writesFor(changes, tree)).toEqual(writes);
    const pruning = this.registry.prune();
    const all = [...writes, ...(pruning?.writes ?? [])];
    await this.store.commit({ epoch: 1, writes: all });
    pruning?.done();
    this.registry.apply(changes, tree);
    return all;
  }

  one(prepare: (version: Timestamp) => readonly AppAfter[]): Promise<readonly StoreWrite[]> {
    return this.commit((version) => ({ apps: prepare(version), groups: [] }));
  }
}

const app = (id: string, more: object = {}): object => ({ id, cmd: 'x', portDefinitions: [], ...more });
const kinds = (writes: readonly StoreWrite[]): string[] =>
  writes.map(({ op, key }) => `${op} ${key.split('!')[0]}`);

describe('a change of one app among 10 000', () => {
  it('writes and validates as much as among none', async () => {
    const validated = jest.mocked(reading.readDefinition);
    const costs = async (world: TreeWorld): Promise<unknown[]> => {
      const cost: unknown[] = [];
      const measure = async (change: () => Promise<readonly StoreWrite[]>): Promise<void> => {
        validated.mockClear();
        const writes = await change();
        cost.push([kinds(writes), validated.mock.calls.length]);
      };
      const update = { partialUpdate: true, mayCreate: false };
      await measure(() => world.one(world.appChanges.createApp(app('/fresh/x'))));
      await measure(async () =>
        world.one(await world.appChanges.updateApp('/fresh/x' as AppId, { instances: 3 }, update)),
      );
      await measure(async () =>
        world.one(await world.appChanges.updateApp('/fresh/x' as AppId, { cmd: 'y' }, update)),
      );
      await measure(async () =>
        world.commit((await world.groupChanges.update('/fresh', { dependencies: ['/other'] })).prepare),
      );
      await measure(async () =>
        world.commit((await world.groupChanges.update('/fresh', { scaleBy: 2 })).prepare),
      );
      await measure(() => world.one(world.appChanges.deleteApp('/fresh/x' as AppId)));
      return cost;
    };
    const alone = await costs(new TreeWorld());
    expect(alone).toEqual([
      [['put app-version', 'put app', 'put group'], 1],
      [['put app-version', 'put app'], 1],
      [['put app-version', 'put app'], 1],
      [['put group'], 0],
      [['put app-version', 'put app'], 0],
      [['put app-tombstone', 'delete app'], 0],
    ]);
    const crowd = new TreeWorld();
    for (let group = 0; group < 100; group++) {
      const apps = Array.from({ length: 100 }, (_, n) => app(`a${n}`));
      await crowd.commit((await crowd.groupChanges.create(`/g${group}`, { apps })).prepare);
    }
    expect(crowd.registry.size).toBe(10_000);
    expect(await costs(crowd)).toEqual(alone);
  }, 60_000);
});

it('an app that is stored but cannot be read keeps no group from being changed, and is not taken for deleted', async () => {
  const world = new TreeWorld();
  await world.commit((await world.groupChanges.create('/g', { apps: [app('good'), app('bad')] })).prepare);
  for (const key of [...world.store.records.keys()])
    if (key.includes('/bad')) world.store.records.set(key, '7');
  const again = new TreeWorld({ store: world.store });
  await again.registry.load();
  const writes = await again.commit((await again.groupChanges.update('/g', { scaleBy: 3 })).prepare);
  expect(kinds(writes)).toEqual(['put app-version', 'put app']);
  await again.commit((await again.groupChanges.update('/g', { apps: [app('good')] })).prepare);
  expect(again.store.records.get('app!/g/bad')).toBe('7');
  expect(again.registry.isSetAside('/g/bad' as AppId)).toBe(true);
});

it('staged changes of groups that are taken back leave nothing behind', async () => {
  const world = new TreeWorld();
  await world.commit(
    (await world.groupChanges.create('/g', { apps: [app('x')], dependencies: ['/d'] })).prepare,
  );
  const before = [...world.registry.prospect.groups.groupsFrom('/')].map((id) =>
    world.registry.prospect.groups.record(id),
  );
  const staged = [];
  for (const { prepare } of [
    await world.groupChanges.update('/g', { dependencies: [] }),
    await world.groupChanges.update('/new/in', { apps: [app('y')] }),
    world.groupChanges.remove('/g'),
  ]) {
    const at = world.nextVersion();
    const { apps, groups } = prepare(at);
    const changes = apps.map((each) => ({ ...each, before: world.registry.prospect.get(each.appId) }));
    const tree = { at, groups: world.registry.completeGroups(changes, groups, at) };
    world.registry.stage(changes, tree);
    staged.push({ changes, tree });
  }
  expect([...world.registry.prospect.groups.groupsFrom('/')]).toEqual(['/', '/new', '/new/in']);
  expect(world.registry.groups.get('/g')?.dependencies).toEqual(['/d']);
  for (const { changes, tree } of staged.reverse()) world.registry.unstage(changes, tree);
  const after = [...world.registry.prospect.groups.groupsFrom('/')].map((id) =>
    world.registry.prospect.groups.record(id),
  );
  expect(after).toEqual(before);
});

it('of too many tombstones the oldest go, however much they are needed', () => {
  const tombstones = new Tombstones();
  const each = MAX_BURIED_RECORDS / 100;
  for (let n = 0; n < 103; n++) {
    const at = timestamp(n * 1_000);
    tombstones.add({ kind: 'app', path: `/a${n}`, from: at, until: at, weight: each });
  }
  expect(tombstones.tooMany().map(({ path }) => path)).toEqual(['/a0', '/a1', '/a2']);
  tombstones.remove('app', '/a1');
  expect(tombstones.tooMany().map(({ path }) => path)).toEqual(['/a0', '/a2']);
  const asked = new Set<string>();
  for (let round = 0; round < 13; round++) tombstones.unneeded(({ path }) => asked.add(path).size > 0);
  expect(asked.size).toBe(102);
});

it('giving up what a listed version needs cuts the past of the groups around it there, and of no others', () => {
  const at = (second: number): Timestamp => timestamp(second * 1_000);
  const durable = new GroupIndex();
  const recent = new RecentVersions((group) => durable.has(group));
  const tombstones = new Tombstones();
  const book = new GroupBook({ durable, prospect: new GroupIndex(), recent, tombstones });
  for (const id of ['/g', '/h']) {
    book.load(id, { moments: [{ at: at(1), record: { id, dependencies: [], version: at(1) } }] });
    recent.add(id, at(1));
    recent.addTo(id, at(1));
  }
  for (const [path, second] of [
    ['/g/a', 2],
    ['/h/b', 3],
  ] as const) {
    tombstones.add({
      kind: 'app',
      path,
      from: at(1),
      until: at(second),
      weight: (MAX_BURIED_RECORDS / 4) * 3,
    });
  }
  const forgotten: string[] = [];
  const parts = {
    tombstones,
    recent,
    book,
    versionsOf: () => [at(1)],
    forgetApp: (id: string) => void forgotten.push(id),
  };
  expect(pruning({ ...parts, isStaged: () => true })).toBeUndefined();
  const made = pruning({ ...parts, isStaged: () => false });
  expect(made?.writes.map(({ op, key }) => `${op} ${key}`)).toEqual([
    `delete app-version!/g/a!${at(1)}`,
    'delete app-tombstone!/g/a',
    'put group!/g',
    'put group!/',
  ]);
  made?.done();
  expect(forgotten).toEqual(['/g/a']);
  expect([book.pastOf('/g').knownFrom, book.pastOf('/').knownFrom, book.pastOf('/h').knownFrom]).toEqual([
    at(2),
    at(2),
    undefined,
  ]);
});
