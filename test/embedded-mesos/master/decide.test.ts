import fc from 'fast-check';
import { addSilence } from '../../../src/embedded-mesos/master/decide/agent-silence.js';
import {
  type AllocationInput,
  allocate,
  type Claim,
} from '../../../src/embedded-mesos/master/decide/allocate.js';
import {
  isRefused,
  MAX_REFUSE_MS,
  refuseMs,
} from '../../../src/embedded-mesos/master/decide/decline-filters.js';
import {
  addScalars,
  dominantShare,
  fairOrder,
  subtractScalars,
} from '../../../src/embedded-mesos/master/decide/dominant-share.js';
import { traitsOf } from '../../../src/embedded-mesos/master/decide/framework-traits.js';
import {
  defaultLeastOffer,
  isWorthOffering,
  leastOfferOf,
} from '../../../src/embedded-mesos/master/decide/least-offer.js';
import { forgettable } from '../../../src/embedded-mesos/master/decide/registry-prune.js';
import { isNews } from '../../../src/embedded-mesos/master/decide/task-progress.js';
import { roleFault } from '../../../src/embedded-mesos/master/decide/validate-framework.js';
import { taskFault } from '../../../src/embedded-mesos/master/decide/validate-task.js';
import { parseResources } from '../../../src/embedded-mesos/protocol/resource-text.js';
import { Resources } from '../../../src/embedded-mesos/protocol/resources.js';
import type { TaskInfo } from '../../../src/embedded-mesos/protocol/v1.js';
import { task } from './world.js';

const of = (text: string): Resources => Resources.of(parseResources(text));

describe('dominant share', () => {
  it('follows the example of the DRF paper: 9 CPUs and 18 GB, tasks of (1, 4) and (3, 1)', () => {
    const total = of('cpus:9;mem:18').scalars();
    const demand = { a: of('cpus:1;mem:4').scalars(), b: of('cpus:3;mem:1').scalars() };
    const held = { a: of('').scalars(), b: of('').scalars() };
    const tasks = { a: 0, b: 0 };
    let used = of('').scalars();
    for (;;) {
      const clients = (['a', 'b'] as const).map((name) => ({
        name,
        allocated: held[name],
        grants: tasks[name],
      }));
      const next = fairOrder(clients, total).find(({ name }) => {
        const sum = addScalars(used, demand[name]);
        return (sum.get('cpus') ?? 0) <= 9 && (sum.get('mem') ?? 0) <= 18;
      });
      if (!next) break;
      used = addScalars(used, demand[next.name]);
      held[next.name] = addScalars(held[next.name], demand[next.name]);
      tasks[next.name] += 1;
    }
    expect(tasks).toEqual({ a: 3, b: 2 });
    expect(dominantShare(held.a, total)).toBeCloseTo(2 / 3);
    expect(dominantShare(held.b, total)).toBeCloseTo(2 / 3);
  });

  it('halves with a weight of two, and is nothing for resources the cluster does not have', () => {
    const total = of('cpus:10').scalars();
    expect(dominantShare(of('cpus:5').scalars(), total, 2)).toBe(0.25);
    expect(dominantShare(of('gpus:5').scalars(), total)).toBe(0);
  });

  it('subtracts what it added', () => {
    const scalars = fc
      .record({ cpus: fc.nat(9999), mem: fc.nat(9999) })
      .map(({ cpus, mem }) => of(`cpus:${cpus / 1000};mem:${mem}`).scalars());
    fc.assert(
      fc.property(scalars, scalars, (a, b) => {
        expect(subtractScalars(addScalars(a, b), b)).toEqual(a);
      }),
    );
  });
});

describe('one allocation run', () => {
  const traits = traitsOf({ user: '', name: '', capabilities: [{ type: 'MULTI_ROLE' }] });
  const claim = (frameworkId: string, role: string): Claim => ({
    frameworkId,
    role,
    traits,
    leastOffer: defaultLeastOffer,
    allocated: new Map(),
    grants: 0,
  });

  it('never grants more of an agent than it has, nor one (agent, role) to two', () => {
    const agents = fc.array(
      fc.record({ cpus: fc.integer({ min: 0, max: 8000 }), mem: fc.nat(200), web: fc.nat(4) }),
      { maxLength: 6 },
    );
    const claims = fc.array(
      fc.record({
        framework: fc.constantFrom('f1', 'f2', 'f3'),
        role: fc.constantFrom('*', 'web', 'web/a', 'db'),
      }),
      {
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(agents, claims, fc.func(fc.boolean()), (agentList, claimList, refused) => {
        const candidates = agentList.map(({ cpus, mem, web }, index) => ({
          agentId: `a${index}`,
          available: of(`cpus:${cpus / 1000};mem:${mem};cpus(web):${web};ports:[1-9]`),
          hasGpus: false,
        }));
        const input: AllocationInput = {
          candidates,
          claims: claimList.map(({ framework, role }) => claim(framework, role)),
          roleAllocated: () => new Map(),
          clusterTotal: of('cpus:100;mem:10000').scalars(),
          isRefused: ({ frameworkId, role }, agentId) => refused(frameworkId, role, agentId),
        };
        const grants = allocate(input);
        for (const { agentId, available } of candidates) {
          const own = grants.filter((grant) => grant.agentId === agentId);
          let left = available;
          for (const { resources } of own) {
            expect(left.contains(resources)).toBe(true);
            left = left.minus(resources);
          }
          expect(new Set(own.map(({ role }) => role)).size).toBe(own.length);
        }
        for (const grant of grants) {
          expect(refused(grant.frameworkId, grant.role, grant.agentId)).toBe(false);
          expect(isWorthOffering(grant.resources, defaultLeastOffer)).toBe(true);
          if (!grant.role.startsWith('web'))
            expect(grant.resources.filter(({ reservations }) => reservations !== undefined).isEmpty).toBe(
              true,
            );
        }
      }),
    );
  });

  it('offers agents with GPUs only to those who ask for them', () => {
    const input: AllocationInput = {
      candidates: [{ agentId: 'a', available: of('cpus:1;gpus:1'), hasGpus: true }],
      claims: [claim('f', '*'), { ...claim('g', '*'), traits: { ...traits, gpuResources: true } }],
      roleAllocated: () => new Map(),
      clusterTotal: of('cpus:1;gpus:1').scalars(),
      isRefused: () => false,
    };
    expect(allocate(input).map(({ frameworkId }) => frameworkId)).toEqual(['g']);
  });
});

describe('refusals', () => {
  it.each([
    [undefined, 5_000],
    [{}, 5_000],
    [{ refuse_seconds: -1 }, 5_000],
    [{ refuse_seconds: Number.NaN }, 5_000],
    [{ refuse_seconds: 0 }, 0],
    [{ refuse_seconds: 0.001 }, 1_000],
    [{ refuse_seconds: 120 }, 120_000],
    [{ refuse_seconds: 1e9 }, MAX_REFUSE_MS],
    [{ refuse_seconds: Number.POSITIVE_INFINITY }, MAX_REFUSE_MS],
  ])('of %j hold for %d ms', (filters, ms) => {
    expect(refuseMs(filters)).toBe(ms);
  });

  it('block what was refused and parts of it, not more and not other things', () => {
    const refused = [of('cpus:2;mem:100;ports:[1-9]')];
    expect(isRefused(refused, of('cpus:2;mem:100;ports:[1-9]'))).toBe(true);
    expect(isRefused(refused, of('cpus:1;ports:[5-6]'))).toBe(true);
    expect(isRefused(refused, of('cpus:2.001'))).toBe(false);
    expect(isRefused(refused, of('cpus:1;disk:1'))).toBe(false);
    expect(isRefused([], of('cpus:1'))).toBe(false);
  });
});

describe('the least offer', () => {
  it('is cpus:0.01 or mem:32, unless the framework sets its own', () => {
    expect(isWorthOffering(of('cpus:0.01'), defaultLeastOffer)).toBe(true);
    expect(isWorthOffering(of('mem:32'), defaultLeastOffer)).toBe(true);
    expect(isWorthOffering(of('cpus:0.009;mem:31;disk:1000'), defaultLeastOffer)).toBe(false);
    const own = {
      min_allocatable_resources: { quantities: [{ quantities: { cpus: { value: 2 }, mem: { value: 8 } } }] },
    };
    const least = leastOfferOf({ user: '', name: '', offer_filters: { web: own } }, 'web');
    expect(isWorthOffering(of('cpus:2;mem:7'), least)).toBe(false);
    expect(isWorthOffering(of('cpus:2;mem:8'), least)).toBe(true);
    expect(isWorthOffering(of('disk:1'), [])).toBe(true);
  });
});

describe('small decisions', () => {
  it('count at most two periods of silence per step, so that a process that slept blames nobody', () => {
    expect(addSilence(0, 1_000, 1_000)).toBe(1_000);
    expect(addSilence(5_000, 600_000, 1_000)).toBe(7_000);
    expect(addSilence(5_000, -10, 1_000)).toBe(5_000);
  });

  it('take a state as news only when it goes forward', () => {
    expect(isNews('TASK_RUNNING', 'TASK_STARTING')).toBe(false);
    expect(isNews('TASK_STAGING', 'TASK_RUNNING')).toBe(true);
    expect(isNews('TASK_RUNNING', 'TASK_RUNNING')).toBe(true);
    expect(isNews('TASK_FAILED', 'TASK_RUNNING')).toBe(false);
    expect(isNews('TASK_RUNNING', 'TASK_FAILED')).toBe(true);
  });

  it('forget the oldest and the too old of the registry', () => {
    const former = [
      { agentId: 'old', sinceMs: 0 },
      { agentId: 'mid', sinceMs: 900 },
      { agentId: 'new', sinceMs: 950 },
    ];
    expect(forgettable(former, 1_000, 500, 10)).toEqual(['old']);
    expect(forgettable(former, 1_000, 5_000, 1)).toEqual(['mid', 'old']);
  });

  it.each(['*', 'web', 'a/b/c', 'a-b', 'ä'])('take %s for a role', (role) => {
    expect(roleFault(role)).toBeUndefined();
  });

  it.each(['', '/a', 'a/', 'a//b', '.', 'a/..', 'a/*', '-a', 'a b', 'a\tb', 'a\u007f'])(
    'do not take %j for a role',
    (role) => {
      expect(roleFault(role)).toBeDefined();
    },
  );

  const good = task('t', 'a');
  it.each<[string, Partial<TaskInfo>, string]>([
    ['a negative grace period', { kill_policy: { grace_period: { nanoseconds: -1 } } }, 'grace_period'],
    ['a limit below the request', { limits: { cpus: { value: 0.5 } } }, 'is less than the request'],
    ['a limit for disk', { limits: { disk: { value: 5 } } }, "Limit for 'disk'"],
    [
      'overlapping ports',
      {
        resources: [
          {
            name: 'ports',
            type: 'RANGES',
            ranges: {
              range: [
                { begin: 1, end: 5 },
                { begin: 5, end: 6 },
              ],
            },
          },
        ],
      },
      'overlap',
    ],
    [
      'a negative amount',
      { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: -1 } }] },
      'not an amount',
    ],
    [
      'half a gpu',
      { resources: [{ name: 'gpus', type: 'SCALAR', scalar: { value: 0.5 } }] },
      'unsigned integer',
    ],
    [
      'another role',
      { resources: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, allocation_info: { role: 'x' } }] },
      "role 'x'",
    ],
    [
      'a secret without a secret',
      { command: { environment: { variables: [{ name: 'A', type: 'SECRET' }] } } },
      'must have a secret',
    ],
    [
      'a variable without a value',
      { command: { environment: { variables: [{ name: 'A' }] } } },
      'must have a value',
    ],
    ['a health check path', { health_check: { http: { port: 1, path: 'x' } } }, "must start with '/'"],
    ['two kinds of check', { check: { http: { port: 1 }, tcp: { port: 1 } } }, 'exactly one'],
    ['command and executor', { executor: { executor_id: { value: 'e' } } }, 'not both'],
  ])('find fault with a task that has %s', (_, change, words) => {
    const setting = { agentId: 'a', role: '*', isIdUsed: () => false };
    expect(taskFault(good, setting)).toBeUndefined();
    expect(taskFault({ ...good, ...change }, setting)).toContain(words);
  });
});
