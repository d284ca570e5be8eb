import type { Refusal, RefusalReason } from '../../scheduler/scheduler.js';

/** Reasons in the order in which offers are sorted out. */
export const funnelOrder = [
  'UnfulfilledRole',
  'UnfulfilledConstraint',
  'NoCorrespondingReservationFound',
  'AgentMaintenance',
  'InsufficientCpus',
  'InsufficientMemory',
  'InsufficientDisk',
  'InsufficientGpus',
  'InsufficientPorts',
  'DeclinedScarceResources',
] as const satisfies readonly RefusalReason[];

export interface FunnelRow {
  readonly reason: RefusalReason;
  readonly declined: number;
  readonly processed: number;
}

/**
 * A funnel over `total` offers: every reason, each `processed` is what the reasons before it let through. An offer
 * counts under one reason only, so `declined` never sums to more than `total`.
 */
export function rejectFunnel(
  total: number,
  declinedBy: Readonly<Partial<Record<RefusalReason, number>>>,
): readonly FunnelRow[] {
  let processed = total;
  return funnelOrder.map((reason) => {
    const declined = declinedBy[reason] ?? 0;
    const row = { reason, declined, processed };
    processed = Math.max(0, processed - declined);
    return row;
  });
}

/** How many of these offers each reason refused, each offer under its earliest reason in the funnel. */
export function countEarliest(
  refusals: readonly Refusal[],
): Readonly<Partial<Record<RefusalReason, number>>> {
  const counts: Partial<Record<RefusalReason, number>> = {};
  for (const refusal of refusals) {
    const earliest = funnelOrder.find((reason) => refusal.reasons.includes(reason));
    if (earliest !== undefined) counts[earliest] = (counts[earliest] ?? 0) + 1;
  }
  return counts;
}
