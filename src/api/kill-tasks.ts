import type { Request, Response } from 'express';
import type { AppId } from '../apps/app.js';
import { type Instance, type InstanceId, isActive, type StopOrigin } from '../scheduler/instance.js';
import { followedBy } from '../util/steps.js';
import { acceptChange, sendDeploymentResult } from './accept-change.js';
import type { ApiContext } from './api-context.js';
import { answerDryRun } from './dry-run.js';
import type { WriteTarget } from './entity-tags.js';
import { accessOf } from './middleware/access.js';
import { requestIdOf } from './middleware/request-id.js';
import { isDryRun } from './request-query.js';

export interface KillOptions {
  /** Lower the wanted number of instances by those killed: a deployment. */
  readonly scale: boolean;
  /** Kill at once, without draining first. */
  readonly wipe: boolean;
  /** Scale: cancel deployments that hold the app. */
  readonly force: boolean;
}

/**
 * Kills instances on request; they are launched again. Only active ones are touched. Durable when it resolves. With `dryRun`
 * nothing is killed; true then. Throws `precondition-failed`.
 */
export async function killInstances(
  context: Pick<ApiContext, 'scheduler' | 'tags'>,
  request: Request,
  response: Response,
  instances: readonly Instance[],
  { wipe, appIds }: Pick<KillOptions, 'wipe'> & { readonly appIds: readonly AppId[] },
): Promise<{ readonly dryRun?: true }> {
  context.tags.check(request, response, targetOf(appIds));
  if (isDryRun(request)) return { dryRun: true };
  const ids = instances.filter((instance) => isActive(instance.condition)).map((instance) => instance.id);
  if (ids.length > 0) await context.scheduler.kill(ids, { decommission: false, wipe, by: originOf(request) });
  return {};
}

/**
 * Kill and scale: one deployment that lowers each app's instances by its matched ones that are active and not already
 * leaving, and names those as victims. Without any it is a deployment that changes nothing. Answers the request.
 *
 * @param appIds the apps that the request names, so that an unknown one is refused even without victims
 */
export async function killAndScale(
  context: ApiContext,
  request: Request,
  response: Response,
  instances: readonly Instance[],
  options: Pick<KillOptions, 'force'>,
  appIds: readonly AppId[],
): Promise<void> {
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
  const prepare = context.changes.scaleAppsDown(fewer);
  const target = targetOf(appIds);
  if (isDryRun(request)) {
    return answerDryRun(
      context,
      request,
      response,
      followedBy(prepare, (apps) => ({ apps, groups: [] })),
      target,
    );
  }
  const accepted = await acceptChange(
    context,
    response,
    prepare,
    { force: options.force, victims: Object.fromEntries(victims) },
    target,
  );
  sendDeploymentResult(response, accepted);
}

/** What a request about tasks expects something of: the app that it names, else everything. */
export function targetOf([appId]: readonly AppId[]): WriteTarget {
  return appId === undefined ? { group: '/' } : { app: appId };
}

function originOf(request: Request): StopOrigin {
  return { principal: accessOf(request).principal.name, requestId: requestIdOf(request) };
}
