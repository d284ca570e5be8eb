import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import express from 'express';
import { originList } from '../config/origins.js';
import { CatalogError } from '../errors/registry.js';
import { UpgradableRequest } from '../util/upgradable-request.js';
import type { ApiContext, ApiOptions } from './api-context.js';
import { AppOrder } from './app-order.js';
import { appsRouter } from './apps.js';
import { auditResource } from './audit.js';
import { certificatesRouter } from './certificates.js';
import { deploymentsRouter } from './deployments.js';
import { Discovery } from './discovery.js';
import { EntityTags } from './entity-tags.js';
import { EventHub } from './event-stream/event-hub.js';
import { eventsResource } from './events.js';
import { TaskExec } from './exec.js';
import { TaskFiles } from './files.js';
import { groupsRouter } from './groups.js';
import { Logging } from './logging.js';
import { guardAccess } from './middleware/access.js';
import { auditWrites } from './middleware/audit-writes.js';
import { crossOrigin } from './middleware/cors.js';
import { finalError } from './middleware/final-error.js';
import { httpMetrics } from './middleware/http-metrics.js';
import { JsonBodies } from './middleware/json-body.js';
import { negotiateCoding } from './middleware/negotiate-coding.js';
import { requestIds } from './middleware/request-id.js';
import { standardHeaders } from './middleware/standard-headers.js';
import { refuseStrangers } from './middleware/strangers.js';
import { pluginsRouter } from './plugins.js';
import { podsRouter } from './pods.js';
import { AppFragments } from './present/app-fragments.js';
import { PublishedDocuments } from './published-documents.js';
import { queueRouter } from './queue.js';
import { secretKeyResource, secretsRouter } from './secrets.js';
import {
  advertisedAuthority,
  configResource,
  infoResource,
  leaderResource,
  metricsResource,
  pingResource,
  prometheusResource,
} from './server-facts.js';
import { deleteTasksResource, tasksResource } from './tasks.js';
import { tokensRouter } from './tokens.js';
import { upgradeListener } from './upgrades.js';

type UpgradeListener = ReturnType<typeof upgradeListener>;

/** The REST API as a listener for Node's http server. */
export interface Api {
  readonly listener: RequestListener;
  /** For requests that ask for a WebSocket. */
  readonly upgrade: UpgradeListener;
  /** Ends event streams and forwarded transfers; requests in flight end by themselves. */
  stop(): Promise<void>;
}

/** Bounds of the API's http server; slow and idle clients cost little and not for long. */
export const apiServerLimits = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 32 * 1024,
} as const;

/** Most connections at once; event streams are among them. */
const MAX_CONNECTIONS = 10_000;

/** A certificate (with its chain) and its key, as PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** An http server, or with `tls` an https server, with the API's bounds, not listening yet. */
export function createApiServer(listener: RequestListener, tls?: TlsPair, upgrade?: UpgradeListener): Server {
  const limits = { ...apiServerLimits, IncomingMessage: UpgradableRequest };
  const server =
    tls === undefined
      ? createServer(limits, listener)
      : createTlsServer(
          {
            ...limits,
            handshakeTimeout: apiServerLimits.headersTimeout,
            minVersion: 'TLSv1.2',
            ...tls,
          },
          listener,
        );
  if (upgrade) server.on('upgrade', upgrade);
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

/** Builds the API. Nothing runs but the event stream's heartbeat; everything read comes from memory. */
export function createApi(options: ApiOptions): Api {
  const { settings, log, dice, clock } = options;
  const context: ApiContext = {
    ...options,
    fragments: new AppFragments(),
    tags: new EntityTags(options),
    order: new AppOrder(options.registry),
  };
  const leader = (port: number): string => advertisedAuthority(settings.address, settings.hostname, port);
  const bodies = new JsonBodies(clock);
  const { auth } = options;
  const hub = new EventHub({
    events: options.events,
    clock,
    metrics: options.metrics,
    ...(auth === undefined ? {} : { tokens: auth.tokens }),
  });
  const files = new TaskFiles(context);
  const logging = options.logLevels && new Logging(options.logLevels, clock);
  const origins = originList(settings.accessControlAllowOrigin);
  const exec = new TaskExec({ ...context, names: [settings.address, settings.hostname], origins });
  const { endpoints } = options;
  const discovery =
    endpoints &&
    new Discovery({ ...endpoints, clock, ...(auth === undefined ? {} : { tokens: auth.tokens }) });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.enable('case sensitive routing');
  app.use(httpMetrics(options.metrics));
  app.use(requestIds(dice));
  if (auth) app.use(auditWrites(auth.trail, log.child('api')));
  app.use(standardHeaders(leader, settings.tlsCert === undefined ? 'http' : 'https'));
  app.use(crossOrigin(origins));
  app.use(refuseStrangers([settings.address, settings.hostname], origins));
  if (!settings.disableHttpCompression) app.use(negotiateCoding(options.metrics));
  app.use(guardAccess(auth?.authenticator, (appId) => options.registry.get(appId) !== undefined));
  app.all('/ping', pingResource());
  app.all('/metrics', metricsResource(context));
  app.all('/metrics/prometheus', prometheusResource(context));
  app.all('/config', configResource(context));
  if (logging) app.all('/logging', logging.resource(bodies));
  if (options.documents) {
    const documents = new PublishedDocuments(options.documents);
    app.all('/', documents.front());
    app.all('/openapi.json', documents.json());
    app.all('/openapi.yaml', documents.yaml());
    app.use('/docs', documents.page());
  }
  app.use('/v2', (_request, _response, next) => {
    if (!options.ready()) throw new CatalogError('starting');
    next();
  });
  app.use('/v2/apps', appsRouter(context, bodies));
  app.use('/v2/groups', groupsRouter(context, bodies));
  app.use('/v2/pods', podsRouter(context, bodies));
  app.all('/v2/tasks', tasksResource(context));
  app.all('/v2/tasks/delete', deleteTasksResource(context, bodies));
  app.all('/v2/tasks/:taskId/exec', exec.handler());
  app.use('/v2/deployments', deploymentsRouter(context));
  app.use('/v2/queue', queueRouter(context));
  app.all('/v2/info', infoResource(context, leader));
  app.all('/v2/leader', leaderResource(context, leader));
  app.use('/v2/plugins', pluginsRouter());
  app.all('/v2/events', eventsResource(hub));
  if (discovery) app.all('/v2/discovery', discovery.handler());
  app.use('/v2/files', files.handler());
  if (options.secrets) {
    app.use('/v2/secrets', secretsRouter(options.secrets, bodies));
    app.all('/v2/secret-key', secretKeyResource(options.secrets));
  }
  if (options.certificates) app.use('/v2/certificates', certificatesRouter(options.certificates, bodies));
  if (auth) {
    app.use('/v2/tokens', tokensRouter(auth.tokens, bodies));
    app.all('/v2/audit', auditResource(auth.trail));
  }
  app.use(() => {
    throw new CatalogError('not-found');
  });
  app.use(finalError(log.child('api'), dice, clock));
  return {
    listener: app,
    upgrade: upgradeListener(app),
    stop: async () => {
      context.tags.stop();
      context.order.stop();
      hub.stop();
      discovery?.stop();
      logging?.stop();
      exec.stop();
      await files.stop();
    },
  };
}
