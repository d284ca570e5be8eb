import fc from 'fast-check';
import type { AppId, Constraint } from '../../src/apps/app.js';
import type { Offer } from '../../src/embedded-mesos/protocol/v1.js';
import { agentFacts } from '../../src/scheduler/decide/agent-facts.js';
import {
  afterFailure,
  afterProgress,
  currentBackoff,
  launchAllowedAtMs,
} from '../../src/scheduler/decide/backoff.js';
import { judgeConstraint, type PlacedView } from '../../src/scheduler/decide/constraints.js';
import { javaDouble, taskEnvironment } from '../../src/scheduler/decide/environment.js';
import {
  appIdOfInstance,
  hostnameForm,
  makeInstanceId,
  makeTaskId,
  parseTaskId,
} from '../../src/scheduler/decide/ids.js';
import { type MatchContext, matchOffer, takeResources } from '../../src/scheduler/decide/match-offer.js';
import { OfferPool } from '../../src/scheduler/decide/offer-pool.js';
import { taskInfo } from '../../src/scheduler/decide/task-info.js';
import type { AgentId, TaskId } from '../../src/scheduler/instance.js';
import { appRecord } from './support/world.js';

const uuid = '6f1d2c3e-8b1a-11ee-b9d1-0242ac120002';

describe('ids', () => {
  it('makes and reads ids of instances and tasks', () => {
    const id = makeInstanceId('/a/b.c' as AppId, uuid);
    expect(id).toBe(`a_b.c.instance-${uuid}`);
    const taskId = makeTaskId(id, 3);
    expect(parseTaskId(taskId)).toEqual({
      appId: '/a/b.c',
      instanceId: id,
      container: '_app',
      incarnation: 3,
    });
    expect(appIdOfInstance(id)).toBe('/a/b.c');
    expect(hostnameForm('/a/b' as AppId)).toBe('b.a');
  });

  it.each([
    [`a_b.instance-${uuid}._app`, { appId: '/a/b', instanceId: `a_b.instance-${uuid}`, container: '_app' }],
    [
      `a.instance-${uuid}.main.2`,
      { appId: '/a', instanceId: `a.instance-${uuid}`, container: 'main', incarnation: 2 },
    ],
    [`a.marathon-${uuid}`, { appId: '/a', instanceId: `a.marathon-${uuid}` }],
    [`a_b.${uuid}`, { appId: '/a/b', instanceId: `a_b.marathon-${uuid}` }],
    [`a_b_${uuid}`, { appId: '/a/b', instanceId: `a_b.marathon-${uuid}` }],
    [`a.${uuid}.4`, { appId: '/a', instanceId: `a.marathon-${uuid}`, incarnation: 4 }],
    ['something else', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseTaskId(text)).toEqual(expected);
  });
});

describe('the environment', () => {
  it.each([
    [1, '1.0'],
    [0.1, '0.1'],
    [128, '128.0'],
    [0, '0.0'],
    [0.0001, '1.0E-4'],
    [1e7, '1.0E7'],
    [12345678.5, '1.23456785E7'],
    [0.001, '0.001'],
  ])('prints %d as Java does: %s', (value, text) => expect(javaDouble(value)).toBe(text));

  it('is what the worked example says, and the author wins', () => {
    const record = appRecord('/a/b', {
      portDefinitions: [
        { port: 10003, name: 'a', protocol: 'tcp' },
        { port: 10044, protocol: 'tcp' },
      ],
      labels: { 'my.label-x': 'v', ['k'.repeat(493)]: 'dropped' },
      env: { PORT1: 'mine' },
    });
    expect(taskEnvironment(record, { taskId: 't', hostname: 'h', hostPorts: [31001, 31002] })).toEqual({
      MESOS_TASK_ID: 't',
      MARATHON_APP_ID: '/a/b',
      MARATHON_APP_VERSION: record.app.version,
      MARATHON_APP_RESOURCE_CPUS: '1.0',
      MARATHON_APP_RESOURCE_MEM: '64.0',
      MARATHON_APP_RESOURCE_DISK: '0.0',
      MARATHON_APP_RESOURCE_GPUS: '0',
      MARATHON_APP_ENFORCE_GROUP_ROLE: 'FALSE',
      MARATHON_APP_LABELS: 'MY_LABEL_X',
      MARATHON_APP_LABEL_MY_LABEL_X: 'v',
      HOST: 'h',
      PORT: '31001',
      PORTS: '31001,31002',
      PORT0: '31001',
      PORT1: 'mine',
      PORT_10003: '31001',
      PORT_10044: '31002',
      PORT_A: '31001',
    });
  });

  it('puts the prefix before host and ports, and before nothing else', () => {
    const record = appRecord('/a', {
      env: { MINE: 'x' },
      portDefinitions: [{ port: 10_003, protocol: 'tcp' }],
    });
    const task = { taskId: 't', hostname: 'h', hostPorts: [31_001] };
    const told = taskEnvironment(record, task, 'CUSTOM_');
    expect(told).toMatchObject({
      CUSTOM_HOST: 'h',
      CUSTOM_PORT: '31001',
      CUSTOM_PORTS: '31001',
      CUSTOM_PORT0: '31001',
      CUSTOM_PORT_10003: '31001',
      MESOS_TASK_ID: 't',
      MARATHON_APP_ID: '/a',
      MINE: 'x',
    });
    expect(Object.keys(told).filter((name) => /^(HOST|PORT)/.test(name))).toEqual([]);
  });

  it('has no port variables without ports', () => {
    const names = Object.keys(
      taskEnvironment(appRecord('/a'), { taskId: 't', hostname: 'h', hostPorts: [] }),
    );
    expect(names.filter((name) => name.startsWith('PORT'))).toEqual([]);
  });

  it('goes with command, grace, labels and discovery into the task', () => {
    const record = appRecord('/a/b', {
      taskKillGracePeriodSeconds: 3,
      labels: { x: 'y' },
      user: 'nobody',
      portDefinitions: [{ port: 1, name: 'dns', protocol: 'udp,tcp' }],
    });
    const info = taskInfo(record, {
      taskId: 't' as TaskId,
      agentId: 'a' as AgentId,
      hostname: 'h',
      hostPorts: [31000],
      resources: [],
    });
    expect(info).toMatchObject({
      name: 'b.a',
      kill_policy: { grace_period: { nanoseconds: 3e9 } },
      labels: { labels: [{ key: 'x', value: 'y' }] },
      command: { shell: true, value: 'run', user: 'nobody' },
      discovery: {
        visibility: 'FRAMEWORK',
        name: 'b.a',
        ports: {
          ports: [
            { number: 31000, name: 'dns', protocol: 'tcp' },
            { number: 31000, name: 'dns', protocol: 'udp' },
          ],
        },
      },
    });
    const { cmd: _cmd, ...withoutCmd } = record.app;
    const args = taskInfo(
      { ...record, app: { ...withoutCmd, args: ['/bin/x', '-v'] } },
      { taskId: 't' as TaskId, agentId: 'a' as AgentId, hostname: 'h', hostPorts: [], resources: [] },
    );
    expect(args.command).toMatchObject({ shell: false, value: '/bin/x', arguments: ['/bin/x', '-v'] });
  });
});

describe('launch backoff', () => {
  it('grows as in the worked example and is forgotten', () => {
    const policy = { backoffSeconds: 5, backoffFactor: 2, maxLaunchDelaySeconds: 60 };
    let state = afterFailure(undefined, policy, 'v', 0);
    expect(launchAllowedAtMs(state, policy, 'v', 0)).toBe(5_000);
    state = afterProgress(state, policy, 'v', 5_000) ?? state;
    state = afterFailure(state, policy, 'v', 6_000);
    expect(launchAllowedAtMs(state, policy, 'v', 6_000)).toBe(16_000);
    state = afterFailure(state, policy, 'v', 20_000);
    expect(launchAllowedAtMs(state, policy, 'v', 20_000)).toBe(40_000);
    expect(launchAllowedAtMs(state, policy, 'v', 40_000)).toBeUndefined();
    expect(currentBackoff(state, policy, 'v', 100_000)).toBe(state);
    expect(currentBackoff(state, policy, 'v', 100_001)).toBeUndefined();
    expect(currentBackoff(state, policy, 'changed', 20_000)).toBeUndefined();
  });

  it('stays at its maximum for an app that fails right after each launch, though launches come a little late', () => {
    const policy = { backoffSeconds: 1, backoffFactor: 2, maxLaunchDelaySeconds: 30 };
    let nowMs = 0;
    let state = afterFailure(undefined, policy, 'v', nowMs);
    const delays = [state.delayMs / 1_000];
    for (let failure = 2; failure <= 8; failure++) {
      nowMs = (launchAllowedAtMs(state, policy, 'v', nowMs) ?? nowMs) + 5;
      const provisioned = afterProgress(state, policy, 'v', nowMs);
      const runs = afterProgress(provisioned, policy, 'v', nowMs);
      state = afterFailure(runs, policy, 'v', nowMs);
      delays.push(state.delayMs / 1_000);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
  });

  it('reaches 300 s at the 42nd failure with the defaults, and never more', () => {
    const policy = { backoffSeconds: 1, backoffFactor: 1.15, maxLaunchDelaySeconds: 300 };
    let state = afterFailure(undefined, policy, 'v', 0);
    const delays = [state.delayMs];
    for (let failure = 2; failure <= 60; failure++) {
      state = afterFailure(state, policy, 'v', 0);
      delays.push(state.delayMs);
    }
    expect(delays.indexOf(300_000) + 1).toBe(42);
    expect(Math.max(...delays)).toBe(300_000);
  });
});

describe('the facts of an agent', () => {
  it('keep the first of several attributes with one name, and cut what a pattern must not be fed', () => {
    const offer: Offer = {
      id: { value: 'o' },
      framework_id: { value: 'f' },
      agent_id: { value: 'a' },
      hostname: 'h',
      resources: [],
      attributes: [
        { name: 'rack', type: 'TEXT', text: { value: 'a' } },
        { name: 'rack', type: 'TEXT', text: { value: 'b' } },
        { name: 'long', type: 'TEXT', text: { value: 'x'.repeat(5_000) } },
        { name: 'level', type: 'SCALAR', scalar: { value: 1.1005 } },
      ],
    };
    expect(agentFacts(offer).attributes).toEqual({ rack: 'a', long: 'x'.repeat(1_024), level: '1.101' });
  });
});

function placed(groups: Record<string, number>, available: string[] = []): PlacedView {
  return { groups: () => new Map(Object.entries(groups)), available: () => available };
}

describe('constraints', () => {
  const table: [Constraint, string | undefined, PlacedView, boolean][] = [
    [['hostname', 'UNIQUE'], 'a', placed({}), true],
    [['hostname', 'UNIQUE'], 'a', placed({ a: 1 }), false],
    [['rack', 'CLUSTER', 'r1'], 'r1', placed({}), true],
    [['rack', 'CLUSTER', 'r1'], 'r2', placed({}), false],
    [['rack', 'CLUSTER'], 'r2', placed({}), true],
    [['rack', 'CLUSTER'], 'r2', placed({ r1: 1 }), false],
    [['rack', 'LIKE', 'r[0-9]'], 'r1', placed({}), true],
    [['rack', 'LIKE', 'r[0-9]'], 'r12', placed({}), false],
    [['rack', 'LIKE', '['], 'r1', placed({}), false],
    [['rack', 'LIKE', 'a|b'], 'ab', placed({}), false],
    [['rack', 'UNLIKE', 'r[0-9]'], 'x', placed({}), true],
    [['rack', 'UNLIKE', 'r[0-9]'], 'r1', placed({}), false],
    [['rack', 'UNLIKE', 'r[0-9]'], undefined, placed({}), true],
    [['rack', 'MAX_PER', '2'], 'r1', placed({ r1: 1 }), true],
    [['rack', 'MAX_PER', '2'], 'r1', placed({ r1: 2 }), false],
    [['n', 'IS', '1.0'], '1', placed({}), true],
    [['n', 'IS', 'x'], 'y', placed({}), false],
    [['rack', 'GROUP_BY'], 'r1', placed({}), true],
    [['rack', 'GROUP_BY'], 'r1', placed({ r1: 1 }, ['r1', 'r2']), false],
    [['rack', 'GROUP_BY'], 'r1', placed({ r1: 1 }, ['r1']), true],
    [['rack', 'GROUP_BY'], 'r2', placed({ r1: 1 }, ['r1', 'r2']), true],
    [['rack', 'GROUP_BY', '2'], 'r1', placed({ r1: 1 }, ['r1']), false],
    [['rack', 'GROUP_BY', '2'], 'r1', placed({ r1: 1, r2: 1 }), true],
    [['rack', 'GROUP_BY', '3'], 'r4', placed({ r1: 1, r2: 1, r3: 1 }), true],
    [['rack', 'GROUP_BY', 'inf'], 'r1', placed({ r1: 1 }), false],
    ...(['UNIQUE', 'CLUSTER', 'GROUP_BY', 'LIKE', 'MAX_PER', 'IS'] as const).map(
      (operator): [Constraint, undefined, PlacedView, boolean] => [
        ['rack', operator, '1'],
        undefined,
        placed({}),
        false,
      ],
    ),
  ];
  it.each(table)('%j on %s', (constraint, offered, view, accepts) => {
    expect(judgeConstraint(constraint, offered, view) === undefined).toBe(accepts);
  });

  it('GROUP_BY keeps groups within one of each other while every group can take more', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }),
        (racks, offers) => {
          const known = Array.from({ length: racks }, (_, index) => `r${index}`);
          const groups: Record<string, number> = {};
          for (const offer of offers) {
            const rack = `r${offer % racks}`;
            if (judgeConstraint(['rack', 'GROUP_BY'], rack, placed(groups, known)) === undefined)
              groups[rack] = (groups[rack] ?? 0) + 1;
          }
          const sizes = known.map((rack) => groups[rack] ?? 0);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

function offer(parts: Partial<Offer> = {}, resources: Offer['resources'] = []): Offer {
  return {
    id: { value: 'o1' },
    framework_id: { value: 'f' },
    agent_id: { value: 'a1' },
    hostname: 'h1',
    allocation_info: { role: '*' },
    resources:
      resources.length > 0
        ? resources
        : [
            { name: 'cpus', type: 'SCALAR', scalar: { value: 2 } },
            { name: 'mem', type: 'SCALAR', scalar: { value: 256 } },
            {
              name: 'ports',
              type: 'RANGES',
              ranges: {
                range: [
                  { begin: 31000, end: 31004 },
                  { begin: 31010, end: 31011 },
                ],
              },
            },
          ],
    ...parts,
  };
}

const context = (more: Partial<MatchContext> = {}): MatchContext => ({
  placed: placed({}),
  nowMs: 0,
  startAt: 0,
  resting: () => false,
  ...more,
});

describe('matching an offer', () => {
  it('says in words everything that is missing, in the order of the funnel', () => {
    const record = appRecord('/a', {
      cpus: 4,
      mem: 512,
      disk: 10,
      gpus: 1,
      constraints: [['rack', 'LIKE', 'r1']],
      role: 'web',
    });
    expect(matchOffer(record, new OfferPool(offer()), context())).toEqual({
      kind: 'refusal',
      reasons: [
        'UnfulfilledRole',
        'UnfulfilledConstraint',
        'InsufficientCpus',
        'InsufficientMemory',
        'InsufficientDisk',
        'InsufficientGpus',
      ],
      explanation: [
        "offered to role '*', the app has role 'web'",
        'LIKE rack: the agent has no rack',
        'needs 4 cpus, 2 offered',
        'needs 512 MiB of memory, 256 offered',
        'needs 10 MiB of disk, 0 offered',
        'needs 1 gpus, 0 offered',
      ],
    });
  });

  it('starts with a random port and goes on with the next, round the end', () => {
    const ports = [
      { port: 0, protocol: 'tcp' as const },
      { port: 0, protocol: 'tcp' as const },
      { port: 0, protocol: 'tcp' as const },
    ];
    const record = appRecord('/a', { portDefinitions: ports });
    expect(matchOffer(record, new OfferPool(offer()), context({ startAt: 6 / 7 }))).toEqual({
      kind: 'match',
      hostPorts: [31011, 31000, 31001],
    });
    expect(matchOffer(record, new OfferPool(offer()), context({ startAt: 4 / 7 }))).toEqual({
      kind: 'match',
      hostPorts: [31004, 31010, 31011],
    });
  });

  it('avoids resting ports and gives exactly the required ones', () => {
    const record = appRecord('/a', {
      portDefinitions: [{ port: 31002, protocol: 'tcp' }],
      requirePorts: true,
    });
    expect(matchOffer(record, new OfferPool(offer()), context())).toEqual({
      kind: 'match',
      hostPorts: [31002],
    });
    expect(
      matchOffer(record, new OfferPool(offer()), context({ resting: (port) => port === 31002 })),
    ).toMatchObject({ kind: 'refusal', reasons: ['InsufficientPorts'], resting: true });
    const other = appRecord('/a', { portDefinitions: [{ port: 9, protocol: 'tcp' }], requirePorts: true });
    expect(matchOffer(other, new OfferPool(offer()), context())).toMatchObject({
      explanation: ['needs host port 9, not in the offer'],
    });
    const random = appRecord('/a', { portDefinitions: [{ port: 9, protocol: 'tcp' }] });
    expect(matchOffer(random, new OfferPool(offer()), context({ resting: (port) => port < 31010 }))).toEqual({
      kind: 'match',
      hostPorts: [31010],
    });
  });

  it('keeps agents with gpus and agents in maintenance and in other regions for others', () => {
    const gpu = offer({}, [...offer().resources, { name: 'gpus', type: 'SCALAR', scalar: { value: 1 } }]);
    expect(matchOffer(appRecord('/a'), new OfferPool(gpu), context())).toMatchObject({
      reasons: ['DeclinedScarceResources'],
    });
    expect(
      matchOffer(
        appRecord('/a', { labels: { GPU_SCHEDULING_BEHAVIOR: 'unrestricted' } }),
        new OfferPool(gpu),
        context(),
      ).kind,
    ).toBe('match');
    const window = offer({ unavailability: { start: { nanoseconds: 1e9 }, duration: { nanoseconds: 1e9 } } });
    expect(matchOffer(appRecord('/a'), new OfferPool(window), context({ nowMs: 1_500 }))).toMatchObject({
      reasons: ['AgentMaintenance'],
    });
    expect(matchOffer(appRecord('/a'), new OfferPool(window), context({ nowMs: 2_500 })).kind).toBe('match');
    const far = offer({ domain: { fault_domain: { region: { name: 'far' }, zone: { name: 'z' } } } });
    expect(matchOffer(appRecord('/a'), new OfferPool(far), context({ localRegion: 'near' }))).toMatchObject({
      reasons: ['UnfulfilledConstraint'],
    });
    expect(
      matchOffer(
        appRecord('/a', { constraints: [['@zone', 'IS', 'z']] }),
        new OfferPool(far),
        context({ localRegion: 'near' }),
      ).kind,
    ).toBe('match');
  });

  it('uses reserved resources first and declares them as they were offered', () => {
    const reserved = {
      name: 'cpus',
      type: 'SCALAR' as const,
      scalar: { value: 0.5 },
      reservations: [{ role: 'web', type: 'STATIC' as const }],
    };
    const mixed = offer({ allocation_info: { role: 'web' } }, [...offer().resources, reserved]);
    const record = appRecord('/a', { role: 'web', cpus: 1 });
    const pool = new OfferPool(mixed);
    expect(matchOffer(record, pool, context()).kind).toBe('match');
    const cpus = takeResources(record, pool, []).filter((each) => each.name === 'cpus');
    expect(cpus).toEqual([reserved, { name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } }]);
    const only = appRecord('/a', { role: 'web', cpus: 1, acceptedResourceRoles: ['web'] });
    expect(matchOffer(only, new OfferPool(mixed), context())).toMatchObject({
      explanation: expect.arrayContaining(['needs 1 cpus, 0.5 offered']),
    });
  });

  it('never gives out a port twice, nor more than was offered', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.double({ min: 0, max: 0.999, noNaN: true }))),
        (apps) => {
          const pool = new OfferPool(offer());
          const used: number[] = [];
          for (const [count, startAt] of apps) {
            const record = appRecord('/a', {
              cpus: 0.1,
              mem: 1,
              portDefinitions: Array.from({ length: count }, () => ({ port: 0, protocol: 'tcp' as const })),
            });
            const match = matchOffer(record, pool, context({ startAt }));
            if (match.kind === 'refusal') continue;
            takeResources(record, pool, match.hostPorts);
            used.push(...match.hostPorts);
          }
          expect(new Set(used).size).toBe(used.length);
          expect(
            used.every((port) => (port >= 31000 && port <= 31004) || port === 31010 || port === 31011),
          ).toBe(true);
          expect(pool.left('cpus', ['*'])).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
