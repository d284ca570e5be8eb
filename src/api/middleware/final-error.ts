import type { ErrorRequestHandler } from 'express';
import { CatalogError } from '../../errors/registry.js';
import type { Log } from '../../logging/log.js';
import { StoreError } from '../../store/state-store.js';
import type { Clock } from '../../util/clock.js';
import type { Dice } from '../../util/ids.js';
import { storeHint } from '../decide/store-hint.js';
import { isMalformedPath, malformedPath } from '../request-path.js';
import { WARNING_HEADER } from '../warnings.js';
import { sendJson } from '../write-json.js';
import { dropRest } from './drop-rest.js';
import { requestIdOf } from './request-id.js';

/** Seconds after which a 503 is worth another try. */
const RETRY_AFTER_SECONDS = 2;

/** What an answer that came to nothing may have been given before. */
const headersOfSuccess = [
  'Content-Length',
  'Content-Type',
  'Marathon-Deployment-Id',
  'Location',
  'X-Event-Position',
  WARNING_HEADER,
] as const;

/** The catalogued form of whatever was thrown; undefined for a defect of our own. */
function catalogued(error: unknown): CatalogError | undefined {
  if (error instanceof CatalogError) return error;
  if (isMalformedPath(error)) return malformedPath();
  if (error instanceof StoreError) {
    return new CatalogError('store-unavailable', {
      code: error.code,
      reason: error.message,
      hint: storeHint(error.code),
    });
  }
  return undefined;
}

/**
 * The one place where errors become answers. Catalogued errors keep their status; what a store refused is 503 with the
 * remedy; anything else is a defect of ours: 500 with an incident id, under which the log has the stack. When the head
 * of an answer is already out, the connection is cut so that the torn answer is seen as one.
 */
export function finalError(log: Log, dice: Dice, clock: Clock): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    let error = catalogued(thrown);
    if (error === undefined) {
      const incident = dice.uuid();
      error = new CatalogError('internal', { incident });
      const stack = thrown instanceof Error ? thrown.stack : String(thrown);
      log.error('a request met a defect', {
        incident,
        requestId: requestIdOf(request),
        method: request.method,
        path: request.path,
        stack,
      });
    } else if (error.status >= 500) {
      log.warn('a request was refused', {
        code: error.code,
        requestId: requestIdOf(request),
        method: request.method,
        path: request.path,
        reason: error.message,
      });
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    for (const name of headersOfSuccess) response.removeHeader(name);
    if (error.status === 503) response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
    dropRest(request, clock);
    sendJson(response, error.status, error);
  };
}
