import type { AppId, AppRecord } from '../apps/app.js';
import type { Log } from '../logging/log.js';
import { cohortsOfApp } from '../scheduler/cohort.js';
import type { Scheduler } from '../scheduler/scheduler.js';
import { scaleStep } from './decide/scale-step.js';
import { oneWish, type SelectVictims } from './decide/step-decision.js';

export interface UpkeepSurroundings {
  readonly apps: { get(appId: AppId): AppRecord | undefined };
  readonly scheduler: Scheduler;
  readonly selectVictims: SelectVictims;
  readonly log: Log;
}

/**
 * Keeps the number of instances right where no deployment is at work: a plan that was stopped half-way, a record that was
 * lost, a replaced instance that came back. Which definition the instances are of is no business of its.
 *
 * INVARIANT: one wish per app is under way at a time; a deployment of the app begins after it (`settled`), so that the two
 * never start the same instances twice.
 */
export class Upkeep {
  readonly #underWay = new Map<AppId, Promise<void>>();
  #stopped = false;

  constructor(private readonly around: UpkeepSurroundings) {}

  /** Looks at an app that no deployment holds. Answers how many cohorts of instances it looked at. */
  look(appId: AppId): number {
    const { apps, scheduler, selectVictims } = this.around;
    const record = apps.get(appId);
    if (!record || this.#stopped || scheduler.settling || this.#underWay.has(appId)) return 0;
    const cohorts = cohortsOfApp(scheduler.instances, appId);
    const move = scaleStep({ record, cohorts, awaitHealthy: false, selectVictims });
    const { start, stop } = oneWish(move);
    if (start > 0 || stop.length > 0) {
      const wish = this.#want(appId, start, stop).finally(() => this.#underWay.delete(appId));
      this.#underWay.set(appId, wish);
    }
    return cohorts.length;
  }

  /** The wishes under way for these apps; each resolves, never rejects. */
  settled(appIds: Iterable<AppId>): Promise<void>[] {
    return [...appIds].flatMap((appId) => this.#underWay.get(appId) ?? []);
  }

  /** Wants nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#underWay.values());
  }

  async #want(appId: AppId, start: number, stop: Parameters<Scheduler['want']>[1]['stop']): Promise<void> {
    const { scheduler, log } = this.around;
    log.info('an app has not as many instances as it should, though no deployment is at work', {
      app: appId,
      start,
      stop: stop.length,
    });
    try {
      await scheduler.want(appId, { start, stop, reason: 'surplus' });
    } catch (error) {
      log.warn('the number of instances could not be put right; it is looked at again', {
        app: appId,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
