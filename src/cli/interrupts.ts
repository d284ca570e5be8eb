import type { Clock } from '../util/clock.js';

/** Under npm, two interrupts within this time are one keystroke. */
const SAME_KEYSTROKE_MS = 300;

/** Tells a person's Ctrl-C from the echo of one: npm passes on to its child what that has had from the terminal already. */
export class Interrupts {
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    /** From npm, which says so in the environment. */
    private readonly underNpm = process.env['npm_lifecycle_event'] !== undefined,
  ) {}

  /** Takes note of an interrupt; true when it is a keystroke of its own. */
  isNew(): boolean {
    const nowMs = this.clock.monotonicMs();
    if (this.underNpm && nowMs - this.#lastMs < SAME_KEYSTROKE_MS) return false;
    this.#lastMs = nowMs;
    return true;
  }
}
