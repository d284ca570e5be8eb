import type { Request } from 'express';
import { queryFlag } from './decide/query.js';

/** The query parameters of a request. Malformed percent-encoding stays as it is written. */
export function queryOf(request: Request): URLSearchParams {
  const mark = request.url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
}

/** Whether the caller only wants to know what the write would mean. */
export const isDryRun = (request: Request): boolean => queryFlag(queryOf(request), 'dryRun', false);
