import type { RequestHandler } from 'express';
import { settingTable } from '../config/setting-table.js';
import { CatalogError } from '../errors/registry.js';
import type { ApiContext } from './api-context.js';
import { preferredType } from './decide/accept.js';
import { queryText } from './decide/query.js';
import { shownSettings } from './decide/shown-settings.js';
import { resource } from './middleware/methods.js';
import { presentInfo } from './present/info.js';
import { queryOf } from './request-query.js';
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

/** Time for the answer to reach its client before the server ends. */
const ABDICATION_DELAY_MS = 500;

/** What Marathon could store a copy of its state in. */
const backupSchemes = new Set(['file:', 's3:']);

/**
 * `/v2/leader`. DELETE gives leadership up: the server process ends half a second later. Whoever keeps it alive (`up`, an
 * init system) starts it again; tasks and traffic go on meanwhile. `backup` and `restore` by URL are refused: copies of
 * the store are made and read by the operator's own commands, never to or from a place that a request names.
 */
export function leaderResource(
  { abdicate, clock, log }: Pick<ApiContext, 'abdicate' | 'clock' | 'log'>,
  leader: (localPort: number) => string,
): RequestHandler {
  return resource({
    GET: (request, response) => sendJson(response, 200, { leader: leader(request.socket.localPort ?? 0) }),
    ...(abdicate
      ? {
          DELETE: (request, response) => {
            refuseCopies(queryOf(request));
            log.warn('leadership is given up by request', { from: request.socket.remoteAddress });
            clock.after(ABDICATION_DELAY_MS, abdicate);
            sendJson(response, 200, { message: 'Leadership abdicated' });
          },
        }
      : {}),
  });
}

function refuseCopies(query: URLSearchParams): void {
  for (const [name, command] of [
    ['backup', 'longrun backup'],
    ['restore', 'longrun restore'],
  ] as const) {
    const text = queryText(query, name);
    if (text === undefined || text === '') continue;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    throw new CatalogError('invalid-argument', {
      reason:
        url !== undefined && backupSchemes.has(url.protocol)
          ? `'${name}' to or from a URL is not supported`
          : `Invalid URI or unsupported scheme: ${text.slice(0, MAX_ECHO)}`,
      hint: `Use \`${command}\` on the server's machine.`,
    });
  }
}

/** Longest part of a refused parameter that is shown back. */
const MAX_ECHO = 200;

/** `/config`: every setting by its flag's name, secrets masked. */
export function configResource({ settings }: Pick<ApiContext, 'settings'>): RequestHandler {
  return resource({
    GET: (_request, response) => sendJson(response, 200, shownSettings(settings, settingTable)),
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
