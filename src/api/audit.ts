import type { RequestHandler } from 'express';
import { resolvePath } from '../apps/path.js';
import type { AuditTrail } from '../auth/audit-trail.js';
import { queryText, queryWhole } from './decide/query.js';
import { resource } from './middleware/methods.js';
import { queryOf } from './request-query.js';
import { sendJson } from './write-json.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** `/v2/audit`: who changed what, when, from where. */
export function auditResource(trail: AuditTrail): RequestHandler {
  return resource({
    GET: async (request, response) => {
      const query = queryOf(request);
      const after = queryWhole(query, 'after', { min: 0, max: Number.MAX_SAFE_INTEGER });
      const limit = queryWhole(query, 'limit', { min: 1, max: MAX_LIMIT }) ?? DEFAULT_LIMIT;
      const who = queryText(query, 'who');
      const app = queryText(query, 'app');
      const filter = {
        ...(who === undefined ? {} : { who }),
        ...(app === undefined ? {} : { app: resolvePath(app) }),
      };
      sendJson(response, 200, await trail.page({ after, limit }, filter));
    },
  });
}
