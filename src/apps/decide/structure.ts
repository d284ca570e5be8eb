import { CatalogError, type ErrorDetail } from '../../errors/registry.js';
import type { Steps } from '../../util/steps.js';
import type { AppId, AppRecord } from '../app.js';
import type { AppsView } from '../apps-view.js';
import type { GroupAfter } from '../group.js';
import { ancestorPaths, parentPath } from '../path.js';
import { sameJson } from './canonical-json.js';
import { findDependencyCycle } from './dependencies.js';

/** A record that a request makes, and where in its body it came from (`''`, or `/(2)` in a bulk request). */
export interface PlacedRecord {
  readonly at: string;
  readonly before: AppRecord | undefined;
  readonly after: AppRecord;
}

/** What a request wants of a group, and where in its body that stands. */
export interface PlacedGroup extends GroupAfter {
  readonly at: string;
}

/** All that a request changes. */
export interface StructureChange {
  readonly records: readonly PlacedRecord[];
  readonly removed: ReadonlySet<AppId>;
  readonly groups: readonly PlacedGroup[];
  /** Groups that the request names as they are: no app takes their place, however empty they are. */
  readonly kept?: ReadonlySet<string>;
}

const MAX_CYCLE_SHOWN = 12;
/** Marks the node through which an app has the dependencies of the groups around it; no path begins with it. */
const THROUGH = '^';

/**
 * Rules about apps and groups together: no app has the path of a group that holds anything, and nothing depends on
 * itself. Only what the request changes is looked at. Throws CatalogError `invalid-object`.
 */
export function* checkStructure(change: StructureChange, view: AppsView): Steps<void> {
  const tree = new TreeAfter(change, view);
  yield;
  const problems: ErrorDetail[] = [];
  yield* inSteps(clashes(change, tree), problems);
  yield* inSteps(cycles(change, tree), problems);
  if (problems.length > 0) throw new CatalogError('invalid-object', {}, problems);
}

/** Every finding, and a step for each place that was found to be in order. */
function* inSteps(findings: Iterable<ErrorDetail | undefined>, problems: ErrorDetail[]): Steps<void> {
  for (const found of findings) {
    if (found) problems.push(found);
    else yield;
  }
}

/** The tree as it will be after the change. */
class TreeAfter {
  readonly #records: ReadonlyMap<AppId, AppRecord>;
  readonly #groups: ReadonlyMap<string, PlacedGroup>;
  /** What the request adds, by group: apps, and the groups they bring into being. */
  readonly #added = new Map<string, Set<string>>();

  constructor(
    private readonly change: StructureChange,
    private readonly view: AppsView,
  ) {
    this.#records = new Map(change.records.map(({ after }) => [after.app.id, after]));
    this.#groups = new Map(change.groups.map((group) => [group.groupId, group]));
    for (const { before, after } of change.records) if (!before) this.#add(after.app.id);
    for (const { groupId, after } of change.groups) if (after && groupId !== '/') this.#add(groupId);
  }

  #add(id: string): void {
    for (const path of [id, ...ancestorPaths(id)]) {
      const parent = parentPath(path);
      const known = this.#added.get(parent);
      if (known) known.add(path);
      else this.#added.set(parent, new Set([path]));
    }
  }

  app(path: string): AppRecord | undefined {
    const id = path as AppId;
    if (this.change.removed.has(id)) return undefined;
    return this.#records.get(id) ?? this.view.get(id);
  }

  /** What the group itself names. */
  groupDependencies(path: string): readonly string[] {
    const placed = this.#groups.get(path);
    return (placed ? placed.after : this.view.groups.record(path))?.dependencies ?? [];
  }

  /** Whether the request wants the group, or anything lies in it: an empty one gives way to an app of its path. */
  isTakenByGroup(path: string): boolean {
    if (this.#groups.get(path)?.after || this.#added.has(path) || this.change.kept?.has(path)) return true;
    for (const child of this.view.groups.childrenOf(path)) {
      if (this.view.groups.has(child) ? this.#isKept(child) : this.app(child)) return true;
    }
    return false;
  }

  #isKept(group: string): boolean {
    const placed = this.#groups.get(group);
    return placed ? placed.after !== undefined : true;
  }

  *childrenOf(path: string): Iterable<string> {
    yield* this.view.groups.childrenOf(path);
    yield* this.#added.get(path) ?? [];
  }

  /** Whether an app of that id, or any group around it, names dependencies. */
  hasDependencies(id: string): boolean {
    if ((this.app(id)?.app.dependencies.length ?? 0) > 0) return true;
    return [...ancestorPaths(id), '/'].some((path) => this.groupDependencies(path).length > 0);
  }
}

function* clashes({ records, groups }: StructureChange, tree: TreeAfter): Iterable<ErrorDetail | undefined> {
  const text = 'Groups and Applications may not have the same identifier.';
  for (const { at, before, after } of records) {
    if (before) continue;
    const { id } = after.app;
    const app = [...ancestorPaths(id)].find((path) => tree.app(path));
    if (app === undefined && !tree.isTakenByGroup(id)) {
      yield undefined;
      continue;
    }
    const hint =
      app === undefined
        ? `${id} is a group that is in use.`
        : `${app} is an app, so nothing can lie below it.`;
    yield { path: `${at}/id`, errors: [text], code: 'group-clash', hint };
  }
  for (const { at, groupId, after } of groups) {
    if (!after) continue;
    const app = [groupId, ...ancestorPaths(groupId)].find((path) => tree.app(path));
    if (app === undefined || records.some((record) => record.after.app.id === app && !record.before))
      continue;
    const hint = `${app} is an app, so ${app === groupId ? 'it can be no group' : 'nothing can lie below it'}.`;
    yield { path: `${at}/id`, errors: [text], code: 'group-clash', hint };
  }
}

function* cycles({ records, groups }: StructureChange, tree: TreeAfter): Iterable<ErrorDetail | undefined> {
  const starts = [
    ...records.flatMap(({ at, before, after: { app } }) => {
      const isNew = before
        ? app.dependencies.length > 0 && !sameJson(before.app.dependencies, app.dependencies)
        : tree.hasDependencies(app.id);
      return isNew ? [{ at, node: app.id as string }] : [];
    }),
    ...groups.flatMap(({ at, groupId, after }) =>
      after?.dependencies.length ? [{ at, node: THROUGH + groupId }] : [],
    ),
  ];
  yield undefined;
  if (starts.length === 0) return;
  const cycle = findDependencyCycle(
    starts.map(({ node }) => node),
    {
      dependenciesOf: function* (node) {
        if (node.startsWith(THROUGH)) {
          const group = node.slice(THROUGH.length);
          yield* tree.groupDependencies(group);
          if (group !== '/') yield THROUGH + parentPath(group);
          return;
        }
        const app = tree.app(node);
        if (!app) return;
        yield* app.app.dependencies;
        yield THROUGH + parentPath(node);
      },
      childrenOf: (node) => (node.startsWith(THROUGH) ? [] : tree.childrenOf(node)),
    },
  );
  if (!cycle) return;
  const guilty = starts.find(({ node }) => cycle.includes(node)) ?? starts[0];
  yield {
    path: `${guilty?.at ?? ''}/dependencies`,
    errors: ['Dependency graph has cyclic dependencies.'],
    code: 'cycle',
    hint: shown(cycle),
  };
}

/** The paths of a cycle in order; a group that hands its dependencies down to an app is told as such. */
function shown(cycle: readonly string[]): string {
  const closed = cycle.slice(0, -1);
  const first = closed.findIndex((node) => !node.startsWith(THROUGH));
  const turned = first > 0 ? [...closed.slice(first), ...closed.slice(0, first)] : closed;
  const names = [...turned, turned[0] ?? ''].map((node) =>
    node.startsWith(THROUGH) ? `(in ${node.slice(THROUGH.length)})` : node,
  );
  return names.length > MAX_CYCLE_SHOWN
    ? `${names.slice(0, MAX_CYCLE_SHOWN).join(' -> ')} -> ...`
    : names.join(' -> ');
}
