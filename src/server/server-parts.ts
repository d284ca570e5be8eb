import type { Server as HttpServer } from 'node:http';
import type { ApiAuth } from '../api/api-context.js';
import type { Api } from '../api/create-api.js';
import type { DeploymentService } from '../deployments/deployment-service.js';
import type { EndpointBook } from '../discovery/endpoint-book.js';
import type { NamesFeed } from '../discovery/names-feed.js';
import type { Master } from '../embedded-mesos/master/master.js';
import type { FromAgent, ToAgent } from '../embedded-mesos/protocol/agent-line.js';
import type { HealthService } from '../health/health-service.js';
import type { ProxyControl } from '../proxy/control.js';
import type { FromProxy, ToProxy } from '../proxy/table.js';
import type { SchedulerService } from '../scheduler/scheduler-service.js';
import type { LmdbStore } from '../store/lmdb-store.js';
import type { UsageBook } from '../usage/usage-book.js';
import type { LineServer } from '../util/line/line-server.js';
import type { PidLock } from '../util/pid-lock.js';
import type { ServerCertificates } from './certificates.js';
import type { EventLoopLag } from './event-loop-lag.js';
import type { History } from './history.js';
import type { Narrator } from './narrator.js';
import type { ServerSecrets } from './secrets.js';
import type { TlsFiles } from './tls-files.js';

/** Everything that runs in the server process. */
export interface ServerParts {
  readonly lock: PidLock;
  readonly store: LmdbStore;
  readonly master: Master;
  readonly scheduler: SchedulerService;
  readonly proxyControl: ProxyControl;
  readonly endpoints: EndpointBook;
  readonly names: NamesFeed;
  readonly health: HealthService;
  readonly deployments: DeploymentService;
  readonly api: Api;
  readonly apiServer: HttpServer;
  readonly masterServer: HttpServer;
  readonly agentLines: LineServer<FromAgent, ToAgent>;
  readonly proxyLines: LineServer<FromProxy, ToProxy>;
  readonly loopLag: EventLoopLag;
  readonly narrator: Narrator;
  readonly history: History;
  readonly usage: UsageBook;
  readonly vault: ServerSecrets;
  readonly certificates: ServerCertificates;
  readonly tokens: ApiAuth['tokens'];
  readonly tls: TlsFiles | undefined;
}

/** Stops from the API downwards; what waits for connections is closed, the store and the lock are left to the caller. */
export async function stopParts(running: ServerParts): Promise<void> {
  await running.api.stop();
  running.apiServer.close();
  running.vault.stop();
  running.certificates.stop();
  await running.deployments.stop();
  await running.health.stop();
  await running.scheduler.stop();
  await running.history.stop();
  await running.usage.stop();
  running.names.stop();
  running.endpoints.stop();
  running.proxyControl.stop();
  running.master.stop();
  running.agentLines.close();
  running.proxyLines.close();
  running.loopLag.stop();
  running.narrator.stop();
  running.tls?.stop();
  running.tokens.stop();
  running.masterServer.close();
  running.apiServer.closeIdleConnections();
}
