import type { Wish } from './support/builders.js';
import { World } from './support/world.js';

interface Act {
  readonly wishes: Readonly<Record<string, Wish | undefined>>;
  readonly force?: boolean;
  /** Let it come to its end before the next act. */
  readonly calm?: boolean;
}

const story: readonly Act[] = [
  {
    wishes: { '/db': { instances: 1 }, '/web': { instances: 2, dependencies: ['/db'], checked: true } },
    calm: true,
  },
  { wishes: { '/web': { instances: 2, made: 'v2', dependencies: ['/db'], checked: true, over: 0 } } },
  {
    wishes: {
      '/db': { instances: 1, made: 'v2' },
      '/web': { instances: 3, made: 'v3', dependencies: ['/db'], over: 0.5 },
    },
    force: true,
  },
  { wishes: { '/gone': { instances: 1 } }, calm: true },
  { wishes: { '/gone': undefined } },
];

/** Which deployments have been told to be over, across crashes. */
class Endings {
  readonly counts = new Map<string, number>();

  note(world: World): void {
    for (const event of world.events.splice(0)) {
      if (event.eventType !== 'deployment_success' && event.eventType !== 'deployment_failed') continue;
      const id = String(event.id);
      this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
    }
  }
}

interface Outcome {
  readonly end: unknown;
  readonly flushes: number;
  readonly endings: Endings;
  readonly crashed: boolean;
}

/** Plays the story; the process dies while its `crashAt`-th flush is under way. */
async function play(crashAt: number, inFlight: 'lost' | 'kept'): Promise<Outcome> {
  let world = await World.start({ fate: ({ number }) => (number === crashAt ? 'hold' : 'proceed') });
  let flushes = 0;
  let crashed = false;
  const endings = new Endings();
  const diedWith = async (): Promise<boolean> => {
    if (world.store.heldFlushes === 0) return false;
    endings.note(world);
    world = await world.crash(inFlight);
    crashed = true;
    return true;
  };
  for (const act of story) {
    // Who gets no answer asks again; changes are idempotent.
    for (let answered = false; !answered; ) {
      let refused: unknown;
      world.change(act.wishes, { force: act.force === true || crashed }).then(
        () => {
          answered = true;
        },
        (error: unknown) => {
          refused = error;
        },
      );
      await world.settle();
      if (!(await diedWith()) && refused) throw refused;
    }
    if (act.calm) await comeToRest();
  }
  await comeToRest();
  async function comeToRest(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      await world.settle();
      if (await diedWith()) continue;
      const happened = world.scheduler.settle({ healthy: () => true });
      await world.clock.advanceAsync(300);
      if (!happened && world.store.heldFlushes === 0) return;
    }
    throw new Error('the world does not come to rest');
  }
  await world.settle();
  flushes = world.store.flushes;
  endings.note(world);
  const stored: string[] = [];
  for await (const { key } of world.store.scan('deployment!')) stored.push(key);
  const end = {
    deployments: world.service.all().length,
    stored,
    apps: ['/db', '/web', '/gone'].map((id) => [
      id,
      world.record(id)?.launchHash,
      world.record(id)?.app.instances,
    ]),
    instances: ['/db', '/web', '/gone'].map((id) =>
      world.instances(id).map((line) => line.replace(/^\S+ /, '')),
    ),
  };
  await world.service.stop();
  return { end, flushes, endings, crashed };
}

describe('a crash at any durable step', () => {
  it('ends in the same state, with no deployment left and none ended twice', async () => {
    const calm = await play(0, 'lost');
    expect(calm.end).toEqual({
      deployments: 0,
      stored: [],
      apps: [
        ['/db', 'hash-v2', 1],
        ['/web', 'hash-v3', 3],
        ['/gone', undefined, undefined],
      ],
      instances: [['Running v2'], Array(3).fill('Running v3'), []],
    });
    expect(calm.flushes).toBeGreaterThan(20);
    let crashes = 0;
    for (let crashAt = 1; crashAt <= calm.flushes; crashAt++) {
      for (const inFlight of ['lost', 'kept'] as const) {
        const outcome = await play(crashAt, inFlight);
        expect({ crashAt, inFlight, ...outcome }).toMatchObject({ end: calm.end });
        for (const count of outcome.endings.counts.values()) expect(count).toBe(1);
        if (outcome.crashed) crashes += 1;
      }
    }
    expect(crashes).toBeGreaterThanOrEqual(2 * (calm.flushes - 2));
  });
});
