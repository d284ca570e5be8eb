import type { RequestHandler } from 'express';
import type { ApiMetrics } from '../api-context.js';
import { wishCoding } from '../content-coding.js';
import { preferredCoding } from '../decide/content-coding.js';

/**
 * Notes which coding a client takes; whoever writes an answer's body uses it when that is worth it. Event streams write
 * their frames themselves and are never coded: a coder would hold frames back.
 */
export function negotiateCoding(metrics: ApiMetrics): RequestHandler {
  const coded = metrics.counter('http.responses.size.gzipped.counter.bytes');
  return (request, response, next) => {
    response.vary('Accept-Encoding');
    const name =
      request.method === 'HEAD' ? undefined : preferredCoding(headerText(request.headers['accept-encoding']));
    if (name !== undefined) wishCoding(response, { name, count: (bytes) => coded.inc(bytes) });
    next();
  };
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
