import { randomUUID, timingSafeEqual } from 'node:crypto';
import { createReadStream, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CatalogError } from '../errors/registry.js';
import type { Log } from '../logging/log.js';
import type { StateStore } from '../store/state-store.js';

export interface OperatorRoutesOptions {
  readonly token: string;
  readonly store: StateStore;
  /** Where a backup is written before it is sent; mode 0700. */
  readonly scratchDir: string;
  readonly down: (mode: 'leave-tasks' | 'kill-tasks') => void;
  readonly log: Log;
}

/** What only the holder of the work dir's token may ask, under `/longrun/v1/`: down and backup. */
export class OperatorRoutes {
  constructor(private readonly options: OperatorRoutesOptions) {}

  /** True when the request was for one of these routes (and is being dealt with). */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url ?? '/', 'http://operator');
    if (!url.pathname.startsWith('/longrun/v1/')) return false;
    request.resume();
    this.#answer(request, response, url).catch((error: unknown) => {
      this.options.log.error('an operator request failed', {
        path: url.pathname,
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

  async #answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (!this.#authorised(request.headers.authorization)) {
      send(response, 401, {
        message: 'The token is missing or wrong',
        hint: 'Run this as the user of the work dir, with its --work-dir.',
      });
      return;
    }
    const route = `${request.method ?? ''} ${url.pathname}`;
    if (route === 'POST /longrun/v1/down') {
      const mode = url.searchParams.get('mode') === 'leave-tasks' ? 'leave-tasks' : 'kill-tasks';
      send(response, 202, { mode });
      this.options.down(mode);
    } else if (route === 'GET /longrun/v1/backup') {
      await this.#backup(response);
    } else {
      const error = new CatalogError('not-found');
      send(response, error.status, error.toJSON());
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

  #authorised(header: string | undefined): boolean {
    const given = Buffer.from(header ?? '');
    const wanted = Buffer.from(`Bearer ${this.options.token}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
