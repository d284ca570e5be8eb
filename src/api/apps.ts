import type { Request, RequestHandler, Response } from 'express';
import type { App, AppId, AppRecord } from '../apps/app.js';
import { appFilter } from '../apps/decide/app-filter.js';
import { presentApp } from '../apps/present-app.js';
import { CatalogError } from '../errors/registry.js';
import { followedBy } from '../util/steps.js';
import { type AcceptedChange, acceptChange, sendDeploymentResult } from './accept-change.js';
import type { ApiContext } from './api-context.js';
import type { Prepare } from './app-changes-port.js';
import { answerAppHistory } from './app-history.js';
import { sendAppList, wrapped } from './app-list.js';
import { answerAppTasks, answerGroupTasks } from './app-tasks.js';
import { answerAppTraffic } from './app-traffic.js';
import { answerAppUsage } from './app-usage.js';
import { answerVersion, answerVersions } from './app-versions.js';
import { type AppEmbed, appEmbeds, listEmbeds, singleEmbeds } from './decide/app-embeds.js';
import { type AppRoute, appRoute } from './decide/app-route.js';
import { bareObjectRefusal, isBareObject, listForBareObject } from './decide/bare-object.js';
import { hideEnv } from './decide/hide-env.js';
import { lenientId, withLenientIds } from './decide/lenient-body.js';
import { namedIds } from './decide/named-ids.js';
import { patchKind, patchTypes } from './decide/patch-type.js';
import { prefersLenient } from './decide/prefer.js';
import { queryFlag, queryText, queryTexts } from './decide/query.js';
import { answerDryRun } from './dry-run.js';
import type { WriteTarget } from './entity-tags.js';
import { accessOf } from './middleware/access.js';
import type { JsonBodies } from './middleware/json-body.js';
import { dispatch, type MethodTable } from './middleware/methods.js';
import { requestIdOf } from './middleware/request-id.js';
import { appInfoPieces, appWarnings, waitingFor } from './present/app-info.js';
import { appsBelow, presentTree } from './present/group-info.js';
import { segmentsOf } from './request-path.js';
import { isDryRun, queryOf } from './request-query.js';
import { taskListTypes } from './send-tasks.js';
import { visibleGroup } from './visible-group.js';
import { noteUnknownFields } from './warnings.js';
import { JSON_TYPE, sendJson, sendPieces } from './write-json.js';

/** `/v2/apps` and everything below it. Ids contain slashes, so the path is taken apart by hand. */
export function appsRouter(context: ApiContext, bodies: JsonBodies): RequestHandler {
  return (request, response) => {
    const route = appRoute(segmentsOf(request), (appId) => context.registry.get(appId) !== undefined);
    return dispatch(tableOf(context, bodies, route), request, response, typesOf(route, request.method));
  };
}

/** Lists of tasks are tables as well; everything else is JSON. */
function typesOf({ kind }: AppRoute, method: string): readonly string[] | undefined {
  const tasks = kind === 'tasks' || kind === 'group-tasks';
  return tasks && method !== 'DELETE' ? taskListTypes : undefined;
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
    case 'history':
      return answerAppHistory(context, route.appId);
    case 'traffic':
      return answerAppTraffic(context, route.appId);
    case 'usage':
      return answerAppUsage(context, route.appId);
    case 'versions':
      return answerVersions(context, route.appId);
    case 'version':
      return answerVersion(context, route.appId, route.version);
  }
}

const forceOf = (request: Request, fallback: boolean): boolean =>
  queryFlag(queryOf(request), 'force', fallback);
/**
 * The body, once it is known to name only apps that the caller may deploy. `meant` makes what was sent what is meant,
 * before anything looks at it.
 */
async function ownBody(
  { changes }: ApiContext,
  bodies: JsonBodies,
  request: Request,
  response: Response,
  meant: (body: unknown) => unknown = (body) => body,
): Promise<unknown> {
  const sent = meant(await bodies.read(request));
  const body = isLenient(request) ? withLenientIds(sent) : sent;
  noteUnknownFields(response, body, (name) => changes.knowsField?.(name) ?? true);
  for (const id of namedIds(body)) accessOf(request).require('deploy', id);
  return body;
}

const isLenient = (request: Request): boolean => prefersLenient(request.headers['prefer']);

/** Says in the answer that what was nearly right was made right. */
function noteLenience(request: Request, response: Response): void {
  if (isLenient(request)) response.setHeader('Preference-Applied', 'handling=lenient');
}

/** The list that a bulk PATCH needs; a bare object is refused with the call that works, or leniently taken as meant. */
function bulkPatch(context: ApiContext, request: Request, body: unknown): unknown {
  if (!isBareObject(body)) return body;
  const [first] = context.registry.size === 1 ? [...context.registry.all()] : [];
  const id = first?.app.id;
  const onlyApp = id !== undefined && accessOf(request).may('view', id) ? id : undefined;
  const list = isLenient(request) ? listForBareObject(body, onlyApp) : undefined;
  if (!list) throw bareObjectRefusal(body, onlyApp);
  return list;
}

/** Says which patches an app takes, and which kind this is. */
function acceptedPatch(request: Request, response: Response): 'marathon' | 'merge-patch' {
  response.setHeader('Accept-Patch', patchTypes.join(', '));
  return patchKind(request.headers['content-type']);
}

const ROOT: WriteTarget = { group: '/' };

/** Tells what a change of apps would mean. */
function announce(
  context: ApiContext,
  request: Request,
  response: Response,
  prepare: Prepare,
  target: WriteTarget,
): Promise<void> {
  return answerDryRun(
    context,
    request,
    response,
    followedBy(prepare, (apps) => ({ apps, groups: [] })),
    target,
  );
}

const partialOf = (request: Request): boolean => queryFlag(queryOf(request), 'partialUpdate', true);

function collection(context: ApiContext, bodies: JsonBodies): MethodTable {
  const { changes } = context;
  return {
    GET: (request, response) => listApps(context, request, response),
    POST: async (request, response) => {
      const prepare = await changes.createApp(await ownBody(context, bodies, request, response));
      if (isDryRun(request)) return announce(context, request, response, prepare, ROOT);
      const accepted = await acceptChange(context, response, prepare, { force: forceOf(request, false) });
      const after = accepted.first?.after;
      if (after === undefined) throw new Error('a created app has no record');
      noteLenience(request, response);
      publishApiPost(context, request, after.app);
      response.setHeader('Location', encodeURI(after.app.id));
      sendJson(response, 201, createdApp(after.app, accepted));
    },
    PUT: async (request, response) => {
      const prepare = await changes.replaceApps(await ownBody(context, bodies, request, response), {
        partialUpdate: partialOf(request),
      });
      if (isDryRun(request)) return announce(context, request, response, prepare, ROOT);
      noteLenience(request, response);
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, false) }),
      );
    },
    PATCH: async (request, response) => {
      patchKind(request.headers['content-type'], [JSON_TYPE]);
      const meant = (body: unknown): unknown => bulkPatch(context, request, body);
      const prepare = await changes.patchApps(await ownBody(context, bodies, request, response, meant));
      if (isDryRun(request)) return announce(context, request, response, prepare, ROOT);
      noteLenience(request, response);
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
    const id = isLenient(request) ? (lenientId(appId) as AppId) : appId;
    if (id !== appId) accessOf(request).require('deploy', id);
    const target = { app: id };
    const kind = mayCreate ? 'marathon' : acceptedPatch(request, response);
    const body = await bodies.read(request);
    noteUnknownFields(response, body, (name) => changes.knowsField?.(name) ?? true);
    const prepare =
      kind === 'merge-patch'
        ? changes.mergePatchApp(id, body)
        : await changes.updateApp(id, body, { partialUpdate, mayCreate });
    if (isDryRun(request)) return announce(context, request, response, prepare, target);
    const accepted = await acceptChange(
      context,
      response,
      prepare,
      { force: forceOf(request, false) },
      target,
    );
    noteLenience(request, response);
    const after = accepted.first?.after ?? registry.get(id);
    if (after !== undefined) publishApiPost(context, request, after.app);
    const created = accepted.first?.after !== undefined && accepted.first.before === undefined;
    if (created) response.setHeader('Location', encodeURI(accepted.first?.appId ?? id));
    sendDeploymentResult(response, accepted, created ? 201 : 200);
  };
  return {
    GET: async (request, response) => {
      const record = registry.get(appId);
      if (record === undefined) throw new CatalogError('app-not-found', { id: appId });
      const embeds = appEmbeds(singleEmbeds, queryTexts(queryOf(request), 'embed'));
      response.setHeader('X-Event-Position', context.events.position());
      const tag = singleTag(context, request, record, embeds);
      if (context.tags.answeredUnchanged(request, response, tag)) return;
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
      const target = { app: appId };
      if (isDryRun(request)) return announce(context, request, response, prepare, target);
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, true) }, target),
      );
    },
  };
}

/** Statistics change with time, readiness results without notice: with them no answer is like another. */
const timelyEmbeds: readonly AppEmbed[] = ['taskStats', 'readiness'];

const isTimeless = (embeds: ReadonlySet<AppEmbed>): boolean =>
  !timelyEmbeds.some((embed) => embeds.has(embed));

function singleTag(
  context: ApiContext,
  request: Request,
  record: AppRecord,
  embeds: ReadonlySet<AppEmbed>,
): string {
  const { deployments, tags, notServed } = context;
  const { app } = record;
  const shown = [
    deployments.affecting(app.id),
    notServed(app.id),
    waitingFor(context, app.id),
    appWarnings(context, record),
  ];
  return tags.app(request, app.id, app.version, shown, isTimeless(embeds));
}

function restart(context: ApiContext, appId: AppId): MethodTable {
  return {
    POST: async (request, response) => {
      const prepare = context.changes.restartApp(appId);
      const target = { app: appId };
      if (isDryRun(request)) return announce(context, request, response, prepare, target);
      sendDeploymentResult(
        response,
        await acceptChange(context, response, prepare, { force: forceOf(request, false) }, target),
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
    appDefinition: hideEnv(presentApp(app)),
    requestId: requestIdOf(request),
  });
}

async function listApps(context: ApiContext, request: Request, response: Response): Promise<void> {
  const query = queryOf(request);
  const filter = appFilter({
    id: queryText(query, 'id'),
    cmd: queryText(query, 'cmd'),
    label: queryText(query, 'label'),
  });
  const access = accessOf(request);
  await sendAppList(context, request, response, {
    groupId: '/',
    open: '{"apps":[',
    close: ']}',
    records: () => context.registry.all(),
    embeds: appEmbeds(listEmbeds, queryTexts(query, 'embed')),
    include: ({ app }) => access.sees(app.id) && filter(app),
  });
}

async function listGroup(
  context: ApiContext,
  prefix: string,
  request: Request,
  response: Response,
): Promise<void> {
  const { registry } = context;
  const access = accessOf(request);
  const groupId = visibleGroup(context, access, prefix);
  await sendAppList(context, request, response, {
    groupId,
    open: '{"*":[',
    close: ']}',
    records: () =>
      appsBelow(
        presentTree(registry.groups, (appId) => registry.get(appId), access),
        groupId,
      ),
    embeds: appEmbeds(listEmbeds, queryTexts(queryOf(request), 'embed')),
    include: ({ app }) => access.sees(app.id),
  });
}
