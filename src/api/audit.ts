import type { RequestHandler } from 'express';
import { resolvePath } from '../apps/path.js';
import type { AuditTrail } from '../auth/audit-trail.js';
import { CatalogError } from '../errors/registry.js';
import { queryText } from './decide/query.js';
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
      const after = wholeNumber(query, 'after', 0, Number.MAX_SAFE_INTEGER);
      const limit = wholeNumber(query, 'limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
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

function wholeNumber(query: URLSearchParams, name: string, min: number, max: number): number | undefined {
  const text = queryText(query, name);
  if (text === undefined || text === '') return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CatalogError('bad-request', {
    reason: `The query parameter '${name}' must be a whole number from ${min} to ${max}`,
    hint: 'Give the `next` of one answer as the `after` of the following request.',
  });
}
