import type { Response } from 'express';
import type { PrepareTree } from '../apps/group-changes.js';
import type { Accepted, AcceptOptions } from '../deployments/deployment.js';
import { followedBy } from '../util/steps.js';
import type { ApiContext } from './api-context.js';
import type { WriteTarget } from './entity-tags.js';
import { accessOf } from './middleware/access.js';
import { forgetNotes, MAX_NAMED, noteApp, noteDeployment } from './middleware/audit-writes.js';
import { requestIdOf } from './middleware/request-id.js';
import { warnAbout } from './warnings.js';

/**
 * Hands a change of groups to the deployments and names the deployment in the answer's head; the rights are asked as for
 * apps, on each app and each group that it touches.
 */
export async function acceptTree(
  context: Pick<ApiContext, 'deployments' | 'registry' | 'settings' | 'tags'>,
  response: Response,
  prepare: PrepareTree,
  options: AcceptOptions,
  target: WriteTarget,
): Promise<Accepted> {
  const request = response.req;
  const access = accessOf(request);
  const by = { principal: access.principal.name, requestId: requestIdOf(request) };
  const accepted = await context.deployments.changeTree(
    followedBy(prepare, (tree) => {
      for (const { groupId } of tree.groups) access.require('deploy', groupId);
      for (const { appId } of tree.apps) access.require('deploy', appId);
      context.tags.check(request, response, target);
      forgetNotes(request);
      warnAbout(
        response,
        tree.apps.map((each) => ({ ...each, before: context.registry.get(each.appId) })),
        context,
      );
      for (const { appId, after } of tree.apps.slice(0, MAX_NAMED))
        noteApp(request, appId, { before: context.registry.get(appId), after });
      return tree;
    }),
    { ...options, by, alone: context.tags.looksAround(request, target) },
  );
  noteDeployment(request, accepted.deploymentId);
  return accepted;
}
