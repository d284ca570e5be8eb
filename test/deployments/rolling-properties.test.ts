import fc from 'fast-check';
import type { AppRecord } from '../../src/apps/app.js';
import { gateOf, isGood } from '../../src/deployments/decide/gating.js';
import { isUnreachable, sortCohorts } from '../../src/deployments/decide/instance-buckets.js';
import { rollingStep } from '../../src/deployments/decide/rolling-step.js';
import { upgradeCapacity } from '../../src/deployments/decide/upgrade-capacity.js';
import { cohortsOf } from '../../src/scheduler/cohort.js';
import type { Instance } from '../../src/scheduler/instance.js';
import { firstVictims, instanceOf, recordOf } from './support/builders.js';

/** What chance does to one instance between two moves. */
const happening = fc.record({
  which: fc.nat({ max: 50 }),
  what: fc.constantFrom(
    'launch',
    'healthy',
    'unhealthy',
    'die',
    'unreachable',
    'back',
    'gone',
    'health-kill',
  ),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

const setting = fc.record({
  wanted: fc.integer({ min: 1, max: 8 }),
  old: fc.nat({ max: 10 }),
  min: fc.constantFrom(0, 0.2, 0.5, 0.75, 0.9, 1),
  over: fc.constantFrom(0, 0.2, 0.5, 1),
  checked: fc.boolean(),
  readied: fc.boolean(),
  oldHealthy: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
});
type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

/** Instances without a scheduler: moves are carried out at once, the rest happens by `happen`. */
class Floor {
  instances: Instance[];
  readonly record: AppRecord;
  #made = 0;

  constructor({ wanted, old, min, over, checked, readied, oldHealthy }: Setting) {
    this.record = recordOf('/web', { made: 'v2', instances: wanted, min, over, checked, readied });
    this.instances = Array.from({ length: old }, (_, index) =>
      instanceOf('/web', `old.${index}`, {
        made: 'v1',
        healthy: oldHealthy[index] ?? true,
        ready: oldHealthy[index] ?? true,
      }),
    );
  }

  /** One move, with the safety invariants watched. */
  move(): { quiet: boolean; done: boolean } {
    const { record, instances } = this;
    const gate = gateOf(record.app);
    const { minHealthy, maxCapacity } = upgradeCapacity(record.app);
    const { start, stop, done } = rollingStep({
      record,
      cohorts: cohortsOf(instances),
      selectVictims: firstVictims,
    });
    const stopped = new Set(stop);
    expect(stopped.size).toBe(stop.length);
    const goodStopped = instances.filter((each) => stopped.has(each.id) && isGood(each, gate)).length;
    const goodLeft = instances.filter((each) => !stopped.has(each.id) && isGood(each, gate)).length;
    if (goodStopped > 0) expect(goodLeft).toBeGreaterThanOrEqual(minHealthy);
    const occupied = sortCohorts(record, cohortsOf(instances)).occupied;
    if (start > 0) expect(occupied + start).toBeLessThanOrEqual(maxCapacity);
    this.instances = instances.flatMap((each) => {
      if (!stopped.has(each.id)) return [each];
      const away = isUnreachable(each) || each.condition === 'Scheduled';
      const takingOut = {
        reason: 'replaced by a new version' as const,
        since: each.since,
        phase: 'draining' as const,
      };
      return away ? [] : [{ ...each, goal: 'Decommissioned' as const, takingOut }];
    });
    for (let count = 0; count < start; count++) {
      this.#made += 1;
      this.instances.push(instanceOf('/web', `new.${this.#made}`, { made: 'v2', condition: 'Scheduled' }));
    }
    return { quiet: start === 0 && stop.length === 0, done };
  }

  happen({ which, what }: Happening): void {
    const index = which % Math.max(1, this.instances.length);
    const one = this.instances[index];
    if (!one) return;
    const next = change(one, what);
    if (next) this.instances[index] = next;
    else this.instances.splice(index, 1);
  }

  /** From now on everything goes well: agents come back, launches run, leaving ones go, new ones become healthy. */
  fortune(): void {
    this.instances = this.instances.flatMap((each) => {
      const back = isUnreachable(each) ? (change(each, 'back') ?? each) : each;
      if (back.goal !== 'Running') return [];
      if (back.takingOut || back.condition === 'Scheduled') return [launched(back)];
      return [back.launchHash === this.record.launchHash ? (change(back, 'healthy') ?? back) : back];
    });
  }
}

function launched(instance: Instance): Instance {
  return instanceOf('/web', instance.id, { made: 'v2' });
}

function change(one: Instance, what: Happening['what']): Instance | undefined {
  const running = one.condition === 'Running';
  switch (what) {
    case 'launch':
      return one.condition === 'Scheduled' ? launched(one) : one;
    case 'healthy':
    case 'unhealthy':
      if (!running || !one.task || one.takingOut) return one;
      return {
        ...one,
        health: { taskId: one.task.id, results: [], healthy: what === 'healthy', ready: true },
      };
    case 'die': {
      if (one.goal !== 'Running') return undefined;
      return instanceOf('/web', one.id, { made: 'v2', condition: 'Scheduled' });
    }
    case 'gone':
      return one.goal === 'Running' ? one : undefined;
    case 'unreachable':
      if (one.condition === 'Unreachable') return { ...one, condition: 'UnreachableInactive' };
      return running && !one.takingOut ? { ...one, condition: 'Unreachable' } : one;
    case 'back':
      return isUnreachable(one) ? { ...one, condition: 'Running' } : one;
    case 'health-kill': {
      const takingOut = {
        reason: 'failed health checks' as const,
        since: one.since,
        phase: 'killing' as const,
      };
      return running ? { ...one, takingOut } : one;
    }
    default:
      return one;
  }
}

describe('a rolling replacement, whatever happens to the instances', () => {
  it('keeps the capacity and the healthy minimum, and ends once the new ones become healthy', () => {
    fc.assert(
      fc.property(setting, fc.array(happening, { maxLength: 60 }), (given, story) => {
        const floor = new Floor(given);
        floor.move();
        for (const event of story) {
          floor.happen(event);
          floor.move();
        }
        let done = false;
        for (let round = 0; round < 100 && !done; round++) {
          floor.fortune();
          ({ done } = floor.move());
        }
        expect(done).toBe(true);
        expect(floor.instances.filter(({ goal }) => goal === 'Running')).toHaveLength(given.wanted);
        expect(floor.instances.every(({ launchHash }) => launchHash === 'hash-v2')).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('moves the same whether it is asked once or twice', () => {
    fc.assert(
      fc.property(setting, fc.array(happening, { maxLength: 30 }), (given, story) => {
        const floor = new Floor(given);
        for (const event of story) {
          floor.move();
          expect(floor.move().quiet).toBe(true);
          floor.happen(event);
        }
      }),
    );
  });

  it('rolled back, restarts no healthy instance of the old definition', () => {
    fc.assert(
      fc.property(setting, fc.array(happening, { maxLength: 40 }), (given, story) => {
        const floor = new Floor({ ...given, old: given.wanted });
        floor.move();
        for (const event of story) {
          floor.happen(event);
          floor.move();
        }
        const back = recordOf('/web', {
          made: 'v1',
          instances: given.wanted,
          min: given.min,
          over: given.over,
          checked: given.checked,
          readied: given.readied,
        });
        const gate = gateOf(back.app);
        const kept = new Set(
          floor.instances
            .filter((each) => each.launchHash === back.launchHash && isGood(each, gate))
            .map(({ id }) => id),
        );
        const { stop } = rollingStep({
          record: back,
          cohorts: cohortsOf(floor.instances),
          selectVictims: firstVictims,
        });
        for (const id of stop) expect(kept.has(id)).toBe(false);
      }),
    );
  });
});
