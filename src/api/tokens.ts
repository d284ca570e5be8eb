import type { Request, RequestHandler, Response } from 'express';
import { readTokenInput } from '../auth/decide/token-input.js';
import type { TokenBook, TokenRecord } from '../auth/token-book.js';
import { CatalogError } from '../errors/registry.js';
import { accessOf } from './middleware/access.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch } from './middleware/methods.js';
import { segmentsOf } from './request-path.js';
import { sendJson } from './write-json.js';

/** `/v2/tokens`: list (never with secrets), create (the one time a secret is told), and `/v2/tokens/{id}`: revoke. */
export function tokensRouter(tokens: TokenBook, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const [id, ...rest] = segmentsOf(request);
    if (rest.length > 0) throw new CatalogError('not-found');
    if (id !== undefined) return dispatch({ DELETE: () => revoke(tokens, id, response) }, request, response);
    return dispatch(
      {
        GET: () => sendJson(response, 200, { tokens: tokens.list().map((token) => present(tokens, token)) }),
        POST: () => create(tokens, bodies, request, response),
      },
      request,
      response,
    );
  };
}

async function create(
  tokens: TokenBook,
  bodies: JsonBodies,
  request: Request,
  response: Response,
): Promise<void> {
  const input = readTokenInput(await bodies.read(request));
  const { token, secret } = await tokens.create(input, accessOf(request).principal.name);
  response.setHeader('Location', `/v2/tokens/${token.id}`);
  sendJson(response, 201, { ...present(tokens, token), secret });
}

async function revoke(tokens: TokenBook, id: string, response: Response): Promise<void> {
  if (!(await tokens.revoke(id))) throw new CatalogError('token-not-found', { id: id.slice(0, 64) });
  response.statusCode = 204;
  response.end();
}

function present(tokens: TokenBook, token: TokenRecord): Readonly<Record<string, unknown>> {
  const { id, name, grants, createdAt, createdBy, expiresAt } = token;
  return { id, name, grants, createdAt, createdBy, expiresAt, expired: tokens.isExpired(token) };
}
