import type { App, AppId } from '../apps/app.js';
import type { Instance, InstanceId } from '../scheduler/instance.js';
import type { InstanceChange, QueueEntry } from '../scheduler/scheduler.js';
import type { Timestamp } from '../util/timestamp.js';
import { waitPhase } from './decide/wait-phase.js';
import type { InstanceWait } from './deployment.js';

/** Instances of one deployment whose waits are kept, and waits of each; the rest is counted. */
export const MAX_WAITING_INSTANCES = 50;
export const MAX_WAITS_EACH = 12;
const REFUSALS_NAMED = 3;
const MAX_REASON = 500;

export interface WaitSurroundings {
  /** What the instances of an app shall become. */
  appOf(appId: AppId): App | undefined;
  queueEntry(appId: AppId): QueueEntry | undefined;
}

/** What each instance of a deployment waited for, and from when to when. Change by change; nothing is scanned. */
export class WaitBook {
  readonly #waits = new Map<InstanceId, InstanceWait[]>();
  #untold = 0;

  constructor(private readonly around: WaitSurroundings) {}

  get untold(): number {
    return this.#untold;
  }

  note({ before, after }: InstanceChange, now: Timestamp): void {
    const instance = after ?? before;
    if (instance === undefined) return;
    const phase = waitPhase(after, this.around.appOf(instance.appId));
    const known = this.#waits.get(instance.id);
    const open = known?.at(-1);
    const waits = open !== undefined && open.until === undefined;
    if (waits ? open.phase === phase : phase === undefined) return;
    if (known && open && waits) known[known.length - 1] = this.#closed(open, before ?? instance, now);
    if (phase === undefined) return;
    const wait: InstanceWait = { app: instance.appId, instance: instance.id, phase, from: now };
    if (known && known.length < MAX_WAITS_EACH) known.push(wait);
    else if (!known && this.#waits.size < MAX_WAITING_INSTANCES) this.#waits.set(instance.id, [wait]);
    else this.#untold += 1;
  }

  /** All of it; what is still waited for has no `until`, and says what stands in the way now. */
  all(instanceOf: (id: InstanceId) => Instance | undefined): readonly InstanceWait[] {
    return [...this.#waits.values()].flat().map((wait) => {
      const instance = wait.until === undefined ? instanceOf(wait.instance) : undefined;
      return instance === undefined ? wait : { ...wait, ...this.#reason(wait, instance) };
    });
  }

  #closed(wait: InstanceWait, instance: Instance, until: Timestamp): InstanceWait {
    return { ...wait, until, ...this.#reason(wait, instance) };
  }

  #reason({ phase, app, from }: InstanceWait, instance: Instance): { readonly reason?: string } {
    const reason =
      phase === 'offer'
        ? refusals(this.around.queueEntry(app), from)
        : phase === 'health'
          ? instance.health?.results.find((result) => result?.alive === false)?.lastFailureCause
          : phase === 'staging'
            ? instance.task && `on ${instance.task.hostname}`
            : instance.takingOut?.reason;
    return reason === undefined || reason === '' ? {} : { reason: reason.slice(0, MAX_REASON) };
  }
}

/** Which agents refused the app since then, and why. */
function refusals(queue: QueueEntry | undefined, since: Timestamp): string | undefined {
  const fresh = (queue?.lastRefusals ?? []).filter(({ at }) => at >= since);
  if (fresh.length === 0) return undefined;
  const named = fresh
    .slice(0, REFUSALS_NAMED)
    .map(
      ({ hostname, explanation, reasons }) =>
        `${hostname}: ${(explanation.length > 0 ? explanation : reasons).join(', ')}`,
    );
  const more = fresh.length > REFUSALS_NAMED ? `; and ${fresh.length - REFUSALS_NAMED} more` : '';
  return `no agent's offer fitted: ${named.join('; ')}${more}`;
}
