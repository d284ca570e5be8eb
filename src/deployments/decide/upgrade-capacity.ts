import type { App } from '../../apps/app.js';

/** Bounds that a deployment of an app keeps, in instances. */
export interface UpgradeCapacity {
  /** So many stay healthy and ready, as far as it depends on us. */
  readonly minHealthy: number;
  /** Never more than so many live, launching and draining ones. */
  readonly maxCapacity: number;
}

/**
 * Marathon reference 5.5: `minHealthy = ceil(N x minimumHealthCapacity)`, `maxCapacity = floor(N x (1 +
 * maximumOverCapacity))`. Where both are the same nothing could ever be replaced, so one instance more is allowed. That
 * one is allowed whatever the health of the old instances is: Marathon asks for all of them to be healthy first and
 * stalls when one is not.
 */
export function upgradeCapacity(app: Pick<App, 'instances' | 'upgradeStrategy'>): UpgradeCapacity {
  const { minimumHealthCapacity, maximumOverCapacity } = app.upgradeStrategy;
  const minHealthy = Math.ceil(exact(app.instances * minimumHealthCapacity));
  const maxCapacity = Math.floor(exact(app.instances * (1 + maximumOverCapacity)));
  return { minHealthy, maxCapacity: minHealthy === maxCapacity ? maxCapacity + 1 : maxCapacity };
}

/** Takes the noise of binary fractions away: 10 x 1.1 is 11.000000000000002 and 100 x 0.07 is 7.000000000000001. */
function exact(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}
