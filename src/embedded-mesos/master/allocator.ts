import type { Clock, Timer } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import { type Resources, toMilli } from '../protocol/resources.js';
import type { AgentRecord, Cluster, FrameworkRecord } from './cluster.js';
import { allocate, type Candidate, type Claim, type Grant } from './decide/allocate.js';
import { isRefused } from './decide/decline-filters.js';
import { addScalars, type Scalars, subtractScalars } from './decide/dominant-share.js';
import { leastOfferOf } from './decide/least-offer.js';

/** Something new (an agent, a revive) is served in the next turn; what becomes free waits a little for more of its kind. */
const URGENT_MS = 0;
const FREED_MS = 2;
/** Most agents in one run, so that a run stays short; the rest follow in the next turn. */
const MAX_AGENTS_PER_RUN = 256;
/** Most refusals kept per framework, role and agent; beyond it the oldest is forgotten (at worst, one offer too many). */
const MAX_FILTERS_PER_KEY = 16;

interface Filter {
  readonly resources: Resources;
  readonly expiry: Timer;
}

/** What somebody holds, kept in place: thousands of tasks come and go per second. */
class Holding {
  readonly #milli = new Map<string, number>();
  grants = 0;

  add(resources: Resources, sign: 1 | -1): void {
    for (const [name, amount] of resources.scalars()) {
      const milli = (this.#milli.get(name) ?? 0) + sign * toMilli(amount);
      if (milli > 0) this.#milli.set(name, milli);
      else this.#milli.delete(name);
    }
  }

  get isNothing(): boolean {
    return this.#milli.size === 0;
  }

  get scalars(): Scalars {
    return new Map([...this.#milli].map(([name, milli]) => [name, milli / 1000]));
  }
}

const nothing: Scalars = new Map();

/**
 * Decides who is offered what, when something changes: triggers name agents, one run serves all that came together. No
 * period, no polling: what nobody wants now waits until a filter ends, something becomes free or a framework revives.
 */
export class Allocator {
  readonly #candidates = new Set<string>();
  readonly #filters = new Map<string, Filter[]>();
  /** By role, and by role and framework. */
  readonly #holdings = new Map<string, Holding>();
  #clusterTotal: Scalars = nothing;
  readonly #counted = new Map<string, Scalars>();
  #run: { readonly timer: Timer; readonly dueMs: number } | undefined;
  #stopped = false;
  runs = 0;

  constructor(
    private readonly cluster: Cluster,
    private readonly clock: Clock,
    private readonly dice: Dice,
    private readonly grant: (grants: readonly Grant[]) => void,
  ) {}

  get filterCount(): number {
    let count = 0;
    for (const filters of this.#filters.values()) count += filters.length;
    return count;
  }

  /** An agent is there (or has other resources than before): counted in the cluster and offered. */
  agentUp(agent: AgentRecord): void {
    const scalars = agent.ledger.total.scalars();
    this.#clusterTotal = addScalars(
      subtractScalars(this.#clusterTotal, this.#counted.get(agent.id) ?? nothing),
      scalars,
    );
    this.#counted.set(agent.id, scalars);
    this.#trigger([agent.id], URGENT_MS);
  }

  agentRemoved(agentId: string): void {
    this.#clusterTotal = subtractScalars(this.#clusterTotal, this.#counted.get(agentId) ?? nothing);
    this.#counted.delete(agentId);
    this.#candidates.delete(agentId);
    this.#dropFilters((key) => key.agentId === agentId);
  }

  /** The agent's attributes or resources changed: refusals of the old ones say nothing. */
  agentChanged(agentId: string): void {
    this.#dropFilters((key) => key.agentId === agentId);
  }

  /** Something became free on the agent. */
  freed(agentId: string): void {
    this.#trigger([agentId], FREED_MS);
  }

  /** A framework came, revived, or wants other roles: everything may interest it. */
  wanted(): void {
    this.#trigger(this.cluster.agents.keys(), URGENT_MS);
  }

  /** Offered, launched or adopted: counts towards the share. */
  took(frameworkId: string, role: string, resources: Resources, isGrant: boolean): void {
    for (const holding of this.#holdingsOf(frameworkId, role)) {
      holding.add(resources, 1);
      if (isGrant) holding.grants += 1;
    }
  }

  /** Given back. */
  gave(frameworkId: string, role: string, resources: Resources): void {
    for (const holding of this.#holdingsOf(frameworkId, role)) holding.add(resources, -1);
  }

  #holdingsOf(frameworkId: string, role: string): readonly Holding[] {
    return [role, holdingKey(role, frameworkId)].map((key) => {
      const known = this.#holdings.get(key);
      if (known) return known;
      const holding = new Holding();
      this.#holdings.set(key, holding);
      return holding;
    });
  }

  /** What all frameworks of a role hold: offered, used, or adopted. */
  heldBy(role: string): Scalars {
    return this.#holdings.get(role)?.scalars ?? nothing;
  }

  /** Scalars of all agents that are there. */
  get clusterTotal(): Scalars {
    return this.#clusterTotal;
  }

  refuse(frameworkId: string, role: string, agentId: string, resources: Resources, forMs: number): void {
    if (resources.isEmpty || this.#stopped) return;
    const key = filterKey({ frameworkId, role, agentId });
    const filters = this.#filters.get(key) ?? [];
    if (filters.length >= MAX_FILTERS_PER_KEY) filters.shift()?.expiry.cancel();
    const filter: Filter = {
      resources,
      expiry: this.clock.after(forMs, () => {
        const left = (this.#filters.get(key) ?? []).filter((other) => other !== filter);
        if (left.length > 0) this.#filters.set(key, left);
        else this.#filters.delete(key);
        this.#trigger([agentId], URGENT_MS);
      }),
    };
    filters.push(filter);
    this.#filters.set(key, filters);
  }

  /** A framework's refusals are void: it revived the role (all its roles without `roles`) or is no longer there. */
  clearFilters(frameworkId: string, roles?: ReadonlySet<string>): void {
    this.#dropFilters(
      (key) => key.frameworkId === frameworkId && (roles === undefined || roles.has(key.role)),
    );
  }

  /** The framework is gone for good: nothing of it stays. */
  forgetFramework(frameworkId: string): void {
    this.clearFilters(frameworkId);
    for (const [key, holding] of this.#holdings) {
      if (key.endsWith(` ${frameworkId}`) || holding.isNothing) this.#holdings.delete(key);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#run?.timer.cancel();
    this.#dropFilters(() => true);
  }

  #dropFilters(matches: (key: FilterKey) => boolean): void {
    for (const [text, filters] of this.#filters) {
      if (!matches(parseFilterKey(text))) continue;
      for (const { expiry } of filters) expiry.cancel();
      this.#filters.delete(text);
    }
  }

  #trigger(agentIds: Iterable<string>, delayMs: number): void {
    if (this.#stopped) return;
    for (const id of agentIds) this.#candidates.add(id);
    if (this.#candidates.size === 0) return;
    const dueMs = this.clock.monotonicMs() + delayMs;
    if (this.#run && this.#run.dueMs <= dueMs) return;
    this.#run?.timer.cancel();
    this.#run = { dueMs, timer: this.clock.after(delayMs, () => this.#allocate()) };
  }

  #allocate(): void {
    this.#run = undefined;
    this.runs += 1;
    const claims = this.#claims();
    if (claims.length === 0) {
      this.#candidates.clear();
      return;
    }
    const grants = allocate({
      candidates: this.#nextCandidates(),
      claims,
      roleAllocated: (role) => this.#holdings.get(role)?.scalars ?? nothing,
      clusterTotal: this.#clusterTotal,
      isRefused: ({ frameworkId, role }, agentId, resources) =>
        isRefused(
          (this.#filters.get(filterKey({ frameworkId, role, agentId })) ?? []).map(
            (filter) => filter.resources,
          ),
          resources,
        ),
    });
    if (grants.length > 0) this.grant(grants);
    if (this.#candidates.size > 0) this.#trigger([], URGENT_MS);
  }

  #nextCandidates(): readonly Candidate[] {
    const candidates: Candidate[] = [];
    for (const id of this.#candidates) {
      if (candidates.length >= MAX_AGENTS_PER_RUN) break;
      this.#candidates.delete(id);
      const agent = this.cluster.agents.get(id);
      if (agent?.link !== 'connected' || agent.ledger.free.isEmpty) continue;
      candidates.push({
        agentId: id,
        available: agent.ledger.free,
        hasGpus: agent.ledger.total.scalar('gpus') > 0,
      });
    }
    return this.#shuffled(candidates);
  }

  #shuffled<T>(values: T[]): readonly T[] {
    for (let i = values.length - 1; i > 0; i--) {
      const j = Math.floor(this.dice.random() * (i + 1));
      [values[i], values[j]] = [values[j] as T, values[i] as T];
    }
    return values;
  }

  #claims(): readonly Claim[] {
    const claims: Claim[] = [];
    for (const framework of this.cluster.frameworks.values()) {
      if (framework.sink)
        for (const role of framework.roles)
          if (!framework.suppressed.has(role)) claims.push(this.#claim(framework, role));
    }
    return claims;
  }

  #claim(framework: FrameworkRecord, role: string): Claim {
    const holding = this.#holdings.get(holdingKey(role, framework.id));
    return {
      frameworkId: framework.id,
      role,
      traits: framework.traits,
      leastOffer: leastOfferOf(framework.info, role),
      allocated: holding?.scalars ?? nothing,
      grants: holding?.grants ?? 0,
    };
  }
}

interface FilterKey {
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
}

// Roles hold no blanks, ids of ours neither: a blank separates safely.
function filterKey({ frameworkId, role, agentId }: FilterKey): string {
  return `${role} ${frameworkId} ${agentId}`;
}

function parseFilterKey(key: string): FilterKey {
  const [role = '', frameworkId = '', agentId = ''] = key.split(' ');
  return { role, frameworkId, agentId };
}

function holdingKey(role: string, frameworkId: string): string {
  return `${role} ${frameworkId}`;
}
