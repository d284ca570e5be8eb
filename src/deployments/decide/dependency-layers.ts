import type { AppId } from '../../apps/app.js';
import { parentPath } from '../../apps/path.js';
import { finish, type Steps } from '../../util/steps.js';

/** What the layers are made from: the wanted tree. */
export interface DependencyGraph {
  /** Ids (of apps or groups) that this app names; undefined when there is no such app. */
  dependenciesOf(appId: AppId): readonly string[] | undefined;
  /** Apps under a group's path. */
  appsUnder(group: string): Iterable<AppId>;
  /** Ids that a group names itself: every app under it depends on them. */
  groupDependenciesOf?(group: string): readonly string[];
}

/** Marks the node through which an app has the dependencies of the groups around it; no path begins with it. */
const THROUGH = '^';

/**
 * Groups `apps` by the length of the longest dependency path that leaves each in the whole graph, shortest first
 * (Marathon reference 5.2): an app comes in a later layer than everything it depends on, by itself or through a group
 * around it. Ids that name nothing make no edge; a cycle, which validation refuses, is cut rather than followed. Order
 * within a layer is that of `apps`.
 */
export function dependencyLayers(apps: readonly AppId[], graph: DependencyGraph): AppId[][] {
  return finish(layersInSteps(apps, graph));
}

/** As `dependencyLayers`, a step per app. */
export function* layersInSteps(apps: readonly AppId[], graph: DependencyGraph): Steps<AppId[][]> {
  const length = new Map<string, number>();
  for (const app of apps) {
    measure(app, graph, length);
    yield;
  }
  const layers = new Map<number, AppId[]>();
  for (const app of apps) {
    const layer = length.get(app) ?? 0;
    const members = layers.get(layer);
    if (members) members.push(app);
    else layers.set(layer, [app]);
  }
  return [...layers].sort(([a], [b]) => a - b).map(([, members]) => members);
}

interface Edge {
  readonly to: string;
  /** 1 where an app depends on something; 0 where a group only passes it on. */
  readonly steps: 0 | 1;
}

interface Visit {
  readonly node: string;
  readonly edges: readonly Edge[];
  next: number;
  longest: number;
}

/**
 * Depth first without recursion: a chain of ten thousand apps must not break the stack. Groups are nodes of their own,
 * so that a group that depends on a group costs the sum of their apps, not the product.
 */
function measure(root: string, graph: DependencyGraph, length: Map<string, number>): void {
  if (length.has(root)) return;
  const open = new Set<string>([root]);
  const stack: Visit[] = [visit(root, graph)];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const edge = top.edges[top.next];
    if (edge === undefined) {
      length.set(top.node, top.longest);
      open.delete(top.node);
      stack.pop();
      continue;
    }
    const known = length.get(edge.to);
    if (known !== undefined) {
      top.longest = Math.max(top.longest, known + edge.steps);
      top.next += 1;
    } else if (open.has(edge.to)) {
      top.next += 1;
    } else {
      open.add(edge.to);
      stack.push(visit(edge.to, graph));
    }
  }
}

/** What holds no app counts as -1: depending on it is depending on nothing. */
function visit(node: string, graph: DependencyGraph): Visit {
  const depends = (to: string): Edge => ({ to, steps: 1 });
  const passesOn = (to: string): Edge => ({ to, steps: 0 });
  const around = (path: string): Edge[] => (path === '/' ? [] : [passesOn(THROUGH + parentPath(path))]);
  if (node.startsWith(THROUGH)) {
    const group = node.slice(THROUGH.length);
    const named = graph.groupDependenciesOf?.(group) ?? [];
    return { node, edges: [...named.map(depends), ...around(group)], next: 0, longest: -1 };
  }
  const own = graph.dependenciesOf(node as AppId);
  if (own) {
    const inherited = graph.groupDependenciesOf ? around(node) : [];
    return { node, edges: [...own.map(depends), ...inherited], next: 0, longest: 0 };
  }
  return { node, edges: [...graph.appsUnder(node)].map(passesOn), next: 0, longest: -1 };
}
