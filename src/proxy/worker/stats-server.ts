import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { statsCsv } from '../stats/csv.js';
import { appMap, configText, vhostMap } from '../stats/marathon-lb-documents.js';
import { statsPage } from '../stats/page.js';
import { statsPrometheus } from '../stats/prometheus.js';
import type { ProxyStats } from '../stats/proxy-stats.js';
import type { RoutingTable } from '../table.js';
import { type Bound, VHOST_FRONTEND } from './ingress.js';

/** Long answers are made in slices, so that requests in between do not wait. */
const SLICE_MS = 4;
const REQUEST_TIMEOUT_MS = 10_000;

/** The statistics port: HAProxy's page and CSV, Prometheus, and the health check of load balancers in front of us. */
export class StatsServer {
  readonly #server: Server;

  constructor(
    private readonly collect: () => Promise<ProxyStats>,
    private readonly table: () => RoutingTable,
  ) {
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 5_000 },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          if (response.headersSent) response.destroy();
          else
            send(response, 500, 'text/plain; charset=utf-8', [
              `${error instanceof Error ? error.message : String(error)}\n`,
            ]);
        });
      },
    );
    this.#server.maxConnections = 256;
  }

  open(bound: Bound): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const listening = (): void => {
        this.#server.removeListener('error', reject);
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? address.port : 0);
      };
      if ('handle' in bound) this.#server.listen(bound.handle, listening);
      else this.#server.listen({ host: bound.host, port: bound.port }, listening);
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  async #ports(): Promise<{ lb: number; stats: number }> {
    const { frontends } = await this.collect();
    const address = this.#server.address();
    return {
      lb: frontends.find(({ name }) => name === VHOST_FRONTEND)?.port ?? 0,
      stats: typeof address === 'object' && address ? address.port : 0,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      await send(response, 405, 'text/plain; charset=utf-8', ['only GET and HEAD are served here\n']);
    } else if (url === '/_haproxy_health_check') {
      await send(response, 200, 'text/html', [
        '<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n',
      ]);
    } else if (url === '/haproxy?stats;csv' || url === '/haproxy?stats;csv;norefresh') {
      await send(response, 200, 'text/plain', statsCsv(await this.collect()));
    } else if (url === '/metrics') {
      await send(
        response,
        200,
        'text/plain; version=0.0.4; charset=utf-8',
        statsPrometheus(await this.collect()),
      );
    } else if (url === '/_haproxy_getpids') {
      const pids = (await this.collect()).workers.map(({ pid }) => pid);
      await send(response, 200, 'text/plain; charset=utf-8', [`${pids.join(' ')}\n`]);
    } else if (url === '/_haproxy_getvhostmap') {
      await send(response, 200, 'text/plain; charset=utf-8', vhostMap(this.table()));
    } else if (url === '/_haproxy_getappmap') {
      await send(response, 200, 'text/plain; charset=utf-8', appMap(this.table()));
    } else if (url === '/_haproxy_getconfig') {
      await send(response, 200, 'text/plain; charset=utf-8', configText(this.table(), await this.#ports()));
    } else if (url === '/_mlb_signal/hup' || url === '/_mlb_signal/usr1') {
      await send(response, 410, 'text/plain; charset=utf-8', [
        'nothing needs to be reloaded: the routing table follows every change by itself\n',
      ]);
    } else if (url === '/' || url === '/haproxy' || url.startsWith('/haproxy?stats')) {
      await send(response, 200, 'text/html; charset=utf-8', statsPage(await this.collect()));
    } else {
      await send(response, 404, 'text/plain; charset=utf-8', [
        'served here: /haproxy?stats, /haproxy?stats;csv, /metrics, /_haproxy_health_check, /_haproxy_getconfig, /_haproxy_getvhostmap, /_haproxy_getappmap, /_haproxy_getpids\n',
      ]);
    }
  }
}

/** Writes the pieces, giving way to others between slices. */
async function send(
  response: ServerResponse,
  status: number,
  type: string,
  pieces: Iterable<string>,
): Promise<void> {
  response.writeHead(status, {
    'Content-Type': type,
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  });
  let text = '';
  let startedMs = performance.now();
  for (const piece of pieces) {
    text += piece;
    if (performance.now() - startedMs < SLICE_MS) continue;
    const room = response.write(text);
    text = '';
    if (!room && !response.destroyed) {
      await new Promise<void>((resume) => {
        response.once('drain', resume);
        response.once('close', resume);
      });
    }
    await new Promise<void>((turn) => setImmediate(turn));
    if (response.destroyed) return;
    startedMs = performance.now();
  }
  response.end(text);
}
