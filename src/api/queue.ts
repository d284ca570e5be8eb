import type { RequestHandler } from 'express';
import type { AppId } from '../apps/app.js';
import type { Access } from '../auth/access.js';
import { CatalogError } from '../errors/registry.js';
import type { QueueEntry } from '../scheduler/scheduler.js';
import type { ApiContext } from './api-context.js';
import { fieldSelection, pageRequest, selectFields } from './decide/page.js';
import { queryText, queryTexts } from './decide/query.js';
import { accessOf } from './middleware/access.js';
import { noteApp } from './middleware/audit-writes.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { takePage } from './paging.js';
import { judgePlacement, type Placement } from './placement.js';
import { queueItemJson } from './present/queue-item.js';
import { segmentsOf } from './request-path.js';
import { queryOf } from './request-query.js';
import { sendPieces } from './write-json.js';

/** Most apps of one answer whose placement is judged. */
const MAX_PLACEMENTS = 20;

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
      const embeds = queryTexts(queryOf(request), 'embed');
      response.setHeader('X-Event-Position', context.events.position());
      const query = queryOf(request);
      const page = pageRequest(query);
      const access = accessOf(request);
      const id = queryText(query, 'id');
      const isAsked = ({ appId }: QueueEntry): boolean => id === undefined || appId === id;
      const entries = page
        ? await takePage(
            request,
            response,
            sorted(context, page.after),
            page,
            ({ appId }) => appId,
            (entry) => isAsked(entry) && isListed(context, entry, access),
          )
        : context.scheduler.queue().filter((entry) => isAsked(entry) && access.sees(entry.appId));
      const placements = embeds.includes('placement') ? await placementsOf(context, entries) : undefined;
      const lastUnusedOffers = embeds.includes('lastUnusedOffers');
      const pieces = queuePieces(context, entries, { lastUnusedOffers, placements }, fieldSelection(query));
      await sendPieces(request, response, pieces, context.clock);
    },
  };
}

/** Whether what waits would fit right now, each app by itself; of the first apps only. */
async function placementsOf(
  context: ApiContext,
  entries: Iterable<QueueEntry>,
): Promise<ReadonlyMap<AppId, Placement>> {
  const placements = new Map<AppId, Placement>();
  for (const { appId, count } of entries) {
    if (placements.size === MAX_PLACEMENTS) break;
    const after = context.registry.get(appId);
    if (!after || count === 0) continue;
    const waiting = { appId, before: undefined, after, instances: count, stoppedFirst: 0 };
    for (const placement of await judgePlacement(context, [waiting])) placements.set(appId, placement);
  }
  return placements;
}

/** Pages are in the order of the apps' ids. */
function sorted({ scheduler }: ApiContext, after = ''): readonly QueueEntry[] {
  return scheduler
    .queue()
    .filter(({ appId }) => appId > after)
    .sort((a, b) => (a.appId < b.appId ? -1 : 1));
}

function isListed({ registry }: ApiContext, { appId, count }: QueueEntry, access: Access): boolean {
  return count > 0 && access.sees(appId) && registry.get(appId) !== undefined;
}

function* queuePieces(
  context: ApiContext,
  entries: readonly QueueEntry[],
  {
    lastUnusedOffers,
    placements,
  }: {
    readonly lastUnusedOffers: boolean;
    readonly placements: ReadonlyMap<AppId, Placement> | undefined;
  },
  fields: ReadonlySet<string> | undefined,
): Generator<string> {
  yield '{"queue":[';
  let separator = '';
  const nowMs = context.clock.wallMs();
  for (const entry of entries) {
    const record = context.registry.get(entry.appId);
    if (record === undefined || entry.count === 0) continue;
    const placement = placements?.get(entry.appId);
    const json = queueItemJson(entry, record, context.fragments, { nowMs, lastUnusedOffers, placement });
    yield separator + (fields ? selectFields(json, fields) : json);
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
      context.tags.check(request, response, { app: appId });
      context.scheduler.resetDelay(appId);
      response.statusCode = 204;
      response.end();
    },
  };
}
