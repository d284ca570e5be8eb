import type { Call } from '../embedded-mesos/protocol/v1.js';

type Demand = Extract<Call, { type: 'REVIVE' | 'SUPPRESS' | 'DECLINE' }>;
type WithoutId = Demand extends infer Each
  ? Each extends Demand
    ? Omit<Each, 'framework_id'>
    : never
  : never;

/**
 * Asks the master for offers only while they are of use, and only when it could be holding some back (Mesos reference 1.7),
 * role by role: a role is suppressed while nothing of it waits; it is revived when something new waits and a filter of ours or
 * the suppression may hide resources.
 */
export class OfferDemand {
  readonly #suppressed = new Set<string>();
  #filtersMayHide = false;

  constructor(
    private readonly send: (call: WithoutId) => void,
    /** The roles of the subscription. */
    private readonly subscribed: () => ReadonlySet<string>,
  ) {}

  get suppressedRoles(): readonly string[] {
    return [...this.#suppressed];
  }

  /** A new subscription knows no filters and no suppression. */
  begun(): void {
    this.#suppressed.clear();
    this.#filtersMayHide = false;
  }

  /** Offers for these roles are of use from now on, and for no others. */
  want(roles: ReadonlySet<string>): void {
    this.only(roles);
    const held = [...roles].filter((role) => this.#filtersMayHide || this.#suppressed.has(role));
    if (held.length === 0) return;
    for (const role of held) this.#suppressed.delete(role);
    this.#filtersMayHide = false;
    this.send({ type: 'REVIVE', ...this.#named('revive', held) });
  }

  /** Offers for other roles are of no use; what filters hide of these may stay hidden. */
  only(roles: ReadonlySet<string>): void {
    const useless = [...this.subscribed()].filter((role) => !roles.has(role) && !this.#suppressed.has(role));
    if (useless.length === 0) return;
    for (const role of useless) this.#suppressed.add(role);
    this.send({ type: 'SUPPRESS', ...this.#named('suppress', useless) });
  }

  suppress(): void {
    this.only(new Set());
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

  /** A call that names no roles is for all of them. */
  #named<Name extends string>(
    name: Name,
    roles: readonly string[],
  ): { readonly [Key in Name]?: { readonly roles: readonly string[] } } {
    if (roles.length === this.subscribed().size) return {};
    return { [name]: { roles } } as { readonly [Key in Name]: { readonly roles: readonly string[] } };
  }
}
