import { isFilled, type JsonObject } from './json-value.js';
import { type Judge, judgeApp, type Reason, reasonsAgainstPod, type Verdict } from './judge-app.js';
import { liesIn, type SourceGroup, type SourceTree } from './read-tree.js';
import { type Note, type TranslatedApp, translateApp } from './translate-app.js';

export interface PlannedApp extends TranslatedApp {
  readonly verdict: Verdict;
}

/** A group that has to be told something of its own; apps bring their groups with them. */
export interface PlannedGroup {
  readonly id: string;
  readonly dependencies: readonly string[];
  readonly verdict: 'new' | 'conflict';
}

export interface PlannedPod {
  readonly id: string;
  readonly definition: JsonObject;
  readonly reasons: readonly Reason[];
}

export interface ImportPlan {
  /** Dependencies before those that depend on them. */
  readonly apps: readonly PlannedApp[];
  readonly groups: readonly PlannedGroup[];
  readonly pods: readonly PlannedPod[];
  /** Ids of top-level groups whose apps the source holds to a role. */
  readonly enforcingRole: readonly string[];
}

export interface ImportWish {
  readonly source: SourceTree;
  readonly pods: readonly JsonObject[];
  readonly destination: SourceTree;
  readonly judge: Judge;
  /** Import with no instances: start nothing. */
  readonly stopped: boolean;
}

/** Decides what to do with each app, group and pod of a source. Nothing of the destination is ever removed. */
export function planImport({ source, pods, destination, judge, stopped }: ImportWish): ImportPlan {
  const present = new Map(destination.apps.map((app) => [String(app['id']), app]));
  const portOwners = ownersOf(destination.apps);
  const apps = source.apps.map(translateApp).map((app): PlannedApp => {
    const definition = stopped ? { ...app.definition, instances: 0 } : app.definition;
    const verdict = judgeApp(definition, present.get(app.id), judge);
    return {
      ...app,
      definition,
      verdict,
      notes: [...app.notes, ...portNotes(definition, app.id, portOwners)],
    };
  });
  const aside = new Set(apps.filter(({ verdict }) => verdict.kind === 'aside').map(({ id }) => id));
  const podIds = pods.map((pod) => String(pod['id']));
  return {
    apps: dependenciesFirst(apps.map((app) => withDependencyNotes(app, new Set([...aside, ...podIds])))),
    groups: source.groups.flatMap((group) => planGroup(group, source, destination, judge.replace)),
    pods: pods.map((definition) => ({
      id: String(definition['id']),
      definition,
      reasons: reasonsAgainstPod(definition, judge),
    })),
    enforcingRole: source.groups
      .filter(({ id, enforceRole }) => enforceRole && mayEnforce(id, destination, judge.replace))
      .map(({ id }) => id),
  };
}

/** A group that is here already keeps its own word, unless it may be replaced. */
function mayEnforce(id: string, destination: SourceTree, replace: boolean): boolean {
  const there = destination.groups.find((group) => group.id === id);
  return there === undefined || (replace && !there.enforceRole);
}

function planGroup(
  { id, dependencies }: SourceGroup,
  source: SourceTree,
  destination: SourceTree,
  replace: boolean,
): readonly PlannedGroup[] {
  const there = destination.groups.find((group) => group.id === id);
  const isEmpty =
    !source.apps.some((app) => liesIn(app['id'], id)) &&
    !source.groups.some((group) => group.id !== id && liesIn(group.id, id));
  if (!there) return dependencies.length > 0 || isEmpty ? [{ id, dependencies, verdict: 'new' }] : [];
  const isSame = [...dependencies].sort().join() === [...there.dependencies].sort().join();
  if (isSame || dependencies.length === 0) return [];
  const verdict = there.dependencies.length > 0 && !replace ? 'conflict' : 'new';
  return [{ id, dependencies, verdict }];
}

function withDependencyNotes(app: PlannedApp, missing: ReadonlySet<string>): PlannedApp {
  const notes = dependenciesOf(app)
    .filter((id) => missing.has(id))
    .map(
      (id): Note => ({
        what: 'dependencies',
        honour: 'partly',
        why: `${id} is kept aside, so nothing waits for it`,
        todo: `See that ${id} runs elsewhere before this app starts.`,
      }),
    );
  return notes.length > 0 ? { ...app, notes: [...app.notes, ...notes] } : app;
}

function dependenciesOf({ definition }: TranslatedApp): readonly string[] {
  const { dependencies } = definition;
  return isFilled(dependencies) ? dependencies.filter((id) => typeof id === 'string') : [];
}

/** Stable; what forms a circle stays in its order. */
function dependenciesFirst(apps: readonly PlannedApp[]): readonly PlannedApp[] {
  const byId = new Map(apps.map((app) => [app.id, app]));
  const done = new Set<PlannedApp>();
  const begun = new Set<PlannedApp>();
  for (const root of apps) {
    const open = [root];
    for (let app = open.at(-1); app; app = open.at(-1)) {
      const next = begun.has(app)
        ? []
        : dependenciesOf(app)
            .flatMap((id) => byId.get(id) ?? [])
            .filter((each) => !begun.has(each));
      begun.add(app);
      if (next.length > 0) open.push(...next);
      else {
        open.pop();
        done.add(app);
      }
    }
  }
  return [...done];
}

function ownersOf(apps: readonly JsonObject[]): ReadonlyMap<number, string> {
  return new Map(apps.flatMap((app) => portsOf(app).map((port) => [port, String(app['id'])] as const)));
}

/** Service ports named by a definition of any form. */
export function portsOf(definition: JsonObject): readonly number[] {
  const members = (value: unknown): readonly JsonObject[] =>
    isFilled(value) ? (value as readonly JsonObject[]) : [];
  const container = definition['container'] as JsonObject | undefined;
  const docker = container?.['docker'] as JsonObject | undefined;
  const named = [
    ...members(definition['portDefinitions']).map(({ port }) => port),
    ...members(container?.['portMappings']).map(({ servicePort }) => servicePort),
    ...members(docker?.['portMappings']).map(({ servicePort }) => servicePort),
    ...(isFilled(definition['ports']) ? definition['ports'] : []),
  ];
  return named.filter((port): port is number => typeof port === 'number' && port > 0);
}

function portNotes(definition: JsonObject, id: string, owners: ReadonlyMap<number, string>): readonly Note[] {
  return portsOf(definition).flatMap((port): Note[] => {
    const owner = owners.get(port);
    if (owner === undefined || owner === id) return [];
    return [
      {
        what: `service port ${port}`,
        honour: 'partly',
        why: `${owner} has it already: only one of the two is served there`,
        todo: 'Give one of them another port, or HAPROXY_{n}_PORT.',
      },
    ];
  });
}
