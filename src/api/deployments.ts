import type { RequestHandler } from 'express';
import type { AppId } from '../apps/app.js';
import type { Access } from '../auth/access.js';
import { CatalogError } from '../errors/registry.js';
import { sendDeploymentResult } from './accept-change.js';
import type { ApiContext } from './api-context.js';
import { fieldSelection, selectFields } from './decide/page.js';
import { queryFlag } from './decide/query.js';
import { asksForHistory, sendDeploymentHistory, sendOneDeployment } from './deployment-history.js';
import { targetOf } from './kill-tasks.js';
import { accessOf } from './middleware/access.js';
import { noteApp, noteDeployment } from './middleware/audit-writes.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { requestIdOf } from './middleware/request-id.js';
import { presentDeployment } from './present/deployment-step-info.js';
import { segmentsOf } from './request-path.js';
import { queryOf } from './request-query.js';
import { sendPieces } from './write-json.js';

/** `/v2/deployments` and one deployment below it. */
export function deploymentsRouter(context: ApiContext): RequestHandler {
  return (request, response) => {
    const segments = segmentsOf(request);
    const [id] = segments;
    if (segments.length > 1) throw new CatalogError('not-found');
    return dispatch(id === undefined ? list(context) : single(context, id), request, response);
  };
}

function list(context: ApiContext): MethodTable {
  return {
    GET: async (request, response) => {
      if (asksForHistory(request)) return sendDeploymentHistory(context, request, response);
      response.setHeader('X-Event-Position', context.events.position());
      const fields = fieldSelection(queryOf(request));
      const pieces = deploymentPieces(context, accessOf(request), fields);
      await sendPieces(request, response, pieces, context.clock);
    },
  };
}

function* deploymentPieces(
  { deployments }: ApiContext,
  access: Access,
  fields: ReadonlySet<string> | undefined,
): Generator<string> {
  yield '[';
  let separator = '';
  for (const { plan } of deployments.all()) {
    // The answer is written in slices; a deployment that ended meanwhile is not shown.
    const deployment = deployments.get(plan.id);
    if (deployment === undefined) continue;
    const shown = presentDeployment(deployment, deployments, (appId) => access.sees(appId));
    if (shown === undefined) continue;
    const json = JSON.stringify(shown);
    yield separator + (fields ? selectFields(json, fields) : json);
    separator = ',';
  }
  yield ']';
}

function single(context: ApiContext, id: string): MethodTable {
  return {
    GET: (request, response) => sendOneDeployment(context, id, request, response),
    DELETE: async (request, response) => {
      const force = queryFlag(queryOf(request), 'force', false);
      const access = accessOf(request);
      const plan = context.deployments.get(id)?.plan;
      const apps = Object.keys(plan?.transitions ?? {}) as AppId[];
      for (const appId of apps) {
        access.require('deploy', appId);
        noteApp(request, appId);
      }
      if (plan) context.tags.check(request, response, apps.length === 1 ? targetOf(apps) : { group: '/' });
      const by = { principal: access.principal.name, requestId: requestIdOf(request) };
      const accepted = await context.deployments.cancel(id, { force, by });
      if (accepted === undefined) throw new CatalogError('deployment-not-found', { id });
      noteDeployment(request, accepted.deploymentId);
      response.setHeader('Marathon-Deployment-Id', accepted.deploymentId);
      if (force) {
        response.statusCode = 202;
        response.end();
      } else {
        sendDeploymentResult(response, accepted);
      }
    },
  };
}
