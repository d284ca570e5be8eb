import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import { keys, type StoreWrite } from '../store/state-store.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { timestamp } from '../util/timestamp.js';
import { makeInstanceId } from './decide/ids.js';
import type { InstanceEvent, StepResult } from './decide/instance-event.js';
import { stepInstance } from './decide/instance-step.js';
import { newInstance } from './decide/new-instance.js';
import type { Instance, InstanceId, StopOrigin } from './instance.js';
import type { InstanceLife } from './instance-life.js';
import type { Journal } from './journal.js';
import type { AppSource, Goals } from './scheduler.js';
import type { InstanceTracker } from './tracker.js';

/** Instances decided about, or told to the rest of the process, in one turn of the event loop. */
export const ADOPT_SLICE = 50;
/** Instances in one batch of the store; a larger request is carried out batch by batch. */
export const MAX_REQUEST_BATCH = 250;
/** Instances made in one request. */
export const MAX_INSTANCES_PER_REQUEST = 1_000_000;

type TakeOut = Extract<InstanceEvent, { kind: 'take-out' }>;

/**
 * What the rooms above ask for. A batch is durable as a whole before anything of it is true in memory, or refused as a whole; a
 * wish is one batch, a kill of many is several, one after the other. The instances of a batch are held meanwhile: what happens
 * to them waits those few milliseconds, each until it was told itself.
 */
export class Requests {
  constructor(
    private readonly tracker: InstanceTracker,
    private readonly journal: Journal,
    private readonly life: InstanceLife,
    private readonly apps: AppSource,
    private readonly clock: Clock,
    private readonly dice: Dice,
    private readonly onReleased: () => void,
  ) {}

  async want(appId: AppId, goals: Goals): Promise<void> {
    if (goals.start > MAX_INSTANCES_PER_REQUEST) {
      throw new CatalogError('invalid-argument', {
        reason: `${goals.start} instances cannot be started at once`,
        hint: `At most ${MAX_INSTANCES_PER_REQUEST} at a time.`,
      });
    }
    if (goals.start > 0 && !this.apps.get(appId)) throw new CatalogError('app-not-found', { id: appId });
    const stop = [...new Set(goals.stop)].filter((id) => this.tracker.get(id)?.appId === appId);
    const event: TakeOut = {
      kind: 'take-out',
      reason: goals.reason,
      decommission: true,
      immediate: false,
      ...(goals.by === undefined ? {} : { by: goals.by }),
    };
    await this.#request(stop, event, appId, goals.start);
  }

  async kill(
    ids: readonly InstanceId[],
    options: { readonly decommission: boolean; readonly wipe: boolean; readonly by?: StopOrigin },
  ): Promise<void> {
    const known = [...new Set(ids)].filter((id) => this.tracker.get(id) !== undefined);
    const event: TakeOut = {
      kind: 'take-out',
      reason: 'killed by request',
      decommission: options.decommission,
      immediate: options.wipe,
      ...(options.by === undefined ? {} : { by: options.by }),
    };
    for (let from = 0; from < known.length; from += MAX_REQUEST_BATCH)
      await this.#request(known.slice(from, from + MAX_REQUEST_BATCH), event);
  }

  async #request(ids: readonly InstanceId[], event: TakeOut, appId?: AppId, start = 0): Promise<void> {
    if (ids.length === 0 && start === 0) return;
    const pin = await this.journal.pin(ids.map((id) => keys.instance(id)));
    const held = new Set(ids);
    const free = (freed: readonly InstanceId[]): void => {
      for (const id of freed) held.delete(id);
      pin.release(freed.map((id) => keys.instance(id)));
      this.life.released(freed);
    };
    try {
      const results = await this.#steps(ids, event);
      const made = appId === undefined || start === 0 ? [] : await this.#make(appId, start);
      const writes: StoreWrite[] = [];
      for (const [id, result] of results) {
        writes.push(write(id, result.instance));
        if (result.created) writes.push(write(result.created.id, result.created));
      }
      for (const instance of made) writes.push(write(instance.id, instance));
      if (writes.length === 0) return;
      await pin.commit(writes);
      await this.#adopt(results, made, free);
    } finally {
      free([...held]);
      this.onReleased();
    }
  }

  /** What becomes of each, a slice a turn; being held they stay as they are meanwhile. */
  async #steps(ids: readonly InstanceId[], event: TakeOut): Promise<[InstanceId, StepResult][]> {
    const results: [InstanceId, StepResult][] = [];
    for (const [index, id] of ids.entries()) {
      if (index > 0 && index % ADOPT_SLICE === 0) await this.#nextTurn();
      const instance = this.tracker.get(id);
      if (!instance) continue;
      const result = stepInstance(instance, event, this.life.context(instance, event));
      if (result.instance !== instance) results.push([id, result]);
    }
    return results;
  }

  async #make(appId: AppId, count: number): Promise<Instance[]> {
    const made: Instance[] = [];
    const now = timestamp(this.clock.wallMs());
    for (let index = 0; index < count; index++) {
      if (index > 0 && index % (2 * ADOPT_SLICE) === 0) await this.#nextTurn();
      const record = this.apps.get(appId);
      if (!record) throw new CatalogError('app-not-found', { id: appId });
      made.push(newInstance(record, makeInstanceId(appId, this.dice.timeUuid()), now));
    }
    return made;
  }

  /** Everybody hears of it, a slice a turn; whoever was told is held no longer. */
  async #adopt(
    results: readonly [InstanceId, StepResult][],
    made: readonly Instance[],
    free: (ids: readonly InstanceId[]) => void,
  ): Promise<void> {
    for (let from = 0; from < results.length; from += ADOPT_SLICE) {
      if (from > 0) await this.#nextTurn();
      const slice = results.slice(from, from + ADOPT_SLICE);
      for (const [id, result] of slice) this.life.adopt(id, result);
      free(slice.map(([id]) => id));
    }
    let inSlice = results.length % ADOPT_SLICE;
    for (const instance of made) {
      if (inSlice++ >= ADOPT_SLICE) {
        await this.#nextTurn();
        inSlice = 1;
      }
      const effects = [{ kind: 'publish-condition', instance, condition: 'Scheduled' } as const];
      this.life.adopt(instance.id, { instance, effects });
    }
  }

  #nextTurn(): Promise<void> {
    return new Promise((next) => {
      this.clock.after(0, next);
    });
  }
}

function write(id: InstanceId, instance: Instance | undefined): StoreWrite {
  const key = keys.instance(id);
  return instance === undefined ? { op: 'delete', key } : { op: 'put', key, value: instance };
}
