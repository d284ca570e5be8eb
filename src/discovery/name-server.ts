import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import type { AppId } from '../apps/app.js';
import { parseResolver } from '../config/resolvers.js';
import type { Log } from '../logging/log.js';
import type { Clock } from '../util/clock.js';
import type { Dice } from '../util/ids.js';
import { listen } from '../util/listen.js';
import { addressRecord, type NameRecord } from './decide/app-records.js';
import { discoveryListener } from './discovery-http.js';
import { DnsServer } from './dns-server.js';
import type { AppEndpoints } from './endpoint.js';
import { Forwarder } from './forwarder.js';
import { NamesCache } from './names-cache.js';
import type { NamesMessage, NamesSettings } from './names-message.js';
import { Zone } from './zone.js';

/** The framework under whose name Marathon's tasks are looked for. */
const FRAMEWORK = 'marathon';

export interface NameServerOptions {
  readonly settings: NamesSettings;
  readonly cacheFile: string;
  readonly bootId: string;
  readonly hostAllowed: (host: string, localPort: number) => boolean;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: Log;
}

/**
 * Serves names by DNS and HTTP as the server last told them: while it is away, and from the cache after a restart of this
 * process.
 */
export class NameServer {
  readonly zone: Zone;
  readonly #apps = new Map<AppId, AppEndpoints>();
  readonly #cache: NamesCache;
  readonly #dns: DnsServer;
  /** During a series: apps that it has not named yet. */
  #unnamed: Set<AppId> | undefined;
  #leader: NamesMessage['leader'];
  #http: Server | undefined;

  constructor(private readonly options: NameServerOptions) {
    const { settings, clock, dice, log } = options;
    this.zone = new Zone({ domain: settings.domain, framework: FRAMEWORK, digest: taskDigest });
    this.#cache = new NamesCache(options.cacheFile, options.bootId, clock, log);
    const resolvers = settings.resolvers.flatMap((text) => parseResolver(text) ?? []);
    this.#dns = new DnsServer({
      zone: this.zone,
      address: settings.address,
      port: settings.dnsPort,
      ttl: settings.ttl,
      ...(resolvers.length > 0 && { forwarder: new Forwarder(resolvers, clock) }),
      clock,
      dice,
      log,
    });
  }

  /** What was known before this process began. */
  load(): void {
    const cached = this.#cache.load();
    if (cached) this.#take(cached);
  }

  /** Resolves with both ports. Rejects with ListenError when one is taken. */
  async listen(): Promise<{ readonly dns: number; readonly http: number }> {
    const { settings, hostAllowed } = this.options;
    const dns = await this.#dns.start();
    const http = createServer();
    http.requestTimeout = 10_000;
    http.maxConnections = 256;
    try {
      const port = await listen(http, {
        address: settings.address,
        port: settings.httpPort,
        what: 'names over HTTP',
        flag: '--dns-http-port',
      });
      http.on(
        'request',
        discoveryListener({
          zone: this.zone,
          apps: () => this.#apps.values(),
          version: settings.version,
          config: { ...settings, dnsPort: dns, httpPort: port },
          isOwnHost: (host) => hostAllowed(host, port),
        }),
      );
      this.#http = http;
      return { dns, http: port };
    } catch (error) {
      await this.#dns.stop();
      throw error;
    }
  }

  /** News from the server. */
  apply(message: NamesMessage): void {
    this.#take(message);
    this.#cache.changed(() => ({
      type: 'NAMES',
      series: 'only',
      apps: [...this.#apps.values()],
      ...(this.#leader && { leader: this.#leader }),
    }));
  }

  #take({ series, apps, leader }: NamesMessage): void {
    if (series === 'first' || series === 'only') this.#unnamed = new Set(this.#apps.keys());
    for (const app of apps) {
      this.#unnamed?.delete(app.appId);
      if (app.endpoints.length === 0) this.#forget(app.appId);
      else {
        this.#apps.set(app.appId, app);
        this.zone.setApp(app);
      }
    }
    if (series === 'last' || series === 'only') {
      for (const appId of this.#unnamed ?? []) this.#forget(appId);
      this.#unnamed = undefined;
    }
    if (!leader) return;
    this.#leader = leader;
    this.zone.setSystem(leaderRecords(leader, this.options.settings.domain));
  }

  #forget(appId: AppId): void {
    this.#apps.delete(appId);
    this.zone.removeApp(appId);
  }

  /** Closes the ports; names are not written any more. */
  async stop(): Promise<void> {
    this.#cache.stop();
    this.#http?.closeAllConnections();
    this.#http?.close();
    await this.#dns.stop();
  }
}

/** `leader.mesos` and `master.mesos`, and where the master's port is, as Mesos-DNS has them. */
function leaderRecords(
  { address, port }: NonNullable<NamesMessage['leader']>,
  domain: string,
): readonly NameRecord[] {
  if (isIP(address) === 0) return [];
  const target = `leader.${domain}`;
  return [
    addressRecord(target, address),
    addressRecord(`master.${domain}`, address),
    { type: 'SRV', name: `_leader._tcp.${domain}`, target, port },
    { type: 'SRV', name: `_master._tcp.${domain}`, target, port },
  ];
}

/** Twelve letters and digits that depend on the task's id only. */
export function taskDigest(taskId: string): string {
  const digits = createHash('sha256').update(taskId).digest('hex').slice(0, 16);
  return BigInt(`0x${digits}`).toString(36).padStart(12, '0').slice(-12);
}
