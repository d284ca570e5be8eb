import fc from 'fast-check';
import type { AppId } from '../../src/apps/app.js';
import { AppChanges } from '../../src/apps/app-changes.js';
import { GroupChanges } from '../../src/apps/group-changes.js';
import { CatalogError } from '../../src/errors/registry.js';
import { contract } from '../apps/support/app-world.js';
import { World } from '../deployments/support/world.js';
import { type Act, act, bodyOf, naively, type Past } from './support/group-acts.js';
import { app } from './support/group-world.js';
import { NaiveTree } from './support/naive-tree.js';

async function really(world: World, past: Past, each: Act): Promise<string | undefined> {
  const settings = { defaultRole: '*', restartOnAnyChange: false };
  const parts = { registry: world.registry, contract, settings };
  const changes = new AppChanges(parts);
  const groups = new GroupChanges(parts);
  const options = { force: true };
  try {
    switch (each.kind) {
      case 'put-app': {
        const body = { ...app(each.id), instances: each.instances };
        const prepare = await changes.updateApp(each.id as AppId, body, {
          partialUpdate: true,
          mayCreate: true,
        });
        return (await world.service.change(prepare, options)).version;
      }
      case 'delete-app':
        return (await world.service.change(changes.deleteApp(each.id as AppId), options)).version;
      case 'delete-group':
        return (await world.service.changeTree(groups.remove(each.group).prepare, options)).version;
      default: {
        const version =
          each.kind === 'restore'
            ? (past[past.length - 1 - each.back]?.version ?? '1999-01-01T00:00:00Z')
            : '';
        const body =
          each.kind === 'restore'
            ? { version }
            : each.kind === 'scale'
              ? { scaleBy: each.by }
              : bodyOf(each.wanted);
        return (await world.service.changeTree((await groups.update(each.group, body)).prepare, options))
          .version;
      }
    }
  } catch (error) {
    if (error instanceof CatalogError && error.status < 500) return undefined;
    throw error;
  }
}

function shown(world: World, at: string): string[] {
  const { groups } = world.registry;
  const lines: string[] = groups.get(at) && at !== '/' ? [`${at}/`] : [];
  for (const appId of groups.appsOf(at)) lines.push(`${appId} x${world.registry.get(appId)?.app.instances}`);
  return [...lines, ...groups.groupsOf(at).flatMap((path) => shown(world, path))].sort();
}

/** Every listed version of every group is what the naive tree was then. */
async function expectPast(world: World, past: Past): Promise<void> {
  const now = past.at(-1)?.tree ?? new NaiveTree();
  for (const path of ['/', ...now.groups]) {
    const listed = world.registry.groups.versions(path) ?? [];
    const changed: string[] = [];
    let before = new NaiveTree();
    for (const { version, tree } of past) {
      if (path !== '/' && !tree.groups.has(path)) changed.length = 0;
      else if (tree.below(path).join() !== before.below(path).join()) changed.unshift(version);
      before = tree;
    }
    expect([path, listed]).toEqual([path, changed]);
    for (const version of listed) {
      const snapshot = await world.registry.groups.at(path, version);
      const lines = [
        ...[...(snapshot?.apps ?? [])].map(([appId, record]) => `${appId} x${record.app.instances}`),
        ...[...(snapshot?.groups.keys() ?? [])].filter((each) => each !== '/').map((each) => `${each}/`),
      ];
      const then = past.find((each) => each.version === version)?.tree;
      expect([version, lines.sort()]).toEqual([version, then?.below(path)]);
    }
  }
}

it('whatever is asked, apps and groups are what a naive tree makes of it, now and at every listed version, also after a crash', async () => {
  const refused = { yes: 0, no: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), fc.nat(24), async (acts, crashAt) => {
      let world = await World.start();
      let tree = new NaiveTree();
      const past: Past = [];
      for (const [index, each] of acts.entries()) {
        const after = naively(tree, past, each);
        const version = await really(world, past, each);
        expect([index, each, version === undefined]).toEqual([index, each, after === undefined]);
        refused[after ? 'no' : 'yes']++;
        if (after && version && after.below('/').join() !== tree.below('/').join()) {
          tree = after;
          past.push({ version, tree });
        }
        expect([index, each, shown(world, '/')]).toEqual([index, each, tree.below('/')]);
        if (index === crashAt) world = await world.crash();
      }
      await expectPast(world, past);
      const again = await world.crash();
      expect(shown(again, '/')).toEqual(tree.below('/'));
      await expectPast(again, past);
      await again.service.stop();
    }),
    { numRuns: 100 },
  );
  expect(refused.no).toBeGreaterThan(refused.yes / 2);
}, 60_000);
