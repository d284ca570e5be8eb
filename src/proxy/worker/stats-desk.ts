import { join } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { Clock } from '../../util/clock.js';
import { type Detail, type Frontend, frontendStats, serviceStats } from '../stats/collect.js';
import { mergeSteps } from '../stats/merge.js';
import type { FrontendStats, ProxyStats, ServiceStats } from '../stats/proxy-stats.js';
import { inSlices, Slices } from '../stats/slices.js';
import { askWorker, type ControlRequest, findControlSockets } from './control-socket.js';
import type { LiveServer } from './live-server.js';
import type { LiveService } from './live-service.js';
import type { Routes } from './routes.js';
import { askStats } from './stats-line.js';

/** Of silence; a sibling with thousands of services on a busy machine needs a moment to collect its numbers. */
const SIBLING_TIMEOUT_MS = 2_000;
/** Services that one report to the server tells of. */
const MAX_CHANGED = 250;
/** Several who look at the same time see the same numbers. */
const FRESH_MS = 400;

/** How much is asked for: of every service a row or all, and of these (by key) all. */
export interface Wanted {
  readonly detail: Detail;
  readonly keys?: readonly string[];
}

export interface StatsDeskOptions {
  readonly workDir: string;
  readonly routes: Routes;
  readonly ports: () => readonly Frontend[];
  readonly notServed: () => Readonly<Record<number, string>>;
  readonly connected: () => boolean;
  readonly retiring: () => boolean;
  /** Of requests that nobody was found for. */
  readonly strangers: () => ReadonlyMap<string, number>;
  readonly accessLog: () => { readonly written: number; readonly dropped: number } | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** The numbers of this worker, and those of all workers of this work dir together. */
export class StatsDesk {
  readonly #startedMs: number;
  readonly #startedWallMs: number;
  /** What the server knows, by service key. */
  readonly #sent = new Map<string, { readonly activity: number; readonly scur: number }>();
  /** How far the present look over all services has come. */
  #look: Iterator<[string, LiveService]> | undefined;
  #kept:
    | { readonly wanted: string; readonly untilMs: number; readonly stats: Promise<ProxyStats> }
    | undefined;

  constructor(private readonly options: StatsDeskOptions) {
    this.#startedMs = options.clock.monotonicMs();
    this.#startedWallMs = options.clock.wallMs();
  }

  /** This worker's own. */
  async own({ detail, keys = [] }: Wanted = { detail: 'all' }): Promise<ProxyStats> {
    const { clock, routes, ports, notServed, connected, accessLog } = this.options;
    const nowMs = clock.monotonicMs();
    const inFull = new Set(keys);
    const leaving = leavingByService(routes.leavingServers());
    const services: ServiceStats[] = [];
    const slices = new Slices();
    for (const [key, service] of routes.services) {
      services.push(serviceStats(service, nowMs, inFull.has(key) ? 'all' : detail, leaving.get(key)));
      if (slices.over) await slices.rest();
    }
    const frontends: FrontendStats[] = [];
    for (const port of ports()) {
      frontends.push(frontendStats(port, nowMs));
      if (slices.over) await slices.rest();
    }
    const lines = accessLog();
    return {
      workers: [
        {
          pid: process.pid,
          uptimeS: (nowMs - this.#startedMs) / 1_000,
          startedMs: this.#startedWallMs,
          rssBytes: process.memoryUsage.rss(),
          retiring: this.options.retiring(),
        },
      ],
      table: { epoch: routes.epoch, version: routes.version },
      connected: connected(),
      frontends,
      services,
      strangers: Object.fromEntries(this.options.strangers()),
      ...(lines && { accessLog: { written: lines.written, dropped: lines.dropped } }),
      notServed: notServed(),
    };
  }

  /** This worker's and its siblings' numbers together; a sibling that does not answer in time is left out. */
  all(wanted: Wanted): Promise<ProxyStats> {
    const nowMs = this.options.clock.monotonicMs();
    const name = JSON.stringify(wanted);
    if (this.#kept && this.#kept.wanted === name && this.#kept.untilMs > nowMs) return this.#kept.stats;
    const stats = this.#together(wanted);
    this.#kept = { wanted: name, untilMs: nowMs + FRESH_MS, stats };
    stats.catch(() => {
      this.#kept = undefined;
    });
    return stats;
  }

  /** Has every worker ask the server for the whole table anew, this one by `own`. False: the server is away from this one. */
  async refetchAll(own: () => boolean): Promise<boolean> {
    const asked = own();
    await Promise.all(
      this.#siblings().map(({ path, pid }) =>
        askWorker(path, { do: 'refetch' }, SIBLING_TIMEOUT_MS).catch((error: unknown) => {
          this.options.log.warn('a sibling could not be told to fetch the table anew', {
            pid,
            error: String(error),
          });
        }),
      ),
    );
    return asked;
  }

  /**
   * Services whose numbers moved since they were told last, without their servers; null = gone. Some at a time: `hasMore` says that
   * not all were looked at.
   */
  changed(): Readonly<Record<string, ServiceStats | null>> | undefined {
    const { routes, clock } = this.options;
    const nowMs = clock.monotonicMs();
    const changed: Record<string, ServiceStats | null> = {};
    let count = 0;
    if (this.#look === undefined) {
      for (const key of this.#sent.keys()) {
        if (routes.service(key)) continue;
        this.#sent.delete(key);
        changed[key] = null;
        count += 1;
      }
      this.#look = routes.services.entries();
    }
    const slices = new Slices();
    for (;;) {
      const next = this.#look.next();
      if (next.done) {
        this.#look = undefined;
        break;
      }
      const [key, live] = next.value;
      if (this.#moved(key, live)) {
        changed[key] = serviceStats(live, nowMs, 'own');
        count += 1;
      }
      if (count >= MAX_CHANGED || slices.over) break;
    }
    return count > 0 ? changed : undefined;
  }

  get hasMore(): boolean {
    return this.#look !== undefined;
  }

  /** The server knows nothing of what was sent. */
  forget(): void {
    this.#sent.clear();
    this.#look = undefined;
  }

  #moved(key: string, { counters }: LiveService): boolean {
    const { reqTot, stot, scur, bin, bout } = counters;
    // All but `scur` only grow.
    const activity = reqTot + stot + bin + bout;
    const sent = this.#sent.get(key);
    if (sent?.activity === activity && sent.scur === scur) return false;
    this.#sent.set(key, { activity, scur });
    return true;
  }

  async #together(wanted: Wanted): Promise<ProxyStats> {
    const siblings = this.#siblings();
    const request = JSON.stringify({ do: 'stats', inLines: true, ...wanted } satisfies ControlRequest);
    const [own, ...answers] = await Promise.all([
      this.own(wanted),
      ...siblings.map(({ path }) =>
        askStats(path, request, SIBLING_TIMEOUT_MS).catch((error: unknown) => {
          this.options.log.debug('a sibling does not answer; its numbers are left out', {
            path,
            error: String(error),
          });
          return undefined;
        }),
      ),
    ]);
    const known = [own, ...answers].filter((answer) => answer !== undefined);
    const merged = await inSlices(mergeSteps(known));
    if (merged === undefined) throw new Error('there are no numbers of this worker');
    return merged;
  }

  #siblings(): ReturnType<typeof findControlSockets> {
    return findControlSockets(join(this.options.workDir, 'run')).filter(({ pid }) => pid !== process.pid);
  }
}

function leavingByService(servers: Iterable<LiveServer>): ReadonlyMap<string, LiveServer[]> {
  const byKey = new Map<string, LiveServer[]>();
  for (const server of servers) {
    const key = server.owner?.key;
    if (key === undefined) continue;
    const known = byKey.get(key);
    if (known) known.push(server);
    else byKey.set(key, [server]);
  }
  return byKey;
}
