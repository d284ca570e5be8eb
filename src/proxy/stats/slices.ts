import type { Steps } from '../../util/steps.js';

/** So long one piece of work may take before requests in between have their turn. */
const SLICE_MS = 4;

/** Tells long work when it should give way to others. */
export class Slices {
  #sinceMs: number;

  constructor(private readonly nowMs: () => number = () => performance.now()) {
    this.#sinceMs = nowMs();
  }

  /** The present slice is used up. */
  get over(): boolean {
    return this.nowMs() - this.#sinceMs >= SLICE_MS;
  }

  /** Lets others have their turn; another slice begins afterwards. */
  async rest(): Promise<void> {
    await new Promise<void>((turn) => setImmediate(turn));
    this.begin();
  }

  begin(): void {
    this.#sinceMs = this.nowMs();
  }
}

/** Does work in steps, giving way whenever a slice is over. */
export async function inSlices<Result>(steps: Steps<Result>, slices = new Slices()): Promise<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (slices.over) await slices.rest();
  }
}
