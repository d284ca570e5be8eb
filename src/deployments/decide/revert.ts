import type { AppId, AppRecord } from '../../apps/app.js';
import type { DeploymentPlan } from '../deployment.js';

export interface RevertedApp {
  readonly appId: AppId;
  readonly after: AppRecord | undefined;
}

/**
 * What puts back what `plan` changed (Marathon reference 5.3): the very old record of each app it changed or removed,
 * and nothing where it added one. Apps it does not name keep what they have now, whoever changed them meanwhile.
 */
export function revertChanges(plan: DeploymentPlan): RevertedApp[] {
  return Object.entries(plan.transitions).map(([appId, { before }]) => ({
    appId: appId as AppId,
    after: before,
  }));
}
