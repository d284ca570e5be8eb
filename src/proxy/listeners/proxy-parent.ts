import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { NamesSettings } from '../../discovery/names-message.js';
import type { Log } from '../../logging/log.js';
import type { LogLevel } from '../../logging/log-line.js';
import type { Clock, Timer } from '../../util/clock.js';
import { ListenError, urlOf } from '../../util/listen.js';
import { retireLeftHaproxy, runningHaproxy } from '../haproxy/haproxy-process.js';
import { BindError } from './bind-socket.js';
import { findFormerWorkers, retireFormerWorkers } from './former-workers.js';
import { ListenerHolder } from './listener-holder.js';
import { OptionalPorts } from './optional-ports.js';
import type {
  FixedRole,
  TellingSettings,
  ToParent,
  TrafficSettings,
  WorkerConfig,
} from './worker-messages.js';
import { WorkerSupervisor } from './worker-supervisor.js';

export interface ProxyParentOptions {
  readonly workDir: string;
  readonly lbAddress: string;
  /** 0: any free port, kept from earlier workers when there are any. */
  readonly lbHttpPort: number;
  readonly lbStatsPort: number;
  /** Where requests name their app in a header; absent: nowhere. */
  readonly lbAppIdPort?: number;
  /** For virtual hosts over TLS, once there is a certificate; absent: never. */
  readonly lbHttpsPort?: number;
  /** Folder of certificates on this host. */
  readonly lbCerts?: string;
  /** Number of worker processes. */
  readonly workers: number;
  /** File of worker-main. */
  readonly workerEntry: string;
  readonly execArgv: readonly string[];
  /** Where the server is at this moment; asked whenever a worker has lost it. */
  readonly serverUrl: () => string;
  readonly token: string;
  readonly hostname: string;
  readonly logLevel: LogLevel;
  /** Workers log through the parent, in its format. */
  readonly logFormat?: 'text' | 'json';
  readonly clock: Clock;
  readonly log: Log;
  readonly maxConnections?: number;
  readonly traffic?: TrafficSettings;
  readonly telling?: TellingSettings;
  /** A worker accepts connections: a new one, or one in the place of another. */
  readonly onAccepting?: () => void;
  /** Names are served beside the load balancer; absent: not at all. */
  readonly names?: NamesSettings;
}

export interface ProxyStarted {
  readonly lbUrl: string;
  readonly statsUrl: string;
  /** Absent while its port is busy. */
  readonly appIdUrl?: string;
  /** Absent while there is no certificate, or its port is busy. */
  readonly httpsUrl?: string;
  /** `dns://address:port`, and the HTTP interface; absent while names are not served. */
  readonly names?: { readonly dns: string; readonly http: string };
  readonly pids: readonly number[];
}

const START_TIMEOUT_MS = 20_000;
const STOP_LIMIT_MS = 3_000;
/** While earlier workers close their sockets. */
const BIND_RETRY_MS = 5;
const BIND_PATIENCE_MS = 5_000;
/** What Node.js takes for the keys of session tickets; changed so often. */
const TICKET_KEY_BYTES = 48;
const TICKET_KEYS_PERIOD_MS = 12 * 3_600_000;
const MAX_ERROR_FILE_BYTES = 1_048_576;

/**
 * The load balancer on one host: holds its listening sockets, keeps its workers alive, takes over from the workers of a
 * parent that is gone.
 */
export class ProxyParent {
  readonly #holder: ListenerHolder;
  readonly #optional: OptionalPorts;
  readonly #workers: WorkerSupervisor[] = [];
  readonly #parentId = randomUUID();
  readonly #ready = new Set<number>();
  readonly #accepting = new Set<number>();
  #onProgress: (() => void) | undefined;
  #namesPorts: { readonly dnsPort: number; readonly httpPort: number } | undefined;
  #namesKnown = false;
  #namesComplaint: string | undefined;
  #errorFile: number | undefined;
  #ticketKeys = randomBytes(TICKET_KEY_BYTES).toString('base64');
  #ticketTimer: Timer | undefined;
  /** There are certificates; and earlier workers' ports are free. */
  #httpsWanted = false;
  #portsFree = false;
  #httpsOpened = false;
  #keptHttpsPort = 0;

  constructor(private readonly options: ProxyParentOptions) {
    this.#holder = new ListenerHolder(options.lbAddress, options.log);
    this.#optional = new OptionalPorts(this.#holder, options.clock, options.log, (role) =>
      this.#sendFixed(role),
    );
  }

  /**
   * Resolves when every worker accepts connections. New workers are started and have their table before earlier ones
   * close their sockets, so that the gap is as short as closing and binding. Rejects with ListenError on a busy port.
   */
  async start(): Promise<ProxyStarted> {
    const { options } = this;
    const runDir = join(options.workDir, 'run');
    const proxyDir = join(options.workDir, 'proxy');
    for (const dir of [runDir, proxyDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#errorFile = openErrorFile(join(proxyDir, 'worker.log'));
    const former = await findFormerWorkers(runDir, options.log);
    const left = former.find(({ retiring }) => !retiring);
    // HAProxy serves on also when the process beside it is gone.
    const haproxy = runningHaproxy(options.workDir);
    const kept = left ?? haproxy;
    this.#keptHttpsPort = left?.httpsPort ?? 0;
    this.#ticketTimer = options.clock.every(TICKET_KEYS_PERIOD_MS, () => this.#renewTicketKeys());
    const lbPort = options.lbHttpPort || kept?.lbPort || 0;
    const statsPort = options.lbStatsPort || kept?.statsPort || 0;
    let ports: { lb: number; stats: number } | undefined;
    if (former.length === 0 && !haproxy) {
      ports = { lb: await this.#bind('lb', lbPort, 0), stats: await this.#bind('stats', statsPort, 0) };
      this.#openOptional(0);
    } else this.#holder.pause();
    for (let slot = 0; slot < options.workers; slot++) this.#startWorker(slot);
    if (!ports) {
      await this.#until(() => this.#ready.size === options.workers, 'the proxy workers do not start');
      const startedMs = options.clock.monotonicMs();
      await retireFormerWorkers(former, options.log);
      retireLeftHaproxy(options.workDir);
      ports = {
        lb: await this.#bind('lb', lbPort, BIND_PATIENCE_MS),
        stats: await this.#bind('stats', statsPort, BIND_PATIENCE_MS),
      };
      this.#openOptional(kept?.appIdPort ?? 0);
      this.#sendFixed();
      this.#holder.resume();
      const gapMs = Math.round(options.clock.monotonicMs() - startedMs);
      options.log.info('took over from earlier proxy workers', {
        workers: former.map(({ pid }) => pid),
        ...(haproxy && { haproxy: haproxy.master.pid }),
        gapMs,
      });
    }
    await this.#until(
      () => this.#accepting.size === options.workers,
      'the proxy workers do not accept connections',
    );
    if (options.names) await this.#until(() => this.#namesKnown, 'the name server says nothing');
    const names = this.#namesPorts;
    const appIdPort = this.#optional.port('app-id');
    const httpsPort = this.#optional.port('https');
    return {
      lbUrl: urlOf(options.lbAddress, ports.lb),
      statsUrl: urlOf(options.lbAddress, ports.stats),
      ...(appIdPort !== undefined && { appIdUrl: urlOf(options.lbAddress, appIdPort) }),
      ...(httpsPort !== undefined && { httpsUrl: urlOf(options.lbAddress, httpsPort, 'https') }),
      ...(names && {
        names: {
          dns: urlOf(options.lbAddress, names.dnsPort, 'dns'),
          http: urlOf(options.lbAddress, names.httpPort),
        },
      }),
      pids: this.pids(),
    };
  }

  /** `leaveWorkers`: they serve on without a parent, until the next one takes over. */
  async stop({ leaveWorkers }: { readonly leaveWorkers: boolean }): Promise<void> {
    if (leaveWorkers) for (const worker of this.#workers) worker.leave();
    else await Promise.all(this.#workers.map((worker) => worker.stop(STOP_LIMIT_MS)));
    this.#optional.stop();
    this.#ticketTimer?.cancel();
    this.#holder.close();
    if (this.#errorFile !== undefined) closeSync(this.#errorFile);
    this.#errorFile = undefined;
  }

  pids(): number[] {
    return this.#workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  #startWorker(slot: number): void {
    const { options } = this;
    const worker = new WorkerSupervisor({
      slot,
      entry: options.workerEntry,
      execArgv: options.execArgv,
      stderr: this.#errorFile ?? 2,
      writesOutput: options.telling?.accessLog?.to.kind === 'stdout',
      config: () => this.#config(slot),
      onStart: () => {
        this.#ready.delete(slot);
        this.#accepting.delete(slot);
        this.#holder.started(slot);
      },
      onMessage: (message) => this.#received(worker, slot, message),
      clock: options.clock,
      log: options.log,
    });
    this.#workers.push(worker);
    worker.start();
  }

  #received(worker: WorkerSupervisor, slot: number, message: ToParent): void {
    switch (message.type) {
      case 'READY':
        this.#ready.add(slot);
        this.#holder.sendFixed((fixed, socket) => worker.send(fixed, socket));
        this.#onProgress?.();
        break;
      case 'ACCEPTING':
        this.#accepting.add(slot);
        this.#onProgress?.();
        this.options.onAccepting?.();
        break;
      case 'NAMES_SERVED':
        this.#namesServed({ dns: message.dnsPort, http: message.httpPort });
        break;
      case 'NAMES_NOT_SERVED':
        this.#namesNotServed(message.reason);
        break;
      case 'LISTEN':
        this.#holder.listen(slot, message, (answer, socket) => worker.send(answer, socket));
        break;
      case 'DROP':
        this.#holder.drop(slot, message);
        break;
      case 'SYNCED':
        this.#holder.synced(slot);
        break;
      case 'HTTPS':
        this.#httpsWanted = true;
        this.#openHttps();
        break;
      case 'WHERE':
        worker.send({ type: 'SERVER', url: this.options.serverUrl() });
        break;
      case 'LOG':
        this.options.log[message.level](message.message, { ...message.fields, worker: worker.pid });
        break;
    }
  }

  #config(slot: number): WorkerConfig {
    const { workDir, token, hostname, logLevel, maxConnections, traffic, telling, lbCerts } = this.options;
    const httpsPort = this.#optional.port('https') ?? (this.options.lbHttpsPort || undefined);
    const names = this.options.names && { ...this.options.names, ...this.#namesPorts };
    return {
      type: 'CONFIG',
      slot,
      workers: this.options.workers,
      proxyId: `${this.#parentId}-${slot}`,
      workDir,
      serverUrl: this.options.serverUrl(),
      token,
      hostname,
      logLevel,
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(traffic && { traffic }),
      ...(telling && { telling }),
      tls: { ticketKeys: this.#ticketKeys, ...(lbCerts !== undefined && { folder: lbCerts }) },
      ...(httpsPort !== undefined && { httpsPort }),
      ...(slot === 0 && { datagrams: true as const }),
      ...(slot === 0 && names && { names }),
    };
  }

  #namesServed({ dns, http }: { dns: number; http: number }): void {
    if (this.#namesComplaint !== undefined) this.options.log.info('names are served now', { dns, http });
    this.#namesComplaint = undefined;
    // A worker that is started again takes the same ports, also where any was asked for.
    this.#namesPorts = { dnsPort: dns, httpPort: http };
    this.#namesKnown = true;
    this.#onProgress?.();
  }

  #namesNotServed(reason: string): void {
    if (this.#namesComplaint !== reason)
      this.options.log.warn(`names are not served: ${reason}; it is tried again, --disable-dns ends that`);
    this.#namesComplaint = reason;
    this.#namesKnown = true;
    this.#onProgress?.();
  }

  /** `kept`: the port that earlier workers had, for when any will do. */
  #openOptional(kept: number): void {
    this.#portsFree = true;
    this.#openHttps();
    const { lbAppIdPort } = this.options;
    if (lbAppIdPort === undefined) return;
    const what = 'the port for requests that name their app';
    this.#optional.open([{ role: 'app-id', port: lbAppIdPort || kept, what, flag: '--lb-app-id-port' }]);
  }

  /** Once there is a certificate, and for good: without any, handshakes fail. */
  #openHttps(): void {
    const { lbHttpsPort } = this.options;
    if (lbHttpsPort === undefined || !this.#httpsWanted || !this.#portsFree || this.#httpsOpened) return;
    this.#httpsOpened = true;
    const port = lbHttpsPort || this.#keptHttpsPort;
    this.#optional.open([{ role: 'https', port, what: 'the port for TLS', flag: '--lb-https-port' }]);
    this.#sendFixed('https');
  }

  #renewTicketKeys(): void {
    this.#ticketKeys = randomBytes(TICKET_KEY_BYTES).toString('base64');
    for (const worker of this.#workers) worker.send({ type: 'TICKET_KEYS', keys: this.#ticketKeys });
  }

  /** To every worker that is there. */
  #sendFixed(only?: FixedRole): void {
    for (const worker of this.#workers)
      this.#holder.sendFixed((message, socket) => worker.send(message, socket), only);
  }

  async #bind(role: 'lb' | 'stats', port: number, patienceMs: number): Promise<number> {
    const { clock } = this.options;
    const endMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      try {
        return this.#holder.bindFixed(role, port);
      } catch (error) {
        if (!(error instanceof BindError)) throw error;
        if (error.code !== 'EADDRINUSE' || clock.monotonicMs() >= endMs) {
          const flag = role === 'lb' ? '--lb-http-port' : '--lb-stats-port';
          throw new ListenError(
            `the load balancer cannot listen: ${error.message}; choose another with ${flag} (0 = any free one)`,
          );
        }
      }
      await new Promise<void>((again) => void clock.after(BIND_RETRY_MS, again));
    }
  }

  async #until(reached: () => boolean, what: string): Promise<void> {
    if (reached()) return;
    await new Promise<void>((resolve, reject) => {
      const limit = this.options.clock.after(START_TIMEOUT_MS, () => {
        this.#onProgress = undefined;
        reject(
          new Error(
            `${what} within ${START_TIMEOUT_MS / 1_000} s; see ${join(this.options.workDir, 'proxy', 'worker.log')}`,
          ),
        );
      });
      this.#onProgress = () => {
        if (!reached()) return;
        limit.cancel();
        this.#onProgress = undefined;
        resolve();
      };
    });
  }
}

/** Takes what workers write when they have no parent, or crash; bounded by emptying it at a start. */
function openErrorFile(path: string): number {
  const file = openSync(path, 'a', 0o600);
  if (statSync(path).size > MAX_ERROR_FILE_BYTES) truncateSync(path);
  return file;
}
