import fc from 'fast-check';
import type { AppId, AppRecord } from '../../src/apps/app.js';
import { gateOf, isGood } from '../../src/deployments/decide/gating.js';
import { sortCohorts } from '../../src/deployments/decide/instance-buckets.js';
import { upgradeCapacity } from '../../src/deployments/decide/upgrade-capacity.js';
import { CatalogError } from '../../src/errors/registry.js';
import { cohortsOf } from '../../src/scheduler/cohort.js';
import type { Instance } from '../../src/scheduler/instance.js';
import type { Goals } from '../../src/scheduler/scheduler.js';
import { StoreError } from '../../src/store/state-store.js';
import type { Wish } from './support/builders.js';
import { World } from './support/world.js';

const ids = ['/a', '/b', '/g/c'] as const;
const app = fc.constantFrom(...ids);
const wish = fc.record({
  instances: fc.nat({ max: 4 }),
  made: fc.constantFrom('v1', 'v2', 'v3'),
  min: fc.constantFrom(0, 0.5, 1),
  over: fc.constantFrom(0, 0.5, 1),
  checked: fc.boolean(),
});
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), app, wish, force: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), app, force: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('rollback' as const, 'stop' as const), which: fc.nat() }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('move' as const, 'healthy' as const, 'die' as const),
      which: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('fail-flush' as const, 'minute' as const, 'crash' as const, 'turn' as const),
    }),
  },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

class Story {
  readonly endings = new Map<string, number>();
  readonly steps = new Map<string, number>();
  /** What went wrong where an exception would be taken for a refusal. */
  readonly violations: unknown[] = [];

  constructor(public world: World) {
    this.#watch();
  }

  async play(one: Act): Promise<void> {
    const { world } = this;
    switch (one.kind) {
      case 'put':
        this.#expectAnswer(world.change({ [one.app]: one.wish satisfies Wish }, { force: one.force }));
        return;
      case 'delete':
        this.#expectAnswer(world.change({ [one.app]: undefined }, { force: one.force }));
        return;
      case 'rollback':
      case 'stop': {
        const running = world.service.all();
        const chosen = running[one.which % Math.max(1, running.length)];
        if (chosen) this.#expectAnswer(world.service.cancel(chosen.plan.id, { force: one.kind === 'stop' }));
        return;
      }
      case 'move':
      case 'healthy':
      case 'die':
        this.#touch(one.kind, one.which);
        return;
      case 'fail-flush':
        world.store.failNextFlush();
        await world.settle();
        await world.clock.advanceAsync(70_000);
        return;
      case 'minute':
        await world.clock.advanceAsync(60_000);
        return;
      case 'turn':
        await world.settle();
        return;
      case 'crash':
        await world.settle();
        this.look();
        this.world = await world.crash();
        this.#watch();
    }
  }

  /** Counts endings, and that the steps of each deployment only go forward. */
  look(): void {
    for (const event of this.world.events.splice(0)) {
      if (event.eventType !== 'deployment_success' && event.eventType !== 'deployment_failed') continue;
      this.endings.set(String(event.id), (this.endings.get(String(event.id)) ?? 0) + 1);
    }
    for (const { plan, currentStep } of this.world.service.all()) {
      expect(this.endings.has(plan.id)).toBe(false);
      expect(currentStep).toBeGreaterThanOrEqual(this.steps.get(plan.id) ?? 0);
      this.steps.set(plan.id, currentStep);
    }
  }

  /** What still stood in the line when the server ended is refused with `starting`. */
  #expectAnswer(answer: Promise<unknown>): void {
    answer.catch((error: unknown) => {
      const expected =
        error instanceof StoreError ||
        (error instanceof CatalogError &&
          ['app-locked', 'deployment-not-found', 'starting'].includes(error.code));
      if (!expected) this.violations.push(error);
    });
  }

  #touch(kind: 'move' | 'healthy' | 'die', which: number): void {
    const { scheduler } = this.world;
    const all = [...scheduler.instances.all()];
    const chosen = all[which % Math.max(1, all.length)];
    if (!chosen) return;
    if (chosen.goal !== 'Running' || kind === 'die') scheduler.end(chosen.id);
    else if (chosen.condition === 'Scheduled') scheduler.launch(chosen.id);
    else if (kind === 'healthy') scheduler.healthy(chosen.id, which % 3 > 0);
  }

  #watch(): void {
    const { world } = this;
    world.scheduler.onWant = (appId, goals) => {
      const record = world.registry.get(appId);
      if (!record || record.app.instances === 0) return;
      const violation = boundsBroken(record, world.scheduler.instances.ofApp(appId), goals);
      if (violation) this.violations.push(violation);
    };
  }
}

/** Capacity and healthy minimum, at the moment of the wish. */
function boundsBroken(record: AppRecord, instances: readonly Instance[], goals: Goals): string | undefined {
  const { minHealthy, maxCapacity } = upgradeCapacity(record.app);
  const gate = gateOf(record.app);
  const { occupied } = sortCohorts(record, cohortsOf(instances));
  if (goals.start > 0 && occupied + goals.start > maxCapacity) {
    return `${record.app.id}: ${occupied} + ${goals.start} started, at most ${maxCapacity}`;
  }
  const stopped = new Set(goals.stop);
  const good = instances.filter((each) => isGood(each, gate));
  const left = good.filter((each) => !stopped.has(each.id)).length;
  if (left === good.length || left >= minHealthy) return undefined;
  return `${record.app.id}: ${good.length} good ones became ${left}, at least ${minHealthy}`;
}

describe('whatever is changed, forced, rolled back, stopped and crashed', () => {
  it('every deployment ends once, locks are released, and a last change brings every app to what is wanted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const story = new Story(await World.start());
        for (const one of acts) {
          await story.play(one);
          story.look();
        }
        await story.world.settle();
        await story.world.clock.advanceAsync(70_000);
        const last = Object.fromEntries(ids.map((id) => [id, { instances: 2, made: 'last', checked: true }]));
        const ask = () => story.world.change(last, { force: true });
        await ask().catch(async (error: unknown) => {
          // A flush that was set up to fail had not come yet.
          expect(error).toBeInstanceOf(StoreError);
          await story.world.clock.advanceAsync(70_000);
          await ask();
        });
        await story.world.calm();
        story.look();
        const { world } = story;
        expect(world.service.all()).toEqual([]);
        for (const id of ids) {
          expect(world.service.affecting(id as AppId)).toEqual([]);
          expect(world.instances(id).map((line) => line.replace(/^\S+ /, ''))).toEqual(
            Array(2).fill('Running last'),
          );
        }
        expect(story.violations).toEqual([]);
        for (const count of story.endings.values()) expect(count).toBe(1);
        const stored: string[] = [];
        for await (const { key } of world.store.scan('deployment!')) stored.push(key);
        expect(stored).toEqual([]);
        await world.service.stop();
      }),
      { numRuns: 150 },
    );
  });
});
