import type { Request, RequestHandler, Response } from 'express';
import { CatalogError } from '../errors/registry.js';
import { readSecretInput } from '../secrets/decide/secret-input.js';
import { secretPathProblem } from '../secrets/decide/secret-path.js';
import type { SecretFacts } from '../secrets/secret.js';
import type { Secrets } from '../secrets/secrets.js';
import { accessOf } from './middleware/access.js';
import { noteApp } from './middleware/audit-writes.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch } from './middleware/methods.js';
import { requestIdOf } from './middleware/request-id.js';
import { segmentsOf } from './request-path.js';
import { sendJson } from './write-json.js';

/** `/v2/secrets` and `/v2/secrets/{path}`: everything about secrets but their values, which go in and never out. */
export function secretsRouter(secrets: Secrets, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const segments = segmentsOf(request);
    if (segments.length === 0)
      return dispatch({ GET: () => list(secrets, request, response) }, request, response);
    const path = `/${segments.join('/')}`;
    return dispatch(
      {
        GET: () => sendJson(response, 200, present(secrets, secrets.get(path), request)),
        PUT: () => set(secrets, bodies, path, request, response),
        DELETE: () => remove(secrets, path, response),
      },
      request,
      response,
    );
  };
}

/** `/v2/secret-key`: the key that they are encrypted with; a POST changes it. */
export function secretKeyResource(secrets: Secrets): RequestHandler {
  return (request, response) =>
    dispatch(
      {
        GET: () => sendJson(response, 200, { key: secrets.key() ?? null }),
        POST: async () => sendJson(response, 200, await secrets.rotateKey()),
      },
      request,
      response,
    );
}

function list(secrets: Secrets, request: Request, response: Response): void {
  const access = accessOf(request);
  const seen = secrets.list().filter(({ path }) => access.sees(path));
  sendJson(response, 200, { secrets: seen.map((facts) => present(secrets, facts, request)) });
}

async function set(
  secrets: Secrets,
  bodies: JsonBodies,
  path: string,
  request: Request,
  response: Response,
): Promise<void> {
  const problem = secretPathProblem(path);
  if (problem !== undefined)
    throw new CatalogError('invalid-argument', { reason: problem, hint: 'For example /shop/db-password.' });
  const value = readSecretInput(await bodies.read(request));
  const by = { principal: accessOf(request).principal.name, requestId: requestIdOf(request) };
  const { facts, outcome, restarts } = await secrets.set(path, value, by);
  for (const { appId } of restarts) noteApp(request, appId);
  if (outcome === 'created') response.setHeader('Location', `/v2/secrets${path}`);
  const access = accessOf(request);
  const restarted = restarts.map(({ appId }) => appId).filter((appId) => access.sees(appId));
  const shown = { ...present(secrets, facts, request), restarts: restarted };
  sendJson(response, outcome === 'created' ? 201 : 200, shown);
}

async function remove(secrets: Secrets, path: string, response: Response): Promise<void> {
  await secrets.remove(path);
  response.statusCode = 204;
  response.end();
}

function present(
  secrets: Secrets,
  { path, version, size, versions }: SecretFacts,
  request: Request,
): Readonly<Record<string, unknown>> {
  const access = accessOf(request);
  return {
    path,
    version,
    size,
    versions,
    usedBy: secrets.usedBy(path).filter((appId) => access.sees(appId)),
  };
}
