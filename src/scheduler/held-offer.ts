import type { AppId, AppRecord } from '../apps/app.js';
import type { Offer, TaskInfo } from '../embedded-mesos/protocol/v1.js';
import type { Timestamp } from '../util/timestamp.js';
import type { Match } from './decide/match-offer.js';
import { OfferPool, reservedRole } from './decide/offer-pool.js';
import type { InstanceId, TaskId } from './instance.js';
import type { EffectGroup } from './journal.js';
import type { LaunchQueue } from './launch-queue.js';

export interface HeldTask {
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  readonly info: TaskInfo;
}

type Refused = Extract<Match, { kind: 'refusal' }>;

/** An offer while it is being used: what is left, what has been put on it, and who did not fit. */
export class HeldOffer {
  readonly pool: OfferPool;
  readonly tasks: HeldTask[] = [];
  /** Apps for which it only gets worse: not asked again. */
  readonly refusing = new Set<AppId>();
  group: EffectGroup | undefined;
  rescinded = false;
  /** What is left of it is of use at once: no filter. */
  hungry = false;
  readonly #verdicts = new Map<AppId, Refused | 'used'>();
  #shown: unknown;

  constructor(readonly offer: Offer) {
    this.pool = new OfferPool(offer);
  }

  used(appId: AppId): void {
    this.#verdicts.set(appId, 'used');
  }

  refused(record: AppRecord, refusal: Refused): void {
    if (this.#verdicts.get(record.app.id) !== 'used') this.#verdicts.set(record.app.id, refusal);
  }

  /** Books what became of this offer, app by app, when it leaves our hands. */
  book(queue: LaunchQueue, at: Timestamp): void {
    const { agentId, hostname } = this.pool.agent;
    for (const [appId, verdict] of this.#verdicts) {
      const entry = queue.get(appId);
      if (!entry) continue;
      if (verdict === 'used') {
        entry.used(agentId, at);
      } else {
        const { reasons, explanation } = verdict;
        entry.refused({ agentId, hostname, reasons, explanation, at, offer: this.shown });
      }
    }
    this.#verdicts.clear();
  }

  /** The offer as the queue resource shows it (Marathon reference 1.11). */
  get shown(): unknown {
    this.#shown ??= {
      id: this.offer.id.value,
      hostname: this.offer.hostname,
      agentId: this.offer.agent_id.value,
      resources: this.offer.resources.map((resource) => ({
        name: resource.name,
        role: reservedRole(resource),
        ...(resource.scalar === undefined ? {} : { scalar: resource.scalar.value }),
        ...(resource.ranges === undefined ? {} : { ranges: resource.ranges.range }),
        ...(resource.set === undefined ? {} : { set: resource.set.item }),
      })),
      attributes: (this.offer.attributes ?? []).map((attribute) => ({
        name: attribute.name,
        ...(attribute.text === undefined ? {} : { text: attribute.text.value }),
        ...(attribute.scalar === undefined ? {} : { scalar: attribute.scalar.value }),
        ...(attribute.ranges === undefined ? {} : { ranges: attribute.ranges.range }),
        ...(attribute.set === undefined ? {} : { set: attribute.set.item }),
      })),
    };
    return this.#shown;
  }
}
