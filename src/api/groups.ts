import type { Request, RequestHandler, Response } from 'express';
import type { GroupRequestRead } from '../apps/group-changes.js';
import { resolvePath } from '../apps/path.js';
import { CatalogError } from '../errors/registry.js';
import { parseTimestamp } from '../util/timestamp.js';
import { sendDeploymentResult } from './accept-change.js';
import { acceptTree } from './accept-tree.js';
import type { ApiContext } from './api-context.js';
import { sendAppList } from './app-list.js';
import { appEmbeds } from './decide/app-embeds.js';
import { groupEmbeds } from './decide/group-embeds.js';
import { type GroupRoute, groupRoute } from './decide/group-route.js';
import { patchKind, patchTypes } from './decide/patch-type.js';
import { queryFlag, queryTexts } from './decide/query.js';
import { answerDryRun } from './dry-run.js';
import { accessOf } from './middleware/access.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { appsBelow, groupInfoPieces, pastTree, presentTree, type ShownTree } from './present/group-info.js';
import { segmentsOf } from './request-path.js';
import { isDryRun, queryOf } from './request-query.js';
import { requireGroup } from './visible-group.js';
import { sendJson, sendPieces } from './write-json.js';

/** `/v2/groups` and everything below it. */
export function groupsRouter(context: ApiContext, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const route = groupRoute(segmentsOf(request), request.method);
    return dispatch(tableOf(context, bodies, route), request, response);
  };
}

function tableOf(context: ApiContext, bodies: JsonBodies, route: GroupRoute): MethodTable {
  const { groupId } = route;
  switch (route.kind) {
    case 'group':
      return group(context, bodies, groupId);
    case 'apps':
      return { GET: (request, response) => listApps(context, groupId, request, response) };
    case 'versions':
      return {
        GET: (_request, response) => {
          const versions = context.registry.groups.versions(groupId);
          if (!versions) throw new CatalogError('group-not-found', { id: groupId });
          sendJson(response, 200, versions);
        },
      };
    case 'version':
      return {
        GET: (request, response) => showVersion(context, groupId, route.version, request, response),
      };
  }
}

function group(context: ApiContext, bodies: JsonBodies, groupId: string): MethodTable {
  const { groupChanges } = context;
  const accept = async (request: Request, response: Response, read: GroupRequestRead): Promise<void> => {
    const target = { group: read.groupId };
    if (isDryRun(request)) return answerDryRun(context, request, response, read.prepare, target);
    const force = queryFlag(queryOf(request), 'force', false);
    const accepted = await acceptTree(context, response, read.prepare, { force }, target);
    response.setHeader('Marathon-Deployment-Id', accepted.deploymentId);
    const isNew = request.method === 'POST';
    if (isNew) response.setHeader('Location', encodeURI(read.groupId));
    sendDeploymentResult(response, accepted, isNew ? 201 : 200);
  };
  return {
    GET: (request, response) => showGroup(context, groupId, request, response),
    POST: async (request, response) => {
      const body = await ownBody(bodies, request, groupId);
      await accept(request, response, await groupChanges.create(groupId, body));
    },
    PUT: async (request, response) => {
      const body = await ownBody(bodies, request, groupId);
      await accept(request, response, await groupChanges.update(groupId, body));
    },
    PATCH: async (request, response) => {
      response.setHeader('Accept-Patch', patchTypes.join(', '));
      if (patchKind(request.headers['content-type']) === 'merge-patch') {
        const patch = await bodies.read(request);
        return accept(request, response, await groupChanges.mergePatch(groupId, patch));
      }
      const read = groupChanges.patch(groupId, await bodies.read(request));
      const target = { group: read.groupId };
      if (isDryRun(request)) return answerDryRun(context, request, response, read.prepare, target);
      await acceptTree(context, response, read.prepare, { force: false }, target);
      response.statusCode = 200;
      response.end();
    },
    DELETE: (request, response) => accept(request, response, groupChanges.remove(groupId)),
  };
}

/** The body, once it is known that the caller may deploy the group that it is about. */
async function ownBody(bodies: JsonBodies, request: Request, groupId: string): Promise<unknown> {
  const body = await bodies.read(request);
  const named = typeof body === 'object' && body !== null && 'id' in body ? body.id : undefined;
  const about = typeof named === 'string' ? resolvePath(named, resolvePath(groupId)) : resolvePath(groupId);
  accessOf(request).require('deploy', about);
  return body;
}

function treeFor(context: ApiContext, request: Request): ShownTree {
  const { registry } = context;
  return presentTree(registry.groups, (appId) => registry.get(appId), accessOf(request));
}

async function showGroup(
  context: ApiContext,
  groupId: string,
  request: Request,
  response: Response,
): Promise<void> {
  requireGroup(context, accessOf(request), groupId);
  const embeds = groupEmbeds(queryTexts(queryOf(request), 'embed'));
  const timeless = !embeds.ofApps.has('taskStats') && !embeds.ofApps.has('readiness');
  response.setHeader('X-Event-Position', context.events.position());
  if (context.tags.answeredUnchanged(request, response, context.tags.list(request, groupId, timeless)))
    return;
  const pieces = groupInfoPieces(context, treeFor(context, request), groupId, embeds);
  await sendPieces(request, response, pieces, context.clock);
}

async function showVersion(
  context: ApiContext,
  groupId: string,
  text: string,
  request: Request,
  response: Response,
): Promise<void> {
  const version = parseTimestamp(text);
  const hint = `GET /v2/groups${groupId === '/' ? '' : groupId}/versions lists the versions kept.`;
  if (!version) {
    const reason = `Invalid timestamp provided '${text.slice(0, 100)}'. Expecting ISO-8601 datetime string.`;
    throw new CatalogError('invalid-argument', { reason, hint });
  }
  const snapshot = await context.registry.groups.at(groupId, version);
  if (!snapshot) throw new CatalogError('group-version-not-found', { id: groupId, version });
  const embeds = groupEmbeds(queryTexts(queryOf(request), 'embed'));
  await sendPieces(
    request,
    response,
    groupInfoPieces(context, pastTree(snapshot), groupId, embeds),
    context.clock,
  );
}

async function listApps(
  context: ApiContext,
  groupId: string,
  request: Request,
  response: Response,
): Promise<void> {
  const access = accessOf(request);
  await sendAppList(context, request, response, {
    groupId,
    open: '[',
    close: ']',
    records: () => appsBelow(treeFor(context, request), groupId),
    embeds: appEmbeds([], queryTexts(queryOf(request), 'embed')),
    include: ({ app }) => access.sees(app.id),
  });
}
