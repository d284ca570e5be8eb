import type { RequestHandler } from 'express';
import type { ApiContext } from './api-context.js';
import { preferredType } from './decide/accept.js';
import { resource } from './middleware/methods.js';
import { presentInfo } from './present/info.js';
import { JSON_TYPE, sendJson, sendText } from './write-json.js';

/** `host:port` under which clients reach the server; a loopback address is its own best name. */
export function advertisedAuthority(address: string, hostname: string, port: number): string {
  const loopback = address === '::1' || address === 'localhost' || address.startsWith('127.');
  const name = loopback || hostname === '' ? address : hostname;
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** `/v2/info`. */
export function infoResource(context: ApiContext, leader: (localPort: number) => string): RequestHandler {
  return resource({
    GET: (request, response) => {
      const { settings, version, scheduler } = context;
      const httpPort = request.socket.localPort ?? settings.httpPort;
      const info = presentInfo({
        settings,
        version,
        frameworkId: scheduler.frameworkId,
        leader: leader(httpPort),
        httpPort,
        masterUrl: advertisedAuthority(settings.address, settings.hostname, settings.masterPort),
      });
      sendJson(response, 200, info);
    },
  });
}

/** `/v2/leader`. */
export function leaderResource(leader: (localPort: number) => string): RequestHandler {
  return resource({
    GET: (request, response) => sendJson(response, 200, { leader: leader(request.socket.localPort ?? 0) }),
  });
}

/** `/ping`: answers as soon as the process does, whatever else is wrong. */
export function pingResource(): RequestHandler {
  return resource(
    {
      GET: (request, response) => {
        const type = preferredType(request.headers.accept, ['text/plain', JSON_TYPE, 'text/html']);
        if (type === JSON_TYPE) sendJson(response, 200, 'pong');
        else if (type !== undefined) sendText(response, 200, 'pong', 'text/plain; charset=utf-8');
        else {
          response.statusCode = 204;
          response.end();
        }
      },
    },
    [],
  );
}

const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `/metrics`: Marathon's JSON, or Prometheus's text when the client prefers text. */
export function metricsResource(context: Pick<ApiContext, 'metrics'>): RequestHandler {
  return resource(
    {
      GET: async (request, response) => {
        const type = preferredType(request.headers.accept, [
          JSON_TYPE,
          'text/plain',
          'application/openmetrics-text',
        ]);
        if (type === JSON_TYPE) sendJson(response, 200, context.metrics.toJson());
        else sendText(response, 200, await context.metrics.toPrometheus(), PROMETHEUS_TYPE);
      },
    },
    [JSON_TYPE, 'text/plain', 'application/openmetrics-text'],
  );
}

/** `/metrics/prometheus`: always the text. */
export function prometheusResource(context: Pick<ApiContext, 'metrics'>): RequestHandler {
  return resource(
    {
      GET: async (_request, response) =>
        sendText(response, 200, await context.metrics.toPrometheus(), PROMETHEUS_TYPE),
    },
    [],
  );
}
