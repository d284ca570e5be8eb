import { join } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { LineEnd, LineHandlers } from '../../util/line/line.js';
import { tableOfGroups } from '../decide/only-groups.js';
import { retireFormerWorkers } from '../listeners/former-workers.js';
import type { ToParent, ToWorker, WorkerConfig } from '../listeners/worker-messages.js';
import type { FromProxy, ToProxy } from '../table.js';
import { ControlSocket, controlSocketPath, type WorkerIdentity } from '../worker/control-socket.js';
import { NamesDesk } from '../worker/names-desk.js';
import { StatsServer } from '../worker/stats-server.js';
import { TableCache } from '../worker/table-cache.js';
import { TableFollower } from '../worker/table-follower.js';
import { defaultTimeouts, mergeTimeouts } from '../worker/timeouts.js';
import { CertificateStore } from './certificate-store.js';
import { shownConfiguration } from './decide/shown-configuration.js';
import { FollowedServices } from './followed-table.js';
import { HaproxyPlane } from './haproxy-plane.js';
import { HaproxyProcess } from './haproxy-process.js';
import { HaproxyStats } from './haproxy-stats.js';

const WHERE_PERIOD_MS = 500;
const GOODBYE_MS = 50;
const DEFAULT_MAX_CONNECTIONS = 10_000;

export interface HaproxyWorkerOptions {
  readonly config: WorkerConfig;
  readonly bootId: string;
  tell(message: ToParent): void;
  makeLine(handlers: LineHandlers<ToProxy>, serverUrl: () => string): LineEnd<FromProxy>;
  exit(): void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The process beside HAProxy: follows the server's table as any proxy does, and has HAProxy serve it. */
export class HaproxyWorker {
  readonly #table: FollowedServices;
  readonly #haproxy: HaproxyProcess;
  readonly #plane: HaproxyPlane;
  readonly #stats: HaproxyStats;
  readonly #follower: TableFollower;
  readonly #cache: TableCache;
  readonly #server: StatsServer;
  readonly #control: ControlSocket;
  readonly #names: NamesDesk | undefined;
  readonly #certificates: CertificateStore;
  #serverUrl: string;
  #whereTimer: Timer | undefined;
  #restart: Timer | undefined;
  #hasPorts = false;
  #certificatesRead = false;
  #ended = false;

  constructor(private readonly options: HaproxyWorkerOptions) {
    const { config, clock, log } = options;
    const { haproxy } = config;
    if (!haproxy) throw new Error('nothing is said about HAProxy');
    this.#serverUrl = config.serverUrl;
    const { path, address, ports, threads, rawLabels } = haproxy;
    this.#table = new FollowedServices(
      () => this.#plane.wake(),
      () => this.#plane.generations.leaving(),
    );
    this.#certificates = new CertificateStore({
      workDir: config.workDir,
      ...(config.tls?.folder !== undefined && { folder: config.tls.folder }),
      changed: () => {
        if (this.#certificatesRead) this.#plane.certificatesChanged();
      },
      clock,
      log,
    });
    this.#haproxy = new HaproxyProcess({
      path,
      workDir: config.workDir,
      ports,
      onGone: (pauseMs) => {
        this.#restart?.cancel();
        this.#restart = clock.after(pauseMs, () => this.#plane.wake());
      },
      clock,
      log,
    });
    this.#plane = new HaproxyPlane({
      settings: {
        lbAddress: address,
        lbPort: ports.lbPort,
        ...(ports.appIdPort !== undefined && { appIdPort: ports.appIdPort }),
        ...(ports.httpsPort !== undefined && { httpsPort: ports.httpsPort }),
        threads,
        ...(rawLabels && { rawLabels }),
        maxConnections: config.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
        timeouts: mergeTimeouts(defaultTimeouts, config.traffic?.timeouts),
        acceptProxyFrom: config.traffic?.acceptProxyFrom ?? [],
      },
      haproxy: this.#haproxy,
      table: this.#table,
      certificates: this.#certificates,
      beforeStart: () => this.#takePorts(),
      inFlight: (taskId, count) => this.#follower.inFlight(taskId, count),
      notServedChanged: () => this.#follower.notServed(this.#plane.notServed),
      serving: () => {
        if (this.#plane.servesHttps) options.tell({ type: 'HTTPS' });
        options.tell({ type: 'ACCEPTING' });
        this.#names?.start();
      },
      clock,
      log,
    });
    this.#stats = new HaproxyStats({
      runtime: this.#haproxy.runtime,
      generations: this.#plane.generations,
      table: this.#table,
      ports,
      connected: () => this.#follower.connected,
      notServed: () => this.#plane.notServed,
      clock,
      log,
    });
    this.#cache = new TableCache(join(config.workDir, 'proxy', 'table.json'), options.bootId, clock, log);
    this.#follower = new TableFollower(
      {
        proxyId: config.proxyId,
        pid: process.pid,
        bootId: options.bootId,
        host: config.hostname,
        ...(config.names && { names: true }),
        ...(config.traffic?.groups && { groups: config.traffic.groups }),
      },
      this.#table,
      {
        notServed: () => this.#plane.notServed,
        servedInPart: () => this.#plane.servedInPart,
        changedStats: () => this.#stats.changed(),
        traffic: () => undefined,
        forgetStats: () => this.#stats.forget(),
      },
      clock,
      log,
      {
        tableApplied: () => this.#cache.changed(() => this.#table.table()),
        disconnected: () => options.tell({ type: 'WHERE' }),
        names: (message) => this.#names?.apply(message),
        certificates: (bundle) => this.#certificates.apply(bundle),
      },
      (handlers) => options.makeLine(handlers, () => this.#serverUrl),
    );
    this.#names = config.names && new NamesDesk({ ...options, names: config.names });
    this.#server = new StatsServer({
      stats: () => this.#stats.all(),
      table: () => this.#table.table(),
      configuration: () => shownConfiguration(this.#plane.configuration ?? ''),
      refetch: async () => this.#follower.refetch(),
      names: [config.telling?.address ?? '', config.hostname],
      token: config.token,
      omitServerMetrics: config.telling?.omitServerMetrics === true,
    });
    this.#control = new ControlSocket(
      controlSocketPath(join(config.workDir, 'run'), process.pid),
      {
        identify: () => this.#identity(),
        stats: () => this.#stats.all(),
        refetch: () => {
          this.#follower.refetch();
          return this.#identity();
        },
        retire: async () => this.#endAs('retire'),
        exit: () => this.#endAs('at-once'),
        // What it began, a reload above all, it ends first: two must not change HAProxy at once.
        handOver: async () => {
          const identity = this.#endAs('leave');
          await this.#plane.stop();
          return identity;
        },
      },
      log,
    );
  }

  /** Takes over a HAProxy that runs, or starts one; serves the last table until the server tells another. */
  async start(): Promise<void> {
    const { tell, clock, config } = this.options;
    this.#control.open();
    await this.#certificates.start();
    // From now on; before, nobody knows yet whether there is a HAProxy to be taken over.
    this.#certificatesRead = true;
    const cached = this.#cache.load();
    const adopted = await this.#haproxy.adopt();
    if (cached) {
      const table = tableOfGroups(cached, config.traffic?.groups ?? ['*']);
      if (adopted || this.#isReplacing) this.#plane.alreadyBound(table.services);
      this.#table.replace(table);
    }
    this.#names?.load();
    this.#follower.start();
    this.#stats.start();
    this.#whereTimer = clock.every(WHERE_PERIOD_MS, () => {
      if (!this.#follower.connected) tell({ type: 'WHERE' });
    });
    if (adopted || !this.#isReplacing) await this.#takePorts();
    tell({ type: 'READY' });
    this.#plane.start();
  }

  /** Earlier workers of the built-in load balancer serve until HAProxy's configuration is ready. */
  get #isReplacing(): boolean {
    return (this.options.config.haproxy?.replaces ?? []).length > 0;
  }

  /** Has earlier workers close their sockets, and opens the port for statistics that one of them may have had; once. */
  async #takePorts(): Promise<void> {
    if (this.#hasPorts) return;
    const { haproxy } = this.options.config;
    await retireFormerWorkers(haproxy?.replaces ?? [], this.options.log);
    await this.#server.open({ host: haproxy?.address ?? '127.0.0.1', port: haproxy?.ports.statsPort ?? 0 });
    this.#hasPorts = true;
  }

  fromParent(message: ToWorker): void {
    if (message.type === 'SERVER') this.#serverUrl = message.url;
    else if (message.type === 'RETIRE') this.#endAs('retire');
    else if (message.type === 'EXIT') this.#endAs('at-once');
  }

  /** `leave`: HAProxy goes on, for the next one to take over. */
  #endAs(how: 'retire' | 'at-once' | 'leave'): WorkerIdentity {
    const identity = this.#identity();
    if (this.#ended) return identity;
    this.#ended = true;
    this.#whereTimer?.cancel();
    this.#restart?.cancel();
    this.#stats.stop();
    this.#certificates.stop();
    this.#server.close();
    this.#names?.stop();
    this.#cache.stop();
    if (how === 'leave') this.#haproxy.leave();
    else this.#haproxy.end(how);
    // HAProxy goes on to route: whoever speaks for it next has its lease.
    this.#follower.stop(how !== 'leave');
    void this.#plane.stop().finally(() => {
      this.#control.close();
      this.options.clock.after(GOODBYE_MS, () => {
        this.#follower.close();
        this.options.exit();
      });
    });
    return identity;
  }

  retire(): void {
    this.#endAs('retire');
  }

  #identity(): WorkerIdentity {
    const ports = this.options.config.haproxy?.ports ?? { lbPort: 0, statsPort: 0 };
    return { pid: process.pid, ...ports, retiring: this.#ended, plane: 'haproxy' };
  }
}
