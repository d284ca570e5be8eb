import { assert } from '../../util/assert.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { Resources } from '../protocol/resources.js';
import type { Offer } from '../protocol/v1.js';
import type { Allocator } from './allocator.js';
import type { AgentRecord, Cluster, FrameworkRecord } from './cluster.js';
import type { Counters } from './counters.js';
import type { Grant } from './decide/allocate.js';
import { offerMessage } from './decide/offer-message.js';

export interface OfferRecord {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  readonly resources: Resources;
}

/**
 * The offers that are out.
 *
 * INVARIANTS
 * - An offer leaves the book exactly once: taken by its framework, rescinded, or dropped with its framework (I9).
 * - While it is in the book, and only then, its resources are held in its agent's ledger and count for its framework.
 */
export class OfferBook {
  readonly #offers = new Map<string, OfferRecord>();
  /** All offers live equally long, so they fall due in the order they were made. */
  readonly #due: { readonly id: string; readonly atMs: number }[] = [];
  #dueFrom = 0;
  #timer: Timer | undefined;
  #nextNumber = 0;

  constructor(
    private readonly masterId: string,
    private readonly cluster: Cluster,
    private readonly allocator: Allocator,
    private readonly counters: Counters,
    private readonly clock: Clock,
    private readonly timeoutMs: number,
  ) {}

  get size(): number {
    return this.#offers.size;
  }

  get(id: string): OfferRecord | undefined {
    return this.#offers.get(id);
  }

  /** Sends what an allocation run granted: one OFFERS event per framework. */
  issue(grants: readonly Grant[]): void {
    const byFramework = new Map<FrameworkRecord, Offer[]>();
    for (const grant of grants) {
      const framework = this.cluster.frameworks.get(grant.frameworkId);
      const agent = this.cluster.agents.get(grant.agentId);
      if (!framework?.sink || !agent) continue;
      const messages = byFramework.get(framework) ?? [];
      messages.push(this.#add(framework, agent, grant));
      byFramework.set(framework, messages);
    }
    for (const [framework, offers] of byFramework) {
      this.counters.add('master/offers_sent', offers.length);
      framework.sink?.send({ type: 'OFFERS', offers: { offers } });
    }
    this.#armTimer();
  }

  #add(framework: FrameworkRecord, agent: AgentRecord, { role, resources }: Grant): Offer {
    const record: OfferRecord = {
      id: `${this.masterId}-O${this.#nextNumber++}`,
      frameworkId: framework.id,
      agentId: agent.id,
      role,
      resources,
    };
    agent.ledger.offer(resources);
    this.allocator.took(framework.id, role, resources, true);
    this.#offers.set(record.id, record);
    agent.offerIds.add(record.id);
    framework.offerIds.add(record.id);
    this.#due.push({ id: record.id, atMs: this.clock.monotonicMs() + this.timeoutMs });
    const facts = { offerId: record.id, frameworkId: framework.id, agentId: agent.id, role, resources };
    return offerMessage({ ...facts, agent: agent.info, ip: addressOf(agent) }, framework.traits);
  }

  /** The framework answered: the offer is over, its resources are free. */
  take(offer: OfferRecord): void {
    assert(this.#offers.delete(offer.id), `I9: offer ${offer.id} is used twice`);
    const agent = this.cluster.agents.get(offer.agentId);
    agent?.ledger.unoffer(offer.resources);
    agent?.offerIds.delete(offer.id);
    this.cluster.frameworks.get(offer.frameworkId)?.offerIds.delete(offer.id);
    this.allocator.gave(offer.frameworkId, offer.role, offer.resources);
  }

  rescind(offer: OfferRecord): void {
    this.take(offer);
    this.counters.add('master/offers_rescinded');
    this.cluster.frameworks
      .get(offer.frameworkId)
      ?.sink?.send({ type: 'RESCIND', rescind: { offer_id: { value: offer.id } } });
  }

  rescindAllOf(agent: AgentRecord): void {
    for (const offer of this.#named(agent.offerIds)) this.rescind(offer);
  }

  /** Of a framework, when `matches`: RESCIND is sent when `tell`; their agents are offered anew. */
  withdraw(
    framework: FrameworkRecord,
    tell: boolean,
    matches: (offer: OfferRecord) => boolean = () => true,
  ): void {
    for (const offer of this.#named(framework.offerIds)) {
      if (!matches(offer)) continue;
      if (tell) this.rescind(offer);
      else this.take(offer);
      this.allocator.freed(offer.agentId);
    }
  }

  *of(ids: Iterable<string>): IterableIterator<OfferRecord> {
    for (const id of ids) {
      const offer = this.#offers.get(id);
      if (offer) yield offer;
    }
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #named(ids: ReadonlySet<string>): readonly OfferRecord[] {
    return [...this.of(ids)];
  }

  #armTimer(): void {
    if (this.#timer) return;
    this.#skipAnswered();
    const next = this.#due[this.#dueFrom];
    if (!next) return;
    this.#timer = this.clock.after(next.atMs - this.clock.monotonicMs(), () => {
      this.#timer = undefined;
      this.#expire();
      this.#armTimer();
    });
  }

  #expire(): void {
    const nowMs = this.clock.monotonicMs();
    for (let due = this.#due[this.#dueFrom]; due && due.atMs <= nowMs; due = this.#due[this.#dueFrom]) {
      this.#dueFrom++;
      const offer = this.#offers.get(due.id);
      if (!offer) continue;
      this.rescind(offer);
      this.allocator.freed(offer.agentId);
    }
  }

  #skipAnswered(): void {
    for (let due = this.#due[this.#dueFrom]; due && !this.#offers.has(due.id); due = this.#due[this.#dueFrom])
      this.#dueFrom++;
    if (this.#dueFrom > 1_024 && this.#dueFrom * 2 > this.#due.length) {
      this.#due.splice(0, this.#dueFrom);
      this.#dueFrom = 0;
    }
  }
}

/** The address an agent's line comes from; `::ffff:` of mapped IPv4 addresses removed. */
export function addressOf(agent: AgentRecord): string {
  return (agent.line?.remoteAddress ?? '').replace(/^::ffff:/, '') || '127.0.0.1';
}
