import type { Request, RequestHandler, Response } from 'express';
import type { AppId, AppRecord } from '../apps/app.js';
import { servicePortsOf } from '../apps/decide/service-ports.js';
import type { Access } from '../auth/access.js';
import { CatalogError } from '../errors/registry.js';
import type { Instance, InstanceId, TaskId } from '../scheduler/instance.js';
import type { ApiContext } from './api-context.js';
import { killOptions } from './app-tasks.js';
import { queryTexts } from './decide/query.js';
import { parseTaskId } from './decide/task-id.js';
import { taskStatusFilter } from './decide/task-status-filter.js';
import { killAndScale, killInstances } from './kill-tasks.js';
import { accessOf } from './middleware/access.js';
import { noteApp } from './middleware/audit-writes.js';
import type { JsonBodies } from './middleware/json-body.js';
import { resource } from './middleware/methods.js';
import { hasVisibleTask, presentTask } from './present/task.js';
import { queryOf } from './request-query.js';
import { sendTasks, taskListTypes } from './send-tasks.js';
import { sendJson } from './write-json.js';

/** `/v2/tasks`: every task of every existing app, with service ports; as a table for those who prefer text. */
export function tasksResource(context: ApiContext): RequestHandler {
  return resource(
    {
      GET: (request, response) => {
        const filter = taskStatusFilter(queryTexts(queryOf(request), 'status'));
        const access = accessOf(request);
        const servicePorts = new Map<AppId, readonly number[] | undefined>();
        const portsFor = (appId: AppId): readonly number[] | undefined => {
          if (!servicePorts.has(appId)) {
            servicePorts.set(appId, access.sees(appId) ? portsOf(context.registry.get(appId)) : undefined);
          }
          return servicePorts.get(appId);
        };
        return sendTasks(context, request, response, {
          groupId: '/',
          instances: () => context.scheduler.instances.all(),
          include: (instance) => portsFor(instance.appId) !== undefined && filter(instance),
          present: (instance) => presentTask(instance, portsFor(instance.appId) ?? []),
          apps: () => visibleApps(context, access),
        });
      },
    },
    taskListTypes,
  );
}

function* visibleApps(context: ApiContext, access: Access): Generator<AppRecord> {
  for (const record of context.registry.all()) if (access.sees(record.app.id)) yield record;
}

function portsOf(record: AppRecord | undefined): readonly number[] | undefined {
  return record && servicePortsOf(record.app);
}

/** `POST /v2/tasks/delete`: kills the named tasks; ids that name nothing are skipped, ids that are none are refused. */
export function deleteTasksResource(context: ApiContext, bodies: JsonBodies): RequestHandler {
  return resource({ POST: (request, response) => deleteTasks(context, bodies, request, response) });
}

function readIds(body: unknown): readonly string[] {
  const wrong = (path: string, text: string): CatalogError =>
    new CatalogError('invalid-json', {}, [
      { path, errors: [text], hint: 'Send {"ids": ["<task id>", ...]}.' },
    ]);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw wrong('/', 'error.expected.jsobject');
  const { ids } = body as { readonly ids?: unknown };
  if (!Array.isArray(ids)) throw wrong('/ids', 'error.expected.jsarray');
  return ids.map((id: unknown, index) => {
    if (typeof id !== 'string') throw wrong(`/ids(${index})`, 'error.expected.jsstring');
    if (parseTaskId(id) === undefined) {
      throw new CatalogError('bad-request', {
        reason: `Invalid task id '${id}'. [taskId ${id} no valid identifier]`,
        hint: 'GET /v2/tasks lists the ids.',
      });
    }
    return id;
  });
}

async function deleteTasks(
  context: ApiContext,
  bodies: JsonBodies,
  request: Request,
  response: Response,
): Promise<void> {
  const options = killOptions(queryOf(request));
  const ids = readIds(await bodies.read(request));
  const { instances } = context.scheduler;
  const found = new Map<InstanceId, Instance>();
  for (const id of ids) {
    const instance = instances.byTask(id as TaskId) ?? instances.get(id as InstanceId);
    if (instance === undefined || !hasVisibleTask(instance)) continue;
    if (context.registry.get(instance.appId) === undefined) continue;
    accessOf(request).require('deploy', instance.appId);
    noteApp(request, instance.appId);
    found.set(instance.id, instance);
  }
  if (options.scale) {
    await killAndScale(context, request, response, [...found.values()], options, []);
    return;
  }
  const shown = [...found.values()].map((instance) => presentTask(instance));
  const named = [...found.values()];
  const dry = await killInstances(context, request, response, named, { ...options, appIds: [] });
  sendJson(response, 200, { ...dry, tasks: shown });
}
