import type { AppRecord } from '../apps/app.js';
import type { Offer, Resource } from '../embedded-mesos/protocol/v1.js';
import { fitInstances, MAX_TRIED, smallestChange } from '../scheduler/decide/fit.js';
import { OfferPool, rangesOf } from '../scheduler/decide/offer-pool.js';
import { type Instance, isActive } from '../scheduler/instance.js';
import type { ApiContext } from './api-context.js';
import type { ToPlace } from './decide/announced-change.js';

/** Most agents that one question looks at. */
export const MAX_AGENTS_ASKED = 2_000;
/** Agents that one answer names. */
const MAX_AGENTS_NAMED = 10;
/** Offers that are read in one turn of the event loop. */
const SLICE = 100;

/** Whether the instances of one app would find a place right now, and if not what is missing. */
export interface Placement {
  readonly id: string;
  /** Instances that have to find a place first. */
  readonly instances: number;
  /** Of those, the ones that would; absent when nobody here knows what is free. */
  readonly fitting?: number;
  readonly fits: boolean | 'unknown';
  /** Old instances that are stopped first, and whose room is counted as free. */
  readonly stoppedFirst?: number;
  /** Agents that take no more, those closest to it first. */
  readonly agents?: readonly {
    readonly hostname: string;
    readonly reasons: readonly string[];
    readonly explanation: readonly string[];
    readonly missing: object;
    readonly offered: object;
  }[];
  readonly smallestChange?: {
    /** As many instances as fit. */
    readonly instances: number;
    /** What each instance might ask for so that one more fits there. */
    readonly lowerTo?: object;
    readonly hostname?: string;
  };
}

type Context = Pick<ApiContext, 'freeOffers' | 'scheduler' | 'clock'>;

/** Judges apps in their order, each by what those before it leave. What is judged has no effect on anything. */
export async function judgePlacement(
  context: Context,
  apps: readonly ToPlace[],
): Promise<readonly Placement[]> {
  const placements: Placement[] = [];
  const pools = new Map<string, readonly OfferPool[]>();
  const starting = apps.filter(({ after, instances }) => after !== undefined && instances > 0);
  const room = roomOfStopped(context, starting);
  for (const { appId, after, instances, stoppedFirst } of starting) {
    if (!after) continue;
    const stopped = stoppedFirst === 0 ? {} : { stoppedFirst };
    if (!context.freeOffers) {
      placements.push({ id: appId, instances, fits: 'unknown', ...stopped });
      continue;
    }
    const { role } = after.app;
    const free = pools.get(role) ?? (await readPools(context.freeOffers(role), room));
    pools.set(role, free);
    placements.push({ ...judge(context, after, instances, free), ...stopped });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return placements;
}

function judge(
  context: Context,
  record: AppRecord,
  instances: number,
  pools: readonly OfferPool[],
): Placement {
  const { id } = record.app;
  const tried = Math.min(instances, MAX_TRIED);
  const fit = fitInstances(record, tried, pools, context.scheduler.instances.ofApp(id), {
    nowMs: context.clock.wallMs(),
    startAt: 0,
    resting: () => false,
  });
  if (fit.placed === tried)
    return { id, instances, fitting: tried, fits: tried === instances ? true : 'unknown' };
  const agents = fit.refusals.slice(0, MAX_AGENTS_NAMED).map((refusal) => ({
    hostname: refusal.hostname,
    reasons: refusal.reasons,
    explanation: refusal.explanation,
    missing: refusal.short,
    offered: refusal.offered,
  }));
  return {
    id,
    instances,
    fitting: fit.placed,
    fits: false,
    agents,
    smallestChange: { instances: fit.placed, ...smallestChange(fit) },
  };
}

async function readPools(
  offers: Iterable<Offer>,
  room: ReadonlyMap<string, readonly Resource[]>,
): Promise<readonly OfferPool[]> {
  const pools: OfferPool[] = [];
  for (const offer of offers) {
    const more = room.get(offer.agent_id.value);
    pools.push(new OfferPool(more ? { ...offer, resources: [...offer.resources, ...more] } : offer));
    if (pools.length === MAX_AGENTS_ASKED) break;
    if (pools.length % SLICE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return pools;
}

/** What the instances that are stopped first leave behind, by agent. */
function roomOfStopped(context: Context, apps: readonly ToPlace[]): ReadonlyMap<string, readonly Resource[]> {
  const room = new Map<string, Resource[]>();
  for (const { appId, before, stoppedFirst } of apps) {
    if (!before || stoppedFirst === 0) continue;
    const old = context.scheduler.instances
      .ofApp(appId)
      .filter((instance) => isActive(instance.condition) && instance.task !== undefined);
    for (const instance of old.slice(0, stoppedFirst)) {
      const agentId = instance.task?.agentId ?? '';
      room.set(agentId, [...(room.get(agentId) ?? []), ...resourcesOf(before, instance)]);
    }
  }
  return room;
}

function resourcesOf({ app }: AppRecord, { task }: Instance): readonly Resource[] {
  const scalars = (['cpus', 'mem', 'disk', 'gpus'] as const)
    .filter((name) => app[name] > 0)
    .map((name): Resource => ({ name, type: 'SCALAR', scalar: { value: app[name] } }));
  const ports = task?.hostPorts ?? [];
  return ports.length === 0
    ? scalars
    : [...scalars, { name: 'ports', type: 'RANGES', ranges: { range: rangesOf(ports) } }];
}
