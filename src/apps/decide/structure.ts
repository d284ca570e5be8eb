import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { AppId, AppRecord } from '../app.js';
import type { AppsView } from '../apps-view.js';
import { ancestorPaths, parentPath } from '../path.js';
import { sameJson } from './canonical-json.js';
import { findDependencyCycle } from './dependencies.js';

/** A record that a request makes, and where in its body it came from (`''`, or `/(2)` in a bulk request). */
export interface PlacedRecord {
  readonly at: string;
  readonly before: AppRecord | undefined;
  readonly after: AppRecord;
}

const MAX_CYCLE_SHOWN = 12;

/**
 * Rules about apps together: no app has the path of a group, and nothing depends on itself. Only what the request
 * changes is looked at. Throws CatalogError `invalid-object`.
 */
export function checkStructure(records: readonly PlacedRecord[], view: AppsView): void {
  const problems = [...groupClashes(records, view), ...cycles(records, view)];
  if (problems.length > 0) throw new CatalogError('invalid-object', {}, problems);
}

function* groupClashes(records: readonly PlacedRecord[], view: AppsView): Iterable<ErrorDetail> {
  const created = records.filter(({ before }) => !before);
  const createdApps = new Set(created.map(({ after }) => after.app.id));
  const createdGroups = new Set(created.flatMap(({ after }) => [...ancestorPaths(after.app.id)]));
  for (const { at, after } of created) {
    const { id } = after.app;
    const app = [...ancestorPaths(id)].find(
      (path) => createdApps.has(path as AppId) || view.get(path as AppId),
    );
    if (app === undefined && !view.groups.has(id) && !createdGroups.has(id)) continue;
    yield {
      path: `${at}/id`,
      errors: ['Groups and Applications may not have the same identifier.'],
      code: 'group-clash',
      hint:
        app === undefined
          ? `Apps lie below ${id}, so it is a group.`
          : `${app} is an app, so nothing can lie below it.`,
    };
  }
}

function* cycles(records: readonly PlacedRecord[], view: AppsView): Iterable<ErrorDetail> {
  const changed = records.filter(
    ({ before, after }) =>
      after.app.dependencies.length > 0 && !sameJson(before?.app.dependencies, after.app.dependencies),
  );
  if (changed.length === 0) return;
  const afters = new Map(records.map(({ after }) => [after.app.id, after]));
  const created = createdChildren(records);
  const cycle = findDependencyCycle(
    changed.map(({ after }) => after.app.id),
    {
      dependenciesOf: (path) =>
        (afters.get(path as AppId) ?? view.get(path as AppId))?.app.dependencies ?? [],
      childrenOf: function* (path) {
        yield* view.groups.childrenOf(path);
        yield* created.get(path) ?? [];
      },
    },
  );
  if (!cycle) return;
  const guilty = changed.find(({ after }) => cycle.includes(after.app.id)) ?? changed[0];
  yield {
    path: `${guilty?.at ?? ''}/dependencies`,
    errors: ['Dependency graph has cyclic dependencies.'],
    code: 'cycle',
    hint: `${cycle.slice(0, MAX_CYCLE_SHOWN).join(' -> ')}${cycle.length > MAX_CYCLE_SHOWN ? ' -> ...' : ''}`,
  };
}

/** What the request adds to groups, by group: apps, and the groups they bring into being. */
function createdChildren(records: readonly PlacedRecord[]): ReadonlyMap<string, ReadonlySet<string>> {
  const children = new Map<string, Set<string>>();
  for (const { before, after } of records) {
    if (before) continue;
    for (const path of [after.app.id, ...ancestorPaths(after.app.id)]) {
      const parent = parentPath(path);
      const known = children.get(parent);
      if (known) known.add(path);
      else children.set(parent, new Set([path]));
    }
  }
  return children;
}
