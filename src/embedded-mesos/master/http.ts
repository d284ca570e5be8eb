import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Log } from '../../logging/log.js';
import type { Master } from './master.js';
import { metricsSnapshot } from './metrics-snapshot.js';
import { slavesDocument, statePieces, summaryPieces, tasksPieces } from './state-documents.js';

export interface MasterHttpOptions {
  readonly log: Log;
  /** Whether a `Host` header names this server; undefined = every one does. */
  readonly isOwnHost?: (host: string) => boolean;
}

type Route = (master: Master, response: ServerResponse) => Promise<void> | void;

const routes: Readonly<Record<string, Route>> = {
  '/health': (_, response) => void response.writeHead(200, { 'Content-Length': 0 }).end(),
  '/version': (master, response) => json(response, 200, { version: master.info.version }),
  '/metrics/snapshot': (master, response) => json(response, 200, metricsSnapshot(master)),
  '/redirect': redirect,
  '/state': (master, response) => stream(response, statePieces(master)),
  '/state-summary': (master, response) => stream(response, summaryPieces(master)),
  '/slaves': (master, response) => stream(response, slavesDocument(master)),
  '/tasks': (master, response) => stream(response, tasksPieces(master)),
};

/**
 * The master's port: what tools ask a Mesos master (Mesos reference 3.5 to 3.7), also under `/master/`. Unknown paths are
 * answered 404, other methods than GET and HEAD 405, foreign `Host`s 403, all as JSON.
 */
export function masterRequestListener(master: Master, options: MasterHttpOptions): RequestListener {
  return (request, response) => {
    if (options.isOwnHost && !options.isOwnHost(request.headers.host ?? '')) {
      json(response, 403, {
        message: `Host '${request.headers.host ?? ''}' is not one of this server's names`,
      });
      return;
    }
    const path = pathOf(request);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (!route) json(response, 404, { message: 'URI not found' });
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
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
    .then(() => route(master, response))
    .catch((error: unknown) => {
      log.warn('an answer of the master was broken off', { path: request.url, error: String(error) });
      response.destroy();
    });
}

/** Without query, trailing slash and the `/master` that old tools put in front. */
function pathOf(request: IncomingMessage): string {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  return trimmed.startsWith('/master/') ? trimmed.slice('/master'.length) : trimmed;
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
  const gone = once(response, 'close');
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (response.write(piece)) await new Promise<void>((next) => setImmediate(next));
    else await Promise.race([once(response, 'drain'), gone]);
  }
  response.end();
}
