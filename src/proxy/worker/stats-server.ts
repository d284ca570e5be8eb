import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { statsCsv } from '../stats/csv.js';
import { statsPage } from '../stats/page.js';
import { statsPrometheus } from '../stats/prometheus.js';
import type { ProxyStats } from '../stats/proxy-stats.js';
import type { Bound } from './ingress.js';

/** Long answers are made in slices, so that requests in between do not wait. */
const SLICE_MS = 4;
const REQUEST_TIMEOUT_MS = 10_000;

/** The statistics port: HAProxy's page and CSV, Prometheus, and the health check of load balancers in front of us. */
export class StatsServer {
  readonly #server: Server;

  constructor(private readonly collect: () => Promise<ProxyStats>) {
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
    } else if (url === '/' || url === '/haproxy' || url.startsWith('/haproxy?stats')) {
      await send(response, 200, 'text/html; charset=utf-8', statsPage(await this.collect()));
    } else {
      await send(response, 404, 'text/plain; charset=utf-8', [
        'served here: /haproxy?stats, /haproxy?stats;csv, /metrics, /_haproxy_health_check\n',
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
