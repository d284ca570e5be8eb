/** What a server that has just joined gets at first, of what it gets in the end. */
const LEAST = 0.05;
/** Weights move in so many steps. */
const STEPS = 50;

/** The part of its weight that a server has `ageMs` after it joined. */
export function grown(ageMs: number, slowStartMs: number): number {
  if (slowStartMs <= 0 || ageMs >= slowStartMs) return 1;
  return Math.max(LEAST, ageMs / slowStartMs);
}

/** When weights should be looked at next. */
export function nextStepMs(nowMs: number, slowStartMs: number): number {
  return nowMs + slowStartMs / STEPS;
}
