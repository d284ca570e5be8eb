import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Contract } from '../../src/api/contract/load-contract.js';
import type { WantedApp } from '../../src/simulation/facts.js';
import { judge } from '../../src/simulation/checkers.js';
import type { SimRequest } from '../../src/simulation/sim-client.js';
import { World, type WorldOptions } from '../../src/simulation/world.js';

export const contract = new Contract(parse(readFileSync(join(__dirname, '../../openapi.yaml'), 'utf8')));

export function startWorld(seed: number, more: Partial<WorldOptions> = {}): Promise<World> {
  return World.start({ seed, contract, ...more });
}

/** A web app behind the load balancer, with a health check. */
export function web(id: string, wanted: WantedApp, more: Readonly<Record<string, unknown>> = {}): SimRequest {
  return {
    kind: 'create',
    wanted,
    body: {
      id,
      ...wanted,
      cpus: 0.5,
      mem: 64,
      portDefinitions: [{ port: 0, protocol: 'tcp' }],
      healthChecks: [{ protocol: 'HTTP', path: '/', portIndex: 0, intervalSeconds: 5, gracePeriodSeconds: 10, timeoutSeconds: 2 }],
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 },
      maxLaunchDelaySeconds: 30,
      ...more,
    },
  };
}

export function update(id: string, wanted: WantedApp, more: { readonly body?: Readonly<Record<string, unknown>>; readonly force?: boolean } = {}): SimRequest {
  return { kind: 'update', id, wanted, body: more.body ?? { ...wanted }, force: more.force ?? false };
}

/** Runs the world until it rests and returns everything that is wrong with it. */
export async function verdict(world: World, { strict }: { readonly strict: boolean }): Promise<readonly string[]> {
  await world.runUntilQuiet();
  return judge(world.facts, await world.finalState(), { strict });
}
