import fc from 'fast-check';
import { app } from './group-world.js';
import { join, type NaiveTree, type WantedGroup } from './naive-tree.js';

/** What somebody may ask of the tree. */
export type Act =
  | { readonly kind: 'put-app'; readonly id: string; readonly instances: number }
  | { readonly kind: 'delete-app'; readonly id: string }
  | { readonly kind: 'put-group'; readonly group: string; readonly wanted: WantedGroup }
  | { readonly kind: 'delete-group'; readonly group: string }
  | { readonly kind: 'restore'; readonly group: string; readonly back: number }
  | { readonly kind: 'scale'; readonly group: string; readonly by: number };

const name = fc.constantFrom('a', 'b', 'c');
const group = fc.array(name, { maxLength: 2 }).map((names) => `/${names.join('/')}`);
const id = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
const apps = fc.option(fc.dictionary(name, fc.integer({ min: 0, max: 3 }), { maxKeys: 2 }), {
  nil: undefined,
});
const wanted: fc.Arbitrary<WantedGroup> = fc.record({
  apps,
  groups: fc.option(fc.dictionary(name, fc.record({ apps }), { maxKeys: 2 }), { nil: undefined }),
});
/** Asks that often get in each other's way. */
export const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put-app' as const),
      id,
      instances: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete-app' as const), id }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put-group' as const), group, wanted }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-group' as const), group }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('restore' as const), group, back: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('scale' as const), group, by: fc.constantFrom(0, 1, 1.5) }),
  },
);

/** The moments of a history, oldest first. */
export type Past = { readonly version: string; readonly tree: NaiveTree }[];

export function bodyOf({ apps: wantedApps, groups }: WantedGroup): object {
  return {
    ...(wantedApps && {
      apps: Object.entries(wantedApps).map(([each, instances]) => app(each, { instances })),
    }),
    ...(groups && {
      groups: Object.entries(groups).map(([each, child]) => ({ id: each, ...bodyOf(child) })),
    }),
  };
}

/** The groups that a request itself wants. */
function wantedPaths(path: string, { groups }: WantedGroup): string[] {
  return [
    path,
    ...Object.entries(groups ?? {}).flatMap(([each, child]) => wantedPaths(join(path, each), child)),
  ];
}

/** What the naive tree makes of an act; undefined: it is refused. */
export function naively(tree: NaiveTree, past: Past, each: Act): NaiveTree | undefined {
  const after = tree.copy();
  switch (each.kind) {
    case 'put-app':
      return after.putApp(each.id, each.instances) && after.giveWay(new Set()) ? after : undefined;
    case 'delete-app':
      return after.deleteApp(each.id) ? after : undefined;
    case 'put-group':
      return after.putGroup(each.group, each.wanted) &&
        after.giveWay(new Set(wantedPaths(each.group, each.wanted)))
        ? after
        : undefined;
    case 'delete-group':
      return after.deleteGroup(each.group) ? after : undefined;
    case 'restore': {
      const then = past[past.length - 1 - each.back];
      return then && after.restore(each.group, then.tree) && after.giveWay(then.tree.groups)
        ? after
        : undefined;
    }
    case 'scale':
      return after.scale(each.group, each.by) ? after : undefined;
  }
}
