import type { AppId, AppRecord } from '../../apps/app.js';
import { upgradeCapacity } from '../../deployments/decide/upgrade-capacity.js';

export type ChangeWord = 'create' | 'delete' | 'none' | 'restart' | 'scale' | 'update';

/** What becomes of an app, in one word; `restart`: every instance is replaced. */
export function changeWord(before: AppRecord | undefined, after: AppRecord | undefined): ChangeWord {
  if (!before) return after ? 'create' : 'none';
  if (!after) return 'delete';
  if (before === after) return 'none';
  if (before.launchHash !== after.launchHash) return 'restart';
  return before.app.instances === after.app.instances ? 'update' : 'scale';
}

/** What has to find a place before anything of a change can go on. */
export interface ToPlace {
  readonly appId: AppId;
  readonly before: AppRecord | undefined;
  /** Undefined: nothing has to. */
  readonly after: AppRecord | undefined;
  /** New instances that are started first. */
  readonly instances: number;
  /** Old instances that make room for them before. */
  readonly stoppedFirst: number;
}

/**
 * New instances are started as far as the upgrade strategy has room beside the old ones; where it has none, old ones are
 * stopped first, down to the healthy minimum. What is started later takes the place of what is stopped then.
 */
export function toPlace({
  appId,
  before,
  after,
}: {
  readonly appId: AppId;
  readonly before: AppRecord | undefined;
  readonly after: AppRecord | undefined;
}): ToPlace {
  if (!after) return { appId, before, after, instances: 0, stoppedFirst: 0 };
  const wanted = after.app.instances;
  const old = before?.app.instances ?? 0;
  if (!before || before.launchHash === after.launchHash)
    return { appId, before, after, instances: Math.max(0, wanted - old), stoppedFirst: 0 };
  const { minHealthy, maxCapacity } = upgradeCapacity(after.app);
  const stoppedFirst = maxCapacity > old ? 0 : Math.max(0, old - Math.min(minHealthy, old));
  const instances = Math.min(wanted, Math.max(0, maxCapacity - (old - stoppedFirst)));
  return { appId, before, after, instances, stoppedFirst };
}
