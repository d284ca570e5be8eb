import type { App } from '../apps/app.js';
import { type Instance, isTerminal } from '../scheduler/instance.js';

/**
 * What the checkers hold the product against, worked out anew from the documented rules rather than taken from the code that
 * is being checked.
 */

/** Least good and most live instances while an app is being changed (Marathon reference 5.5). */
export function capacityOf({ instances, upgradeStrategy }: App): {
  readonly min: number;
  readonly max: number;
} {
  // Whole numbers first: 10 x 1.1 shall be 11.
  const percent = (share: number): number => Math.round(share * 1_000_000);
  const min = Math.ceil((instances * percent(upgradeStrategy.minimumHealthCapacity)) / 1_000_000);
  const over = Math.floor((instances * percent(upgradeStrategy.maximumOverCapacity)) / 1_000_000);
  const max = instances + over;
  return { min, max: max === min ? max + 1 : max };
}

/** Known to be away: nothing is expected of it, and it takes nobody's place. */
export function isKnownAway({ condition }: Instance): boolean {
  return condition === 'Unreachable' || condition === 'UnreachableInactive';
}

/** Live, about to live, or on its way out. */
export function occupiesPlace(instance: Instance): boolean {
  if (isKnownAway(instance)) return false;
  return instance.goal === 'Running' || !isTerminal(instance.condition);
}

/** Serves: wanted, running, not leaving, and proven by whatever the app asks for. */
export function isGood({ goal, condition, task, health, takingOut }: Instance, app: App): boolean {
  if (goal !== 'Running' || condition !== 'Running' || takingOut || !task) return false;
  const known = health?.taskId === task.id ? health : undefined;
  if (app.healthChecks.length > 0 && known?.healthy !== true) return false;
  return app.readinessChecks.length === 0 || known?.ready === true;
}
