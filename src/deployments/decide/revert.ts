import type { AppId, AppRecord } from '../../apps/app.js';
import type { GroupAfter, GroupReadModel } from '../../apps/group.js';
import type { DeploymentPlan, PreparedChange } from '../deployment.js';

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

/** As `revertChanges`, for apps and groups: a group that the plan added goes only if nothing else came to lie in it. */
export function revertTree(
  plan: DeploymentPlan,
  groups: Pick<GroupReadModel, 'get' | 'appsOf' | 'groupsOf'> | undefined,
): PreparedChange {
  const apps = revertChanges(plan);
  if (!groups || !plan.groups) return { apps, groups: [] };
  const after = new Map<string, GroupAfter>();
  const goneApps = new Set(apps.filter((app) => !app.after).map(({ appId }) => appId));
  const inner = [...plan.groups].sort((a, b) => b.groupId.length - a.groupId.length);
  for (const change of inner) {
    const { groupId } = change;
    const now = groups.get(groupId);
    if (change.before) {
      // One that it changed and somebody else removed since stays removed.
      if (now || !change.after) after.set(groupId, { groupId, after: change.before });
    } else if (now && now.version === change.after?.version) {
      const isEmpty =
        groups.appsOf(groupId).every((appId) => goneApps.has(appId)) &&
        groups.groupsOf(groupId).every((path) => after.has(path) && !after.get(path)?.after);
      if (isEmpty) after.set(groupId, { groupId, after: undefined });
    }
  }
  return { apps, groups: [...after.values()] };
}
