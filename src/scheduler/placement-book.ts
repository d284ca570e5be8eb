import type { AppId, AppRecord } from '../apps/app.js';
import type { Clock } from '../util/clock.js';
import { type AgentFacts, fieldValue } from './decide/agent-facts.js';
import { PlacedCounts } from './decide/constraint-counters.js';
import type { PlacedView } from './decide/constraints.js';
import { isLasting } from './decide/match-offer.js';
import type { AgentId } from './instance.js';
import type { LaunchQueue } from './launch-queue.js';
import type { InstanceChange } from './scheduler.js';
import type { InstanceTracker } from './tracker.js';

/** An agent counts as at hand for GROUP_BY so long after its last offer. */
export const AT_HAND_MS = 10_000;
/** Agents remembered; the one unheard of for longest is forgotten first. */
export const MAX_AGENTS_REMEMBERED = 10_000;

/** Where the instances of each app are, and which agents have made offers lately: what constraints are judged by. */
export class PlacementBook {
  readonly #counts = new Map<AppId, PlacedCounts>();
  readonly #agents = new Map<
    AgentId,
    { readonly facts: AgentFacts; readonly role: string; readonly seenMs: number }
  >();

  constructor(
    private readonly tracker: InstanceTracker,
    private readonly queue: LaunchQueue,
    private readonly clock: Clock,
  ) {}

  /** To be called with every change of an instance. */
  change({ before, after }: InstanceChange): void {
    const appId = (after ?? before)?.appId;
    if (appId === undefined) return;
    const counts = this.#counts.get(appId);
    if (!counts) return;
    if (this.tracker.ofAppSize(appId) === 0) this.#counts.delete(appId);
    else counts.change(before, after);
  }

  offered(facts: AgentFacts, role: string): void {
    this.#agents.delete(facts.agentId);
    this.#agents.set(facts.agentId, { facts, role, seenMs: this.clock.monotonicMs() });
    if (this.#agents.size <= MAX_AGENTS_REMEMBERED) return;
    const [oldest] = this.#agents.keys();
    if (oldest !== undefined) this.#agents.delete(oldest);
  }

  lost(agentId: AgentId): void {
    this.#agents.delete(agentId);
  }

  counts(record: AppRecord): PlacedCounts {
    const known = this.#counts.get(record.app.id);
    if (known?.fits(record)) return known;
    const made = new PlacedCounts(record, this.tracker.ofApp(record.app.id));
    this.#counts.set(record.app.id, made);
    return made;
  }

  /** A view for judging one app's constraints; the agents at hand are looked up once per view. */
  view(record: AppRecord): PlacedView {
    const counts = this.counts(record);
    const atHand = new Map<string, ReadonlySet<string>>();
    return {
      groups: (field) => counts.groups(field),
      available: (field) => {
        let values = atHand.get(field);
        if (!values) {
          values = this.#atHand(record, field);
          atHand.set(field, values);
        }
        return values;
      },
    };
  }

  /** Values of the field on agents that made an offer lately and did not lack anything for this app. */
  #atHand(record: AppRecord, field: string): ReadonlySet<string> {
    const refusals = this.queue.get(record.app.id)?.refusals;
    const sinceMs = this.clock.monotonicMs() - AT_HAND_MS;
    const values = new Set<string>();
    for (const { facts, role, seenMs } of this.#agents.values()) {
      if (seenMs < sinceMs || role !== record.app.role) continue;
      const refusal = refusals?.get(facts.agentId);
      if (refusal && isLasting(refusal.reasons)) continue;
      const value = fieldValue(facts, field);
      if (value !== undefined) values.add(value);
    }
    return values;
  }
}
