import type { AppId } from '../apps/app.js';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext } from './api-context.js';
import { queryWhole } from './decide/query.js';
import type { MethodTable } from './middleware/methods.js';
import { queryOf } from './request-query.js';
import { sendJson } from './write-json.js';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;

/** `/v2/apps/{id}/history`: its tasks that are over, newest first; also of an app that was deleted, while it is remembered. */
export function answerAppHistory(context: ApiContext, appId: AppId): MethodTable {
  return {
    GET: async (request, response) => {
      const { history, registry } = context;
      if (history === undefined || (registry.get(appId) === undefined && !history.tasks.knows(appId)))
        throw new CatalogError('app-not-found', { id: appId });
      const query = queryOf(request);
      const after = queryWhole(query, 'after', { min: 1, max: Number.MAX_SAFE_INTEGER });
      const limit = queryWhole(query, 'limit', { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
      const { entries, next } = await history.tasks.page(appId, { limit, after });
      sendJson(response, 200, { tasks: entries, ...(next === undefined ? {} : { next }) });
    },
  };
}
