import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostAllowed } from '../../util/host-allowed.js';
import { statsCsv } from '../stats/csv.js';
import { appMap, configText, vhostMap } from '../stats/marathon-lb-documents.js';
import { livePage, pagePolicy, statsPage } from '../stats/page/page.js';
import { statsPrometheus } from '../stats/prometheus.js';
import type { ProxyStats } from '../stats/proxy-stats.js';
import { Slices } from '../stats/slices.js';
import { statsJson } from '../stats/stats-json.js';
import type { RoutingTable } from '../table.js';
import { type Bound, VHOST_FRONTEND } from './ingress.js';
import type { Wanted } from './stats-desk.js';
import { readStatsQuery } from './stats-query.js';
import { answerSignal } from './stats-signal.js';

const REQUEST_TIMEOUT_MS = 10_000;
/** Apps that one look may show in full. */
const MAX_OPEN = 50;
const TEXT = 'text/plain; charset=utf-8';

export interface StatsServerOptions {
  stats(wanted: Wanted): Promise<ProxyStats>;
  table(): RoutingTable;
  /** What `/_haproxy_getconfig` answers, where the load balancer is configured by a file; absent: the table in HAProxy's language. */
  configuration?(): string;
  /** Has all workers fetch the table anew; false: the server is away. */
  refetch(): Promise<boolean>;
  /** Further names of this server in a Host header. */
  readonly names: readonly string[];
  /** Whoever knows it may do what changes something. */
  readonly token: string;
  readonly omitServerMetrics: boolean;
}

interface Reply {
  readonly status?: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly pieces: Iterable<string>;
}

/** The statistics port: the page, HAProxy's CSV and JSON, Prometheus, what marathon-lb told, and the health check of load balancers in front of us. */
export class StatsServer {
  readonly #server: Server;

  constructor(private readonly options: StatsServerOptions) {
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 5_000 },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          if (response.headersSent) response.destroy();
          else {
            const reason = error instanceof Error ? error.message : String(error);
            void send(response, plain(500, `${reason}\n`));
          }
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
    const { frontends } = await this.options.stats({ detail: 'row' });
    const address = this.#server.address();
    return {
      lb: frontends.find(({ name }) => name === VHOST_FRONTEND)?.port ?? 0,
      stats: typeof address === 'object' && address ? address.port : 0,
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?');
    // What asks this tells nothing else, and often names no host at all.
    if (path === '/_haproxy_health_check') {
      await send(response, {
        type: 'text/html',
        pieces: ['<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n'],
      });
      return;
    }
    const { localAddress = '', localPort = 0 } = request.socket;
    if (!hostAllowed({ host: request.headers.host, localAddress, localPort, names: this.options.names })) {
      await send(response, plain(403, 'this server is not known by that name: ask it by its address\n'));
      return;
    }
    if (path.startsWith('/_mlb_signal/')) {
      const { status, text, headers } = await answerSignal(
        path.slice('/_mlb_signal/'.length),
        request,
        this.options,
      );
      await send(response, { ...plain(status, text), headers });
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const refusal = plain(405, 'only GET and HEAD are served here\n');
      await send(response, { ...refusal, headers: { Allow: 'GET, HEAD' } });
      return;
    }
    await send(response, await this.#reply(path, query));
  }

  async #reply(path: string, query: string): Promise<Reply> {
    const { stats, table, configuration, omitServerMetrics } = this.options;
    switch (path) {
      case '/metrics':
        return {
          type: 'text/plain; version=0.0.4; charset=utf-8',
          pieces: statsPrometheus(await stats({ detail: 'all' }), { omitServers: omitServerMetrics }),
        };
      case '/live.json': {
        const keys = new URLSearchParams(query).getAll('app').slice(0, MAX_OPEN).sort();
        return { type: 'application/json', pieces: livePage(await stats({ detail: 'row', keys }), keys) };
      }
      case '/_haproxy_getpids':
        return plain(200, `${shownPids((await stats({ detail: 'row' })).workers).join(' ')}\n`);
      case '/_haproxy_getvhostmap':
        return { type: TEXT, pieces: vhostMap(table()) };
      case '/_haproxy_getappmap':
        return { type: TEXT, pieces: appMap(table()) };
      case '/_haproxy_getconfig':
        return {
          type: TEXT,
          pieces: configuration ? [configuration()] : configText(table(), await this.#ports()),
        };
      case '/':
      case '/haproxy':
        return this.#statistics(query);
      default:
        return plain(
          404,
          'served here: /haproxy?stats, /haproxy?stats;csv, /haproxy?stats;json, /metrics, /_haproxy_health_check, /_haproxy_getconfig, /_haproxy_getvhostmap, /_haproxy_getappmap, /_haproxy_getpids, /_mlb_signal/hup\n',
        );
    }
  }

  async #statistics(query: string): Promise<Reply> {
    const { stats } = this.options;
    const { form, onlyUp, noRefresh, app } = readStatsQuery(query);
    if (form === 'csv')
      return { type: 'text/plain', pieces: statsCsv(await stats({ detail: 'all' }), { onlyUp }) };
    if (form === 'json')
      return { type: 'application/json', pieces: statsJson(await stats({ detail: 'all' })) };
    const keys = app === undefined ? [] : [app];
    return {
      type: 'text/html; charset=utf-8',
      headers: { 'Content-Security-Policy': pagePolicy, 'Referrer-Policy': 'no-referrer' },
      pieces: statsPage(await stats({ detail: 'row', keys }), {
        noRefresh,
        ...(app !== undefined && { open: app }),
      }),
    };
  }
}

/**
 * One process for all that serve, and those that have retired and answer what they hold: marathon-lb's scripts take more than one for
 * a reload under way, and wait until it is over.
 */
function shownPids(workers: ProxyStats['workers']): readonly number[] {
  const [serving] = workers
    .filter(({ retiring }) => !retiring)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
  const retiring = workers.flatMap((worker) => (worker.retiring ? [worker.pid] : []));
  return serving === undefined ? retiring : [serving, ...retiring];
}

function plain(status: number, text: string): Reply {
  return { status, type: TEXT, pieces: [text] };
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Writes the pieces, giving way to others between slices. */
async function send(response: ServerResponse, { status = 200, type, headers, pieces }: Reply): Promise<void> {
  response.writeHead(status, {
    'Content-Type': type,
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  let text = '';
  const slices = new Slices();
  for (const piece of pieces) {
    text += piece;
    if (!slices.over) continue;
    const room = text === '' || response.write(text);
    text = '';
    if (!room && !response.destroyed) {
      await new Promise<void>((resume) => {
        response.once('drain', resume);
        response.once('close', resume);
      });
    }
    await slices.rest();
    if (response.destroyed) return;
  }
  response.end(text);
}
