import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Log } from '../../../logging/log.js';
import { listen, urlOf } from '../../../util/listen.js';
import { requestTarget } from '../../../util/request-target.js';
import { UpgradableRequest } from '../../../util/upgradable-request.js';
import type { PlaceLookup } from '../decide/file-request.js';
import { allowedHosts } from '../decide/host-names.js';
import { isWildcard, ownAddresses } from '../machine.js';
import { chosenContainers, containersJson } from './agent-containers.js';
import { agentExposition } from './agent-exposition.js';
import { metricsJson } from './agent-metrics.js';
import { type AgentView, stateJson, versionJson } from './agent-state.js';
import { answerJson, answerText, refuse } from './answers.js';
import { answerExec, type ExecRoute, refuseUpgrade } from './exec-route.js';
import { SandboxFiles } from './files.js';

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 500;
/** One answer with the statistics of every container serves all requests of this time. */
const STATISTICS_FRESH_MS = 500;
const ALLOW = 'GET, HEAD, OPTIONS';

/** The agent's own port: sandbox files, state, statistics. Answers GET only, and only by its own names. */
export class AgentHttp {
  readonly #server: Server;
  readonly #files: SandboxFiles;
  #hosts: ReadonlySet<string> = new Set();
  #port = 0;
  #containers:
    | { readonly atMs: number; readonly body: Promise<readonly Readonly<Record<string, unknown>>[]> }
    | undefined;

  constructor(
    private readonly options: {
      readonly address: string;
      readonly port: number;
      readonly hostname: string;
      /** What readers must show; undefined = everybody may read. */
      readonly readToken?: string;
      /** Without it nobody can have programs run in tasks. */
      readonly exec?: ExecRoute;
    },
    private readonly view: () => AgentView,
    lookup: PlaceLookup,
    private readonly log: Log,
  ) {
    this.#files = new SandboxFiles(view().files, lookup);
    this.#server = createServer(
      { IncomingMessage: UpgradableRequest },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.on('upgrade', (request, socket) => {
      const { exec } = options;
      if (exec && this.#hosts.has(request.headers.host?.toLowerCase() ?? ''))
        answerExec(request, socket, exec).catch((error: Error) => {
          this.log.error('a session could not be opened', { error: error.message });
          refuseUpgrade(socket, 500, 'The agent failed to answer; its log says why.');
        });
      else refuseUpgrade(socket, 403, 'This agent is not called so, or has nothing to be opened.');
    });
    this.#server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return urlOf(this.options.address, this.#port);
  }

  async start(): Promise<void> {
    const { address, port, hostname } = this.options;
    this.#port = await listen(this.#server, { address, port, what: 'the agent', flag: '--agent-port' });
    const addresses = isWildcard(address) ? ownAddresses() : undefined;
    this.#hosts = allowedHosts({ address, hostname, addresses, port: this.#port });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const host = request.headers.host?.toLowerCase() ?? '';
      if (!this.#hosts.has(host)) {
        refuse(response, 403, `This agent is not called '${host}'.`);
        return;
      }
      if (request.method === 'OPTIONS') {
        response.writeHead(204, { allow: ALLOW }).end();
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('allow', ALLOW);
        refuse(response, 405, 'This agent answers GET only.');
        return;
      }
      request.resume();
      const { path: pathname, query: searchParams } = requestTarget(request.url);
      if (!this.#mayRead(pathname.replace(/^\/slave\(1\)/, ''), request.headers.authorization)) {
        response.setHeader('www-authenticate', 'Bearer realm="longrun agent"');
        refuse(response, 401, 'This agent wants the token of its server.');
        return;
      }
      const files = /^\/(?:slave\(1\)\/)?files\/(\w+)$/.exec(pathname)?.[1];
      if (files) await this.#files.answer(files, searchParams, request, response);
      else await this.#answerState(pathname.replace(/^\/slave\(1\)/, ''), searchParams, response);
    } catch (error) {
      this.log.error('a request failed', { url: request.url, error: (error as Error).message });
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'The agent failed to answer; its log says why.');
    }
  }

  /** Whether it is up and its version may be known by everybody; sandboxes and tasks may not. */
  #mayRead(path: string, authorization: string | undefined): boolean {
    const { readToken } = this.options;
    if (readToken === undefined || path === '/health' || path === '/version') return true;
    return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${readToken}`));
  }

  async #answerState(path: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    switch (path) {
      case '/health':
        response.writeHead(200, { 'content-length': 0 }).end();
        return;
      case '/version':
        answerJson(response, 200, versionJson(this.view()));
        return;
      case '/state':
      case '/state.json':
        answerJson(response, 200, stateJson(this.view()));
        return;
      case '/flags':
        answerJson(response, 200, { flags: this.view().flags });
        return;
      case '/containers': {
        const chosen = chosenContainers(await this.#statistics(), query);
        if (chosen) answerJson(response, 200, chosen);
        else
          refuse(response, 400, 'Ask by container_id, by framework_id, or by framework_id and executor_id.');
        return;
      }
      case '/monitor/statistics':
      case '/monitor/statistics.json':
        answerJson(
          response,
          200,
          (await this.#statistics()).map(({ container_id: _id, status: _status, ...rest }) => rest),
        );
        return;
      case '/metrics/snapshot':
        answerJson(response, 200, metricsJson(this.view()));
        return;
      case '/metrics':
      case '/metrics/prometheus':
        answerText(response, await agentExposition(this.view()));
        return;
      default:
        refuse(response, 404, `There is no ${path} on an agent.`);
        return;
    }
  }

  /** All who ask within a moment share one answer, also while it is being made. */
  #statistics(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const view = this.view();
    const fresh = this.#containers;
    if (fresh && Math.abs(view.nowMs - fresh.atMs) < STATISTICS_FRESH_MS) return fresh.body;
    this.#containers = { atMs: view.nowMs, body: containersJson(view) };
    return this.#containers.body;
  }

  async stop(): Promise<void> {
    await new Promise<void>((done) => {
      this.#server.close(() => done());
      this.#server.closeAllConnections();
    });
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
