import type { Call } from '../embedded-mesos/protocol/v1.js';

type Demand = Extract<Call, { type: 'REVIVE' | 'SUPPRESS' | 'DECLINE' }>;
type WithoutId = Demand extends infer Each
  ? Each extends Demand
    ? Omit<Each, 'framework_id'>
    : never
  : never;

/**
 * Asks the master for offers only while they are of use, and only when it could be holding some back (Mesos reference 1.7):
 * suppressed when nothing waits; revived when something new waits and a filter of ours or the suppression may hide resources.
 */
export class OfferDemand {
  #suppressed = false;
  #filtersMayHide = false;

  constructor(private readonly send: (call: WithoutId) => void) {}

  /** A new subscription knows no filters and no suppression. */
  subscribed(): void {
    this.#suppressed = false;
    this.#filtersMayHide = false;
  }

  want(): void {
    if (!this.#suppressed && !this.#filtersMayHide) return;
    this.#suppressed = false;
    this.#filtersMayHide = false;
    this.send({ type: 'REVIVE' });
  }

  suppress(): void {
    if (this.#suppressed) return;
    this.#suppressed = true;
    this.send({ type: 'SUPPRESS' });
  }

  decline(offerIds: readonly string[], refuseSeconds: number): void {
    if (offerIds.length === 0) return;
    this.filtered(refuseSeconds);
    this.send({
      type: 'DECLINE',
      decline: {
        offer_ids: offerIds.map((value) => ({ value })),
        filters: { refuse_seconds: refuseSeconds },
      },
    });
  }

  /** A call of ours has put up a filter. */
  filtered(refuseSeconds: number): void {
    if (refuseSeconds > 0) this.#filtersMayHide = true;
  }
}
