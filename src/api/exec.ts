import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Request, RequestHandler, Response } from 'express';
import type { AuditTrail } from '../auth/audit-trail.js';
import { CatalogError } from '../errors/registry.js';
import type { TaskId } from '../scheduler/instance.js';
import type { ApiContext } from './api-context.js';
import { accessOf } from './middleware/access.js';
import { resource } from './middleware/methods.js';
import { requestIdOf } from './middleware/request-id.js';
import { refuseForeignOrigin } from './middleware/strangers.js';
import { queryOf } from './request-query.js';
import { isUpgrade, takeConnection } from './upgrades.js';

/** Sessions at once through this server. */
const MAX_SESSIONS = 256;
/** Longest wait for an agent's answer. */
const ANSWER_MS = 10_000;
/** Most that is read of an agent's refusal. */
const MAX_REFUSAL_BYTES = 16 * 1024;
/** How often it is looked whether the caller's token still counts. */
const TOKEN_LOOK_MS = 5_000;
const MAX_PATH_CHARACTERS = 512;

/** What an agent needs of the client's opening request to answer it. */
const openingHeaders = ['sec-websocket-key', 'sec-websocket-version', 'sec-websocket-protocol'] as const;
/** What of an agent's query is the client's to say. */
const passedQuery: ReadonlySet<string> = new Set(['command', 'tty', 'rows', 'columns', 'stdin']);

export interface TaskExecOptions
  extends Pick<ApiContext, 'scheduler' | 'agents' | 'agentToken' | 'auth' | 'clock' | 'log'> {
  /** Further names of this server, and origins whose pages may ask. */
  readonly names: readonly string[];
  readonly origins: readonly string[];
}

/**
 * `/v2/tasks/{taskId}/exec`: a WebSocket to a program in a running task. Who may is settled here, and noted in the audit trail
 * before anything runs; the agent runs the program, and its bytes pass through unread.
 */
export class TaskExec {
  readonly #sessions = new Set<() => void>();
  #opening = 0;

  constructor(private readonly options: TaskExecOptions) {}

  handler(): RequestHandler {
    return resource({ GET: (request, response) => this.#open(request, response) }, []);
  }

  get size(): number {
    return this.#sessions.size;
  }

  async #open(request: Request, response: Response): Promise<void> {
    if (!isUpgrade(request)) throw new CatalogError('websocket-required');
    const { names, origins } = this.options;
    refuseForeignOrigin(request, names, origins);
    const target = this.#target(request);
    if (this.#sessions.size + this.#opening >= MAX_SESSIONS) throw new CatalogError('too-busy');
    this.#opening++;
    try {
      await this.#note(request, target.appId);
      await this.#connect(request, response, target.url);
    } finally {
      this.#opening--;
    }
  }

  #target(request: Request): { readonly url: URL; readonly appId: string } {
    const { scheduler, agents } = this.options;
    const taskId = String(request.params['taskId'] ?? '');
    const instance = scheduler.instances.byTask(taskId as TaskId);
    if (!instance?.task) throw new CatalogError('task-not-found', { id: taskId });
    const agent = agents.byId(instance.task.agentId);
    if (agent === undefined)
      throw new CatalogError('agent-unreachable', {
        reason: `agent ${instance.task.agentId} is not registered`,
      });
    const host = agent.hostname.includes(':') ? `[${agent.hostname}]` : agent.hostname;
    const url = new URL(`http://${host}:${agent.port}/exec`);
    url.searchParams.set('task', taskId);
    for (const [name, value] of queryOf(request))
      if (passedQuery.has(name)) url.searchParams.append(name, value);
    return { url, appId: instance.appId };
  }

  /** Durable before the program runs; where that cannot be had, nothing runs. */
  async #note(request: Request, appId: string): Promise<void> {
    const trail: Pick<AuditTrail, 'append'> | undefined = this.options.auth?.trail;
    const { principal } = accessOf(request);
    await trail?.append({
      who: principal.name,
      kind: principal.kind,
      from: request.socket.remoteAddress ?? '',
      method: 'GET',
      path: (request.originalUrl.split('?')[0] ?? '').slice(0, MAX_PATH_CHARACTERS),
      status: 101,
      requestId: requestIdOf(request),
      apps: [appId],
    });
  }

  #connect(request: Request, response: Response, url: URL): Promise<void> {
    const { agentToken } = this.options;
    const headers: OutgoingHttpHeaders = {
      host: url.host,
      connection: 'Upgrade',
      upgrade: 'websocket',
      ...(agentToken === undefined ? {} : { authorization: `Bearer ${agentToken}` }),
    };
    for (const name of openingHeaders) {
      const value = request.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    return new Promise((resolve, reject) => {
      const unreachable = (reason: string): void => reject(new CatalogError('agent-unreachable', { reason }));
      const asked = httpRequest(url, { headers, agent: false });
      const late = this.options.clock.after(ANSWER_MS, () =>
        asked.destroy(new Error(`no answer within ${ANSWER_MS / 1000} s`)),
      );
      const gone = (): void => void asked.destroy(new Error('the caller went away'));
      const settled = (): void => {
        late.cancel();
        response.removeListener('close', gone);
      };
      asked.once('error', (error) => {
        settled();
        unreachable(error.message);
      });
      asked.once('response', (answer) => {
        readRefusal(answer)
          .then(
            (refusal) => reject(refusal),
            (error: Error) => unreachable(error.message),
          )
          .finally(settled);
      });
      asked.once('upgrade', (answer, socket, head) => {
        settled();
        this.#join(request, response, { answer, socket, head });
        resolve();
      });
      response.once('close', gone);
      asked.end();
    });
  }

  /** From here on bytes go both ways; either end's close is the other's. */
  #join(
    request: Request,
    response: Response,
    agent: { readonly answer: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  ): void {
    const requestId = requestIdOf(request);
    const { principal } = accessOf(request);
    const taken = takeConnection(request, response);
    if (!taken || taken.socket.destroyed) {
      agent.socket.destroy();
      return;
    }
    const client = taken.socket;
    const ends = [client, agent.socket];
    const token = this.#watchToken(principal.tokenId, () => end());
    const end = (): void => {
      this.#sessions.delete(end);
      token();
      for (const each of ends) each.destroy();
    };
    this.#sessions.add(end);
    for (const each of ends) {
      each.on('error', end);
      each.on('close', end);
    }
    client.write(switching(agent.answer, requestId));
    if (agent.head.length > 0) client.write(agent.head);
    if (taken.head.length > 0) agent.socket.write(taken.head);
    client.pipe(agent.socket);
    agent.socket.pipe(client);
  }

  /** A session does not outlive the token that it was opened with. Returns how to stop looking. */
  #watchToken(tokenId: string | undefined, end: () => void): () => void {
    const { auth, clock } = this.options;
    if (auth === undefined || tokenId === undefined) return () => undefined;
    const timer = clock.every(TOKEN_LOOK_MS, () => {
      if (!auth.tokens.isAlive(tokenId)) end();
    });
    const forget = auth.tokens.onRevoked((revoked) => {
      if (revoked === tokenId) end();
    });
    return () => {
      timer.cancel();
      forget();
    };
  }

  /** Ends every session; tasks run on. */
  stop(): void {
    for (const end of [...this.#sessions]) end();
  }
}

/** Our answer to the opening request: what its key asks for is the agent's to say. */
function switching({ headers }: IncomingMessage, requestId: string): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', 'connection: Upgrade'];
  for (const name of ['sec-websocket-accept', 'sec-websocket-protocol'] as const) {
    const value = headers[name];
    if (value !== undefined) lines.push(`${name}: ${value}`);
  }
  return `${[...lines, `x-request-id: ${requestId}`].join('\r\n')}\r\n\r\n`;
}

/** What an agent said instead of opening: its own words, where they are for the client. */
async function readRefusal(answer: IncomingMessage): Promise<CatalogError> {
  let text = '';
  for await (const chunk of answer) {
    text += String(chunk);
    if (text.length > MAX_REFUSAL_BYTES) break;
  }
  const status = answer.statusCode ?? 0;
  const message = messageIn(text) ?? `it answered ${status}`;
  if (status === 400)
    return new CatalogError('bad-request', { reason: message, hint: 'docs/exec.md has the protocol.' });
  if (status === 404 || status === 409 || status === 429)
    return new CatalogError('not-enterable', { reason: message });
  return new CatalogError('agent-unreachable', { reason: message });
}

function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message.replace(/\.$/, '') : undefined;
  } catch {
    // Not an agent's words: the status is told instead.
    return undefined;
  }
}
