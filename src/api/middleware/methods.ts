import type { Request, RequestHandler, Response } from 'express';
import { CatalogError } from '../../errors/registry.js';
import { preferredType } from '../decide/accept.js';
import { JSON_TYPE } from '../write-json.js';

/** Answers one request; a thrown or rejected error goes to the final error answer. */
export type Answer = (request: Request, response: Response) => void | Promise<void>;

export type MethodTable = Readonly<Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', Answer>>>;

/** The methods of a table as an Allow header lists them. */
export function allowOf(table: MethodTable): string {
  const names = Object.keys(table);
  return [...names, ...(table.GET ? ['HEAD'] : []), 'OPTIONS'].join(', ');
}

/**
 * Runs the table's answer to the request's method. HEAD is answered as GET (Node leaves the body away), OPTIONS with
 * Allow, any other method with 405 and Allow. `types`: what the resource answers; 406 when the client accepts none of
 * them, before anything is done. An empty list leaves that to the answer itself.
 */
export async function dispatch(
  table: MethodTable,
  request: Request,
  response: Response,
  types: readonly string[] = [JSON_TYPE],
): Promise<void> {
  const { method } = request;
  if (method === 'OPTIONS') {
    response.setHeader('Allow', allowOf(table));
    response.statusCode = 204;
    response.end();
    return;
  }
  const name = method === 'HEAD' ? 'GET' : method;
  const answer = Object.hasOwn(table, name) ? table[name as keyof MethodTable] : undefined;
  if (answer === undefined) {
    const allow = allowOf(table);
    response.setHeader('Allow', allow);
    throw new CatalogError('method-not-allowed', { allow });
  }
  if (types.length > 1) response.vary('Accept');
  if (types.length > 0 && preferredType(request.headers.accept, types) === undefined) {
    throw new CatalogError('not-acceptable', { types: types.join(', ') });
  }
  await answer(request, response);
}

/** An express handler for a resource with a fixed path. */
export function resource(table: MethodTable, types?: readonly string[]): RequestHandler {
  return (request, response) => dispatch(table, request, response, types);
}
