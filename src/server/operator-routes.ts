import { randomUUID } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AuditTrail } from '../auth/audit-trail.js';
import type { Principal } from '../auth/principal.js';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import type { StateStore } from '../store/state-store.js';
import { type RequestTarget, requestTarget } from '../util/request-target.js';

export interface OperatorRoutesOptions {
  /** The administrator whose token an Authorization header carries. */
  readonly administrator: (authorization: string | undefined) => Promise<Principal | undefined>;
  readonly trail: Pick<AuditTrail, 'append'>;
  readonly store: StateStore;
  /** Where a backup is written before it is sent; mode 0700. */
  readonly scratchDir: string;
  readonly down: (mode: 'leave-tasks' | 'kill-tasks') => void;
  readonly log: Log;
}

/** What only administrators may ask (the holder of the work dir's token, above all), under `/longrun/v1/`: down and backup. */
export class OperatorRoutes {
  constructor(private readonly options: OperatorRoutesOptions) {}

  /** True when the request was for one of these routes (and is being dealt with). */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const target = requestTarget(request.url);
    if (!target.path.startsWith('/longrun/v1/')) return false;
    request.resume();
    this.#answer(request, response, target).catch((error: unknown) => {
      this.options.log.error('an operator request failed', {
        path: target.path,
        error: error instanceof Error ? error.message : String(error),
      });
      if (response.headersSent) response.destroy();
      else
        send(response, 500, {
          message: error instanceof Error ? error.message : String(error),
          code: 'internal',
        });
    });
    return true;
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { path, query }: RequestTarget,
  ): Promise<void> {
    const principal = await this.options.administrator(request.headers.authorization);
    if (principal === undefined) {
      send(response, 401, {
        message: 'The token is missing or wrong',
        code: 'unauthenticated',
        hint: 'Run this as the user of the work dir, with its --work-dir.',
      });
      return;
    }
    const route = `${request.method ?? ''} ${path}`;
    if (route === 'POST /longrun/v1/down') {
      const mode = query.get('mode') === 'leave-tasks' ? 'leave-tasks' : 'kill-tasks';
      await this.#remember(principal, request, path);
      send(response, 202, { mode });
      this.options.down(mode);
    } else if (route === 'GET /longrun/v1/backup') {
      await this.#backup(response);
    } else {
      const error = new CatalogError('not-found');
      send(response, error.status, error.toJSON());
    }
  }

  /** It is going down in any case: a trail that cannot be written is only told to the log. */
  async #remember({ name, kind }: Principal, request: IncomingMessage, path: string): Promise<void> {
    const { trail, log } = this.options;
    const from = request.socket.remoteAddress ?? '';
    try {
      await trail.append({
        who: name,
        kind,
        from,
        method: 'POST',
        path,
        status: 202,
        requestId: randomUUID(),
      });
    } catch (error) {
      log.error('a write is missing in the audit trail', { who: name, path, error: String(error) });
    }
  }

  async #backup(response: ServerResponse): Promise<void> {
    const file = join(this.options.scratchDir || tmpdir(), `backup-${randomUUID()}`);
    try {
      await this.options.store.backup(file);
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      await pipeline(createReadStream(file), response);
    } finally {
      rmSync(file, { force: true });
    }
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
