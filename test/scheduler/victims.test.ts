import fc from 'fast-check';
import { selectVictims } from '../../src/scheduler/decide/victims.js';
import type { AgentId, Condition, Instance, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import { timestamp } from '../../src/util/timestamp.js';
import { appRecord } from './support/world.js';

function instance(
  id: string,
  condition: Condition,
  bornMs: number,
  more: { healthy?: boolean; rack?: string } = {},
): Instance {
  const at = timestamp(bornMs);
  const taskId = `${id}._app.1` as TaskId;
  return {
    id: id as InstanceId,
    appId: appRecord('/a').app.id,
    goal: 'Running',
    condition,
    since: at,
    runSpecVersion: at,
    launchHash: 'h',
    incarnation: 1,
    role: '*',
    ...(condition === 'Scheduled'
      ? {}
      : {
          task: {
            id: taskId,
            agentId: 'a' as AgentId,
            hostname: 'h',
            attributes: more.rack === undefined ? {} : { rack: more.rack },
            hostPorts: [],
            ipAddresses: [],
            stagedAt: at,
            startedAt: at,
            mesosState: '',
            runSpecVersion: at,
          },
        }),
    ...(more.healthy === undefined ? {} : { health: { taskId, healthy: more.healthy, results: [] } }),
  };
}

const app = appRecord('/a').app;

describe('victims', () => {
  it('go by name, then waiting, unreachable, staging, starting, running', () => {
    const all = [
      instance('running', 'Running', 1),
      instance('starting', 'Starting', 2),
      instance('staging', 'Staging', 3),
      instance('away', 'Unreachable', 4),
      instance('waiting', 'Scheduled', 5),
      instance('named', 'Running', 0),
    ];
    expect(selectVictims({ app, instances: all, count: 6, named: ['named' as InstanceId] })).toEqual([
      'named',
      'waiting',
      'away',
      'staging',
      'starting',
      'running',
    ]);
  });

  it('go by age as killSelection says, the unhealthy first', () => {
    const all = [
      instance('old', 'Running', 1, { healthy: true }),
      instance('young', 'Running', 9, { healthy: true }),
      instance('sick', 'Running', 5, { healthy: false }),
    ];
    expect(selectVictims({ app, instances: all, count: 3 })).toEqual(['sick', 'young', 'old']);
    expect(
      selectVictims({ app: { ...app, killSelection: 'OLDEST_FIRST' }, instances: all, count: 3 }),
    ).toEqual(['sick', 'old', 'young']);
  });

  it('some of many are the first of all of them in order, however they are listed', () => {
    const candidate = fc.record({
      condition: fc.constantFrom<Condition>('Scheduled', 'Staging', 'Running', 'Unreachable'),
      bornMs: fc.nat(20),
      healthy: fc.constantFrom(true, false, undefined),
    });
    const selection = fc.constantFrom('YOUNGEST_FIRST' as const, 'OLDEST_FIRST' as const);
    fc.assert(
      fc.property(
        fc.array(candidate, { maxLength: 60 }),
        fc.nat(60),
        selection,
        (wishes, count, killSelection) => {
          const instances = wishes.map(({ condition, bornMs, healthy }, index) =>
            instance(`i${index}`, condition, bornMs, healthy === undefined ? {} : { healthy }),
          );
          const choice = { app: { ...app, killSelection }, instances };
          const all = selectVictims({ ...choice, count: instances.length });
          expect([...all].sort()).toEqual(instances.map(({ id }) => id).sort());
          expect(selectVictims({ ...choice, count })).toEqual(all.slice(0, count));
        },
      ),
    );
  });

  it('keep GROUP_BY even', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 24 }),
        fc.nat(24),
        (racks, wanted) => {
          const all = racks.map((rack, index) =>
            instance(`i${index}`, 'Running', index, { rack: `r${rack}` }),
          );
          const count = Math.min(wanted, all.length);
          const victims = new Set(
            selectVictims({ app: { ...app, constraints: [['rack', 'GROUP_BY']] }, instances: all, count }),
          );
          expect(victims.size).toBe(count);
          const spread = (left: Instance[]): number => {
            const sizes = [...new Set(racks)].map(
              (rack) => left.filter((each) => each.task?.attributes['rack'] === `r${rack}`).length,
            );
            return Math.max(...sizes) - Math.min(...sizes);
          };
          const left = all.filter((each) => !victims.has(each.id));
          expect(spread(left)).toBeLessThanOrEqual(Math.max(1, spread(all)));
        },
      ),
    );
  });
});
