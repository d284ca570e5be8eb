import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ApiOptions } from '../../../src/api/api-context.js';
import { type Api, createApi, createApiServer } from '../../../src/api/create-api.js';
import { PodRequests } from '../../../src/apps/pod-requests.js';
import type { Settings } from '../../../src/config/settings.js';
import { EndpointBook } from '../../../src/discovery/endpoint-book.js';
import { silentLog } from '../../../src/logging/log.js';
import { LogLevels } from '../../../src/logging/log-levels.js';
import type { AppTraffic } from '../../../src/proxy/control/traffic-book.js';
import { SystemClock } from '../../../src/util/clock.js';
import { SystemDice } from '../../../src/util/ids.js';
import { contract } from '../../apps/support/app-world.js';
import { packageRoot } from '../../support/package-root.js';
import { openCertificates } from './certificates.js';
import {
  FakeChanges,
  FakeDeployments,
  FakeEvents,
  FakeGroupChanges,
  FakeMetrics,
  FakeRegistry,
  FakeScheduler,
} from './fakes.js';
import { SecretWorld } from './secrets.js';
import { AnswerWatch } from './watched-listener.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as it came over the wire. */
  readonly bytes: Buffer;
  /** The body as JSON; throws when it is none. */
  readonly json: Record<string, unknown>;
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

export const apiSettings = {
  address: '127.0.0.1',
  hostname: 'box.example',
  httpPort: 0,
  masterPort: 5050,
  servicePorts: { min: 10_000, max: 20_000 },
  mesosRole: '*',
  newGroupEnforceRole: 'off',
  defaultUser: 'nobody',
  mesosBridgeName: 'mesos-bridge',
} as Settings;

/** The real API on a loopback port, over rooms in memory. Whatever it answers is held against openapi.yaml. */
export class ApiWorld {
  readonly registry = new FakeRegistry();
  readonly scheduler = new FakeScheduler();
  readonly deployments = new FakeDeployments(this.registry);
  readonly events = new FakeEvents();
  readonly metrics = new FakeMetrics();
  readonly changes = new FakeChanges(this.registry);
  readonly agents = new Map<string, { hostname: string; port: number }>();
  readonly defects: unknown[] = [];
  readonly logLevels = new LogLevels('info');
  abdications = 0;
  ready = true;
  notServed: readonly { servicePort: number; reason: string }[] = [];
  traffic: AppTraffic | undefined;
  port = 0;
  readonly endpoints = new EndpointBook({
    registry: this.registry,
    instances: this.scheduler.instances,
    clock: new SystemClock(),
  });
  readonly #watch = new AnswerWatch();
  #api: Api | undefined;
  #server: Server | undefined;

  async start(overrides: Partial<ApiOptions> = {}): Promise<this> {
    const log = {
      ...silentLog,
      error: (_: string, fields?: unknown) => void this.defects.push(fields),
      child: () => log,
    };
    this.#api = createApi({
      settings: apiSettings,
      registry: this.registry,
      scheduler: this.scheduler,
      deployments: this.deployments,
      events: this.events,
      metrics: this.metrics,
      changes: this.changes,
      groupChanges: new FakeGroupChanges(),
      podRequests: new PodRequests({ registry: this.registry, contract, settings: { defaultRole: '*' } }),
      agents: { byId: (id) => this.agents.get(id) },
      notServed: () => this.notServed,
      traffic: () => this.traffic,
      ready: () => this.ready,
      version: '0.1.0',
      clock: new SystemClock(),
      dice: new SystemDice(),
      log,
      logLevels: this.logLevels,
      secrets: (await new SecretWorld(this.registry).open()).secrets,
      certificates: (await openCertificates()).certificates,
      documents: {
        contract: join(packageRoot(), 'openapi.yaml'),
        page: join(packageRoot(), 'src/api/docs-page'),
      },
      abdicate: () => void this.abdications++,
      endpoints: { book: this.endpoints, epoch: 7 },
      ...overrides,
    });
    const server = createApiServer(this.#watch.listener(this.#api.listener), undefined, this.#api.upgrade);
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    await this.#api?.stop();
    this.#server?.closeAllConnections();
    await new Promise<void>((resolve) => (this.#server ? this.#server.close(() => resolve()) : resolve()));
    this.#watch.check();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The API itself, as express sees it. */
  get listener(): RequestListener {
    if (!this.#api) throw new Error('the API was not started');
    return this.#api.listener;
  }

  stopApi(): Promise<void> {
    return this.#api?.stop() ?? Promise.resolve();
  }

  /** Fails when the answer, or one before it, is not as the contract says. */
  async ask(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.#send(method, path, ask);
    this.#watch.check();
    return answer;
  }

  #send(method: string, path: string, { headers = {}, body }: Ask): Promise<Answer> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type: Record<string, string | number> =
      text === undefined ? {} : { 'content-type': 'application/json' };
    if (text !== undefined && !('transfer-encoding' in headers))
      type['content-length'] = Buffer.byteLength(text);
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { host: '127.0.0.1', port: this.port, method, path, headers: { ...type, ...headers }, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const bytes = Buffer.concat(chunks);
            const answer = bytes.toString();
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: answer,
              bytes,
              get json() {
                return JSON.parse(answer) as Record<string, unknown>;
              },
            });
          });
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  }
}
