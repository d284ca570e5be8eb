import type { RequestHandler } from 'express';
import { corsHeaders } from '../decide/cors.js';

/** Says to browsers which other origins' pages may read our answers; `allowed` is from `originList`. */
export function crossOrigin(allowed: readonly string[]): RequestHandler {
  return (request, response, next) => {
    if (allowed.length > 0) {
      response.vary('Origin');
      const headers = corsHeaders({
        origin: request.headers.origin,
        preflight:
          request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined,
        requestHeaders: request.headers['access-control-request-headers'],
        allowed,
      });
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    }
    next();
  };
}
