import type { AppId } from '../../src/apps/app.js';
import { actionStep } from '../../src/deployments/decide/action-step.js';
import { rollingStep } from '../../src/deployments/decide/rolling-step.js';
import { scaleStep } from '../../src/deployments/decide/scale-step.js';
import { stopStep } from '../../src/deployments/decide/stop-step.js';
import { upgradeCapacity } from '../../src/deployments/decide/upgrade-capacity.js';
import { cohortsOf } from '../../src/scheduler/cohort.js';
import type { Instance, InstanceId } from '../../src/scheduler/instance.js';
import { firstVictims, type InstanceWish, instanceOf, recordOf, type Wish } from './support/builders.js';

function some(count: number, made: string, wish: InstanceWish = {}, from = 1): Instance[] {
  return Array.from({ length: count }, (_, index) =>
    instanceOf('/web', `${made}.${from + index}`, { made, ...wish }),
  );
}

function roll(
  wish: Wish,
  instances: readonly Instance[],
): { start: number; stop: readonly string[]; done: boolean } {
  const record = recordOf('/web', { made: 'v2', ...wish });
  const { start, stop, done } = rollingStep({
    record,
    cohorts: cohortsOf(instances),
    selectVictims: firstVictims,
  });
  return { start, stop, done };
}

describe('the bounds of an upgrade', () => {
  it.each([
    [4, 1, 1, 4, 8],
    [4, 0.5, 0, 2, 4],
    [4, 1, 0, 4, 5],
    [4, 0, 0, 0, 4],
    [4, 0.5, 0.2, 2, 4],
    [1, 0.5, 0, 1, 2],
    [10, 0.1, 0.1, 1, 11],
    [100, 0.07, 0.07, 7, 107],
    [0, 1, 1, 0, 1],
  ])(
    'of %i instances with minimum %d and over-capacity %d are %i and %i',
    (instances, min, over, minHealthy, maxCapacity) => {
      expect(upgradeCapacity(recordOf('/web', { instances, min, over }).app)).toEqual({
        minHealthy,
        maxCapacity,
      });
    },
  );
});

describe('a rolling replacement of four healthy instances', () => {
  it.each([
    ['1, 1: starts four', 1, 1, 4, 0],
    ['0.5, 0: gives up two first', 0.5, 0, 0, 2],
    ['1, 0: one more at a time', 1, 0, 1, 0],
    ['0, 0: gives up all', 0, 0, 0, 4],
    ['0.5, 0.2: gives up two', 0.5, 0.2, 0, 2],
  ])('with %s', (_name, min, over, start, stopped) => {
    const move = roll({ instances: 4, min, over, checked: true }, some(4, 'v1', { healthy: true }));
    expect(move.start).toBe(start);
    expect(move.stop).toHaveLength(stopped);
  });

  it('of a single one that may fall to half starts the second before the first goes', () => {
    const first = some(1, 'v1', { healthy: true });
    expect(roll({ instances: 1, min: 0.5, over: 0, checked: true }, first)).toEqual({
      start: 1,
      stop: [],
      done: false,
    });
    const both = [...first, ...some(1, 'v2', { healthy: true })];
    expect(roll({ instances: 1, min: 0.5, over: 0, checked: true }, both)).toEqual({
      start: 0,
      stop: ['v1.1'],
      done: false,
    });
  });

  it('gives up one old one for each new one that is healthy and ready, not before', () => {
    const wish = { instances: 2, checked: true, readied: true };
    const old = some(2, 'v1', { healthy: true, ready: true });
    expect(roll(wish, [...old, ...some(2, 'v2')]).stop).toEqual([]);
    expect(roll(wish, [...old, ...some(2, 'v2', { healthy: true })]).stop).toEqual([]);
    expect(roll(wish, [...old, ...some(2, 'v2', { ready: true })]).stop).toEqual([]);
    const one = [...old, ...some(1, 'v2', { healthy: true, ready: true }), ...some(1, 'v2', {}, 2)];
    expect(roll(wish, one).stop).toEqual(['v1.1']);
  });

  it('uses the verdicts of all kinds of checks, so that server-side checks never stall it', () => {
    expect(
      roll({ instances: 4, min: 1, over: 0, checked: true }, some(4, 'v1', { healthy: true })).start,
    ).toBe(1);
    const ailing = [...some(3, 'v1', { healthy: true }), ...some(1, 'v1', { healthy: false }, 4)];
    expect(roll({ instances: 4, min: 1, over: 0, checked: true }, ailing).start).toBe(1);
  });

  it('does not believe the health of a task that is gone', () => {
    const [one] = some(1, 'v2', { healthy: true });
    if (!one?.health) throw new Error('no instance');
    const stale = { ...one, health: { ...one.health, taskId: 'another._app.1' as typeof one.health.taskId } };
    expect(roll({ instances: 1, checked: true }, [stale]).done).toBe(false);
    expect(roll({ instances: 1, checked: true }, [one]).done).toBe(true);
  });

  it('gives up unhealthy old ones first', () => {
    const old = [...some(2, 'v1', { healthy: true }), ...some(2, 'v1', { healthy: false }, 3)];
    expect(roll({ instances: 4, min: 0.5, over: 0, checked: true }, old).stop).toEqual(['v1.3', 'v1.4']);
  });

  it('keeps unhealthy old ones that need not go while too few are healthy', () => {
    expect(
      roll({ instances: 4, min: 0.5, over: 1, checked: true }, some(4, 'v1', { healthy: false })),
    ).toEqual({
      start: 4,
      stop: [],
      done: false,
    });
  });

  it('counts those that drain towards the capacity but not towards the healthy minimum', () => {
    const drained = [
      ...some(2, 'v1', { healthy: true }),
      ...some(2, 'v1', { healthy: true, leaving: true }, 3),
    ];
    expect(roll({ instances: 4, min: 0.5, over: 0, checked: true }, drained)).toEqual({
      start: 0,
      stop: [],
      done: false,
    });
  });

  it('counts known-unreachable ones apart', () => {
    const away = [...some(3, 'v1', { healthy: true }), ...some(1, 'v1', { condition: 'Unreachable' }, 4)];
    expect(roll({ instances: 4, min: 0.5, over: 0, checked: true }, away)).toMatchObject({ start: 1 });
  });

  it('takes one that waits for its relaunch as a new one, whatever it was', () => {
    const old = [...some(3, 'v1'), ...some(1, 'v1', { condition: 'Scheduled' }, 4)];
    expect(roll({ instances: 4, min: 1, over: 0 }, old).start).toBe(1);
    const health = [...some(3, 'v2'), ...some(1, 'v1', { relaunching: true }, 4)];
    expect(roll({ instances: 4 }, health)).toEqual({ start: 0, stop: [], done: false });
  });

  it('is done only when the last old one is gone', () => {
    const fresh = some(2, 'v2', { healthy: true });
    const wish = { instances: 2, checked: true };
    expect(roll(wish, [...fresh, ...some(1, 'v1', { leaving: true })]).done).toBe(false);
    expect(roll(wish, fresh).done).toBe(true);
    expect(roll(wish, [...fresh, ...some(1, 'v1', { leaving: true, condition: 'Unreachable' })]).done).toBe(
      true,
    );
  });

  it('goes back to the old definition without touching its healthy instances', () => {
    const mixed = [...some(3, 'v1', { healthy: true }), ...some(2, 'v2', { healthy: false })];
    const move = roll({ made: 'v1', instances: 4, checked: true }, mixed);
    expect(move.start).toBe(1);
    expect(move.stop.filter((id) => id.startsWith('v1'))).toEqual([]);
  });
});

describe('scaling', () => {
  const scale = (
    wish: Wish,
    instances: readonly Instance[],
    more: { victims?: string[]; awaitHealthy?: boolean } = {},
  ) =>
    scaleStep({
      record: recordOf('/web', wish),
      cohorts: cohortsOf(instances),
      selectVictims: firstVictims,
      awaitHealthy: more.awaitHealthy ?? true,
      ...(more.victims ? { victims: more.victims as InstanceId[] } : {}),
    });

  it('starts what is missing and waits until enough are healthy', () => {
    expect(scale({ instances: 3 }, some(1, 'v1'))).toMatchObject({ start: 2, stop: [], done: false });
    expect(scale({ instances: 3, checked: true }, some(3, 'v1'))).toMatchObject({ start: 0, done: false });
    expect(scale({ instances: 3, checked: true }, some(3, 'v1', { healthy: true }))).toMatchObject({
      done: true,
    });
  });

  it('is done also with more healthy ones than asked for once the surplus is gone', () => {
    expect(scale({ instances: 1 }, some(3, 'v1'))).toMatchObject({
      start: 0,
      stop: ['v1.1', 'v1.2'],
      done: false,
    });
    expect(scale({ instances: 1 }, [...some(1, 'v1', {}, 3), ...some(2, 'v1', { leaving: true })]).done).toBe(
      false,
    );
  });

  it('does not wait for the health of what stays when it only goes down', () => {
    const left = some(1, 'v1', { healthy: false });
    expect(scale({ instances: 1, checked: true }, left, { awaitHealthy: false }).done).toBe(true);
    expect(scale({ instances: 1, checked: true }, left).done).toBe(false);
  });

  it('stops the named ones first and only them when they are enough', () => {
    expect(scale({ instances: 2 }, some(3, 'v1'), { victims: ['v1.3'] })).toMatchObject({
      stop: ['v1.3'],
      start: 0,
    });
  });

  it('starts anew what naming too many takes away', () => {
    expect(scale({ instances: 2 }, some(3, 'v1'), { victims: ['v1.2', 'v1.3'] })).toMatchObject({
      stop: ['v1.2', 'v1.3'],
      start: 1,
    });
  });

  it('replaces an inactive one and expects nothing of it', () => {
    const inactive = [...some(1, 'v1'), ...some(1, 'v1', { condition: 'UnreachableInactive' }, 2)];
    expect(scale({ instances: 2 }, inactive)).toMatchObject({ start: 1, stop: [] });
  });

  it('does not start more while those leaving fill the capacity', () => {
    const leaving = [...some(1, 'v1'), ...some(7, 'v1', { leaving: true }, 2)];
    expect(scale({ instances: 8, over: 0 }, leaving).start).toBe(1);
    expect(scale({ instances: 8, over: 1 }, leaving).start).toBe(7);
  });

  it('replaces instances of another definition that a cancelled plan left behind', () => {
    const record = recordOf('/web', { made: 'v2', instances: 2 });
    const mixed = [...some(1, 'v1'), ...some(2, 'v2')];
    const action = { action: 'ScaleApplication', app: '/web' as AppId } as const;
    expect(
      actionStep(action, { before: record, after: record }, cohortsOf(mixed), firstVictims).stop,
    ).toEqual(['v1.1']);
  });
});

describe('stopping', () => {
  it('takes everything out and waits until it is gone, but not for agents that are away', () => {
    expect(stopStep(cohortsOf(some(2, 'v1')))).toMatchObject({ stop: ['v1.1', 'v1.2'], done: false });
    expect(stopStep(cohortsOf(some(1, 'v1', { leaving: true })))).toMatchObject({ stop: [], done: false });
    expect(stopStep(cohortsOf(some(1, 'v1', { leaving: true, condition: 'Unreachable' }))).done).toBe(true);
    expect(stopStep([]).done).toBe(true);
  });
});
