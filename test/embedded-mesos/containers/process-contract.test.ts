import { readdirSync } from 'node:fs';
import { textOf } from '../../../src/embedded-mesos/containers/processes.js';
import { ContainerWorld, isRoot, nobody } from './container-world.js';
import { type ContractWorld, itKeepsTheContract } from './contract.js';

const asRoot = isRoot ? describe : describe.skip;

/** Plain processes as the contract sees them. `warm`: so many containers are made in advance. */
async function processWorld(warm: number): Promise<ContractWorld> {
  const world = new ContainerWorld({ warm });
  await world.start();
  await world.warm(warm);
  const mainOf = (id: string): readonly number[] =>
    world.isolation
      .members(id)
      .filter((pid) => textOf(`/proc/${pid}/cmdline`)?.includes(`longrun-launch:${id}`) !== true);
  const remember = (spec: Parameters<ContractWorld['complete']>[0]) => {
    const complete = { ...spec, account: nobody };
    world.specs.set(spec.id, complete);
    return complete;
  };
  return {
    get containerizer() {
      return world.containerizer;
    },
    events: world.events,
    root: world.root,
    complete: remember,
    restart: async (known) => {
      for (const id of world.specs.keys()) if (!known.some((spec) => spec.id === id)) world.specs.delete(id);
      await world.restart();
    },
    // Of a shell and what it just started one is the container's.
    copies: async (id) => Math.min(mainOf(id).length, 1),
    leftovers: async () => [...world.isolation.containers(), ...readdirSync(`${world.root}/records`)],
    close: async () => {
      // Those that were never launched end by themselves.
      for (const [id] of world.specs)
        if (!world.events.some((event) => event.id === id) && world.isolation.members(id).length === 0)
          world.specs.delete(id);
      expect(await world.close()).toEqual({ processes: [], groups: [] });
    },
  };
}

asRoot('the containerizer of processes', () => {
  describe('with containers made in advance', () => itKeepsTheContract(() => processWorld(2)));
  describe('without', () => itKeepsTheContract(() => processWorld(0)));
});
