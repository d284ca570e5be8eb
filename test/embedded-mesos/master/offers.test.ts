import { recordedEvents } from '../fixtures/recorded-events.js';
import { amount, OFFER_TIMEOUT_MS, task, World } from './world.js';

describe('offers of the embedded master', () => {
  it('reach a framework as soon as an agent registers, with all that the agent has', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1');
    await world.settle();
    expect(framework.offers).toHaveLength(1);
    const offer = framework.lastOffer;
    expect(offer.agent_id.value).toBe(agent.id);
    expect(amount(offer.resources, 'cpus')).toBe(4);
    expect(offer.hostname).toBe('a1');
  });

  it('look like those of a real master', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    world.agent('127.0.0.1', 'ports:[31000-32000];cpus:2;mem:23081;disk:252899');
    await world.settle();
    const recorded = recordedEvents.offers.offers.offers[0];
    const { id, framework_id, agent_id } = framework.lastOffer;
    expect(framework.lastOffer).toEqual({ ...recorded, id, framework_id, agent_id });
    expect(id.value).toBe(`${world.master.id}-O0`);
    expect(agent_id.value).toBe(`${world.master.id}-S0`);
    expect(framework_id.value).toBe(`${world.master.id}-0000`);
    const subscribed = framework.of('SUBSCRIBED')[0]?.subscribed;
    expect(subscribed?.master_info).toMatchObject({
      ip: recordedEvents.subscribed.subscribed.master_info.ip,
      pid: 'master@127.0.0.1:5050',
    });
    expect(framework.events.slice(0, 2).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'HEARTBEAT']);
  });

  it('come in the old format to a framework that does not refine reservations', async () => {
    const world = await new World().start();
    const framework = await world.framework({ capabilities: [{ type: 'PARTITION_AWARE' }], roles: [] });
    world.agent('a1', 'cpus:4;mem:100');
    await world.settle();
    expect(framework.lastOffer.resources).toEqual([
      { name: 'cpus', type: 'SCALAR', scalar: { value: 4 }, role: '*' },
      { name: 'mem', type: 'SCALAR', scalar: { value: 100 }, role: '*' },
    ]);
    expect(framework.lastOffer).not.toHaveProperty('allocation_info');
  });

  it('leave what an accept did not use for the next offer, at once with refuse_seconds 0', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '', 'cpus:1;mem:96;ports:[31003-31003]')]);
    await world.settle();
    expect(framework.offers).toHaveLength(2);
    expect(amount(framework.lastOffer.resources, 'cpus')).toBe(3);
    expect(framework.lastOffer.resources.find(({ name }) => name === 'ports')?.ranges?.range).toEqual([
      { begin: 31000, end: 31002 },
      { begin: 31004, end: 31009 },
    ]);
  });

  it('are not repeated while a refusal holds, and are when it ends', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    world.agent('a1');
    await world.settle();
    framework.decline(framework.lastOffer, 120);
    await world.pass(119_000);
    expect(framework.offers).toHaveLength(1);
    await world.pass(2_000);
    expect(framework.offers).toHaveLength(2);
  });

  it('are refused for 5 s when a decline says nothing, and never spin when it says 0', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    world.agent('a1');
    await world.settle();
    framework.decline(framework.lastOffer);
    await world.pass(4_900);
    expect(framework.offers).toHaveLength(1);
    await world.pass(200);
    expect(framework.offers).toHaveLength(2);
    const runs = world.master.allocationRuns;
    for (let i = 0; i < 10; i++) {
      framework.decline(framework.lastOffer, 0);
      await world.pass(100);
    }
    expect(world.master.allocationRuns - runs).toBeLessThan(25);
    expect(framework.offers.length).toBeLessThanOrEqual(4);
  });

  it('run no allocation while nothing changes', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    world.agent('a1');
    await world.settle();
    framework.decline(framework.lastOffer, 3600);
    await world.settle();
    const runs = world.master.allocationRuns;
    await world.pass(600_000);
    expect(world.master.allocationRuns).toBe(runs);
  });

  it('pass a refusal when they hold more than was refused', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1');
    await world.settle();
    framework.launch(framework.lastOffer, [task('t1', agent.id ?? '')], 3600);
    await world.settle();
    expect(framework.offers).toHaveLength(1);
    agent.endTask('t1');
    await world.settle();
    expect(framework.offers).toHaveLength(2);
    expect(amount(framework.lastOffer.resources, 'cpus')).toBe(4);
  });

  it('go to another framework at once when one declines', async () => {
    const world = await new World().start();
    const first = await world.framework({ name: 'first' });
    world.agent('a1');
    await world.settle();
    const second = await world.framework({ name: 'second' });
    expect(second.offers).toHaveLength(0);
    first.decline(first.lastOffer, 60);
    await world.settle();
    expect(second.offers).toHaveLength(1);
  });

  it('come again after a revive and stop with a suppress', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    world.agent('a1');
    await world.settle();
    framework.decline(framework.lastOffer, 3600);
    framework.revive();
    await world.settle();
    expect(framework.offers).toHaveLength(2);
    framework.suppress();
    framework.decline(framework.lastOffer, 1);
    await world.pass(10_000);
    expect(framework.offers).toHaveLength(2);
    framework.revive();
    await world.settle();
    expect(framework.offers).toHaveLength(3);
  });

  it('are rescinded after their timeout and made anew', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1');
    await world.settle();
    const stale = framework.lastOffer;
    await world.pass(OFFER_TIMEOUT_MS);
    expect(framework.of('RESCIND').map(({ rescind }) => rescind.offer_id.value)).toEqual([stale.id.value]);
    expect(framework.offers).toHaveLength(2);
    framework.launch(stale, [task('t1', agent.id ?? '')]);
    await world.settle();
    expect(framework.lastUpdate('t1')).toMatchObject({
      state: 'TASK_DROPPED',
      reason: 'REASON_INVALID_OFFERS',
      source: 'SOURCE_MASTER',
      message: `Task launched with invalid offers: Offer ${stale.id.value} is no longer valid`,
    });
    expect(framework.lastUpdate('t1')).not.toHaveProperty('uuid');
    expect(agent.taskCount).toBe(0);
  });

  it('are used at most once', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1');
    await world.settle();
    const offer = framework.lastOffer;
    framework.launch(offer, [task('t1', agent.id ?? '', 'cpus:4')]);
    framework.launch(offer, [task('t2', agent.id ?? '', 'cpus:4')]);
    await world.settle();
    expect(agent.liveTaskIds()).toEqual(['t1']);
    expect(framework.states('t2')).toEqual(['TASK_DROPPED']);
  });

  it('of two agents, or of another framework, cannot be accepted together', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const a1 = world.agent('a1').agent;
    world.agent('a2');
    await world.settle();
    const [one, two] = framework.offers;
    framework.call({
      type: 'ACCEPT',
      framework_id: framework.framework_id,
      accept: {
        offer_ids: [one, two].flatMap((offer) => (offer ? [offer.id] : [])),
        operations: [{ type: 'LAUNCH', launch: { task_infos: [task('t1', a1.id ?? '')] } }],
      },
    });
    await world.settle();
    expect(framework.lastUpdate('t1')?.message).toContain(
      'Aggregated offers must belong to one single agent',
    );
    expect(framework.offers).toHaveLength(4);
    const thief = await world.framework({ name: 'thief' });
    thief.launch(framework.lastOffer, [task('t2', a1.id ?? '')]);
    await world.settle();
    expect(thief.lastUpdate('t2')).toMatchObject({ state: 'TASK_DROPPED', reason: 'REASON_INVALID_OFFERS' });
    expect(world.master.offersOutstanding).toBe(2);
  });

  it('answer tasks that are wrong or too big with TASK_ERROR and launch the others', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('127.0.0.1', 'ports:[31000-32000];cpus:2;mem:23081;disk:252899');
    await world.settle();
    const id = agent.id ?? '';
    framework.launch(framework.lastOffer, [
      task('good', id),
      task('good', id),
      task('toobig.1', id, 'cpus:1000;mem:32'),
      task('astray', 'elsewhere'),
      { ...task('idle', id), resources: [] },
      { ...task('bad/id', id) },
    ]);
    await world.settle();
    expect(agent.liveTaskIds()).toEqual(['good']);
    const errors = framework.updates.filter(({ state }) => state === 'TASK_ERROR');
    expect(errors.map(({ message }) => message)).toEqual([
      'Task has duplicate ID: good',
      expect.stringContaining(
        'Total resources cpus(allocated: *):1000; mem(allocated: *):32 required by task and its executor is more than available',
      ),
      `Task uses invalid agent elsewhere while agent ${id} is expected`,
      'Task uses no resources',
      "'bad/id' contains invalid characters",
    ]);
    for (const { reason, source, uuid } of errors) {
      expect([reason, source, uuid]).toEqual(['REASON_TASK_INVALID', 'SOURCE_MASTER', undefined]);
    }
  });

  it('say what this master does not carry out', async () => {
    const world = await new World().start();
    const framework = await world.framework();
    const { agent } = world.agent('a1');
    await world.settle();
    framework.call({
      type: 'ACCEPT',
      framework_id: framework.framework_id,
      accept: {
        offer_ids: [framework.lastOffer.id],
        operations: [
          { type: 'RESERVE', id: { value: 'op-1' }, reserve: { resources: [] } },
          {
            type: 'LAUNCH_GROUP',
            launch_group: {
              executor: { executor_id: { value: 'e' } },
              task_group: { tasks: [task('pod', agent.id ?? '')] },
            },
          },
        ],
      },
    });
    await world.settle();
    expect(framework.lastUpdate('pod')).toMatchObject({
      state: 'TASK_ERROR',
      reason: 'REASON_TASK_GROUP_INVALID',
    });
    expect(framework.of('UPDATE_OPERATION_STATUS')[0]?.update_operation_status.status).toMatchObject({
      operation_id: { value: 'op-1' },
      state: 'OPERATION_ERROR',
    });
  });

  it('share agents fairly by dominant share', async () => {
    const world = await new World().start();
    const one = await world.framework({ name: 'one', roles: ['one'] });
    const two = await world.framework({ name: 'two', roles: ['two'] });
    for (let i = 0; i < 10; i++) world.agent(`a${i}`);
    await world.settle();
    expect(one.offers).toHaveLength(5);
    expect(two.offers).toHaveLength(5);
  });

  it('show reserved resources to their role only', async () => {
    const world = await new World().start();
    const web = await world.framework({ name: 'web', roles: ['web/blue'] });
    const other = await world.framework({ name: 'other', roles: ['other'] });
    world.agent('a1', 'cpus(web):2;mem(web):64');
    world.agent('a2', 'cpus(db):2;mem(db):64');
    await world.settle();
    expect(web.offers.map(({ hostname }) => hostname)).toEqual(['a1']);
    expect(other.offers).toHaveLength(0);
  });
});
