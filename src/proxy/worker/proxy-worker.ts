import { join } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { LineEnd, LineHandlers } from '../../util/line/line.js';
import type { ToParent, ToWorker, WorkerConfig } from '../listeners/worker-messages.js';
import { frontendStats, serviceStats } from '../stats/collect.js';
import { mergeStats } from '../stats/merge.js';
import type { ProxyStats, ServiceStats } from '../stats/proxy-stats.js';
import type { FromProxy, ToProxy } from '../table.js';
import {
  askWorker,
  ControlSocket,
  controlSocketPath,
  findControlSockets,
  type WorkerIdentity,
} from './control-socket.js';
import type { DataPlane } from './data-plane.js';
import { Deadlines, defaultTimeouts, type Timeouts } from './deadlines.js';
import { type Bound, IngressPort, Sessions, VHOST_FRONTEND } from './ingress.js';
import { NamesDesk } from './names-desk.js';
import { Routes } from './routes.js';
import { ServicePorts } from './service-ports.js';
import { StatsServer } from './stats-server.js';
import { TableCache } from './table-cache.js';
import { TableFollower } from './table-follower.js';

export interface ProxyWorkerOptions {
  readonly config: WorkerConfig;
  readonly bootId: string;
  /** To the parent; says nothing when the parent is gone. */
  tell(message: ToParent): void;
  makeLine(handlers: LineHandlers<ToProxy>, serverUrl: () => string): LineEnd<FromProxy>;
  /** The worker has retired, or was told to end: the process may end. */
  exit(): void;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeouts?: Timeouts;
}

export const MAX_CONNECTIONS = 10_000;
/** A retiring worker waits so long for what is in flight. */
export const RETIRE_LIMIT_MS = 30_000;
/** While the line is down, the parent is asked so often where the server is. */
const WHERE_PERIOD_MS = 500;
const SIBLING_TIMEOUT_MS = 500;
const RETIRE_POLL_MS = 50;
/** Time for the last words to reach the server. */
const GOODBYE_MS = 50;

/** One process of the data plane: listens on the sockets its parent binds, routes by the server's table, reports back. */
export class ProxyWorker {
  readonly #plane: DataPlane & { retiring: boolean };
  readonly #deadlines: Deadlines;
  readonly #routes: Routes;
  readonly #sessions: Sessions;
  readonly #ports: ServicePorts;
  readonly #cache: TableCache;
  readonly #follower: TableFollower;
  readonly #stats: StatsServer;
  readonly #control: ControlSocket;
  readonly #names: NamesDesk | undefined;
  readonly #startedMs: number;
  readonly #sent = new Map<string, string>();
  #lb: IngressPort | undefined;
  #statsPort = 0;
  #serverUrl: string;
  #whereTimer: Timer | undefined;
  #retirement: Timer | undefined;
  #retireDeadlineMs = 0;

  constructor(private readonly options: ProxyWorkerOptions) {
    const { config, clock, log } = options;
    this.#startedMs = clock.monotonicMs();
    this.#serverUrl = config.serverUrl;
    this.#deadlines = new Deadlines(clock, options.timeouts ?? defaultTimeouts);
    this.#plane = { clock, deadlines: this.#deadlines, retiring: false };
    this.#sessions = new Sessions(config.maxConnections ?? MAX_CONNECTIONS);
    this.#routes = new Routes({
      serviceChanged: (key, service) => this.#ports.serviceChanged(key, service),
      inFlight: (taskId, count) => this.#follower.inFlight(taskId, count),
    });
    this.#ports = new ServicePorts(
      {
        listen: (port) => options.tell({ type: 'LISTEN', port }),
        drop: (port) => options.tell({ type: 'DROP', port }),
      },
      (name, port, key) => this.#makePort(name, port, key),
      clock,
      log,
      (ports) => this.#follower.notServed(ports),
    );
    this.#cache = new TableCache(join(config.workDir, 'proxy', 'table.json'), options.bootId, clock, log);
    this.#follower = new TableFollower(
      {
        proxyId: config.proxyId,
        pid: process.pid,
        bootId: options.bootId,
        host: config.hostname,
        ...(config.names && { names: true }),
      },
      this.#routes,
      {
        notServed: () => this.#ports.notServed,
        changedStats: () => this.#changedStats(),
        forgetStats: () => this.#sent.clear(),
      },
      clock,
      log,
      {
        // One worker keeps the cache for all of them.
        tableApplied: () => {
          if (config.slot === 0) this.#cache.changed(() => this.#routes.table());
        },
        disconnected: () => options.tell({ type: 'WHERE' }),
        names: (message) => this.#names?.apply(message),
      },
      (handlers) => options.makeLine(handlers, () => this.#serverUrl),
    );
    this.#names = config.names && new NamesDesk({ ...options, names: config.names });
    this.#stats = new StatsServer(
      () => this.#allStats(),
      () => this.#routes.table(),
    );
    this.#control = new ControlSocket(
      controlSocketPath(join(config.workDir, 'run'), process.pid),
      {
        identify: () => this.#identity(),
        stats: () => this.stats(),
        retire: async () => {
          this.retire();
          return this.#identity();
        },
        exit: () => {
          this.#exit();
          return this.#identity();
        },
      },
      log,
    );
  }

  /** Loads the last table, asks for its sockets, follows the server. */
  start(): void {
    const { tell, clock } = this.options;
    this.#deadlines.start();
    this.#control.open();
    const table = this.#cache.load();
    if (table) this.#routes.replace(table);
    tell({ type: 'SYNCED' });
    this.#names?.load();
    this.#follower.start();
    this.#whereTimer = clock.every(WHERE_PERIOD_MS, () => {
      if (!this.#follower.connected) tell({ type: 'WHERE' });
    });
    tell({ type: 'READY' });
  }

  /** What the parent says; `handle` is the bound socket that comes with LISTENER. */
  async fromParent(message: ToWorker, handle: object | undefined): Promise<void> {
    switch (message.type) {
      case 'LISTENER':
        if (handle) await this.#bound(message.role, message.port, { handle });
        break;
      case 'NOT_BOUND':
        this.#ports.notBound(message.port, message.reason);
        break;
      case 'SERVER':
        this.#serverUrl = message.url;
        break;
      case 'RETIRE':
        this.retire();
        break;
      case 'EXIT':
        this.#exit();
        break;
      case 'CONFIG':
        break;
    }
  }

  /** Accepts nothing more, answers what is in flight (within a limit), then exits. Idempotent. */
  retire(): void {
    if (this.#plane.retiring) return;
    const { clock, log } = this.options;
    this.#plane.retiring = true;
    this.#lb?.close();
    this.#ports.close();
    this.#stats.close();
    this.#names?.stop();
    this.#retireDeadlineMs = clock.monotonicMs() + RETIRE_LIMIT_MS;
    log.info('this proxy worker retires', { connections: this.#sessions.size });
    this.#retirement = clock.every(RETIRE_POLL_MS, () => this.#checkRetired());
    this.#checkRetired();
  }

  /** Ends at once: connections are closed. */
  stop(): void {
    this.#retirement?.cancel();
    this.#whereTimer?.cancel();
    this.#lb?.close();
    this.#ports.close();
    this.#stats.close();
    this.#names?.stop();
    this.#control.close();
    this.#plane.retiring = true;
    this.#sessions.closeAll();
    this.#follower.stop(true);
    this.#cache.stop();
    this.#deadlines.stop();
  }

  /** Cuts the line to the server; what `stop` said last needs a moment before that. */
  closeLine(): void {
    this.#follower.close();
  }

  stats(): ProxyStats {
    const { clock } = this.options;
    const nowMs = clock.monotonicMs();
    const frontends = [...(this.#lb ? [this.#lb] : []), ...this.#ports.open];
    return {
      workers: [
        {
          pid: process.pid,
          uptimeS: (nowMs - this.#startedMs) / 1_000,
          rssBytes: process.memoryUsage.rss(),
          retiring: this.#plane.retiring,
        },
      ],
      table: { epoch: this.#routes.epoch, version: this.#routes.version },
      connected: this.#follower.connected,
      frontends: frontends.map((port) => frontendStats(port, nowMs)),
      services: [...this.#routes.services.values()].map((service) => serviceStats(service, nowMs)),
      notServed: this.#ports.notServed,
    };
  }

  async #bound(role: 'lb' | 'stats' | 'service', port: number, bound: Bound): Promise<void> {
    if (this.#plane.retiring) return;
    if (role === 'service') {
      if (!(await this.#ports.bound(port, bound)) && 'handle' in bound) closeHandle(bound.handle);
      return;
    }
    if (role === 'stats') {
      this.#statsPort = port;
      await this.#stats.open(bound);
    } else {
      this.#lb = this.#makePort(VHOST_FRONTEND, port, undefined);
      await this.#lb.open(bound);
    }
    if (!this.#lb || this.#statsPort === 0) return;
    this.options.tell({ type: 'ACCEPTING' });
    this.#names?.start();
  }

  #makePort(name: string, port: number, key: string | undefined): IngressPort {
    return new IngressPort(name, port, key, this.#routes, this.#sessions, this.#plane, this.options.log);
  }

  #identity(): WorkerIdentity {
    return {
      pid: process.pid,
      lbPort: this.#lb?.port ?? 0,
      statsPort: this.#statsPort,
      retiring: this.#plane.retiring,
    };
  }

  /** Tunnels and idle clients do not end by themselves: the limit ends them. */
  #checkRetired(): void {
    const late = this.options.clock.monotonicMs() >= this.#retireDeadlineMs;
    if (this.#sessions.size === 0 || late) this.#exit();
  }

  #exit(): void {
    this.stop();
    this.options.clock.after(GOODBYE_MS, () => {
      this.closeLine();
      this.options.exit();
    });
  }

  /** This worker's and its siblings' numbers together; a sibling that does not answer in time is left out. */
  async #allStats(): Promise<ProxyStats> {
    const own = this.stats();
    const runDir = join(this.options.config.workDir, 'run');
    const siblings = findControlSockets(runDir).filter(({ pid }) => pid !== process.pid);
    const answers = await Promise.all(
      siblings.map(({ path }) =>
        askWorker<ProxyStats>(path, { do: 'stats' }, SIBLING_TIMEOUT_MS).catch((error: unknown) => {
          this.options.log.debug('a sibling does not answer; its numbers are left out', {
            path,
            error: String(error),
          });
          return undefined;
        }),
      ),
    );
    const known = answers.filter((answer) => answer !== undefined);
    return mergeStats([own, ...known]) ?? own;
  }

  /** Services whose numbers moved since the last call, without their servers; null = gone. */
  #changedStats(): Readonly<Record<string, ServiceStats | null>> | undefined {
    const nowMs = this.options.clock.monotonicMs();
    const changed: Record<string, ServiceStats | null> = {};
    let any = false;
    for (const key of this.#sent.keys()) {
      if (this.#routes.service(key)) continue;
      this.#sent.delete(key);
      changed[key] = null;
      any = true;
    }
    for (const [key, live] of this.#routes.services) {
      const { reqTot, stot, scur, bin, bout } = live.counters;
      const mark = `${reqTot} ${stot} ${scur} ${bin} ${bout}`;
      if (this.#sent.get(key) === mark) continue;
      this.#sent.set(key, mark);
      changed[key] = serviceStats(live, nowMs, true);
      any = true;
    }
    return any ? changed : undefined;
  }
}

/** A socket that came too late to be used. */
function closeHandle(handle: object): void {
  const { close } = handle as { close?: () => void };
  close?.call(handle);
}
