import { join } from 'node:path';
import type { Settings } from '../config/settings.js';
import { openWorkDir, type WorkDir } from '../config/work-dir.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import { LockHeld, PidLock } from '../util/pid-lock.js';
import { trafficSettings } from './balancer-options.js';
import { entries, execArgv } from './entries.js';
import { type BalancerParent, makeProxyParent } from './make-proxy-parent.js';
import { namesSettings, namesUrls } from './names-settings.js';
import type { FromChild, StopMode } from './process-messages.js';
import { writeReadyFile } from './ready-file.js';
import { SupervisedChild } from './supervised-child.js';
import { tellingSettings } from './telling-settings.js';

export interface UpIo {
  /** A line for the person at the terminal. */
  say(line: string): void;
  complain(line: string): void;
  exit(code: number): void;
}

/** Ports that were 0 get fixed at the first start, so that a restarted child comes back at the same place. */
function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Time a stopping agent gets beyond its tasks' own grace. */
const STOP_LIMIT_MS = 10 * 60_000;
const SERVER_STOP_LIMIT_MS = 15_000;

/**
 * `longrun up`: the parent of everything on one machine. It holds the load balancer's listening sockets, starts and
 * restarts server, agent and proxy workers, and ends them in order. It serves nothing itself.
 */
export class Up {
  #settings: Settings;
  readonly #workDir: WorkDir;
  #lock: PidLock | undefined;
  readonly #server: SupervisedChild;
  readonly #agent: SupervisedChild;
  #proxy: BalancerParent | undefined;
  #serverUrls: Readonly<Record<string, string>> | undefined;
  #agentUrls: Readonly<Record<string, string>> | undefined;
  #proxyUrls: { lb: string; stats: string } | undefined;
  #announced = false;
  #stopping: StopMode | undefined;
  #quiesced: (() => void) | undefined;
  /** The agent has been told to end; before that a hurry would make it end early and be started again. */
  #agentEnds = false;

  constructor(
    settings: Settings,
    private readonly io: UpIo,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#settings = settings;
    this.#workDir = openWorkDir(settings.workDir);
    this.#server = new SupervisedChild({
      name: 'server',
      entry: entries.server,
      execArgv: execArgv.server,
      start: () => ({ type: 'start', settings: this.#settings }),
      onMessage: (message) => this.#fromServer(message),
      clock,
      log,
    });
    this.#agent = new SupervisedChild({
      name: 'agent',
      entry: entries.agent,
      execArgv: execArgv.small,
      start: () => ({
        type: 'start',
        settings: this.#settings,
        serverUrl: this.#serverUrls?.['master'] ?? '',
      }),
      onMessage: (message) => this.#fromAgent(message),
      clock,
      log,
    });
  }

  /** Takes the work dir and starts everything. False when another `up` holds it (said to the person already). */
  start(): boolean {
    try {
      this.#lock = PidLock.take(join(this.#workDir.run, 'up.lock'));
    } catch (error) {
      if (!(error instanceof LockHeld)) throw error;
      this.io.complain(
        `Another longrun (process ${error.holder.pid}) is already up on ${this.#workDir.path}; stop it with \`longrun down\`, or give this one its own --work-dir.`,
      );
      return false;
    }
    this.io.say(`work dir: ${this.#workDir.path}`);
    this.#server.start();
    return true;
  }

  #fromServer(message: FromChild): void {
    switch (message.type) {
      case 'ready': {
        const first = this.#serverUrls === undefined;
        this.#serverUrls = message.urls;
        this.#settings = {
          ...this.#settings,
          httpPort: portOf(message.urls['api'] ?? ''),
          masterPort: portOf(message.urls['master'] ?? ''),
        };
        if (first) this.#startOthers();
        this.#refreshReadyFile();
        break;
      }
      case 'quiesced':
        this.#quiesced?.();
        break;
      case 'down':
        void this.stop(message.mode);
        break;
      case 'fatal':
        this.#fatal(message.message);
        break;
    }
  }

  #fromAgent(message: FromChild): void {
    if (message.type === 'ready') {
      this.#agentUrls = message.urls;
      this.#settings = { ...this.#settings, agentPort: portOf(message.urls['agent'] ?? '') };
      this.#announce();
      this.#refreshReadyFile();
    } else if (message.type === 'fatal') {
      this.#fatal(message.message);
    }
  }

  #startOthers(): void {
    this.#agent.start();
    const { lbAddress, lbHttpPort, lbStatsPort, lbAppIdPort, lbHttpsPort, lbCerts, lbWorkers } =
      this.#settings;
    const names = namesSettings(this.#settings);
    this.#proxy = makeProxyParent(this.#settings, {
      workDir: this.#workDir.path,
      lbAddress,
      lbHttpPort,
      lbStatsPort,
      lbAppIdPort,
      lbHttpsPort,
      ...(lbCerts !== undefined && { lbCerts }),
      workers: lbWorkers,
      workerEntry: entries.proxyWorker,
      execArgv: [...execArgv.proxy],
      serverUrl: () => this.#serverUrls?.['master'] ?? '',
      token: this.#workDir.token,
      hostname: this.#settings.hostname,
      ...(names && { names }),
      traffic: trafficSettings(this.#settings),
      telling: tellingSettings(this.#settings),
      logLevel: this.#settings.logLevel,
      logFormat: this.#settings.logFormat,
      clock: this.clock,
      log: this.log.child('proxy'),
      onAccepting: () => this.#refreshReadyFile(),
    });
    this.#proxy.start().then(
      ({ lbUrl, statsUrl, appIdUrl, httpsUrl, names: served }) => {
        this.#proxyUrls = {
          lb: lbUrl,
          stats: statsUrl,
          ...(httpsUrl && { 'lb-https': httpsUrl }),
          ...(appIdUrl && { apps: appIdUrl }),
          ...namesUrls(served),
        };
        this.#announce();
      },
      (error: unknown) => this.#fatal(error instanceof Error ? error.message : String(error)),
    );
  }

  #announce(): void {
    const server = this.#serverUrls;
    if (this.#announced || !server || !this.#agentUrls || !this.#proxyUrls || this.#stopping) return;
    const urls = { ...server, ...this.#agentUrls, ...this.#proxyUrls };
    try {
      this.#writeReadyFile(urls);
    } catch (error) {
      this.#fatal(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#announced = true;
    const listed = Object.entries(urls).map(([name, url]) => `${name} ${url}`);
    this.io.say(`longrun is ready: ${listed.join(', ')}`);
  }

  #writeReadyFile(urls: Readonly<Record<string, string>>): void {
    if (!this.#settings.readyFile) return;
    writeReadyFile(this.#settings.readyFile, {
      urls,
      pids: {
        parent: process.pid,
        server: this.#server.pid,
        agent: this.#agent.pid,
        proxy: this.#proxy?.pids() ?? [],
      },
    });
  }

  /** A part was started again: its process id is another one now. That the file cannot be written ends nothing. */
  #refreshReadyFile(): void {
    if (!this.#announced || this.#stopping) return;
    try {
      this.#writeReadyFile({ ...this.#serverUrls, ...this.#agentUrls, ...this.#proxyUrls });
    } catch (error) {
      this.log.warn('the ready file still tells the process ids of before', { error: String(error) });
    }
  }

  /** Something that a restart will not mend: before everything is up that ends the start, afterwards it is retried. */
  #fatal(message: string): void {
    if (this.#stopping) return;
    if (this.#announced) {
      this.log.error(message);
      return;
    }
    void this.stop('leave-tasks', 1, message);
  }

  /**
   * Ends everything in order: launches first, then the tasks (if asked), then the rest. A repeated call hurries.
   *
   * @param lastWords what went wrong; told last, where people look
   */
  async stop(mode: StopMode, exitCode = 0, lastWords?: string): Promise<void> {
    if (this.#stopping) {
      if (mode !== 'leave-tasks') this.#hurry();
      return;
    }
    this.#stopping = mode;
    if (mode === 'leave-tasks') {
      if (this.#announced)
        this.io.say('stopping; tasks and the load balancer go on, the next `longrun up` takes over');
      // Workers that are left go on by themselves from here on: what they lose is no news for whoever stopped the rest.
      await this.#proxy?.stop({ leaveWorkers: this.#announced });
      await Promise.all([
        this.#agent.stop({ type: 'stop', mode }, SERVER_STOP_LIMIT_MS),
        this.#server.stop({ type: 'stop', mode }, SERVER_STOP_LIMIT_MS),
      ]);
    } else {
      this.io.say('stopping everything; tasks get their grace period (again Ctrl-C: at once)');
      await this.#quiesce();
      this.#agentEnds = true;
      // Read again: a second Ctrl-C may have come meanwhile.
      await this.#agent.stop({ type: 'stop', mode: this.#stopping }, STOP_LIMIT_MS);
      await this.#proxy?.stop({ leaveWorkers: false });
      await this.#server.stop({ type: 'stop', mode }, SERVER_STOP_LIMIT_MS);
    }
    this.#lock?.release();
    if (lastWords !== undefined) this.io.complain(lastWords);
    this.io.exit(exitCode);
  }

  #hurry(): void {
    this.#stopping = 'kill-now';
    if (this.#agentEnds) this.#agent.send({ type: 'stop', mode: 'kill-now' });
  }

  /** The server stops launching; bounded, since a dead server launches nothing either. */
  async #quiesce(): Promise<void> {
    if (this.#server.pid === undefined) return;
    await new Promise<void>((done) => {
      const limit = this.clock.after(3_000, done);
      this.#quiesced = () => {
        limit.cancel();
        done();
      };
      this.#server.send({ type: 'quiesce' });
    });
  }
}
