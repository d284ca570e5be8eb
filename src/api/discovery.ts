import type { Request, RequestHandler, Response } from 'express';
import type { AppId } from '../apps/app.js';
import type { AppEndpoints } from '../discovery/endpoint.js';
import type { EndpointBook } from '../discovery/endpoint-book.js';
import { CatalogError } from '../errors/registry.js';
import type { Clock } from '../util/clock.js';
import type { ApiAuth } from './api-context.js';
import { namesType } from './decide/accept.js';
import { queryText, queryTexts, queryWhole } from './decide/query.js';
import { accessOf } from './middleware/access.js';
import { resource } from './middleware/methods.js';
import { queryOf } from './request-query.js';
import { sendJson } from './write-json.js';

const EVENT_STREAM_TYPE = 'text/event-stream';
/** Longest wait of a long poll. */
const MAX_WAIT_SECONDS = 60;
/** Waiting requests and streams at once. */
const MAX_WAITING = 1_000;
const HEARTBEAT_MS = 15_000;
/** A stream does not outlive the token that it was opened with: looked at so often. */
const TOKEN_LOOK_MS = 5_000;
/** A stream whose reader lets so much wait is ended; it goes on where it was. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

export interface DiscoveryOptions {
  readonly book: EndpointBook;
  /** Of this server's life: positions of another one are void. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly tokens?: ApiAuth['tokens'];
}

/** What is told of an app: an instance by its task, with its address and ports. */
interface ShownApp {
  readonly id: string;
  readonly endpoints: readonly {
    readonly taskId: string;
    readonly host: string;
    readonly agentHost: string;
    readonly ports: AppEndpoints['endpoints'][number]['ports'];
  }[];
}

interface Answer {
  readonly position: string;
  /** All apps are named: those that are not have nothing. */
  readonly complete: boolean;
  readonly apps: readonly ShownApp[];
}

/**
 * `/v2/discovery`: where the usable instances of apps are: as a list, as what changed after a position (waiting for it if need
 * be), or as a stream of server-sent events.
 */
export class Discovery {
  readonly #ends = new Set<() => void>();

  constructor(private readonly options: DiscoveryOptions) {}

  handler(): RequestHandler {
    return resource({ GET: (request, response) => this.#answer(request, response) }, [
      'application/json',
      EVENT_STREAM_TYPE,
    ]);
  }

  #answer(request: Request, response: Response): void {
    const query = queryOf(request);
    const wants = this.#filter(request, queryTexts(query, 'app'));
    if (this.#ends.size >= MAX_WAITING) throw new CatalogError('too-busy');
    const after = this.#revisionOf(queryText(query, 'after') ?? lastEventId(request));
    if (namesType(request.headers.accept, EVENT_STREAM_TYPE)) {
      this.#stream(request, response, wants, after);
      return;
    }
    const waitMs = 1_000 * (queryWhole(query, 'waitSeconds', { min: 0, max: MAX_WAIT_SECONDS }) ?? 0);
    const now = this.#since(after, wants);
    if (now.complete || now.apps.length > 0 || waitMs === 0 || request.method === 'HEAD') {
      sendJson(response, 200, now);
      return;
    }
    this.#wait(response, waitMs, () => this.#since(after, wants));
  }

  /** Apps that the caller may see and asked for: by id, or all below a group by `/group/*`. */
  #filter(request: Request, asked: readonly string[]): (appId: AppId) => boolean {
    const access = accessOf(request);
    const ids = new Set(asked.map((id) => (id.startsWith('/') ? id : `/${id}`)));
    const groups = [...ids].filter((id) => id.endsWith('/*')).map((id) => id.slice(0, -1));
    return (appId) =>
      access.sees(appId) &&
      (ids.size === 0 || ids.has(appId) || groups.some((group) => appId.startsWith(group)));
  }

  #revisionOf(position: string | undefined): number | undefined {
    if (position === undefined || position === '') return undefined;
    const match = /^(\d{1,15})-(\d{1,15})$/.exec(position);
    if (!match)
      throw new CatalogError('bad-request', {
        reason: `'${position.slice(0, 100)}' is no position`,
        hint: 'Give the `position` of an earlier answer.',
      });
    return Number(match[1]) === this.options.epoch ? Number(match[2]) : undefined;
  }

  #since(after: number | undefined, wants: (appId: AppId) => boolean): Answer {
    const { book, epoch } = this.options;
    const changed = after === undefined ? undefined : book.changedSince(after);
    const apps = [...(changed ?? book.all())].filter(({ appId }) => wants(appId)).map(shown);
    return { position: `${epoch}-${book.revision}`, complete: changed === undefined, apps };
  }

  #wait(response: Response, waitMs: number, look: () => Answer): void {
    const finish = (answer: Answer): void => {
      end();
      sendJson(response, 200, answer);
    };
    const forget = this.options.book.onChange(() => {
      const answer = look();
      if (answer.complete || answer.apps.length > 0) finish(answer);
    });
    const timer = this.options.clock.after(waitMs, () => finish(look()));
    const end = this.#begin(response, () => {
      forget();
      timer.cancel();
    });
  }

  #stream(
    request: Request,
    response: Response,
    wants: (appId: AppId) => boolean,
    after: number | undefined,
  ): void {
    response.setHeader('Content-Type', EVENT_STREAM_TYPE);
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('X-Accel-Buffering', 'no');
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.flushHeaders();
    let seen = after;
    const tell = (): void => {
      const answer = this.#since(seen, wants);
      const isFirst = seen === undefined;
      seen = this.options.book.revision;
      if (!isFirst && answer.apps.length === 0 && !answer.complete) return;
      response.write(`id: ${answer.position}\nevent: endpoints\ndata: ${JSON.stringify(answer)}\n\n`);
      if (response.writableLength > MAX_BACKLOG_BYTES) response.destroy();
    };
    const forget = this.options.book.onChange(tell);
    const beat = this.options.clock.every(HEARTBEAT_MS, () => void response.write(':\n\n'));
    const { tokens } = this.options;
    const { tokenId } = accessOf(request).principal;
    const revoked = tokens?.onRevoked((id) => {
      if (id === tokenId) end();
    });
    const look = this.options.clock.every(TOKEN_LOOK_MS, () => {
      if (tokenId !== undefined && tokens?.isAlive(tokenId) === false) end();
    });
    const end = this.#begin(response, () => {
      forget();
      beat.cancel();
      look.cancel();
      revoked?.();
      response.end();
    });
    tell();
  }

  /** Until the response is over: returns how to end it before. */
  #begin(response: Response, cleanUp: () => void): () => void {
    const end = (): void => {
      if (this.#ends.delete(end)) cleanUp();
    };
    this.#ends.add(end);
    response.once('close', end);
    return end;
  }

  /** Ends streams and waits. */
  stop(): void {
    for (const end of [...this.#ends]) end();
  }
}

function shown({ appId, endpoints }: AppEndpoints): ShownApp {
  return {
    id: appId,
    endpoints: endpoints.map(({ taskId, ip, agentIp, ports }) => ({
      taskId,
      host: ip,
      agentHost: agentIp,
      ports,
    })),
  };
}

function lastEventId(request: Request): string | undefined {
  const header = request.headers['last-event-id'];
  return Array.isArray(header) ? header[0] : header;
}
