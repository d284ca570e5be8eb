import type { Socket } from 'node:dgram';
import { join } from 'node:path';
import type { Log } from '../../logging/log.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { LineEnd, LineHandlers } from '../../util/line/line.js';
import { tableOfGroups } from '../decide/only-groups.js';
import type { Listener, ToParent, ToWorker, WorkerConfig } from '../listeners/worker-messages.js';
import type { ProxyStats } from '../stats/proxy-stats.js';
import type { FromProxy, ToProxy } from '../table.js';
import type { AccessLog } from './access-log/access-log.js';
import { makeAccessLog } from './access-log/make-access-log.js';
import { ControlSocket, controlSocketPath, type WorkerIdentity } from './control-socket.js';
import type { DataPlane } from './data-plane.js';
import { Deadlines } from './deadlines.js';
import type { ExchangeRecord } from './exchange-record.js';
import { FrontPorts } from './front-ports.js';
import { PasswordDesk, type PasswordVerifier } from './http/rules/password-desk.js';
import { type Bound, IngressPort, Sessions } from './ingress.js';
import { NamesDesk } from './names-desk.js';
import { parentBinder } from './parent-binder.js';
import { prefacedFrom } from './proxy-preface.js';
import { Routes } from './routes.js';
import { ServicePorts } from './service-ports.js';
import { StatsDesk } from './stats-desk.js';
import { StatsServer } from './stats-server.js';
import { TableCache } from './table-cache.js';
import { TableFollower } from './table-follower.js';
import { TableFreshness } from './table-freshness.js';
import { defaultTimeouts, mergeTimeouts } from './timeouts.js';
import { CertificateDesk } from './tls/certificate-desk.js';
import { Traffic } from './traffic/traffic.js';
import { TurnWrites } from './turn-writes.js';
import { joinNotServed, UdpPorts } from './udp/udp-ports.js';

export interface ProxyWorkerOptions {
  readonly config: WorkerConfig;
  readonly bootId: string;
  /** To the parent; says nothing when the parent is gone. */
  tell(message: ToParent): void;
  makeLine(handlers: LineHandlers<ToProxy>, serverUrl: () => string): LineEnd<FromProxy>;
  /** The worker has retired, or was told to end: the process may end. */
  exit(): void;
  /** Compares a password with a hash in crypt's notation, off this thread. */
  readonly verifyPassword: PasswordVerifier;
  readonly clock: Clock;
  readonly log: Log;
}

export const MAX_CONNECTIONS = 10_000;
/** A retiring worker waits so long for what is in flight. */
export const RETIRE_LIMIT_MS = 30_000;
/** While the line is down, the parent is asked so often where the server is. */
const WHERE_PERIOD_MS = 500;
const RETIRE_POLL_MS = 50;
/** Time for the last words to reach the server. */
const GOODBYE_MS = 50;

/** One process of the data plane: listens on the sockets its parent binds, routes by the server's table, reports back. */
export class ProxyWorker {
  readonly #plane: DataPlane & { retiring: boolean; httpsPort?: number };
  readonly #deadlines: Deadlines;
  readonly #freshness: TableFreshness;
  readonly #routes: Routes;
  readonly #sessions: Sessions;
  readonly #fronts: FrontPorts;
  readonly #ports: ServicePorts;
  readonly #datagrams: UdpPorts;
  readonly #cache: TableCache;
  readonly #follower: TableFollower;
  readonly #desk: StatsDesk;
  readonly #stats: StatsServer;
  readonly #traffic = new Traffic();
  readonly #accessLog: AccessLog | undefined;
  readonly #control: ControlSocket;
  readonly #names: NamesDesk | undefined;
  readonly #certificates: CertificateDesk;
  #statsPort = 0;
  #serverUrl: string;
  #whereTimer: Timer | undefined;
  #retirement: Timer | undefined;
  #retireDeadlineMs = 0;

  constructor(private readonly options: ProxyWorkerOptions) {
    const { config, clock, log } = options;
    this.#serverUrl = config.serverUrl;
    this.#deadlines = new Deadlines(clock, mergeTimeouts(defaultTimeouts, config.traffic?.timeouts));
    const passwords = new PasswordDesk(clock, options.verifyPassword, log);
    this.#freshness = new TableFreshness(clock, () => this.#follower.refetch());
    this.#certificates = new CertificateDesk(
      config.workDir,
      config.tls,
      clock,
      log,
      config.slot === 0,
      (any) => {
        if (any) options.tell({ type: 'HTTPS' });
      },
    );
    this.#plane = {
      clock,
      certificates: this.#certificates.shelf,
      ...(config.httpsPort !== undefined && { httpsPort: config.httpsPort }),
      deadlines: this.#deadlines,
      turnWrites: new TurnWrites(),
      passwords,
      freshness: this.#freshness,
      retiring: false,
      exchangeEnded: (record) => this.#exchangeEnded(record),
      ...prefacedFrom(config.traffic?.acceptProxyFrom),
    };
    this.#sessions = new Sessions(config.maxConnections ?? MAX_CONNECTIONS);
    this.#accessLog =
      config.telling?.accessLog &&
      makeAccessLog(config.telling.accessLog, {
        workDir: config.workDir,
        slot: config.slot,
        connections: () => this.#sessions.size,
        clock,
        log,
      });
    this.#routes = new Routes(
      {
        serviceChanged: (key, service) => {
          this.#ports.serviceChanged(key, service);
          this.#datagrams.serviceChanged(key, service);
        },
        inFlight: (taskId, count) => this.#follower.inFlight(taskId, count),
      },
      config.workers,
    );
    this.#fronts = new FrontPorts(this.#routes, this.#sessions, this.#plane, log);
    this.#ports = new ServicePorts(
      parentBinder(options.tell),
      (name, port, key) => this.#makePort(name, port, key),
      clock,
      log,
      () => this.#follower.notServed(this.#notServed()),
    );
    this.#datagrams = new UdpPorts(
      config.datagrams && parentBinder(options.tell, true),
      () => this.#routes,
      this.#plane,
      log,
      () => this.#follower.notServed(this.#notServed()),
    );
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
      this.#routes,
      {
        notServed: () => this.#notServed(),
        changedStats: () => this.#desk.changed(),
        hasMoreStats: () => this.#desk.hasMore,
        traffic: () => this.#traffic.take(),
        forgetStats: () => {
          this.#desk.forget();
          // What the server could not be told meanwhile did not happen in its present minute.
          this.#traffic.take();
        },
      },
      clock,
      log,
      {
        // One worker keeps the cache for all of them.
        tableApplied: () => {
          if (config.slot === 0) this.#cache.changed(() => this.#routes.table());
        },
        wholeTable: () => this.#freshness.confirmed(),
        disconnected: () => {
          this.#freshness.doubted();
          options.tell({ type: 'WHERE' });
        },
        names: (message) => this.#names?.apply(message),
        certificates: (bundle) => this.#certificates.apply(bundle),
      },
      (handlers) => options.makeLine(handlers, () => this.#serverUrl),
    );
    this.#names = config.names && new NamesDesk({ ...options, names: config.names });
    this.#desk = new StatsDesk({
      workDir: config.workDir,
      routes: this.#routes,
      ports: () => [...this.#fronts.all, ...this.#ports.open, ...this.#datagrams.open],
      notServed: () => this.#notServed(),
      connected: () => this.#follower.connected,
      retiring: () => this.#plane.retiring,
      strangers: () => this.#traffic.strangers,
      accessLog: () => this.#accessLog,
      clock,
      log,
    });
    this.#stats = new StatsServer({
      stats: (wanted) => this.#desk.all(wanted),
      table: () => this.#routes.table(),
      refetch: () => this.#desk.refetchAll(() => this.#follower.refetch()),
      names: [config.telling?.address ?? '', config.hostname],
      token: config.token,
      omitServerMetrics: config.telling?.omitServerMetrics === true,
    });
    this.#control = new ControlSocket(
      controlSocketPath(join(config.workDir, 'run'), process.pid),
      {
        identify: () => this.#identity(),
        stats: (wanted) => this.#desk.own(wanted),
        refetch: () => {
          this.#follower.refetch();
          return this.#identity();
        },
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
    this.#freshness.start();
    this.#accessLog?.start();
    this.#control.open();
    const table = this.#cache.load();
    if (table) this.#routes.replace(tableOfGroups(table, this.options.config.traffic?.groups ?? ['*']));
    tell({ type: 'SYNCED' });
    this.#names?.load();
    this.#follower.start();
    this.#whereTimer = clock.every(WHERE_PERIOD_MS, () => {
      if (!this.#follower.connected) tell({ type: 'WHERE' });
    });
    // The certificates of files are among what an earlier parent's workers are not retired without.
    void this.#certificates.start().then(() => tell({ type: 'READY' }));
  }

  /** What the parent says; `handle` is the bound socket that comes with LISTENER. */
  async fromParent(message: ToWorker, handle: object | undefined): Promise<void> {
    switch (message.type) {
      case 'LISTENER':
        if (!handle) break;
        if (message.datagrams) {
          const socket = handle as Socket;
          if (!this.#datagrams.bound(message.port, socket, message.address)) socket.close();
        } else await this.#bound(message, { handle });
        break;
      case 'NOT_BOUND':
        (message.datagrams ? this.#datagrams : this.#ports).notBound(
          message.port,
          message.reason,
          message.address,
        );
        break;
      case 'SERVER':
        this.#serverUrl = message.url;
        break;
      case 'TICKET_KEYS':
        this.#certificates.shelf.setTicketKeys(Buffer.from(message.keys, 'base64'));
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
    this.#fronts.close();
    this.#ports.close();
    this.#datagrams.close();
    this.#stats.close();
    this.#names?.stop();
    this.#retireDeadlineMs = clock.monotonicMs() + RETIRE_LIMIT_MS;
    this.#sessions.retireAll();
    log.info('this proxy worker retires', { connections: this.#sessions.size });
    this.#retirement = clock.every(RETIRE_POLL_MS, () => this.#checkRetired());
    this.#checkRetired();
  }

  /** Ends at once: connections are closed. */
  stop(): void {
    this.#retirement?.cancel();
    this.#whereTimer?.cancel();
    this.#fronts.close();
    this.#ports.close();
    this.#datagrams.close();
    this.#stats.close();
    this.#names?.stop();
    this.#control.close();
    this.#plane.retiring = true;
    this.#certificates.stop();
    this.#sessions.closeAll();
    this.#follower.stop(true);
    this.#cache.stop();
    this.#deadlines.stop();
    this.#freshness.stop();
    this.#accessLog?.stop();
  }

  /** Cuts the line to the server; what `stop` said last needs a moment before that. */
  closeLine(): void {
    this.#follower.close();
  }

  /** This worker's own numbers. */
  stats(): Promise<ProxyStats> {
    return this.#desk.own();
  }

  async #bound(which: Listener, bound: Bound & { readonly handle: object }): Promise<void> {
    const { role, port } = which;
    if (this.#plane.retiring) return;
    if (role === 'service') {
      if (!(await this.#ports.bound(port, bound, which.address))) closeHandle(bound.handle);
      return;
    }
    if (role === 'stats') {
      this.#statsPort = port;
      await this.#stats.open(bound);
    } else {
      if (role === 'https') this.#plane.httpsPort = port;
      await this.#fronts.open(role, port, bound);
      if (role !== 'lb') return;
    }
    if (this.#fronts.port('lb') === undefined || this.#statsPort === 0) return;
    this.options.tell({ type: 'ACCEPTING' });
    this.#names?.start();
  }

  #notServed(): Readonly<Record<number, string>> {
    return joinNotServed(this.#ports.notServed, this.#datagrams.notServed);
  }

  #makePort(name: string, port: number, key: string | undefined): IngressPort {
    return new IngressPort(name, port, key, this.#routes, this.#sessions, this.#plane, this.options.log);
  }

  #identity(): WorkerIdentity {
    const [appIdPort, httpsPort] = [this.#fronts.port('app-id'), this.#fronts.port('https')];
    return {
      pid: process.pid,
      lbPort: this.#fronts.port('lb') ?? 0,
      statsPort: this.#statsPort,
      ...(appIdPort !== undefined && { appIdPort }),
      ...(httpsPort !== undefined && { httpsPort }),
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

  #exchangeEnded(record: ExchangeRecord): void {
    this.#traffic.ended(record);
    this.#accessLog?.ended(record);
  }
}

/** A socket that came too late to be used. */
function closeHandle(handle: object): void {
  const { close } = handle as { close?: () => void };
  close?.call(handle);
}
