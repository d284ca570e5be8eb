import { readFileSync } from 'node:fs';
import type { Clock } from '../util/clock.js';

/** Under npm, two interrupts within this time are one keystroke. */
const SAME_KEYSTROKE_MS = 300;

/** Tells a person's Ctrl-C from the echo of one: npm passes on to its child what that has had from the terminal already. */
export class Interrupts {
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly underNpm = isChildOfNpm(),
  ) {}

  /** Takes note of an interrupt; true when it is a keystroke of its own. */
  isNew(): boolean {
    const nowMs = this.clock.monotonicMs();
    if (this.underNpm && nowMs - this.#lastMs < SAME_KEYSTROKE_MS) return false;
    this.#lastMs = nowMs;
    return true;
  }
}

/** npm gives its process a title of its own; its environment would be inherited by children of children. */
function isChildOfNpm(): boolean {
  try {
    return /^npm\b/.test(readFileSync(`/proc/${process.ppid}/cmdline`, 'utf8'));
  } catch {
    // The parent is gone, so it passes nothing on.
    return false;
  }
}
