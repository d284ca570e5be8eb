import { accessSync, closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { ListenError, urlOf } from '../../util/listen.js';
import { haproxyId, runningHaproxy } from '../haproxy/haproxy-process.js';
import { type FormerWorker, findFormerWorkers, retireFormerWorkers } from './former-workers.js';
import type { ProxyParentOptions, ProxyStarted } from './proxy-parent.js';
import type { HaproxySettings, ToParent } from './worker-messages.js';
import { WorkerSupervisor } from './worker-supervisor.js';

const START_TIMEOUT_MS = 30_000;
const STOP_LIMIT_MS = 3_000;
const BIND_RETRY_MS = 20;
const BIND_PATIENCE_MS = 5_000;
/** Debian keeps it where ordinary users' PATH does not lead. */
const USUAL_PLACES = ['/usr/sbin', '/usr/local/sbin'];

export interface HaproxyParentOptions extends ProxyParentOptions {
  /** The program; absent: looked for on the PATH. */
  readonly haproxyPath?: string;
  /** HAProxy's language in labels goes into its configuration. */
  readonly rawLabels?: boolean;
}

/** Where HAProxy is. Throws when it is nowhere. */
export function findHaproxy(asked: string | undefined): string {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), ...USUAL_PLACES].map((dir) =>
    join(dir, 'haproxy'),
  );
  for (const path of asked === undefined ? places : [asked]) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next place, or the error below.
    }
  }
  throw new ListenError(
    asked === undefined
      ? 'there is no haproxy on the PATH; install it, name it with --haproxy-path, or use --lb builtin'
      : `${asked} is no program that can be run; see --haproxy-path`,
  );
}

/** The load balancer on one host, carried by HAProxy: keeps the process beside it alive. HAProxy outlives both. */
export class HaproxyParent {
  #worker: WorkerSupervisor | undefined;
  #onProgress: (() => void) | undefined;
  #accepting = false;
  #https = false;
  #names: { readonly dnsPort: number; readonly httpPort: number } | undefined;
  #namesKnown = false;
  #errorFile: number | undefined;
  /** Workers of the built-in load balancer that serve until HAProxy does. */
  #replaces: readonly FormerWorker[] = [];
  readonly #proxyId: string;

  constructor(private readonly options: HaproxyParentOptions) {
    this.#proxyId = haproxyId(options.workDir);
  }

  /**
   * Resolves when HAProxy serves. A HAProxy that an earlier parent left goes on without a gap; workers of the built-in load balancer
   * serve until HAProxy's configuration is ready. Rejects with ListenError.
   */
  async start(): Promise<ProxyStarted> {
    const { options } = this;
    const path = findHaproxy(options.haproxyPath);
    const runDir = join(options.workDir, 'run');
    const proxyDir = join(options.workDir, 'proxy');
    for (const dir of [runDir, proxyDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#errorFile = openSync(join(proxyDir, 'worker.log'), 'a', 0o600);
    const former = await findFormerWorkers(runDir, options.log);
    const left = former.find(({ retiring }) => !retiring);
    await retireFormerWorkers(
      former.filter(({ plane }) => plane === 'haproxy'),
      options.log,
      true,
    );
    this.#replaces = former.filter(({ plane, retiring }) => plane !== 'haproxy' && !retiring);
    const ports = await this.#ports(left);
    this.#startWorker({
      path,
      address: options.lbAddress,
      ports,
      threads: options.workers,
      rawLabels: options.rawLabels === true,
    });
    await this.#until(() => this.#accepting, 'HAProxy does not serve');
    if (options.names) await this.#until(() => this.#namesKnown, 'the name server says nothing');
    const url = (at: number, scheme?: 'dns'): string => urlOf(options.lbAddress, at, scheme);
    return {
      lbUrl: url(ports.lbPort),
      statsUrl: url(ports.statsPort),
      ...(ports.appIdPort !== undefined && { appIdUrl: url(ports.appIdPort) }),
      ...(this.#https &&
        ports.httpsPort !== undefined && {
          httpsUrl: urlOf(options.lbAddress, ports.httpsPort, 'https'),
        }),
      ...(this.#names && {
        names: { dns: url(this.#names.dnsPort, 'dns'), http: url(this.#names.httpPort) },
      }),
      pids: this.pids(),
    };
  }

  /** The ports asked for, else those of `left` or of a HAProxy that still runs. What these have is ours. */
  async #ports(left: FormerWorker | undefined): Promise<HaproxySettings['ports']> {
    const { options } = this;
    const running = runningHaproxy(options.workDir);
    const kept = running ?? left;
    const [replaced] = this.#replaces;
    const port = async (
      asked: number,
      before: number | undefined,
      ours: readonly (number | undefined)[],
      flag: string,
    ): Promise<number> => {
      const wanted = asked || before || 0;
      return wanted !== 0 && ours.includes(wanted) ? wanted : this.#freePort(wanted, flag);
    };
    const lbPort = await port(
      options.lbHttpPort,
      kept?.lbPort,
      [running?.lbPort, replaced?.lbPort],
      '--lb-http-port',
    );
    const statsPort = await port(
      options.lbStatsPort,
      kept?.statsPort,
      [replaced?.statsPort],
      '--lb-stats-port',
    );
    const httpsPort = await this.#httpsPort(running?.httpsPort ?? left?.httpsPort);
    const fixed = { lbPort, statsPort, ...(httpsPort !== undefined && { httpsPort }) };
    if (options.lbAppIdPort === undefined) return fixed;
    const ours = [running?.appIdPort, replaced?.appIdPort];
    try {
      const appIdPort = await port(options.lbAppIdPort, kept?.appIdPort, ours, '--lb-app-id-port');
      return { ...fixed, appIdPort };
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      options.log.warn(error.message);
      return fixed;
    }
  }

  /** Nobody looks whether it is free before there is a certificate: then HAProxy binds it, and says when it cannot. */
  async #httpsPort(before: number | undefined): Promise<number | undefined> {
    const { lbHttpsPort } = this.options;
    if (lbHttpsPort === undefined) return undefined;
    return lbHttpsPort || before || this.#freePort(0, '--lb-https-port');
  }

  /** `leaveWorkers`: HAProxy and the process beside it go on, until the next parent takes over. */
  async stop({ leaveWorkers }: { readonly leaveWorkers: boolean }): Promise<void> {
    if (leaveWorkers) this.#worker?.leave();
    else await this.#worker?.stop(STOP_LIMIT_MS);
    if (this.#errorFile !== undefined) closeSync(this.#errorFile);
    this.#errorFile = undefined;
  }

  pids(): number[] {
    const pid = this.#worker?.pid;
    return pid === undefined ? [] : [pid];
  }

  #startWorker(haproxy: HaproxySettings): void {
    const { options } = this;
    const { workDir, token, hostname, logLevel, maxConnections, traffic, telling } = options;
    const worker = new WorkerSupervisor({
      slot: 0,
      entry: options.workerEntry,
      execArgv: options.execArgv,
      stderr: this.#errorFile ?? 2,
      config: () => ({
        type: 'CONFIG',
        slot: 0,
        proxyId: this.#proxyId,
        workDir,
        serverUrl: options.serverUrl(),
        token,
        hostname,
        logLevel,
        haproxy: { ...haproxy, ...(this.#replaces.length > 0 && { replaces: this.#replaces }) },
        ...(maxConnections !== undefined && { maxConnections }),
        ...(traffic && { traffic }),
        ...(telling && { telling }),
        ...(options.lbCerts !== undefined && { tls: { folder: options.lbCerts, ticketKeys: '' } }),
        ...(options.names && { names: { ...options.names, ...this.#names } }),
      }),
      onStart: () => {
        this.#accepting = false;
      },
      onMessage: (message) => this.#received(message),
      clock: options.clock,
      log: options.log,
    });
    this.#worker = worker;
    worker.start();
  }

  #received(message: ToParent): void {
    switch (message.type) {
      case 'ACCEPTING':
        this.#accepting = true;
        this.#replaces = [];
        this.options.onAccepting?.();
        break;
      case 'HTTPS':
        this.#https = true;
        break;
      case 'NAMES_SERVED':
        this.#names = { dnsPort: message.dnsPort, httpPort: message.httpPort };
        this.#namesKnown = true;
        break;
      case 'NAMES_NOT_SERVED':
        this.options.log.warn(`names are not served: ${message.reason}; it is tried again`);
        this.#namesKnown = true;
        break;
      case 'WHERE':
        this.#worker?.send({ type: 'SERVER', url: this.options.serverUrl() });
        break;
      case 'LOG':
        this.options.log[message.level](message.message, { ...message.fields, worker: this.#worker?.pid });
        break;
      default:
        break;
    }
    this.#onProgress?.();
  }

  /** The port itself when it can be bound, or any free one for 0. Earlier workers may still be closing theirs. */
  async #freePort(wanted: number, flag: string): Promise<number> {
    const { clock, lbAddress } = this.options;
    const endMs = clock.monotonicMs() + BIND_PATIENCE_MS;
    for (;;) {
      try {
        return await bindable(wanted, lbAddress);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || clock.monotonicMs() >= endMs)
          throw new ListenError(
            `the load balancer cannot listen: ${(error as Error).message}; choose another with ${flag} (0 = any free one)`,
          );
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
            `${what} within ${START_TIMEOUT_MS / 1_000} s; see ${join(this.options.workDir, 'proxy')}`,
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

function bindable(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}
