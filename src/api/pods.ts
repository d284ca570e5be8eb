import type { RequestHandler } from 'express';
import { resolvePath } from '../apps/path.js';
import { CatalogError } from '../errors/registry.js';
import { parseTimestamp } from '../util/timestamp.js';
import type { ApiContext } from './api-context.js';
import { type PodRoute, podRoute } from './decide/pod-route.js';
import { accessOf } from './middleware/access.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { segmentsOf } from './request-path.js';
import { sendJson } from './write-json.js';

/** As Marathon's instance ids look. */
const instanceIdForm = /^(.+)\.(instance-|marathon-)([^.]+)$/;
/** Longest part of an id that is shown back. */
const MAX_ECHO = 200;

/**
 * `/v2/pods` and everything below it. Definitions are judged in full, but the engine runs no pods yet: lists are empty,
 * what is named does not exist, and a definition that breaks no rule is `unsupported`.
 */
export function podsRouter(context: ApiContext, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const route = podRoute(segmentsOf(request));
    // Clients ask HEAD /v2/pods whether pods can be run here; 404 is the answer that means no.
    if (route === undefined || (route.kind === 'pods' && request.method === 'HEAD'))
      throw new CatalogError('not-found');
    return dispatch(tableOf(context, bodies, route), request, response);
  };
}

function tableOf({ podRequests }: ApiContext, bodies: JsonBodies, route: PodRoute): MethodTable {
  switch (route.kind) {
    case 'pods':
      return {
        GET: (_request, response) => sendJson(response, 200, []),
        POST: async (request) => {
          const body = await bodies.read(request);
          const named = typeof body === 'object' && body !== null && 'id' in body ? body.id : undefined;
          if (typeof named === 'string') accessOf(request).require('deploy', resolvePath(named));
          podRequests.create(body);
        },
      };
    case 'statuses':
      return { GET: (_request, response) => sendJson(response, 200, []) };
    case 'pod':
      return {
        GET: () => absent(route.podId),
        PUT: async (request) => podRequests.replace(route.podId, await bodies.read(request)),
        DELETE: () => absent(route.podId),
      };
    case 'status':
    case 'versions':
      return { GET: () => absent(route.podId) };
    case 'version':
      return { GET: () => absentVersion(route.podId, route.version) };
    case 'instances':
      return {
        DELETE: async (request) => {
          for (const instanceId of podRequests.instanceIds(await bodies.read(request)))
            requireInstanceId(instanceId);
          absent(route.podId);
        },
      };
    case 'instance':
      return {
        DELETE: () => {
          requireInstanceId(route.instanceId);
          throw new CatalogError('task-not-found', { id: route.instanceId.slice(0, MAX_ECHO) });
        },
      };
  }
}

function absent(podId: string): never {
  throw new CatalogError('pod-not-found', { id: podId.slice(0, MAX_ECHO) });
}

function absentVersion(podId: string, version: string): never {
  if (parseTimestamp(version) !== undefined) return absent(podId);
  const reason = `Invalid timestamp provided '${version.slice(0, 100)}'. Expecting ISO-8601 datetime string.`;
  throw new CatalogError('invalid-argument', { reason, hint: 'For instance 2026-01-31T10:00:00.000Z.' });
}

function requireInstanceId(text: string): void {
  if (instanceIdForm.test(text)) return;
  const reason = `Invalid instance id '${text.slice(0, MAX_ECHO)}'`;
  throw new CatalogError('invalid-argument', { reason, hint: 'They look like `shop_web.instance-<uuid>`.' });
}
