import type { AppId } from '../../src/apps/app.js';
import { deadlineTerms, overdueConduct, untilOverdueMs } from '../../src/deployments/decide/deadline.js';
import { evaluationPauseMs } from '../../src/deployments/decide/evaluation-pause.js';
import { isGood } from '../../src/deployments/decide/gating.js';
import { retryPauseMs } from '../../src/deployments/decide/retry-pause.js';
import { cutWaiting, waitingReasons } from '../../src/deployments/decide/waiting.js';
import type { Deployment } from '../../src/deployments/deployment.js';
import { cohortsOf } from '../../src/scheduler/cohort.js';
import type { Instance } from '../../src/scheduler/instance.js';
import type { QueueEntry } from '../../src/scheduler/scheduler.js';
import type { Timestamp } from '../../src/util/timestamp.js';
import { type InstanceWish, instanceOf, recordOf, T0, type Wish } from './support/builders.js';

function reasons(wish: Wish, instances: readonly Instance[], queue?: Partial<QueueEntry>): string[] {
  const record = recordOf('/web', wish);
  return waitingReasons({
    action: { action: 'ScaleApplication', app: '/web' as AppId },
    transition: { before: undefined, after: record },
    cohorts: cohortsOf(instances),
    queue: queue as QueueEntry | undefined,
    nowWallMs: Date.parse(T0),
  }).map(({ reason }) => reason);
}

describe('what a deployment waits for', () => {
  it.each<[string, Wish, InstanceWish, string[]]>([
    ['an offer', {}, { condition: 'Scheduled' }, ['waits for an offer']],
    ['a start', {}, { condition: 'Staging' }, ['starts on host1 (Staging)']],
    ['a health check', { checked: true }, {}, ['waits for its health check to succeed']],
    ['a failing health check', { checked: true }, { healthy: false }, ['is unhealthy']],
    ['readiness', { readied: true }, {}, ['waits for its readiness check to succeed']],
    ['a drain', {}, { leaving: true }, ['drains before it is stopped (scale down)']],
    ['an agent', {}, { condition: 'Unreachable' }, [`its agent is unreachable since ${T0}`]],
    ['nothing', { checked: true }, { healthy: true }, []],
  ])('says when it is %s', (_what, wish, instance, expected) => {
    expect(reasons(wish, [instanceOf('/web', 'web.1', instance)]).slice(0, 1)).toEqual(expected);
  });

  it('says why no offer fits, agent by agent, and until when a launch is delayed', () => {
    const waits = [instanceOf('/web', 'web.1', { condition: 'Scheduled' })];
    const refusal = {
      hostname: 'h1',
      reasons: ['InsufficientCpus'],
      explanation: ['needs 4 cpus, 1.5 offered'],
    };
    expect(reasons({}, waits, { lastRefusals: [refusal] } as unknown as Partial<QueueEntry>)).toEqual([
      "no agent's offer fits: h1: needs 4 cpus, 1.5 offered",
    ]);
    expect(
      reasons({}, waits, { backoffUntil: '2026-01-01T00:00:09.000Z' as Timestamp, lastRefusals: [] }),
    ).toEqual(['is launched again after its delay, at 2026-01-01T00:00:09.000Z']);
  });

  it('is cut after a hundred reasons', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => ({ app: '/web' as AppId, reason: `${index}` }));
    expect(cutWaiting(many)).toHaveLength(100);
    expect(cutWaiting(many).at(-1)?.reason).toBe('and more');
    expect(cutWaiting(many.slice(0, 100)).at(-1)?.reason).toBe('99');
    const instances = Array.from({ length: 5_000 }, (_, index) =>
      instanceOf('/web', `web.${index}`, { condition: 'Staging' }),
    );
    expect(reasons({}, instances).length).toBeLessThan(110);
  });
});

describe('an instance counts', () => {
  it.each<[boolean, boolean, InstanceWish, boolean]>([
    [false, false, {}, true],
    [false, false, { condition: 'Staging' }, false],
    [false, false, { leaving: true }, false],
    [true, false, {}, false],
    [true, false, { healthy: true }, true],
    [true, false, { healthy: false }, false],
    [false, true, { healthy: true }, false],
    [false, true, { ready: true }, true],
    [true, true, { healthy: true }, false],
    [true, true, { ready: true }, false],
    [true, true, { healthy: true, ready: true }, true],
  ])(
    'with health checks %s and readiness checks %s when it is %j: %s',
    (healthChecks, readinessChecks, wish, good) => {
      expect(isGood(instanceOf('/web', 'web.1', wish), { healthChecks, readinessChecks })).toBe(good);
    },
  );
});

describe('a deadline', () => {
  const transition = (wish: Wish) => ({ before: undefined, after: recordOf('/web', wish) });

  it('is the strictest of the apps, with what that app asks for', () => {
    expect(
      deadlineTerms(
        {
          '/a': transition({ deadlineSeconds: 60, onFailure: 'hold' }),
          '/b': transition({ deadlineSeconds: 30, onFailure: 'rollback' }),
          '/c': transition({}),
          '/d': { before: recordOf('/d', { deadlineSeconds: 1 }), after: undefined },
        },
        T0,
      ),
    ).toEqual({ deadline: '2026-01-01T00:00:30.000Z', onFailure: 'rollback' });
    expect(deadlineTerms({ '/c': transition({}) }, T0)).toEqual({});
  });

  it('never undoes a rollback', () => {
    const plan = { id: 'x', version: T0, steps: [], transitions: {} };
    const base: Deployment = { plan, currentStep: 1, startedAt: T0, phase: 'running', deadline: T0 };
    expect(untilOverdueMs(base, Date.parse(T0) - 500)).toBe(500);
    expect(overdueConduct(base)).toBe('wait');
    expect(overdueConduct({ ...base, onFailure: 'hold' })).toBe('hold');
    expect(overdueConduct({ ...base, onFailure: 'rollback' })).toBe('rollback');
    expect(overdueConduct({ ...base, onFailure: 'rollback', plan: { ...plan, revertOf: 'y' } })).toBe('wait');
  });
});

describe('pauses', () => {
  it('between attempts double from 5 s to 60 s, spread by a fifth', () => {
    expect([1, 2, 3, 4, 5, 500].map((attempt) => retryPauseMs(attempt, 0.5))).toEqual([
      5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]);
    expect(retryPauseMs(1, 0)).toBe(4_000);
    expect(retryPauseMs(1, 0.999999)).toBe(6_000);
  });

  it('after a look grow with the app', () => {
    expect([1, 100, 101, 10_000, 1_000_000].map(evaluationPauseMs)).toEqual([0, 0, 2, 100, 250]);
  });
});
