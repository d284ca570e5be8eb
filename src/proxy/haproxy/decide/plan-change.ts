import type { Layout, WantedBackend } from './layout.js';
import type { RouteMaps } from './route-maps.js';
import { assignSlots, FREE, freshSlots, grown, type Occupant, type Slot, slotCount } from './slots.js';

/** What one process of HAProxy has, as far as run-time commands can change it, and what it was made from. */
export interface Plan {
  readonly head: string;
  readonly ports: readonly { readonly key: string; readonly text: string }[];
  readonly backends: ReadonlyMap<string, PlannedBackend>;
  readonly routes: Pick<RouteMaps, 'paths' | 'lower' | 'wild' | 'apps'>;
  readonly challenges: ReadonlyMap<string, string>;
  readonly tls: Layout['tls'];
}

export interface PlannedBackend {
  readonly key: string;
  readonly shape: string;
  readonly serverOptions: string;
  readonly slots: readonly Slot[];
  /** Its slots are as this wants them: nothing is to be done while the layout has the very same. */
  readonly matched?: WantedBackend | undefined;
}

type MapName = 'paths' | 'lower' | 'apps' | 'challenges';
/** A command and what belongs to it must fit in a buffer of HAProxy (16 KiB). */
const MAX_TOLD_BYTES = 12_000;

/** A run-time command. */
export type Command =
  /** Nothing new goes to the slot; what is in flight goes on. */
  | { readonly do: 'maint'; readonly backend: string; readonly slot: number }
  /** One more slot that nobody has. */
  | { readonly do: 'grow'; readonly backend: string; readonly slot: number; readonly serverOptions: string }
  | {
      readonly do: 'take';
      readonly backend: string;
      readonly slot: number;
      readonly by: Occupant;
      /** It has this address already. */
      readonly known: boolean;
    }
  | { readonly do: 'add' | 'set'; readonly map: MapName; readonly key: string; readonly value: string }
  | { readonly do: 'del'; readonly map: MapName; readonly key: string }
  | { readonly do: 'replace-wild'; readonly entries: RouteMaps['wild'] }
  /** New connections are shown another certificate for the same hosts. */
  | { readonly do: 'certificate'; readonly file: string; readonly pem: string };

/** What is to be done so that a process serves a layout. */
export interface Change {
  readonly commands: readonly Command[];
  /** The plan of the process after the commands. */
  readonly plan: Plan;
  /** The plan of a configuration made anew, where commands do not suffice. */
  readonly reload: Plan | undefined;
}

/** A plan without anything: of a process that is not there yet. */
export const NO_PLAN: Plan = {
  head: '',
  ports: [],
  backends: new Map(),
  routes: { paths: new Map(), lower: new Map(), wild: [], apps: new Map() },
  challenges: new Map(),
  tls: { files: new Map(), lists: new Map() },
};

/**
 * What leaves gets nothing new from the first commands on, also where a reload follows. The commands bring a process as near to
 * the layout as commands can: a worker of an earlier configuration still answers clients that it has.
 *
 * @param mayGrow backends that are short of slots get more by commands; else by a reload
 */
export function planChange(plan: Plan, layout: Layout, mayGrow = true): Change {
  const commands: Command[] = [];
  const backends = new Map<string, PlannedBackend>();
  let lacking = false;
  for (const [name, backend] of plan.backends) {
    const wanted = layout.backends.get(name);
    if (wanted !== undefined && backend.matched === wanted) {
      backends.set(name, backend);
      continue;
    }
    const occupants = wanted?.occupants ?? [];
    let { slots } = backend;
    let assigned = assignSlots(slots, occupants);
    if (assigned.lacking > 0 && mayGrow && sameBackend(backend, wanted)) {
      slots = grown(slots, assigned.lacking);
      for (let slot = backend.slots.length; slot < slots.length; slot++)
        commands.push({ do: 'grow', backend: name, slot, serverOptions: backend.serverOptions });
      assigned = assignSlots(slots, occupants);
    }
    const { changes } = assigned;
    lacking ||= assigned.lacking > 0;
    backends.set(name, {
      ...backend,
      slots: changes.length === 0 ? slots : changed(slots, changes),
      matched: assigned.lacking === 0 ? wanted : undefined,
    });
    for (const { index, before, after } of changes) {
      if (after.state === 'taken')
        commands.push({
          do: 'take',
          backend: name,
          slot: index,
          by: after.by,
          known: before.state !== 'free',
        });
      else commands.push({ do: 'maint', backend: name, slot: index });
    }
  }
  commands.sort((a, b) => Number(b.do === 'maint') - Number(a.do === 'maint'));
  const routes = {
    paths: mapChange('paths', plan.routes.paths, layout.routes.paths, plan.backends, commands),
    lower: mapChange('lower', plan.routes.lower, layout.routes.lower, plan.backends, commands),
    apps: mapChange('apps', plan.routes.apps, layout.routes.apps, plan.backends, commands),
    wild: plan.routes.wild,
  };
  if (JSON.stringify(plan.routes.wild) !== JSON.stringify(layout.routes.wild)) {
    if (plan.routes.wild.length > 0) commands.push({ do: 'replace-wild', entries: layout.routes.wild });
    routes.wild = layout.routes.wild;
  }
  const challenges = mapChange('challenges', plan.challenges, layout.challenges, undefined, commands);
  const tls = { ...plan.tls, files: renewed(plan.tls.files, layout.tls.files, commands) };
  const after = { ...plan, backends, routes, challenges, tls };
  const reload = lacking || !sameStructure(after, layout);
  return { commands, plan: after, reload: reload ? freshPlan(after, layout) : undefined };
}

/** The plan of a process that takes no commands any more: who left the layout is leaving there, and nobody comes. */
export function outdated(plan: Plan, layout: Layout): Plan {
  const backends = new Map<string, PlannedBackend>();
  let looked = false;
  for (const [name, backend] of plan.backends) {
    const wanted = layout.backends.get(name);
    if (wanted !== undefined && backend.matched === wanted) {
      backends.set(name, backend);
      continue;
    }
    looked = true;
    const leaving = assignSlots(backend.slots, wanted?.occupants ?? []).changes.filter(
      ({ before }) => before.state !== 'free',
    );
    const slots = leaving.length === 0 ? backend.slots : changed(backend.slots, leaving);
    backends.set(name, { ...backend, slots, matched: wanted });
  }
  return looked ? { ...plan, backends } : plan;
}

/** The plan of a configuration made anew from a layout; who had a slot keeps its number. */
export function freshPlan(before: Plan, layout: Layout): Plan {
  const backends = new Map<string, PlannedBackend>();
  for (const [name, backend] of layout.backends) {
    const { key, shape, serverOptions, occupants, wanted } = backend;
    const known = before.backends.get(name);
    // As it is in the running process it can be in the next one: its text is known.
    if (known?.matched === backend && isFresh(known, backend)) {
      backends.set(name, known);
      continue;
    }
    const slots = freshSlots(known?.slots ?? [], occupants, wanted);
    backends.set(name, { key, shape, serverOptions, slots, matched: backend });
  }
  const { head, ports, routes, challenges, tls } = layout;
  return { head, ports, backends, routes, challenges, tls };
}

/** It was made of this very backend for a configuration, and nobody has left it. */
function isFresh({ key, shape, serverOptions, slots }: PlannedBackend, wanted: WantedBackend): boolean {
  return (
    key === wanted.key &&
    shape === wanted.shape &&
    serverOptions === wanted.serverOptions &&
    slots.length === slotCount(Math.max(wanted.occupants.length, wanted.wanted)) &&
    slots.every(({ state }) => state !== 'leaving')
  );
}

/** Nothing is in flight in this slot any more: others may have it. */
export function freed(plan: Plan, backend: string, slot: number): Plan {
  const planned = plan.backends.get(backend);
  if (planned?.slots[slot]?.state !== 'leaving') return plan;
  const slots = planned.slots.with(slot, FREE);
  return { ...plan, backends: new Map(plan.backends).set(backend, { ...planned, slots }) };
}

function changed(
  slots: readonly Slot[],
  changes: readonly { index: number; after: Slot }[],
): readonly Slot[] {
  const after = [...slots];
  for (const change of changes) after[change.index] = change.after;
  return after;
}

/** Certificates that can be told to a running process, as they are after that. */
function renewed(
  before: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  commands: Command[],
): ReadonlyMap<string, string> {
  const after = new Map(before);
  for (const [file, pem] of wanted) {
    const known = before.get(file);
    if (known === undefined || known === pem || !file.endsWith('.pem') || pem.length > MAX_TOLD_BYTES)
      continue;
    commands.push({ do: 'certificate', file, pem });
    after.set(file, pem);
  }
  return after;
}

function sameTexts(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, text]) => other.get(name) === text);
}

function sameStructure(plan: Plan, layout: Layout): boolean {
  if (!sameTexts(plan.tls.files, layout.tls.files) || !sameTexts(plan.tls.lists, layout.tls.lists))
    return false;
  if (plan.head !== layout.head || plan.ports.length !== layout.ports.length) return false;
  if (plan.ports.some(({ text }, index) => text !== layout.ports[index]?.text)) return false;
  if (plan.backends.size !== layout.backends.size) return false;
  for (const [name, wanted] of layout.backends)
    if (!sameBackend(plan.backends.get(name), wanted)) return false;
  return true;
}

function sameBackend(planned: PlannedBackend | undefined, wanted: WantedBackend | undefined): boolean {
  return (
    planned !== undefined && planned.shape === wanted?.shape && planned.serverOptions === wanted.serverOptions
  );
}

/** Entries that lead to backends which this process does not have wait for the reload. */
function mapChange(
  map: MapName,
  before: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  /** Values are backends, of which the process has these; undefined: they are plain text. */
  backends: Plan['backends'] | undefined,
  commands: Command[],
): ReadonlyMap<string, string> {
  if (before === wanted) return before;
  const after = new Map(before);
  for (const key of before.keys())
    if (!wanted.has(key)) {
      commands.push({ do: 'del', map, key });
      after.delete(key);
    }
  for (const [key, value] of wanted) {
    const known = before.get(key);
    if (known === value || (backends && !value.startsWith('?') && !backends.has(value))) continue;
    commands.push({ do: known === undefined ? 'add' : 'set', map, key, value });
    after.set(key, value);
  }
  return after;
}
