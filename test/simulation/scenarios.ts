import type { SimClient } from '../../src/simulation/sim-client.js';
import type { World } from '../../src/simulation/world.js';
import { update, web } from './support.js';

/** A story: how the world is before it, and what somebody does. */
export interface Scenario {
  readonly name: string;
  before(client: SimClient): Promise<unknown>;
  act(client: SimClient, world: World): Promise<unknown>;
}

const app = '/web';
const v1 = { instances: 4, cmd: 'v1' };
const v2 = { instances: 4, cmd: 'v2' };
const v3 = { instances: 4, cmd: 'v3' };

async function someRun(world: World, cmd: string): Promise<void> {
  await world.when(() =>
    [...world.observer.live.values()].some(
      ({ info, runningSinceMs }) => runningSinceMs !== undefined && info.command?.value === cmd,
    ),
  );
}

/** One for each way in which what is wanted can change. */
export const scenarios: readonly Scenario[] = [
  {
    name: 'a new app',
    before: async () => undefined,
    act: (client) => client.ask(web(app, { instances: 3, cmd: 'v1' })),
  },
  {
    name: 'a rolling deployment',
    before: (client) => client.ask(web(app, v1)),
    act: (client) => client.ask(update(app, v2)),
  },
  {
    name: 'a scale up',
    before: (client) => client.ask(web(app, { instances: 2, cmd: 'v1' })),
    act: (client) => client.ask(update(app, { instances: 5, cmd: 'v1' }, { body: { instances: 5 } })),
  },
  {
    name: 'a scale down',
    before: (client) => client.ask(web(app, { instances: 5, cmd: 'v1' })),
    act: (client) => client.ask(update(app, { instances: 2, cmd: 'v1' }, { body: { instances: 2 } })),
  },
  {
    name: 'a rollback in the middle of a deployment',
    before: (client) => client.ask(web(app, v1)),
    act: async (client, world) => {
      await client.ask(update(app, v2));
      await someRun(world, 'v2');
      await client.ask({ kind: 'cancel', id: app, wanted: v1 });
    },
  },
  {
    name: 'a forced change over a running deployment',
    before: (client) => client.ask(web(app, v1)),
    act: async (client, world) => {
      await client.ask(update(app, v2));
      await someRun(world, 'v2');
      await client.ask(update(app, v3, { force: true }));
    },
  },
  {
    name: 'a deletion',
    before: (client) => client.ask(web(app, { instances: 3, cmd: 'v1' })),
    act: (client) => client.ask({ kind: 'delete', id: app }),
  },
];
