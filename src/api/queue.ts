import type { RequestHandler } from 'express';
import type { AppId } from '../apps/app.js';
import type { Access } from '../auth/access.js';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext } from './api-context.js';
import { queryTexts } from './decide/query.js';
import { accessOf } from './middleware/access.js';
import { noteApp } from './middleware/audit-writes.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { queueItemJson } from './present/queue-item.js';
import { segmentsOf } from './request-path.js';
import { queryOf } from './request-query.js';
import { sendPieces } from './write-json.js';

/** `/v2/queue` and `/v2/queue/{id}/delay`. */
export function queueRouter(context: ApiContext): RequestHandler {
  return (request, response) => {
    const segments = segmentsOf(request);
    if (segments.length === 0) return dispatch(list(context), request, response);
    if (segments.length < 2 || segments[segments.length - 1] !== 'delay') throw new CatalogError('not-found');
    return dispatch(delay(context, `/${segments.slice(0, -1).join('/')}` as AppId), request, response);
  };
}

function list(context: ApiContext): MethodTable {
  return {
    GET: async (request, response) => {
      const lastUnusedOffers = queryTexts(queryOf(request), 'embed').includes('lastUnusedOffers');
      response.setHeader('X-Event-Position', context.events.position());
      await sendPieces(
        request,
        response,
        queuePieces(context, accessOf(request), lastUnusedOffers),
        context.clock,
      );
    },
  };
}

function* queuePieces(context: ApiContext, access: Access, lastUnusedOffers: boolean): Generator<string> {
  yield '{"queue":[';
  let separator = '';
  const nowMs = context.clock.wallMs();
  for (const entry of context.scheduler.queue()) {
    const record = context.registry.get(entry.appId);
    if (record === undefined || entry.count === 0 || !access.sees(entry.appId)) continue;
    yield separator + queueItemJson(entry, record, context.fragments, { nowMs, lastUnusedOffers });
    separator = ',';
  }
  yield ']}';
}

function delay(context: ApiContext, appId: AppId): MethodTable {
  return {
    DELETE: (request, response) => {
      noteApp(request, appId);
      const entry = context.scheduler.queueEntry(appId);
      if (entry === undefined || entry.count === 0)
        throw new CatalogError('queue-entry-not-found', { id: appId });
      context.scheduler.resetDelay(appId);
      response.statusCode = 204;
      response.end();
    },
  };
}
