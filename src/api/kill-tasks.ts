import type { Response } from 'express';
import type { AppId } from '../apps/app.js';
import { type Instance, type InstanceId, isActive } from '../scheduler/instance.js';
import { type AcceptedChange, acceptChange } from './accept-change.js';
import type { ApiContext } from './api-context.js';

export interface KillOptions {
  /** Lower the wanted number of instances by those killed: a deployment. */
  readonly scale: boolean;
  /** Kill at once, without draining first. */
  readonly wipe: boolean;
  /** Scale: cancel deployments that hold the app. */
  readonly force: boolean;
}

/** Kills instances on request; they are launched again. Only active ones are touched. Durable when it resolves. */
export async function killInstances(
  context: Pick<ApiContext, 'scheduler'>,
  instances: readonly Instance[],
  options: Pick<KillOptions, 'wipe'>,
): Promise<void> {
  const ids = instances.filter((instance) => isActive(instance.condition)).map((instance) => instance.id);
  if (ids.length > 0) await context.scheduler.kill(ids, { decommission: false, wipe: options.wipe });
}

/**
 * Kill and scale: one deployment that lowers each app's instances by its matched ones that are active and not already
 * leaving, and names those as victims. Without any it is a deployment that changes nothing.
 *
 * @param appIds the apps that the request names, so that an unknown one is refused even without victims
 */
export async function killAndScale(
  context: ApiContext,
  response: Response,
  instances: readonly Instance[],
  options: Pick<KillOptions, 'force'>,
  appIds: readonly AppId[],
): Promise<AcceptedChange> {
  const victims = new Map<AppId, InstanceId[]>(appIds.map((appId) => [appId, []]));
  for (const instance of instances) {
    const leaving =
      instance.takingOut !== undefined || instance.condition === 'Killing' || instance.goal !== 'Running';
    if (leaving || !isActive(instance.condition)) continue;
    const ofApp = victims.get(instance.appId) ?? [];
    ofApp.push(instance.id);
    victims.set(instance.appId, ofApp);
  }
  for (const [appId, ids] of victims) if (ids.length === 0) victims.delete(appId);
  const fewer = new Map([...victims].map(([appId, ids]) => [appId, ids.length]));
  return acceptChange(context, response, context.changes.scaleAppsDown(fewer), {
    force: options.force,
    victims: Object.fromEntries(victims),
  });
}
