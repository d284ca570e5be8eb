import { createServer, type RequestListener, type Server } from 'node:http';
import express from 'express';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext, ApiOptions } from './api-context.js';
import { appsRouter } from './apps.js';
import { deploymentsRouter } from './deployments.js';
import { EventHub } from './event-stream/event-hub.js';
import { eventsResource } from './events.js';
import { TaskFiles } from './files.js';
import { finalError } from './middleware/final-error.js';
import { httpMetrics } from './middleware/http-metrics.js';
import { JsonBodies } from './middleware/json-body.js';
import { standardHeaders } from './middleware/standard-headers.js';
import { refuseStrangers } from './middleware/strangers.js';
import { AppFragments } from './present/app-fragments.js';
import { queueRouter } from './queue.js';
import {
  advertisedAuthority,
  infoResource,
  leaderResource,
  metricsResource,
  pingResource,
  prometheusResource,
} from './server-facts.js';
import { deleteTasksResource, tasksResource } from './tasks.js';

/** The REST API as a listener for Node's http server. */
export interface Api {
  readonly listener: RequestListener;
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

/** An http server with the API's bounds, not listening yet. */
export function createApiServer(listener: RequestListener): Server {
  const server = createServer(apiServerLimits, listener);
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

/** Builds the API. Nothing runs but the event stream's heartbeat; everything read comes from memory. */
export function createApi(options: ApiOptions): Api {
  const { settings, log, dice, clock } = options;
  const context: ApiContext = { ...options, fragments: new AppFragments() };
  const leader = (port: number): string => advertisedAuthority(settings.address, settings.hostname, port);
  const bodies = new JsonBodies(clock);
  const hub = new EventHub({ events: options.events, clock, metrics: options.metrics });
  const files = new TaskFiles(context);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', false);
  app.enable('case sensitive routing');
  app.use(httpMetrics(options.metrics));
  app.use(standardHeaders(leader));
  app.use(refuseStrangers([settings.address, settings.hostname]));
  app.all('/ping', pingResource());
  app.all('/metrics', metricsResource(context));
  app.all('/metrics/prometheus', prometheusResource(context));
  app.use('/v2', (_request, _response, next) => {
    if (!options.ready()) throw new CatalogError('starting');
    next();
  });
  app.use('/v2/apps', appsRouter(context, bodies));
  app.all('/v2/tasks', tasksResource(context));
  app.all('/v2/tasks/delete', deleteTasksResource(context, bodies));
  app.use('/v2/deployments', deploymentsRouter(context));
  app.use('/v2/queue', queueRouter(context));
  app.all('/v2/info', infoResource(context, leader));
  app.all('/v2/leader', leaderResource(leader));
  app.all('/v2/events', eventsResource(hub));
  app.use('/v2/files', files.handler());
  app.use(() => {
    throw new CatalogError('not-found');
  });
  app.use(finalError(log.child('api'), dice, clock));
  return {
    listener: app,
    stop: async () => {
      hub.stop();
      await files.stop();
    },
  };
}
