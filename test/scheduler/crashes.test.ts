import fc from 'fast-check';
import type { Instance } from '../../src/scheduler/instance.js';
import { World } from './support/world.js';

/** Wants that a deployment would hold: so many instances of /web, told again after every restart. */
async function reach(world: World, wanted: number): Promise<void> {
  const alive = world.of('/web').filter((each) => each.goal === 'Running');
  const stop = alive.slice(wanted).map((each) => each.id);
  const start = Math.max(0, wanted - alive.length);
  if (start === 0 && stop.length === 0) return;
  const asked = world.scheduler.want('/web' as Instance['appId'], { start, stop, reason: 'scale down' });
  // A crash leaves the request without an answer, a refusing store with an error: both are the deployment's to repeat.
  await Promise.race([asked.catch(() => undefined), world.settle()]);
  await world.settle();
}

async function healthy(world: World, wanted: number): Promise<void> {
  for (let round = 0; round < 6; round++) {
    world.master.resend();
    await reach(world, wanted);
    await world.tick(61_000);
  }
}

function check(world: World, wanted: number): void {
  expect(world.master.violations).toEqual([]);
  expect(world.conditions('/web')).toEqual(Array.from({ length: wanted }, () => 'Running'));
  const tasks = world
    .of('/web')
    .map((each) => each.task?.id)
    .sort();
  expect(
    world.master
      .liveTasks()
      .map((each) => each.task_id.value)
      .sort(),
  ).toEqual(tasks);
  expect([...world.stored().values()].map((each) => each.task?.id).sort()).toEqual(tasks);
  expect(world.master.unacknowledged).toBe(0);
}

async function scenario(world: World): Promise<void> {
  await world.start();
  await reach(world, 3);
  const [first] = world.of('/web');
  if (first?.task && world.master.task(first.task.id)) world.master.update(first.task.id, 'TASK_FAILED');
  await world.tick(2_000);
  await reach(world, 1);
  await reach(world, 4);
}

function newWorld(seed = 1): World {
  const world = new World({ agentReregisterTimeoutSeconds: 30 }, seed);
  world.master.addAgent('a1', { cpus: 8, mem: 4096 });
  world.master.addAgent('a2', { cpus: 8, mem: 4096 });
  world.app('/web', { portDefinitions: [{ port: 10000, protocol: 'tcp' }] });
  return world;
}

describe('a crash at any durable step', () => {
  it('loses and doubles no task: the same end state from every crash point', async () => {
    const plain = newWorld();
    await scenario(plain);
    const points = plain.store.commits;
    expect(points).toBeGreaterThan(10);
    for (let point = 1; point <= points + 1; point++) {
      const world = newWorld();
      world.store.crashAtCommit = point;
      await scenario(world);
      await world.crash();
      world.master.forgetAgents();
      await world.start();
      await world.tick(3_000);
      world.master.register('a1');
      world.master.register('a2');
      await world.settle();
      await healthy(world, 4);
      check(world, 4);
    }
  });
});

type Happening =
  | { readonly kind: 'scale'; readonly to: number }
  | {
      readonly kind: 'status';
      readonly which: number;
      readonly state: 'TASK_FAILED' | 'TASK_FINISHED' | 'TASK_KILLED';
    }
  | { readonly kind: 'lose' | 'return'; readonly agent: 'a1' | 'a2' }
  | { readonly kind: 'crash'; readonly master: boolean }
  | { readonly kind: 'disconnect' | 'rescind' | 'resend' }
  | { readonly kind: 'store'; readonly refuses: boolean }
  | { readonly kind: 'tick'; readonly ms: number };

const agent = fc.constantFrom('a1' as const, 'a2' as const);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant('scale' as const), to: fc.integer({ min: 0, max: 6 }) }),
  fc.record({
    kind: fc.constant('status' as const),
    which: fc.nat(5),
    state: fc.constantFrom('TASK_FAILED' as const, 'TASK_FINISHED' as const, 'TASK_KILLED' as const),
  }),
  fc.record({ kind: fc.constantFrom('lose' as const, 'return' as const), agent }),
  fc.record({ kind: fc.constant('crash' as const), master: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('disconnect' as const, 'rescind' as const, 'resend' as const) }),
  fc.record({ kind: fc.constant('store' as const), refuses: fc.boolean() }),
  fc.record({ kind: fc.constant('tick' as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
);

async function happen(world: World, what: Happening): Promise<void> {
  switch (what.kind) {
    case 'scale':
      return reach(world, what.to);
    case 'status': {
      const tasks = world.master.liveTasks();
      const task = tasks[what.which % Math.max(1, tasks.length)];
      if (task) world.master.update(task.task_id.value, what.state);
      return world.settle();
    }
    case 'lose':
      if (world.master.agents.get(what.agent)?.state === 'registered') world.master.lose(what.agent);
      return world.settle();
    case 'return':
      if (world.master.agents.get(what.agent)?.state !== 'registered') world.master.register(what.agent);
      return world.settle();
    case 'crash':
      await world.crash();
      if (what.master) world.master.forgetAgents();
      await world.start();
      return;
    case 'disconnect':
      world.master.disconnect();
      await world.settle();
      world.master.reconnect();
      return world.settle();
    case 'rescind':
      world.master.rescindAll();
      return world.settle();
    case 'resend':
      world.master.resend();
      return world.settle();
    case 'store':
      if (what.refuses) world.store.refuse('disk-full');
      else world.store.recover();
      return world.settle();
    case 'tick':
      return world.tick(what.ms);
  }
}

describe('whatever happens', () => {
  it('never two live tasks of one instance, no port or task id twice; and in peace want(n) ends in n', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { maxLength: 25 }),
        fc.nat(1_000),
        fc.boolean(),
        async (happenings, seed, patient) => {
          const world = newWorld(seed);
          if (patient)
            world.app('/web', {
              portDefinitions: [{ port: 1, protocol: 'tcp' }],
              unreachableStrategy: { inactiveAfterSeconds: 5, expungeAfterSeconds: 20 },
            });
          await world.start();
          await reach(world, 3);
          for (const what of happenings) {
            await happen(world, what);
            expect(world.master.violations).toEqual([]);
          }
          world.store.recover();
          for (const id of ['a1', 'a2'])
            if (world.master.agents.get(id)?.state !== 'registered') world.master.register(id);
          await world.tick(20_000);
          await healthy(world, 3);
          check(world, 3);
        },
      ),
      { numRuns: 60 },
    );
  });
});
