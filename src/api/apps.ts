import type { Request, RequestHandler, Response } from 'express';
import type { App, AppId, AppRecord } from '../apps/app.js';
import { appFilter } from '../apps/decide/app-filter.js';
import { presentApp } from '../apps/present-app.js';
import { CatalogError } from '../errors/registry.js';
import { type AcceptedChange, acceptChange, sendDeploymentResult } from './accept-change.js';
import type { ApiContext } from './api-context.js';
import { answerAppTasks, answerGroupTasks } from './app-tasks.js';
import { answerVersion, answerVersions } from './app-versions.js';
import { type AppEmbed, appEmbeds, listEmbeds, singleEmbeds } from './decide/app-embeds.js';
import { type AppRoute, appRoute } from './decide/app-route.js';
import { queryFlag, queryText, queryTexts } from './decide/query.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { appInfoPieces } from './present/app-info.js';
import { segmentsOf } from './request-path.js';
import { queryOf } from './request-query.js';
import { sendJson, sendPieces } from './write-json.js';

/** `/v2/apps` and everything below it. Ids contain slashes, so the path is taken apart by hand. */
export function appsRouter(context: ApiContext, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const route = appRoute(segmentsOf(request), (appId) => context.registry.get(appId) !== undefined);
    return dispatch(tableOf(context, bodies, route), request, response);
  };
}

function tableOf(context: ApiContext, bodies: JsonBodies, route: AppRoute): MethodTable {
  switch (route.kind) {
    case 'apps':
      return collection(context, bodies);
    case 'app':
      return single(context, bodies, route.appId);
    case 'restart':
      return restart(context, route.appId);
    case 'group-apps':
      return { GET: (request, response) => listGroup(context, route.prefix, request, response) };
    case 'tasks':
    case 'task':
      return answerAppTasks(context, route);
    case 'group-tasks':
      return answerGroupTasks(context, route.prefix);
    case 'versions':
      return answerVersions(context, route.appId);
    case 'version':
      return answerVersion(context, route.appId, route.version);
  }
}

const forceOf = (request: Request, fallback: boolean): boolean =>
  queryFlag(queryOf(request), 'force', fallback);
const partialOf = (request: Request): boolean => queryFlag(queryOf(request), 'partialUpdate', true);

function collection(context: ApiContext, bodies: JsonBodies): MethodTable {
  const { changes } = context;
  return {
    GET: (request, response) => listApps(context, request, response),
    POST: async (request, response) => {
      const prepare = await changes.createApp(await bodies.read(request));
      const accepted = await acceptChange(context, response, prepare, { force: forceOf(request, false) });
      const after = accepted.first?.after;
      if (after === undefined) throw new Error('a created app has no record');
      publishApiPost(context, request, after.app);
      response.setHeader('Location', encodeURI(after.app.id));
      sendJson(response, 201, createdApp(after.app, accepted));
    },
    PUT: async (request, response) => {
      const prepare = await changes.replaceApps(await bodies.read(request), {
        partialUpdate: partialOf(request),
      });
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, false) }),
      );
    },
    PATCH: async (request, response) => {
      const prepare = await changes.patchApps(await bodies.read(request));
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, false) }),
      );
    },
  };
}

/** The answer to a POST: the app with its assigned ports, zero counters and its deployment; no versionInfo yet. */
function createdApp(app: App, accepted: AcceptedChange): Readonly<Record<string, unknown>> {
  const { versionInfo: _, ...shown } = presentApp(app);
  return {
    ...shown,
    tasksStaged: 0,
    tasksRunning: 0,
    tasksHealthy: 0,
    tasksUnhealthy: 0,
    deployments: [{ id: accepted.deploymentId }],
  };
}

function single(context: ApiContext, bodies: JsonBodies, appId: AppId): MethodTable {
  const { changes, registry } = context;
  const update = async (request: Request, response: Response, mayCreate: boolean): Promise<void> => {
    const partialUpdate = mayCreate ? partialOf(request) : true;
    const prepare = await changes.updateApp(appId, await bodies.read(request), { partialUpdate, mayCreate });
    const accepted = await acceptChange(context, response, prepare, { force: forceOf(request, false) });
    const after = accepted.first?.after ?? registry.get(appId);
    if (after !== undefined) publishApiPost(context, request, after.app);
    const created = accepted.first?.after !== undefined && accepted.first.before === undefined;
    if (created) response.setHeader('Location', encodeURI(accepted.first?.appId ?? appId));
    sendDeploymentResult(response, accepted, created ? 201 : 200);
  };
  return {
    GET: async (request, response) => {
      const record = registry.get(appId);
      if (record === undefined) throw new CatalogError('app-not-found', { id: appId });
      const embeds = appEmbeds(singleEmbeds, queryTexts(queryOf(request), 'embed'));
      response.setHeader('X-Event-Position', context.events.position());
      await sendPieces(
        request,
        response,
        wrapped('{"app":', appInfoPieces(context, record, embeds, true), '}'),
        context.clock,
      );
    },
    PUT: (request, response) => update(request, response, true),
    PATCH: (request, response) => update(request, response, false),
    DELETE: async (request, response) => {
      const prepare = changes.deleteApp(appId);
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, true) }),
      );
    },
  };
}

function restart(context: ApiContext, appId: AppId): MethodTable {
  return {
    POST: async (request, response) => {
      const prepare = context.changes.restartApp(appId);
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, false) }),
      );
    },
    DELETE: () => {
      // Marathon reads this as deleting the app `<id>/restart`, which cannot exist: the segment is reserved.
      throw new CatalogError('app-not-found', { id: `${appId}/restart` });
    },
  };
}

function publishApiPost(context: ApiContext, request: Request, app: App): void {
  context.events.publish({
    eventType: 'api_post_event',
    clientIp: request.socket.remoteAddress ?? '',
    uri: request.originalUrl.split('?')[0] ?? '',
    appDefinition: presentApp(app),
  });
}

async function listApps(context: ApiContext, request: Request, response: Response): Promise<void> {
  const query = queryOf(request);
  const embeds = appEmbeds(listEmbeds, queryTexts(query, 'embed'));
  const filter = appFilter({
    id: queryText(query, 'id'),
    cmd: queryText(query, 'cmd'),
    label: queryText(query, 'label'),
  });
  response.setHeader('X-Event-Position', context.events.position());
  const pieces = appListPieces(context, (record) => filter(record.app), embeds);
  await sendPieces(request, response, wrapped('{"apps":[', pieces, ']}'), context.clock);
}

async function listGroup(
  context: ApiContext,
  prefix: string,
  request: Request,
  response: Response,
): Promise<void> {
  const embeds = appEmbeds(listEmbeds, queryTexts(queryOf(request), 'embed'));
  const inGroup = (record: AppRecord): boolean => record.app.id.startsWith(prefix);
  if (prefix !== '/' && !some(context.registry.all(), inGroup))
    throw new CatalogError('group-not-found', { id: prefix.slice(0, -1) });
  response.setHeader('X-Event-Position', context.events.position());
  await sendPieces(
    request,
    response,
    wrapped('{"*":[', appListPieces(context, inGroup, embeds), ']}'),
    context.clock,
  );
}

function some<T>(items: Iterable<T>, test: (item: T) => boolean): boolean {
  for (const item of items) if (test(item)) return true;
  return false;
}

function* appListPieces(
  context: ApiContext,
  include: (record: AppRecord) => boolean,
  embeds: ReadonlySet<AppEmbed>,
): Generator<string> {
  let separator = '';
  for (const record of context.registry.all()) {
    if (!include(record)) {
      // An empty piece: a filter that lets nothing through must not hold the event loop either.
      yield '';
      continue;
    }
    if (separator) yield separator;
    yield* appInfoPieces(context, record, embeds);
    separator = ',';
  }
}

function* wrapped(open: string, pieces: Iterable<string>, close: string): Generator<string> {
  yield open;
  yield* pieces;
  yield close;
}
