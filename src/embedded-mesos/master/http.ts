import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Log } from '../../logging/log.js';
import type { Master } from './master.js';
import { metricsSnapshot } from './metrics-snapshot.js';
import { rolesJson } from './roles-document.js';
import {
  frameworksDocument,
  slavesDocument,
  statePieces,
  summaryPieces,
  versionJson,
} from './state-documents.js';
import { systemStats } from './system-stats.js';
import { tasksPieces, tasksQuestion } from './tasks-document.js';

const ALLOW = 'GET, HEAD, OPTIONS';

export interface MasterHttpOptions {
  readonly log: Log;
  /** Whether a `Host` header names this server; undefined = every one does. */
  readonly isOwnHost?: (host: string) => boolean;
}

type Route = (master: Master, response: ServerResponse, query: URLSearchParams) => Promise<void> | void;

/** Answers that are the same for every master without quotas, weights and maintenance. */
const constant =
  (body: unknown): Route =>
  (_master, response) =>
    json(response, 200, body);

const routes: Readonly<Record<string, Route>> = {
  '/health': (_, response) => void response.writeHead(200, { 'Content-Length': 0 }).end(),
  '/version': (master, response) => json(response, 200, versionJson(master)),
  '/flags': (master, response) => json(response, 200, { flags: master.flags }),
  '/metrics/snapshot': (master, response) => json(response, 200, metricsSnapshot(master)),
  '/system/stats.json': (_, response) => json(response, 200, systemStats()),
  '/redirect': redirect,
  '/state': (master, response) => stream(response, statePieces(master)),
  '/state-summary': (master, response) => stream(response, summaryPieces(master)),
  '/slaves': (master, response, query) =>
    stream(response, slavesDocument(master, query.get('slave_id') ?? undefined)),
  '/frameworks': (master, response, query) =>
    stream(response, frameworksDocument(master, query.get('framework_id') ?? undefined)),
  '/tasks': (master, response, query) => stream(response, tasksPieces(master, tasksQuestion(query))),
  '/roles': (master, response) => json(response, 200, rolesJson(master)),
  '/weights': constant([]),
  '/quota': constant({}),
  '/maintenance/schedule': constant({}),
  '/maintenance/status': constant({}),
};

/** Every path that is answered; docs/master-endpoints.md lists them. */
export const masterPaths: readonly string[] = Object.keys(routes);

/**
 * The master's port: what tools ask a Mesos master (Mesos reference 3.5 to 3.7), also under `/master/`. Unknown paths are
 * answered 404, other methods than GET, HEAD and OPTIONS 405, foreign `Host`s 403, all as JSON.
 */
export function masterRequestListener(master: Master, options: MasterHttpOptions): RequestListener {
  return (request, response) => {
    if (options.isOwnHost && !options.isOwnHost(request.headers.host ?? '')) {
      json(response, 403, {
        message: `Host '${request.headers.host ?? ''}' is not one of this server's names`,
      });
      return;
    }
    const route = routeOf(request);
    if (!route) json(response, 404, { message: 'URI not found' });
    else if (request.method === 'OPTIONS') response.writeHead(204, { Allow: ALLOW }).end();
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', ALLOW);
      json(response, 405, { message: 'Method Not Allowed' });
    } else answer(route, master, request, response, options.log);
  };
}

function answer(
  route: Route,
  master: Master,
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
): void {
  Promise.resolve()
    .then(() => route(master, response, queryOf(request)))
    .catch((error: unknown) => {
      log.warn('an answer of the master was broken off', { path: request.url, error: String(error) });
      response.destroy();
    });
}

/** By the path without query, trailing slash, the `/master` that old tools put in front and the `.json` behind. */
function routeOf(request: IncomingMessage): Route | undefined {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  const bare = trimmed.startsWith('/master/') ? trimmed.slice('/master'.length) : trimmed;
  for (const name of [bare, bare.replace(/\.json$/, '')])
    if (Object.hasOwn(routes, name)) return routes[name];
  return undefined;
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** Protocol-relative, as Mesos has it. */
function redirect(master: Master, response: ServerResponse): void {
  const { hostname, port } = master.info;
  response.writeHead(307, { Location: `//${hostname}:${port}`, 'Content-Length': 0 }).end();
}

function json(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
    .end(text);
}

/** Writes a large document piece by piece; other work gets its turn in between, a slow reader is waited for. */
async function stream(response: ServerResponse, pieces: Iterable<string>): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const gone = once(response, 'close');
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (piece === '' || response.write(piece)) await new Promise<void>((next) => setImmediate(next));
    else await Promise.race([once(response, 'drain'), gone]);
  }
  response.end();
}
