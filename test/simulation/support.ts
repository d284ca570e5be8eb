import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Contract } from '../../src/api/contract/load-contract.js';
import { judge } from '../../src/simulation/checkers.js';
import type { WantedApp } from '../../src/simulation/facts.js';
import type { SimRequest } from '../../src/simulation/sim-client.js';
import { World, type WorldOptions } from '../../src/simulation/world.js';
import type { FinalState } from '../../src/simulation/world-state.js';
import type { Scenario } from './scenarios.js';

export const contract = new Contract(parse(readFileSync(join(__dirname, '../../openapi.yaml'), 'utf8')));

export function startWorld(seed: number, more: Partial<WorldOptions> = {}): Promise<World> {
  return World.start({ seed, contract, ...more });
}

/** A web app behind the load balancer, with a health check. */
export function web(
  id: string,
  wanted: WantedApp,
  more: Readonly<Record<string, unknown>> = {},
): Extract<SimRequest, { kind: 'create' }> {
  return {
    kind: 'create',
    wanted,
    body: {
      id,
      ...wanted,
      cpus: 0.5,
      mem: 64,
      portDefinitions: [{ port: 0, protocol: 'tcp' }],
      healthChecks: [
        {
          protocol: 'HTTP',
          path: '/',
          portIndex: 0,
          intervalSeconds: 5,
          gracePeriodSeconds: 10,
          timeoutSeconds: 2,
        },
      ],
      upgradeStrategy: { minimumHealthCapacity: 1, maximumOverCapacity: 0.5 },
      maxLaunchDelaySeconds: 30,
      ...more,
    },
  };
}

/** For an app that is asked whether it is ready. */
export const namedPort = { portDefinitions: [{ port: 0, protocol: 'tcp', name: 'http' }] };
export const readinessChecks = [
  {
    name: 'ready',
    protocol: 'HTTP',
    path: '/ready',
    portName: 'http',
    intervalSeconds: 5,
    timeoutSeconds: 2,
  },
];

export function update(
  id: string,
  wanted: WantedApp,
  more: { readonly body?: Readonly<Record<string, unknown>>; readonly force?: boolean } = {},
): SimRequest {
  return { kind: 'update', id, wanted, body: more.body ?? { ...wanted }, force: more.force ?? false };
}

/** Runs the world until it rests and returns everything that is wrong with it. */
export async function verdict(
  world: World,
  { strict }: { readonly strict: boolean },
): Promise<readonly string[]> {
  await world.runUntilQuiet();
  return judge(world.facts, await world.finalState(), { strict });
}

/** A world in which the scenario's beginning is over; `meanwhile` is called just before the act begins. */
export async function play(
  scenario: Scenario,
  seed: number,
  meanwhile: (world: World) => void,
  more: Partial<WorldOptions> = {},
): Promise<World> {
  const world = await startWorld(seed, more);
  const client = world.client();
  world.perform(() => scenario.before(client));
  await world.runUntilQuiet();
  meanwhile(world);
  world.perform(() => scenario.act(client, world));
  return world;
}

/** What a user sees in the end: apps with their definitions, and how many processes of which command live. */
export function outcome({ apps, live }: FinalState): unknown {
  return {
    apps: apps.map(({ app }) => [app.id, app.instances, app.cmd]),
    live: live.map(({ info }) => info.command?.value).sort(),
  };
}

/** Plays the scenario undisturbed: how it ends, how many durable steps it takes, and what is wrong with it. */
export async function undisturbed(
  scenario: Scenario,
  seed: number,
): Promise<{ readonly flushes: number; readonly end: unknown; readonly found: readonly string[] }> {
  let before = 0;
  const world = await play(scenario, seed, ({ flushes }) => {
    before = flushes;
  });
  await world.runUntilQuiet();
  const state = await world.finalState();
  world.end();
  return {
    flushes: world.flushes - before,
    end: outcome(state),
    found: judge(world.facts, state, { strict: true }),
  };
}
