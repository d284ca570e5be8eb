import type { WantedApp } from '../../src/simulation/facts.js';
import type { SimClient } from '../../src/simulation/sim-client.js';
import type { World } from '../../src/simulation/world.js';
import type { Dice } from '../../src/util/ids.js';
import { namedPort, readinessChecks, update, web } from './support.js';

const LONGEST_PAUSE_MS = 12_000;

/**
 * A user who owns an app and keeps changing his mind: creates, scales, changes, forces, rolls back, deletes. What belongs to a
 * team is asked whether it is ready.
 */
export async function restlessOwner(
  world: World,
  client: SimClient,
  dice: Dice,
  id: string,
  acts: number,
): Promise<void> {
  const more = id.startsWith('/team/') ? { ...namedPort, readinessChecks } : {};
  let current: WantedApp | undefined;
  let former: WantedApp | undefined;
  for (let act = 1; act <= acts; act++) {
    await world.after(dice.random() * LONGEST_PAUSE_MS);
    const next: WantedApp = {
      instances: 1 + Math.floor(dice.random() * 5),
      cmd: `${id.slice(1)}-${Math.floor(dice.random() * 4)}`,
    };
    const roll = dice.random();
    if (!current) {
      if (await client.ask(web(id, next, more))) [former, current] = [undefined, next];
    } else if (roll < 0.15) {
      if (await client.ask({ kind: 'delete', id, force: roll < 0.08 }))
        [former, current] = [current, undefined];
    } else if (roll < 0.3) {
      if (await client.ask({ kind: 'cancel', id, wanted: former })) [former, current] = [current, former];
    } else if (await client.ask(update(id, next, { force: roll < 0.6 }))) {
      // Asking for what is wanted already begins no deployment: a rollback would still end the one before.
      if (!isSame(current, next)) [former, current] = [current, next];
    }
  }
}

/** Somebody else who meddles with the same app, by force. */
export async function meddler(
  world: World,
  client: SimClient,
  dice: Dice,
  id: string,
  acts: number,
): Promise<void> {
  for (let act = 1; act <= acts; act++) {
    await world.after(dice.random() * LONGEST_PAUSE_MS);
    const wanted = { instances: 1 + Math.floor(dice.random() * 4), cmd: `meddled-${act}` };
    await client.ask(update(id, wanted, { force: true }));
  }
}

function isSame(a: WantedApp, b: WantedApp): boolean {
  return a.instances === b.instances && a.cmd === b.cmd;
}
