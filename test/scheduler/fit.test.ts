import fc from 'fast-check';
import { peakExtraCapacity } from '../../src/deployments/decide/peak-extra.js';
import type { Offer, Resource } from '../../src/embedded-mesos/protocol/v1.js';
import { fitInstances, smallestChange } from '../../src/scheduler/decide/fit.js';
import { OfferPool } from '../../src/scheduler/decide/offer-pool.js';
import { record, running } from '../api/support/fakes.js';

const scalar = (name: string, value: number): Resource => ({ name, type: 'SCALAR', scalar: { value } });

function pool(hostname: string, cpus: number, mem: number, ports = 100): OfferPool {
  const offer: Offer = {
    id: { value: hostname },
    framework_id: { value: 'f' },
    agent_id: { value: `agent-${hostname}` },
    hostname,
    allocation_info: { role: '*' },
    resources: [
      scalar('cpus', cpus),
      scalar('mem', mem),
      { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 30_999 + ports }] } },
    ],
  };
  return new OfferPool(offer);
}
const around = { nowMs: 0, startAt: 0, resting: () => false };
const web = (fields: object = {}) => record('/web', { cpus: 1, mem: 100, ...fields });

describe('whether instances fit what is free', () => {
  it('counts as many as there is room for, and never takes more than is there', () => {
    const sizes = fc.array(fc.record({ cpus: fc.nat({ max: 8 }), mem: fc.nat({ max: 900 }) }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(sizes, fc.nat({ max: 30 }), (agents, count) => {
        const pools = agents.map(({ cpus, mem }, index) => pool(`h${index}`, cpus, mem));
        const room = agents.reduce((sum, { cpus, mem }) => sum + Math.min(cpus, Math.floor(mem / 100)), 0);
        const fit = fitInstances(web(), count, pools, [], around);
        expect(fit.placed).toBe(Math.min(count, room));
        if (fit.placed < count) expect(fit.refusals).toHaveLength(agents.length);
      }),
    );
  });

  it('says what is missing on each agent, the closest first, and the smallest change that would do', () => {
    const pools = [pool('far', 0.1, 1000), pool('near', 0.8, 1000)];
    const fit = fitInstances(web(), 1, pools, [], around);
    expect(fit.refusals.map(({ hostname, short }) => [hostname, short])).toEqual([
      ['near', { cpus: 0.2 }],
      ['far', { cpus: 0.9 }],
    ]);
    expect(smallestChange(fit)).toEqual({ hostname: 'near', lowerTo: { cpus: 0.8 } });
  });

  it('heeds constraints, of instances that run and of those just placed', () => {
    const app = web({ constraints: [['hostname', 'UNIQUE']] });
    const there = running('/web', 1, { launchHash: app.launchHash });
    const pools = [pool('host-1', 9, 900), pool('host-2', 9, 900), pool('host-3', 9, 900)];
    const fit = fitInstances(app, 9, pools, [there], around);
    expect(fit.placed).toBe(2);
    expect(fit.refusals.every(({ reasons }) => reasons.includes('UnfulfilledConstraint'))).toBe(true);
    expect(smallestChange(fit)).toBeUndefined();
  });

  it('judges a second app by what the first leaves', () => {
    const pools = [pool('h', 3, 900)];
    expect(fitInstances(web(), 2, pools, [], around).placed).toBe(2);
    expect(fitInstances(record('/b', { cpus: 1 }), 2, pools, [], around).placed).toBe(1);
  });
});

describe('what a plan takes at its peak', () => {
  const step = (...apps: string[]) => ({
    actions: apps.map((app) => ({ action: 'RestartApplication' as const, app: app as never })),
  });
  const changed = (fields: object) => ({ ...web(fields), launchHash: 'hash-2' });

  it('is what the upgrade strategy allows beside the old instances', () => {
    const strategy = (over: number, healthy: number) => ({
      instances: 4,
      upgradeStrategy: { minimumHealthCapacity: healthy, maximumOverCapacity: over },
    });
    const peak = (over: number, healthy: number): number =>
      peakExtraCapacity(
        [step('/web')],
        [{ appId: '/web', before: web(strategy(over, healthy)), after: changed(strategy(over, healthy)) }],
      ).instances;
    expect([peak(1, 1), peak(0.5, 1), peak(0, 0.5), peak(0, 1)]).toEqual([4, 2, 0, 1]);
  });

  it('adds what one step does at once, and what steps before it left', () => {
    const app = (id: string, instances: number) => record(id, { instances, cpus: 1, mem: 10 });
    const transitions = [
      { appId: '/a', before: undefined, after: app('/a', 2) },
      { appId: '/b', before: app('/b', 3), after: undefined },
      { appId: '/c', before: app('/c', 1), after: app('/c', 5) },
    ];
    expect(peakExtraCapacity([step('/a', '/c')], transitions)).toMatchObject({
      instances: 6,
      cpus: 6,
      mem: 60,
    });
    expect(peakExtraCapacity([step('/b'), step('/a'), step('/c')], transitions)).toMatchObject({
      instances: 3,
    });
  });
});
