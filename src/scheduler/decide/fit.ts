import type { AppRecord } from '../../apps/app.js';
import type { Instance } from '../instance.js';
import type { RefusalReason } from '../scheduler.js';
import { type AgentFacts, fieldValue } from './agent-facts.js';
import { countedFields, PlacedCounts } from './constraint-counters.js';
import { ABSENT, type PlacedView } from './constraints.js';
import { acceptedRoles, isLasting, type MatchContext, matchOffer, takeResources } from './match-offer.js';
import { milli, type OfferPool } from './offer-pool.js';

/** Instances that one question tries to place at most; more are not looked at. */
export const MAX_TRIED = 1_000;

/** How far what an agent offers is from what one instance needs; only what is short is named. */
export interface Shortage {
  readonly cpus?: number;
  readonly mem?: number;
  readonly disk?: number;
  readonly gpus?: number;
}

/** One agent that takes no further instance, and why. */
export interface AgentRefusal {
  readonly hostname: string;
  readonly agentId: string;
  readonly reasons: readonly RefusalReason[];
  readonly explanation: readonly string[];
  readonly short: Shortage;
  /** What the agent still has, counted in what the app may take. */
  readonly offered: Required<Shortage>;
}

export interface Fit {
  readonly placed: number;
  /** Agents that refuse another instance, those that are closest to taking one first; empty when all were placed. */
  readonly refusals: readonly AgentRefusal[];
}

const scalars = ['cpus', 'mem', 'disk', 'gpus'] as const;

/**
 * How many of `count` further instances fit what is free, by the very rules by which offers are matched. What they take is
 * taken out of the pools, so that the next app is judged by what is left. Agents take turns, one instance each.
 *
 * @param instances those there are of the app, for its constraints
 */
export function fitInstances(
  record: AppRecord,
  count: number,
  pools: readonly OfferPool[],
  instances: Iterable<Instance>,
  around: Omit<MatchContext, 'placed'>,
): Fit {
  const placed = new Hypothesis(record, instances, pools);
  const context: MatchContext = { ...around, placed };
  const wanted = Math.min(count, MAX_TRIED);
  let open = [...pools];
  let total = 0;
  for (let before = -1; total > before && total < wanted; ) {
    before = total;
    const still: OfferPool[] = [];
    for (const pool of open) {
      if (total === wanted) break;
      const match = matchOffer(record, pool, context);
      if (match.kind === 'refusal') {
        if (!isLasting(match.reasons)) still.push(pool);
        continue;
      }
      takeResources(record, pool, match.hostPorts);
      placed.add(pool.agent);
      total += 1;
      still.push(pool);
    }
    open = still;
  }
  return { placed: total, refusals: total < wanted ? refusalsOf(record, pools, context) : [] };
}

function refusalsOf(record: AppRecord, pools: readonly OfferPool[], context: MatchContext): AgentRefusal[] {
  const roles = acceptedRoles(record);
  const refusals = pools.flatMap((pool): AgentRefusal[] => {
    const match = matchOffer(record, pool, context);
    if (match.kind === 'match') return [];
    const offered = Object.fromEntries(
      scalars.map((name) => [name, pool.left(name, roles) / 1_000]),
    ) as unknown as Required<Shortage>;
    const short = Object.fromEntries(
      scalars
        .filter((name) => milli(record.app[name]) > milli(offered[name]))
        .map((name) => [name, (milli(record.app[name]) - milli(offered[name])) / 1_000]),
    ) as Shortage;
    const { hostname, agentId } = pool.agent;
    return [{ hostname, agentId, reasons: match.reasons, explanation: match.explanation, short, offered }];
  });
  return refusals.sort((a, b) => distance(record, a) - distance(record, b));
}

/** Agents that lack nothing but resources come first, by the part of what is needed that they lack. */
function distance({ app }: AppRecord, { reasons, short }: AgentRefusal): number {
  const other = reasons.some((reason) => !resourceReasons.has(reason)) ? 1_000 : 0;
  return scalars.reduce((sum, name) => sum + (short[name] ?? 0) / Math.max(app[name], 0.001), other);
}

const resourceReasons: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  'InsufficientCpus',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGpus',
]);

/** What lowering these amounts to would make one more instance fit; undefined when no amount is what is in the way. */
export function smallestChange(
  fit: Fit,
): { readonly hostname: string; readonly lowerTo: Shortage } | undefined {
  const [best] = fit.refusals;
  if (!best || best.reasons.some((reason) => !resourceReasons.has(reason))) return undefined;
  const lowerTo: Record<string, number> = {};
  for (const name of scalars) {
    if (best.short[name] === undefined) continue;
    if (best.offered[name] <= 0) return undefined;
    lowerTo[name] = best.offered[name];
  }
  return { hostname: best.hostname, lowerTo };
}

/** Where instances would stand: those that do, and those placed in thought. */
class Hypothesis implements PlacedView {
  readonly #groups = new Map<string, Map<string, number>>();

  constructor(
    record: AppRecord,
    instances: Iterable<Instance>,
    private readonly pools: readonly OfferPool[],
  ) {
    const real = new PlacedCounts(record, instances);
    for (const field of countedFields(record.app.constraints))
      this.#groups.set(field, new Map(real.groups(field)));
  }

  add(agent: AgentFacts): void {
    for (const [field, counts] of this.#groups) {
      const value = fieldValue(agent, field) ?? ABSENT;
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }

  groups(field: string): ReadonlyMap<string, number> {
    return this.#groups.get(field) ?? new Map();
  }

  *available(field: string): Generator<string> {
    for (const { agent } of this.pools) {
      const value = fieldValue(agent, field);
      if (value !== undefined) yield value;
    }
  }
}
