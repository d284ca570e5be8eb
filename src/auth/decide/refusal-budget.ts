/** Refused writes that are told one by one: so many at once ... */
export const REFUSALS_AT_ONCE = 100;
/** ... and so many a second; the rest is counted, so that nobody floods the trail. */
export const REFUSALS_PER_SECOND = 5;

/** A budget that refills with time, and what was not told since the last one that was. */
export interface RefusalBudget {
  readonly left: number;
  readonly atMs: number;
  readonly untold: number;
}

export const fullBudget: RefusalBudget = { left: REFUSALS_AT_ONCE, atMs: 0, untold: 0 };

/**
 * One more refusal at `nowMs` (monotonic). Answers the budget afterwards and, when it is told, how many before it were not.
 */
export function spendRefusal(
  budget: RefusalBudget,
  nowMs: number,
): { readonly budget: RefusalBudget; readonly told: boolean; readonly untoldBefore: number } {
  const refilled = ((nowMs - budget.atMs) / 1_000) * REFUSALS_PER_SECOND;
  const left = Math.min(REFUSALS_AT_ONCE, budget.left + Math.max(0, refilled));
  if (left < 1)
    return { budget: { left, atMs: nowMs, untold: budget.untold + 1 }, told: false, untoldBefore: 0 };
  return { budget: { left: left - 1, atMs: nowMs, untold: 0 }, told: true, untoldBefore: budget.untold };
}
