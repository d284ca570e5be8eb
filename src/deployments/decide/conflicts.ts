import type { AppId } from '../../apps/app.js';

/**
 * The deployments that hold a lock on one of `apps` (Marathon reference 5.3), each once, in order of first meeting.
 * Every app a plan touches is locked, also where its change applies in place: a rollback would undo it unseen.
 */
export function conflictingDeployments(
  apps: Iterable<AppId>,
  holderOf: (appId: AppId) => string | undefined,
): string[] {
  const ids = new Set<string>();
  for (const app of apps) {
    const holder = holderOf(app);
    if (holder !== undefined) ids.add(holder);
  }
  return [...ids];
}
