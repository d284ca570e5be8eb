import type { AppId } from '../../apps/app.js';
import type { AppRegistry } from '../../apps/app-registry.js';
import type { CertificateFeed } from '../../certificates/certificate-feed.js';
import type { NamesFeed } from '../../discovery/names-feed.js';
import type { Log } from '../../logging/log.js';
import type { AgentId, Instance } from '../../scheduler/instance.js';
import type { Drainer, InstanceChange, InstanceReadModel } from '../../scheduler/scheduler.js';
import { AwakeTime } from '../../util/awake-time.js';
import type { Clock, Timer } from '../../util/clock.js';
import type { AcceptedLine } from '../../util/line/line.js';
import { drainLimitOf, HTTP_DRAIN_MS } from '../decide/build-table.js';
import type { ServiceStats } from '../stats/proxy-stats.js';
import type { TrafficReport } from '../stats/traffic-report.js';
import type { FromProxy, RoutingTable, ToProxy } from '../table.js';
import type { ConnectedProxy } from './connected-proxy.js';
import { type DrainWait, DrainWaits } from './drain-waits.js';
import type { ProxyMemory } from './former-proxies.js';
import { PortRests } from './port-rests.js';
import { ProxyFleet, type ProxyStatus } from './proxy-fleet.js';
import { TableBook } from './table-book.js';
import { type AppTraffic, TrafficBook, type TrafficSummary } from './traffic-book.js';

export interface ProxyControlSettings {
  /** How long a silent proxy is waited for. */
  readonly leaseMs?: number;
  /** Groups the proxies serve (`HAPROXY_GROUP`); `*` serves all. */
  readonly groups?: readonly string[];
  /** Changes are collected for so long before they are pushed; longer when building the table takes longer. */
  readonly coalesceMs?: number;
}

export interface ProxyControlOptions {
  readonly registry: AppRegistry;
  readonly instances: InstanceReadModel;
  /** Boot id of an agent's host, undefined while unknown. */
  bootId(agentId: AgentId): string | undefined;
  /** Grows with every start of the server. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory?: ProxyMemory;
  /** For proxies that serve names. */
  readonly names?: NamesFeed;
  readonly certificates?: Pick<CertificateFeed, 'follow'>;
  readonly settings?: ProxyControlSettings;
}

/** A service port that is not served, and why. */
export interface NotServed {
  readonly port: number;
  readonly reason: string;
}

const LEASE_MS = 10_000;
const COALESCE_MS = 2;
/** At most this part of the time is spent on building tables. */
const BUILD_SHARE = 4;
const LONGEST_COALESCE_MS = 250;
const TICK_MS = 500;
/** A gap between two ticks longer than this was a sleep. */
const LONGEST_GAP_MS = 2 * TICK_MS;
/** What a drain may last beyond its limit and a lease. */
const DRAIN_SLACK_MS = 5_000;

/**
 * The server's end of the load balancer.
 *
 * INVARIANTS
 * - Nothing is pushed before `start`, and the first push is the whole table: a server restart never empties a pool.
 * - `drain` resolves only when every leased proxy confirmed a table without the task, or its lease ran out, or the drain
 *   was aborted; a proxy of the former server's time counts as leased until it came back or a lease has passed.
 * - A version is pushed once per proxy and in order; a proxy that says HELLO gets a snapshot.
 */
export class ProxyControl implements Drainer {
  readonly #book: TableBook;
  readonly #fleet: ProxyFleet;
  readonly #waits = new DrainWaits();
  readonly #rests = new PortRests();
  readonly #traffic = new TrafficBook();
  /** All waiting is measured awake: a server that slept has not read what the proxies said meanwhile. */
  readonly #awake: AwakeTime;
  readonly #leaseMs: number;
  readonly #dirty = new Set<AppId>();
  readonly #bootless = new Map<AgentId, Set<AppId>>();
  /** Apps that are stored but could not be read: the proxies keep what they know of them. */
  readonly #unreadable = new Set<AppId>();
  readonly #timers: Timer[] = [];
  #flushTimer: Timer | undefined;
  #lastBuildMs = 0;
  #started = false;
  #stopped = false;
  #unsubscribe: (() => void)[] = [];

  constructor(private readonly options: ProxyControlOptions) {
    const { registry, instances, settings } = options;
    this.#leaseMs = settings?.leaseMs ?? LEASE_MS;
    this.#awake = new AwakeTime(options.clock, LONGEST_GAP_MS);
    this.#fleet = new ProxyFleet({
      leaseMs: this.#leaseMs,
      memory: options.memory,
      log: options.log,
      nowMs: () => this.#awake.nowMs(),
    });
    this.#book = new TableBook(options.epoch, {
      record: (appId) => registry.get(appId),
      instances: (appId) => instances.ofApp(appId),
      bootId: (agentId) => options.bootId(agentId),
      groups: settings?.groups ?? ['*'],
      unreadable: () => this.#unreadable,
    });
  }

  /** Builds the table from what is loaded and follows every change from now on. Call when instances are loaded. */
  start(): void {
    const { registry, instances, clock } = this.options;
    this.#unsubscribe.push(
      registry.onChange((changes) => {
        const found = changes.filter(({ appId }) => this.#unreadable.delete(appId));
        for (const { appId } of changes) this.#mark(appId);
        if (found.length > 0) this.#sendSnapshots();
      }),
      instances.onChange((change) => this.#instanceChanged(change)),
    );
    for (const { app } of registry.all()) this.#dirty.add(app.id);
    for (const appId of registry.setAside?.keys() ?? []) this.#unreadable.add(appId as AppId);
    this.#started = true;
    this.#timers.push(
      clock.every(TICK_MS, () => this.#tick()),
      this.#awake.after(this.#leaseMs, () => {
        this.#fleet.formerLeasePassed();
        this.#waits.recheck(this.#fleet, this.#awake.nowMs());
      }),
    );
    this.#flush();
    this.#sendSnapshots();
  }

  /** Ends everything; drains in progress end at once. */
  stop(): void {
    this.#stopped = true;
    this.#flushTimer?.cancel();
    for (const timer of this.#timers) timer.cancel();
    for (const end of this.#unsubscribe) end();
    for (const wait of this.#waits.all()) wait.done(this.#fleet.inFlight(wait.taskId));
    this.#fleet.close();
  }

  /** Takes a new line from a proxy (LineServer's `onLine` for PROXY_LINE_PATH). */
  acceptLine(line: AcceptedLine<FromProxy, ToProxy>): void {
    const proxy = this.#fleet.accept(line);
    line.handlers = {
      onReset: () => undefined,
      onMessage: (message) => this.#received(proxy, message),
      onConnected: () => line.send({ type: 'LEASE', leaseMs: this.#leaseMs }),
      onDisconnected: (reason) =>
        this.options.log.info('a proxy lost its line', { proxy: proxy.proxyId, reason }),
    };
  }

  async drain(
    instance: Instance,
    aborted: AbortSignal,
  ): Promise<{ readonly inFlight: number; readonly waitedMs: number }> {
    const taskId = instance.task?.id;
    const startedMs = this.#awake.nowMs();
    if (!taskId || this.#stopped) return { inFlight: 0, waitedMs: 0 };
    this.#book.unroute(taskId);
    const known = this.#book.drainMs(taskId);
    const untouched = known === undefined && this.#fleet.confirmed >= 1 && this.#fleet.inFlight(taskId) === 0;
    if (aborted.aborted || untouched) return { inFlight: this.#fleet.inFlight(taskId), waitedMs: 0 };
    this.#mark(instance.appId);
    const drainMs = known ?? this.#limitOf(instance.appId);
    return new Promise((resolve) => {
      const timers: Timer[] = [];
      const end = (inFlight: number): void => {
        this.#waits.remove(wait);
        for (const timer of timers) timer.cancel();
        aborted.removeEventListener('abort', abort);
        resolve({ inFlight, waitedMs: this.#awake.nowMs() - startedMs });
      };
      const abort = (): void => end(this.#fleet.inFlight(taskId));
      const wait: DrainWait = {
        taskId,
        startedMs,
        drainMs,
        target: undefined,
        unroutedMs: undefined,
        unrouted: () => timers.push(this.#awake.after(drainMs, abort)),
        done: end,
      };
      this.#waits.add(wait);
      timers.push(this.#awake.after(drainMs + this.#leaseMs + DRAIN_SLACK_MS, abort));
      aborted.addEventListener('abort', abort, { once: true });
    });
  }

  /** For a task that left the table under an earlier server: what its app asks for; of an unknown app, the longest there is by default. */
  #limitOf(appId: AppId): number {
    const record = this.options.registry.get(appId);
    return record ? drainLimitOf(record.app) : HTTP_DRAIN_MS;
  }

  portResting(agentId: AgentId, port: number): boolean {
    if (this.#dirty.size > 0 && this.#started) this.#flush();
    this.#rests.release(this.#fleet.confirmed, this.#awake.nowMs());
    return this.#rests.has(agentId, port);
  }

  /** The agent's host is known now (it registered): servers of unknown boot get their boot id. */
  agentKnown(agentId: AgentId): void {
    for (const appId of this.#bootless.get(agentId) ?? []) this.#mark(appId);
    this.#bootless.delete(agentId);
  }

  /** Service ports of the app that are not served, by the table's own rules or because a proxy could not bind them. */
  notServed(appId: AppId): readonly NotServed[] {
    const found: NotServed[] = [];
    for (const { service, notBound } of this.#book.servicesOf(appId)) {
      const port = service.servicePort;
      if (notBound !== undefined) found.push({ port, reason: notBound });
      else {
        for (const proxy of this.#fleet.all) {
          const reason = proxy.notServed[port];
          if (reason !== undefined) found.push({ port, reason: `${reason} (proxy on ${proxy.host})` });
        }
      }
    }
    return found;
  }

  /** What proxies leave out of an app that they serve, in sentences. */
  servedInPart(appId: AppId): readonly string[] {
    return this.#book.servicesOf(appId).flatMap(({ service: { servicePort } }) =>
      [...this.#fleet.all].flatMap((proxy) => {
        const what = proxy.servedInPart[servicePort];
        return what === undefined ? [] : [`service port ${servicePort}: ${what} (proxy on ${proxy.host})`];
      }),
    );
  }

  /** Every proxy with a line, with its last statistics. */
  stats(): readonly ProxyStatus[] {
    return this.#fleet.statuses();
  }

  /** How requests to the app went in the last minute; undefined: there were none, or no proxy has told yet. */
  traffic(appId: AppId): AppTraffic | undefined {
    return this.#traffic.of(appId, this.#awake.nowMs());
  }

  /** Apps that had requests lately. */
  trafficApps(): Iterable<AppId> {
    return this.#traffic.apps();
  }

  /** How requests to each version of the app went in the last minute. */
  versionTraffic(appId: AppId): ReadonlyMap<string, TrafficSummary> {
    return this.#traffic.versions(appId, this.#awake.nowMs());
  }

  /** The table as it was last pushed. */
  table(): RoutingTable {
    return this.#book.snapshot();
  }

  #instanceChanged({ before, after }: InstanceChange): void {
    const task = before?.task?.id;
    if (task !== undefined && after?.task?.id !== task) this.#book.forgetTask(task);
    const appId = (after ?? before)?.appId;
    if (appId !== undefined) this.#mark(appId);
  }

  #mark(appId: AppId): void {
    this.#dirty.add(appId);
    if (this.#flushTimer || !this.#started || this.#stopped) return;
    const asked = this.options.settings?.coalesceMs ?? COALESCE_MS;
    const waitMs = Math.min(LONGEST_COALESCE_MS, Math.max(asked, this.#lastBuildMs * BUILD_SHARE));
    this.#flushTimer = this.options.clock.after(waitMs, () => this.#flush());
  }

  #flush(): void {
    const { clock } = this.options;
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    const startedMs = clock.monotonicMs();
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    const { delta, patched, left } = this.#book.rebuild(dirty);
    for (const appId of dirty) this.#noteBootless(appId);
    this.#lastBuildMs = clock.monotonicMs() - startedMs;
    if (left.length > 0) this.#rests.add(left, this.#book.version, this.#awake.nowMs());
    this.#waits.flushed(this.#book.version);
    if (delta) {
      for (const proxy of this.#fleet.all) {
        if (proxy.sent !== delta.from) continue;
        proxy.sent = delta.to;
        proxy.line.send({ type: 'DELTA', delta: (proxy.patches && patched) || delta });
      }
    }
    this.#progressed();
  }

  #noteBootless(appId: AppId): void {
    const agents = new Set<AgentId>();
    const bootless = this.#book
      .servicesOf(appId)
      .some(({ service }) => service.servers.some(({ bootId }) => bootId === ''));
    if (!bootless) return;
    for (const { task } of this.options.instances.ofApp(appId)) if (task) agents.add(task.agentId);
    for (const agentId of agents) {
      if (this.options.bootId(agentId) !== undefined) continue;
      const apps = this.#bootless.get(agentId) ?? new Set();
      this.#bootless.set(agentId, apps.add(appId));
    }
  }

  #received(proxy: ConnectedProxy, message: FromProxy): void {
    if (!this.#fleet.has(proxy)) return;
    this.#fleet.renew(proxy);
    switch (message.type) {
      case 'HELLO':
        if (this.#fleet.greet(proxy, message)) this.#recheck();
        if (this.#started) this.#sendSnapshot(proxy);
        proxy.endNames?.();
        this.#followOthers(proxy, message.names === true);
        break;
      case 'ACK':
        if (message.epoch !== this.#book.epoch) break;
        this.#fleet.confirm(proxy, message.version);
        this.#progressed();
        break;
      case 'IN_FLIGHT':
        proxy.reportInFlight(message.taskId, message.count);
        this.#waits.changed(message.taskId, this.#fleet, this.#awake.nowMs());
        break;
      case 'NOT_SERVED':
        proxy.notServed = message.ports;
        proxy.servedInPart = message.inPart ?? {};
        break;
      case 'STATS':
        proxy.reportStats((message.stats ?? {}) as Readonly<Record<string, ServiceStats | null>>);
        if (message.traffic) this.#traffic.take(message.traffic as TrafficReport, this.#awake.nowMs());
        break;
      case 'LEASE':
        break;
      case 'GOODBYE':
        this.#fleet.remove(proxy);
        this.#recheck();
        break;
    }
  }

  /** What else than tables is sent over its line. */
  #followOthers(proxy: ConnectedProxy, names: boolean): void {
    const { options } = this;
    const ends = [
      options.certificates?.follow((certificates) => proxy.line.send(certificates)),
      names ? options.names?.follow((message) => proxy.line.send(message)) : undefined,
    ];
    proxy.endNames = () => {
      for (const end of ends) end?.();
    };
  }

  #sendSnapshots(): void {
    for (const proxy of this.#fleet.all) if (proxy.proxyId !== '') this.#sendSnapshot(proxy);
  }

  #sendSnapshot(proxy: ConnectedProxy): void {
    if (this.#dirty.size > 0) this.#flush();
    proxy.sent = this.#book.version;
    proxy.line.send({ type: 'SNAPSHOT', table: this.#book.snapshot() });
  }

  #tick(): void {
    if (this.#fleet.expireLeases()) this.#recheck();
    this.#rests.release(this.#fleet.confirmed, this.#awake.nowMs());
  }

  #progressed(): void {
    const nowMs = this.#awake.nowMs();
    this.#rests.release(this.#fleet.confirmed, nowMs);
    this.#waits.confirm(this.#fleet, nowMs);
  }

  /** A proxy went away: what waited for it need not any more. */
  #recheck(): void {
    this.#waits.recheck(this.#fleet, this.#awake.nowMs());
  }
}
