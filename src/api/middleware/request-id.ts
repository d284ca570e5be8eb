import type { Request, RequestHandler } from 'express';
import type { Dice } from '../../util/ids.js';
import { acceptedRequestId } from '../decide/request-id.js';

const ids = new WeakMap<object, string>();

/** The id of a request: the client's own `X-Request-Id`, or one of ours. It is in the answer, in logs and in the audit trail. */
export function requestIds(dice: Dice): RequestHandler {
  return (request, response, next) => {
    const id = acceptedRequestId(request.headers['x-request-id']) ?? dice.uuid();
    ids.set(request, id);
    response.setHeader('X-Request-Id', id);
    next();
  };
}

/** Empty for a request that no middleware has numbered. */
export function requestIdOf(request: Request): string {
  return ids.get(request) ?? '';
}
