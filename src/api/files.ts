import { pipeline } from 'node:stream/promises';
import type { Request, RequestHandler, Response } from 'express';
import { Agent, type Dispatcher } from 'undici';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext } from './api-context.js';
import { pathSegments } from './decide/app-route.js';
import { locateTask } from './decide/locate-task.js';
import { queryText } from './decide/query.js';
import { resource } from './middleware/methods.js';
import { segmentsOf } from './request-path.js';
import { queryOf } from './request-query.js';

/** Forwarded requests at once. */
const MAX_FORWARDS = 128;
const CONNECT_MS = 3_000;
/** Longest wait for an agent's answer, and between two pieces of it. */
const ANSWER_MS = 10_000;

const verbs: ReadonlySet<string> = new Set(['read', 'browse', 'download']);
/** What of an agent's answer is passed on; everything else is ours to say. */
const passedHeaders = ['content-type', 'content-length', 'content-disposition'] as const;

/**
 * `/v2/files/{taskId}/read|browse|download`: a task's sandbox, read where it lies. The agent is asked as a stream: a
 * file of any size passes through without being held, at the reader's pace.
 */
export class TaskFiles {
  readonly #agent = new Agent({
    connections: 32,
    connect: { timeout: CONNECT_MS },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
  });
  #forwards = 0;

  constructor(private readonly context: Pick<ApiContext, 'scheduler' | 'agents' | 'log' | 'agentToken'>) {}

  handler(): RequestHandler {
    return (request, response, next) => {
      const [taskId, verb, ...rest] = segmentsOf(request);
      if (taskId === undefined || verb === undefined || !verbs.has(verb) || rest.length > 0)
        throw new CatalogError('not-found');
      const types = verb === 'download' ? [] : undefined;
      return resource({ GET: (req, res) => this.#forward(taskId, verb, req, res) }, types)(
        request,
        response,
        next,
      );
    };
  }

  async stop(): Promise<void> {
    await this.#agent.destroy();
  }

  async #forward(taskId: string, verb: string, request: Request, response: Response): Promise<void> {
    const target = this.#target(taskId, verb, queryOf(request));
    if (this.#forwards >= MAX_FORWARDS) throw new CatalogError('too-busy');
    this.#forwards++;
    try {
      const answer = await this.#ask(target, request.method === 'HEAD' ? 'HEAD' : 'GET', response);
      response.statusCode = answer.statusCode;
      for (const name of passedHeaders) {
        const value = answer.headers[name];
        if (value !== undefined) response.setHeader(name, value);
      }
      await pipeline(answer.body, response);
    } catch (error) {
      // The reader went away, or the agent did in the middle: the torn answer is cut, nobody is there to be told more.
      if (!response.headersSent && !response.destroyed) throw error;
      this.context.log.debug('a file transfer ended early', {
        taskId,
        error: error instanceof Error ? error.message : String(error),
      });
      response.destroy();
    } finally {
      this.#forwards--;
    }
  }

  #target(taskId: string, verb: string, query: URLSearchParams): URL {
    const { scheduler, agents } = this.context;
    const agentId = locateTask(taskId, {
      byTask: (id) => scheduler.instances.byTask(id),
      instance: (id) => scheduler.instances.get(id),
      lastFailure: (appId) => scheduler.lastTaskFailure(appId),
    });
    if (agentId === undefined) throw new CatalogError('task-not-found', { id: taskId });
    const agent = agents.byId(agentId);
    if (agent === undefined)
      throw new CatalogError('agent-unreachable', { reason: `agent ${agentId} is not registered` });
    const host = agent.hostname.includes(':') ? `[${agent.hostname}]` : agent.hostname;
    const url = new URL(`http://${host}:${agent.port}/files/${verb}`);
    const path = queryText(query, 'path');
    if (path === undefined && verb !== 'browse') {
      throw new CatalogError('bad-request', {
        reason: 'The query parameter `path` is missing',
        hint: 'For example ?path=stdout',
      });
    }
    url.searchParams.set('path', ['/tasks', taskId, ...sandboxPath(path ?? '')].join('/'));
    for (const name of ['offset', 'length']) {
      const value = queryText(query, name);
      if (value !== undefined) url.searchParams.set(name, value);
    }
    return url;
  }

  async #ask(url: URL, method: 'GET' | 'HEAD', response: Response): Promise<Dispatcher.ResponseData> {
    const { agentToken } = this.context;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      return await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: {
          host: url.host,
          ...(agentToken === undefined ? {} : { authorization: `Bearer ${agentToken}` }),
        },
        signal: gone.signal,
      });
    } catch (error) {
      throw new CatalogError('agent-unreachable', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** The path below the sandbox, `..` resolved here: the agent checks again, links included. */
function sandboxPath(path: string): readonly string[] {
  return pathSegments(encodeURIComponent(path)) ?? [];
}
