import type { Request } from 'express';

/** The query parameters of a request. Malformed percent-encoding stays as it is written. */
export function queryOf(request: Request): URLSearchParams {
  const mark = request.url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
}
