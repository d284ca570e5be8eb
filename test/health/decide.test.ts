import fc from 'fast-check';
import { judgeAgentWord } from '../../src/health/decide/agent-verdict.js';
import {
  aggregateHealth,
  carryHealth,
  carryReadiness,
  withResult,
} from '../../src/health/decide/instance-health.js';
import { firstDelayMs, isOwnStall, nextDelayMs } from '../../src/health/decide/probe-pace.js';
import { wantedProbes } from '../../src/health/decide/targets.js';
import { judgeProbe } from '../../src/health/decide/verdict.js';
import type { HealthCheckResult, InstanceHealth, TaskId } from '../../src/scheduler/instance.js';
import { timestamp } from '../../src/util/timestamp.js';
import { aCheck, anInstance, aReadinessCheck, aRecord } from './builders.js';

const T0 = Date.UTC(2026, 0, 1);

/** Feeds probes `[secondsAfterRunning, ok]` to one check and returns the last result and when it was given up. */
function feed(check: ReturnType<typeof aCheck>, probes: readonly (readonly [number, boolean])[]) {
  let [result, lastFailureMs]: [HealthCheckResult | undefined, number | undefined] = [undefined, undefined];
  const givenUpAt: number[] = [];
  for (const [seconds, ok] of probes) {
    const verdict = judgeProbe({
      check,
      before: result,
      ok,
      cause: ok ? undefined : 'status 500',
      now: timestamp(T0 + seconds * 1000),
      runningForMs: seconds * 1000,
      sinceFailureMs: lastFailureMs === undefined ? undefined : seconds * 1000 - lastFailureMs,
    });
    if (verdict.failureCounted) lastFailureMs = seconds * 1000;
    result = verdict.after;
    if (verdict.giveUp !== undefined) givenUpAt.push(seconds);
  }
  return { result, givenUpAt };
}

describe('the verdict on a health check', () => {
  it('is alive from the first success on', () => {
    const at = timestamp(T0 + 1000);
    expect(feed(aCheck(), [[1, true]]).result).toEqual({
      alive: true,
      consecutiveFailures: 0,
      firstSuccess: at,
      lastSuccess: at,
    });
  });

  it('ignores failures before the first success during the grace period, and only those', () => {
    const check = aCheck({ gracePeriodSeconds: 100, intervalSeconds: 10 });
    expect(
      feed(check, [
        [0, false],
        [50, false],
        [99.9, false],
      ]).result,
    ).toBeUndefined();
    expect(
      feed(check, [
        [50, false],
        [100, false],
      ]).result,
    ).toMatchObject({ alive: false, consecutiveFailures: 1 });
    expect(
      feed(check, [
        [10, true],
        [20, false],
      ]).result,
    ).toMatchObject({ alive: false, consecutiveFailures: 1, lastFailureCause: 'status 500' });
  });

  it('gives up exactly at failure number maxConsecutiveFailures in a row; 0 never', () => {
    const sequence = (n: number) => Array.from({ length: n }, (_, i) => [70 + i * 60, false] as const);
    const check = aCheck({ gracePeriodSeconds: 0 });
    expect(feed(check, [[10, true], ...sequence(2)]).givenUpAt).toEqual([]);
    expect(feed(check, [[10, true], ...sequence(3)]).givenUpAt).toEqual([190]);
    expect(feed(check, [[10, true], ...sequence(2), [190, true], ...sequence(2)]).givenUpAt).toEqual([]);
    expect(feed(aCheck({ maxConsecutiveFailures: 0 }), [[10, true], ...sequence(50)]).givenUpAt).toEqual([]);
    expect(feed(aCheck({ maxConsecutiveFailures: 1 }), [[10, true], ...sequence(1)]).givenUpAt).toEqual([70]);
  });

  it('does not give up sooner because probing is quicker than the interval', () => {
    const check = aCheck({ gracePeriodSeconds: 0, intervalSeconds: 10 });
    const hasty = Array.from({ length: 400 }, (_, i) => [i * 0.05, false] as const);
    expect(feed(check, hasty).givenUpAt[0]).toBeGreaterThanOrEqual(10);
    expect(feed(check, hasty).result?.consecutiveFailures).toBeLessThanOrEqual(4);
  });

  it('alive means: the last success is later than the last failure, whatever the wall clock does', () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: -100_000, max: 100_000 }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        let before: HealthCheckResult | undefined;
        let wallMs = T0;
        for (const [ok, jump] of steps) {
          wallMs += jump;
          const { after } = judgeProbe({
            check: aCheck(),
            before,
            ok,
            now: timestamp(wallMs),
            runningForMs: 1e9,
          });
          before = after;
          const { alive, lastSuccess, lastFailure } = after ?? { alive: undefined };
          expect(alive).toBe(ok);
          expect(alive).toBe(
            lastSuccess !== undefined && (lastFailure === undefined || lastSuccess > lastFailure),
          );
        }
      }),
    );
  });
});

describe('the verdict on an agent’s word', () => {
  const said = (healthy: boolean, hour: number, minute: number) => ({
    healthy,
    at: timestamp(Date.UTC(2026, 0, 1, hour, minute)),
  });

  it.each([true, false])('whose clock was set back is its last one, %s, and counts once', (last) => {
    const [twelve, half, back] = [said(last, 12, 0), said(!last, 12, 30), said(last, 11, 40)];
    const before = judgeAgentWord(judgeAgentWord(undefined, twelve).after, half).after;
    expect(before?.alive).toBe(!last);
    const { after, aliveChanged, failureCounted } = judgeAgentWord(before, back);
    expect({ alive: after?.alive, aliveChanged, failureCounted }).toEqual({
      alive: last,
      aliveChanged: true,
      failureCounted: !last,
    });
    const { lastSuccess = '', lastFailure = '' } = after ?? {};
    expect(lastSuccess > lastFailure).toBe(last);
    expect(judgeAgentWord(after, back)).toEqual({ after, failureCounted: false, aliveChanged: false });
  });
});

describe('the health of an instance', () => {
  const [alive, dead] = [
    { alive: true, consecutiveFailures: 0 },
    { alive: false, consecutiveFailures: 1 },
  ];
  const health = (more: Partial<InstanceHealth> = {}): InstanceHealth => ({
    taskId: 't' as TaskId,
    results: [],
    ...more,
  });

  it('is true when all checks are alive, false when one is not, else unknown', () => {
    expect(aggregateHealth([], false)).toBeUndefined();
    expect(aggregateHealth([alive, alive], false)).toBe(true);
    expect(aggregateHealth([alive, undefined], false)).toBeUndefined();
    expect(aggregateHealth([undefined, dead], false)).toBe(false);
    expect(aggregateHealth([alive, dead], true)).toBe(false);
  });

  it('survives checks that are changed in place: equal ones keep their result, a new one takes nothing away', () => {
    const [a, b, c] = [aCheck({ path: '/a' }), aCheck({ path: '/b' }), aCheck({ path: '/c' })];
    const before = health({ healthy: true, results: [alive, alive] });
    const patient = { ...b, intervalSeconds: 5, maxConsecutiveFailures: 9 };
    expect(carryHealth(before, [a, b], [patient, c])).toEqual(
      health({ healthy: true, results: [alive, undefined] }),
    );
    const failing = carryHealth(before, [a, b], [c]);
    expect(withResult(failing, 0, dead).healthy).toBe(false);
    expect(carryHealth(health({ healthy: false, results: [dead, alive] }), [a, b], [b]).healthy).toBe(true);
    expect(carryHealth(health({ results: [undefined] }), [a], [b])).toEqual(health({ results: [undefined] }));
  });

  it('is ready without being asked when the first readiness check is added while it serves, not otherwise', () => {
    const [check, other] = [aReadinessCheck(), aReadinessCheck({ path: '/other' })];
    expect(carryReadiness(health({ portOpen: true }), [], [check]).ready).toBe(true);
    expect(carryReadiness(health({ healthy: true, results: [alive] }), [], [check]).ready).toBe(true);
    expect(carryReadiness(health({ healthy: false, results: [dead] }), [], [check]).ready).toBeUndefined();
    expect(carryReadiness(health({ portOpen: true }), [check], [other]).ready).toBeUndefined();
    expect(carryReadiness(health({ portOpen: true, ready: true }), [check], [other]).ready).toBe(true);
    expect(carryReadiness(health({ portOpen: true }), [], []).ready).toBeUndefined();
  });

  it('passes from checks to none and back without a moment in which it is not served', () => {
    const a = aCheck();
    const none = carryHealth(health({ healthy: true, results: [alive] }), [a], []);
    expect(none).toEqual(health({ portOpen: true }));
    expect(carryHealth(none, [], [a])).toEqual(health({ healthy: true, results: [undefined] }));
    expect(carryHealth(health({ healthy: false, results: [dead] }), [a], [])).toEqual(health());
  });
});

describe('what is probed', () => {
  const instance = anInstance(1, T0);
  const fresh: InstanceHealth = { taskId: instance.task?.id as TaskId, results: [] };
  const keys = (record = aRecord(), health = fresh, of = instance) =>
    wantedProbes(of, record, health).map(({ target }) => target);

  it('are the checks, at the host port of their index or at the port they name, path with its slash', () => {
    const checks = [
      aCheck({ path: 'up' }),
      aCheck({ protocol: 'TCP', port: 8080, portIndex: 5 }),
      aCheck({ portIndex: 3 }),
    ];
    expect(keys(aRecord({ healthChecks: checks }))).toEqual([
      expect.objectContaining({
        key: `${instance.task?.id}#health-0`,
        host: 'host-1',
        port: 31_001,
        path: '/up',
        intervalMs: 60_000,
        timeoutMs: 20_000,
        eager: true,
      }),
      expect.objectContaining({ key: `${instance.task?.id}#health-1`, protocol: 'TCP', port: 8080 }),
    ]);
  });

  it('are probed calmly once they had a success', () => {
    const known = {
      ...fresh,
      results: [{ alive: false, consecutiveFailures: 2, firstSuccess: timestamp(T0) }],
    };
    expect(keys(aRecord({ healthChecks: [aCheck()] }), known)).toEqual([
      expect.objectContaining({ eager: false }),
    ]);
  });

  it('is the first TCP port of an app without checks until it was open, if the load balancer serves it', () => {
    const udpFirst = aRecord({
      portDefinitions: [
        { port: 1, protocol: 'udp' },
        { port: 2, protocol: 'udp,tcp' },
      ],
    });
    const two = {
      ...instance,
      task: { ...(instance.task as NonNullable<typeof instance.task>), hostPorts: [1, 2] },
    };
    expect(keys(udpFirst, fresh, two)).toEqual([
      expect.objectContaining({ protocol: 'TCP', port: 2, eager: true }),
    ]);
    expect(keys(aRecord(), { ...fresh, portOpen: true })).toEqual([]);
    expect(keys(aRecord({}, { explicitPorts: false }))).toEqual([]);
    expect(keys(aRecord({ labels: { HAPROXY_0_VHOST: 'a.b' } }, { explicitPorts: false }))).toHaveLength(1);
    expect(keys(aRecord({ portDefinitions: [] }))).toEqual([]);
  });

  it('is the readiness check until it once was ready', () => {
    const record = aRecord({
      healthChecks: [aCheck()],
      readinessChecks: [aReadinessCheck({ httpStatusCodesForReady: [201] })],
    });
    const ready = keys(record, fresh)[1];
    expect(ready).toMatchObject({
      key: `${instance.task?.id}#ready`,
      path: '/ready',
      port: 31_001,
      successStatuses: [201],
      eager: true,
    });
    expect(keys(record, { ...fresh, ready: true })).toHaveLength(1);
  });

  it('is nothing unless the task is running and not being killed', () => {
    const record = aRecord({ healthChecks: [aCheck()] });
    expect(keys(record, fresh, { ...instance, condition: 'Staging' })).toEqual([]);
    expect(keys(record, fresh, { ...instance, condition: 'Unreachable' })).toEqual([]);
    const takingOut = { reason: 'scale down', since: timestamp(T0) } as const;
    expect(keys(record, fresh, { ...instance, takingOut: { ...takingOut, phase: 'killing' } })).toEqual([]);
    expect(keys(record, fresh, { ...instance, takingOut: { ...takingOut, phase: 'draining' } })).toHaveLength(
      1,
    );
  });
});

describe('the pace of probing', () => {
  it('begins at once and doubles from 50 ms up to the interval until the first success', () => {
    const target = { eager: true, intervalMs: 1_000 };
    expect(firstDelayMs(target, 0.9)).toBe(0);
    const delays = [1, 2, 3, 4, 5, 6, 60].map((misses) =>
      nextDelayMs(target, { succeeded: false, misses, elapsedMs: 0, chance: 0.5 }),
    );
    expect(delays).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
  });

  it('then keeps the interval from start to start, a little jittered, never two at a time', () => {
    fc.assert(
      fc.property(
        fc.nat(200_000),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.boolean(),
        (elapsedMs, chance, eager) => {
          const delay = nextDelayMs(
            { eager, intervalMs: 60_000 },
            { succeeded: true, misses: 0, elapsedMs, chance },
          );
          expect(delay).toBeGreaterThanOrEqual(0);
          if (elapsedMs < 50_000) expect(Math.abs(delay + elapsedMs - 60_000)).toBeLessThanOrEqual(3_001);
        },
      ),
    );
  });

  it('spreads many known targets over five seconds', () => {
    const chances = Array.from({ length: 100 }, (_, i) => i / 100);
    const delays = chances.map((chance) => firstDelayMs({ eager: false, intervalMs: 60_000 }, chance));
    expect([Math.min(...delays), Math.max(...delays)]).toEqual([0, 4_950]);
  });

  it('takes a late timer of its own for a stall', () => {
    expect(isOwnStall({ timeoutLateMs: 20, beatLateMs: 20, stalledMeanwhile: false })).toBe(false);
    expect(isOwnStall({ timeoutLateMs: 30_000, beatLateMs: 0, stalledMeanwhile: false })).toBe(true);
    expect(isOwnStall({ timeoutLateMs: 0, beatLateMs: 600, stalledMeanwhile: false })).toBe(true);
    expect(isOwnStall({ timeoutLateMs: 0, beatLateMs: 0, stalledMeanwhile: true })).toBe(true);
  });
});
