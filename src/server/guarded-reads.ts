import type { RequestListener, ServerResponse } from 'node:http';
import { Access } from '../auth/access.js';
import type { Authenticator } from '../auth/authenticator.js';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';

/** What tells nothing about apps and tasks stays open, for probes and for finding the leader. */
const openPaths: ReadonlySet<string> = new Set(['/health', '/version', '/redirect']);

/**
 * The master's port under the same rule as the API: its documents show every task, so they need the right to view
 * everything. Answers 401 and 403 as the API does.
 */
export function guardedReads(
  authenticator: Authenticator,
  listener: RequestListener,
  log: Log,
): RequestListener {
  if (!authenticator.required) return listener;
  return (request, response) => {
    const path =
      (request.url ?? '')
        .split('?')[0]
        ?.replace(/^\/master(?=\/)/, '')
        .replace(/\/+$/, '') ?? '';
    if (openPaths.has(path)) {
      listener(request, response);
      return;
    }
    authenticator
      .authenticate(request.headers.authorization)
      .then((principal) => {
        new Access(principal).require('view', '/');
        listener(request, response);
      })
      .catch((error: unknown) => {
        request.resume();
        refuse(response, error, authenticator.challenge, log);
      });
  };
}

function refuse(response: ServerResponse, error: unknown, challenge: string, log: Log): void {
  if (!(error instanceof CatalogError) || response.headersSent) {
    log.error('a request of the master port failed', { error: String(error) });
    response.destroy();
    return;
  }
  if (error.status === 401) response.setHeader('WWW-Authenticate', challenge);
  response.writeHead(error.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(error));
}
