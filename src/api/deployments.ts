import type { RequestHandler } from 'express';
import { CatalogError } from '../errors/registry.js';
import { sendDeploymentResult } from './accept-change.js';
import type { ApiContext } from './api-context.js';
import { queryFlag } from './decide/query.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
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
      response.setHeader('X-Event-Position', context.events.position());
      await sendPieces(request, response, deploymentPieces(context), context.clock);
    },
  };
}

function* deploymentPieces({ deployments }: ApiContext): Generator<string> {
  yield '[';
  let separator = '';
  for (const { plan } of deployments.all()) {
    // The answer is written in slices; a deployment that ended meanwhile is not shown.
    const deployment = deployments.get(plan.id);
    if (deployment === undefined) continue;
    yield separator + JSON.stringify(presentDeployment(deployment, deployments));
    separator = ',';
  }
  yield ']';
}

function single(context: ApiContext, id: string): MethodTable {
  return {
    DELETE: async (request, response) => {
      const force = queryFlag(queryOf(request), 'force', false);
      const accepted = await context.deployments.cancel(id, { force });
      if (accepted === undefined) throw new CatalogError('deployment-not-found', { id });
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
