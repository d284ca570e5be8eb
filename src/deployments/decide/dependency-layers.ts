import type { AppId } from '../../apps/app.js';

/** What the layers are made from: the wanted tree. */
export interface DependencyGraph {
  /** Ids (of apps or groups) that this app names; undefined when there is no such app. */
  dependenciesOf(appId: AppId): readonly string[] | undefined;
  /** Apps under a group's path. */
  appsUnder(group: string): Iterable<AppId>;
}

/**
 * Groups `apps` by the length of the longest dependency path that leaves each in the whole graph, shortest first
 * (Marathon reference 5.2): an app comes in a later layer than everything it depends on. Ids that name nothing make no
 * edge; a cycle, which validation refuses, is cut rather than followed. Order within a layer is that of `apps`.
 */
export function dependencyLayers(apps: readonly AppId[], graph: DependencyGraph): AppId[][] {
  const length = new Map<AppId, number>();
  for (const app of apps) measure(app, graph, length);
  const layers = new Map<number, AppId[]>();
  for (const app of apps) {
    const layer = length.get(app) ?? 0;
    const members = layers.get(layer);
    if (members) members.push(app);
    else layers.set(layer, [app]);
  }
  return [...layers].sort(([a], [b]) => a - b).map(([, members]) => members);
}

interface Visit {
  readonly app: AppId;
  readonly edges: readonly AppId[];
  next: number;
  longest: number;
}

/** Depth first without recursion: a chain of ten thousand apps must not break the stack. */
function measure(root: AppId, graph: DependencyGraph, length: Map<AppId, number>): void {
  if (length.has(root)) return;
  const open = new Set<AppId>([root]);
  const stack: Visit[] = [visit(root, graph)];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const target = top.edges[top.next];
    if (target === undefined) {
      length.set(top.app, top.longest);
      open.delete(top.app);
      stack.pop();
      continue;
    }
    const known = length.get(target);
    if (known !== undefined) {
      top.longest = Math.max(top.longest, known + 1);
      top.next += 1;
    } else if (open.has(target)) {
      top.next += 1;
    } else {
      open.add(target);
      stack.push(visit(target, graph));
    }
  }
}

function visit(app: AppId, graph: DependencyGraph): Visit {
  const edges = new Set<AppId>();
  for (const name of graph.dependenciesOf(app) ?? []) {
    const id = name as AppId;
    if (graph.dependenciesOf(id) !== undefined) edges.add(id);
    else for (const member of graph.appsUnder(name)) edges.add(member);
  }
  edges.delete(app);
  return { app, edges: [...edges], next: 0, longest: 0 };
}
