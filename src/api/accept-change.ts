import type { Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import type { Accepted, AcceptOptions } from '../deployments/deployment.js';
import { followedBy } from '../util/steps.js';
import type { ApiContext } from './api-context.js';
import type { Prepare } from './app-changes-port.js';
import type { WriteTarget } from './entity-tags.js';
import { accessOf } from './middleware/access.js';
import { forgetNotes, MAX_NAMED, noteApp, noteDeployment } from './middleware/audit-writes.js';
import { requestIdOf } from './middleware/request-id.js';
import { warnAbout } from './warnings.js';
import { sendJson } from './write-json.js';

/** A change that was accepted, durably, and what it did to the first app that it names. */
export interface AcceptedChange extends Accepted {
  /** Undefined when nothing changed. */
  readonly first:
    | { readonly appId: AppId; readonly before: AppRecord | undefined; readonly after: AppRecord | undefined }
    | undefined;
}

/**
 * Hands a change to the deployments and names the deployment in the answer's head. Whoever asks must have the right to deploy
 * each app that it touches (`missing-right`), and is remembered as the one who started it. What the request expects of `target`
 * (If-Match, If-None-Match) is checked at the moment of acceptance (`precondition-failed`).
 */
export async function acceptChange(
  context: Pick<ApiContext, 'deployments' | 'registry' | 'settings' | 'tags'>,
  response: Response,
  prepare: Prepare,
  options: AcceptOptions,
  target: WriteTarget = { group: '/' },
): Promise<AcceptedChange> {
  let first: AcceptedChange['first'];
  const request = response.req;
  const access = accessOf(request);
  const by = { principal: access.principal.name, requestId: requestIdOf(request) };
  const accepted = await context.deployments.change(
    followedBy(prepare, (changes) => {
      for (const { appId } of changes) access.require('deploy', appId);
      context.tags.check(request, response, target);
      forgetNotes(request);
      warnAbout(
        response,
        changes.map((each) => ({ ...each, before: context.registry.get(each.appId) })),
        context,
      );
      for (const { appId, after } of changes.slice(0, MAX_NAMED))
        noteApp(request, appId, { before: context.registry.get(appId), after });
      const change = changes[0];
      first = change && { ...change, before: context.registry.get(change.appId) };
      return changes;
    }),
    { ...options, by, alone: context.tags.looksAround(request, target) },
  );
  noteDeployment(request, accepted.deploymentId);
  response.setHeader('Marathon-Deployment-Id', accepted.deploymentId);
  return { ...accepted, first };
}

/** `{"version", "deploymentId"}`. */
export function sendDeploymentResult(response: Response, accepted: Accepted, status = 200): void {
  sendJson(response, status, { version: accepted.version, deploymentId: accepted.deploymentId });
}
