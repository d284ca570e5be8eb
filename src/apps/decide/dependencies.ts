/** The dependency graph: nodes are the paths of apps and of groups. */
export interface DependencyGraph {
  /** What an app depends on: paths of apps or groups, existing or not. Empty for anything else. */
  dependenciesOf(path: string): Iterable<string>;
  /** What lies directly in a group: depending on a group means depending on everything in it. */
  childrenOf(path: string): Iterable<string>;
}

/**
 * A cycle through one of `starts`, as the paths of its apps and groups in order, the first repeated at the end;
 * undefined when there is none. Only what the starts can reach is looked at: when their dependencies are the only ones
 * that changed, any new cycle passes through one of them.
 */
export function findDependencyCycle(
  starts: Iterable<string>,
  graph: DependencyGraph,
): readonly string[] | undefined {
  const done = new Set<string>();
  for (const start of starts) {
    const cycle = cycleFrom(start, graph, done);
    if (cycle) return cycle;
  }
  return undefined;
}

/** Depth first without recursion: chains of thousands of apps must not exhaust the stack. */
function cycleFrom(start: string, graph: DependencyGraph, done: Set<string>): readonly string[] | undefined {
  if (done.has(start)) return undefined;
  const path: string[] = [start];
  const onPath = new Set(path);
  const iterators = [successors(start, graph)];
  for (let current = iterators.at(-1); current; current = iterators.at(-1)) {
    const next = current.next();
    if (next.done) {
      iterators.pop();
      const left = path.pop();
      if (left !== undefined) {
        onPath.delete(left);
        done.add(left);
      }
    } else if (onPath.has(next.value)) {
      return [...path.slice(path.indexOf(next.value)), next.value];
    } else if (!done.has(next.value)) {
      path.push(next.value);
      onPath.add(next.value);
      iterators.push(successors(next.value, graph));
    }
  }
  return undefined;
}

function* successors(path: string, graph: DependencyGraph): Generator<string, void> {
  yield* graph.dependenciesOf(path);
  yield* graph.childrenOf(path);
}
