import fc from 'fast-check';
import { silentLog } from '../../src/logging/log.js';
import { type Cohort, cohortsOf } from '../../src/scheduler/cohort.js';
import type { AgentId, Condition, Goal, Instance, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import { InstanceTracker } from '../../src/scheduler/tracker.js';
import { timestamp } from '../../src/util/timestamp.js';
import { appRecord } from './support/world.js';

const appId = appRecord('/a').app.id;
const at = timestamp(0);

interface Wish {
  readonly goal: Goal;
  readonly condition: Condition;
  readonly hash: string;
  readonly leaving: boolean;
  readonly incarnation: number;
  /** Of which incarnation the health is. */
  readonly healthOf: number;
  readonly healthy: boolean | undefined;
}

function instance(number: number, wish: Wish): Instance {
  const id = `a.instance-${number}` as InstanceId;
  const taskId = (incarnation: number): TaskId => `${id}._app.${incarnation}` as TaskId;
  const { healthy } = wish;
  return {
    id,
    appId,
    goal: wish.goal,
    condition: wish.condition,
    since: at,
    runSpecVersion: at,
    launchHash: wish.hash,
    incarnation: wish.incarnation,
    role: '*',
    ...(wish.condition === 'Scheduled'
      ? {}
      : {
          task: {
            id: taskId(wish.incarnation),
            agentId: 'agent' as AgentId,
            hostname: 'host',
            attributes: {},
            hostPorts: [],
            ipAddresses: [],
            stagedAt: at,
            mesosState: '',
            runSpecVersion: at,
          },
        }),
    health: { taskId: taskId(wish.healthOf), results: [], ...(healthy === undefined ? {} : { healthy }) },
    ...(wish.leaving ? { takingOut: { reason: 'scale down', since: at, phase: 'killing' } } : {}),
  };
}

const wish: fc.Arbitrary<Wish> = fc.record({
  goal: fc.constantFrom<Goal>('Running', 'Decommissioned'),
  condition: fc.constantFrom<Condition>('Scheduled', 'Staging', 'Running', 'Unreachable'),
  hash: fc.constantFrom('h1', 'h2'),
  leaving: fc.boolean(),
  incarnation: fc.integer({ min: 1, max: 2 }),
  healthOf: fc.integer({ min: 1, max: 2 }),
  healthy: fc.constantFrom(true, false, undefined),
});

function shown(cohorts: Iterable<Cohort>): string[] {
  return [...cohorts]
    .map(({ standing, members }) => `${JSON.stringify(standing)} ${[...members.keys()].sort().join(' ')}`)
    .sort();
}

describe('the cohorts of an app', () => {
  it('kept change by change are those of the instances as they are, each instance in one of them', () => {
    const change = fc.record({ number: fc.nat(7), wish: fc.option(wish, { nil: undefined, freq: 4 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const tracker = new InstanceTracker(silentLog);
        for (const { number, wish } of changes) {
          tracker.set(`a.instance-${number}` as InstanceId, wish && instance(number, wish));
          const all = tracker.ofApp(appId);
          const cohorts = [...tracker.cohorts(appId)];
          expect(shown(cohorts)).toEqual(shown(cohortsOf(all)));
          expect(cohorts.every(({ members }) => members.size > 0)).toBe(true);
          const members = cohorts.flatMap((cohort) => [...cohort.members.values()]);
          expect(new Set(members)).toEqual(new Set(all));
          expect(members).toHaveLength(all.length);
        }
      }),
    );
  });

  it('count only what is known about the present task', () => {
    const base = {
      goal: 'Running',
      condition: 'Running',
      hash: 'h',
      leaving: false,
      incarnation: 2,
    } as const;
    const [stale] = cohortsOf([instance(1, { ...base, healthOf: 1, healthy: true })]);
    expect(stale?.standing.healthy).toBeUndefined();
    const [fresh] = cohortsOf([instance(1, { ...base, healthOf: 2, healthy: true })]);
    expect(fresh?.standing.healthy).toBe(true);
  });
});
