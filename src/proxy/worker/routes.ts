import type { TaskId } from '../../scheduler/instance.js';
import { serviceKey } from '../decide/names.js';
import { changedServices } from '../decide/servers-patch.js';
import type { RoutingTable, Service, TableDelta } from '../table.js';
import { NoRoute } from './data-plane.js';
import { LiveServer } from './live-server.js';
import { LiveService } from './live-service.js';
import { MergedPools } from './merged-pools.js';
import { RouteIndex } from './route-index.js';

/** What others of this worker want to know about the table. */
export interface RoutesObserver {
  /** A service was added, changed or (undefined) removed. */
  serviceChanged(key: string, service: Service | undefined): void;
  /** Requests in flight to a task that is in no service any more: when it leaves, and at each change. */
  inFlight(taskId: TaskId, count: number): void;
}

/**
 * The routing table in force: services, virtual hosts, and the servers that have left it while requests are in flight.
 * Servers keep their connections and counters across tables as long as name and task stay.
 */
export class Routes {
  #version = 0;
  #epoch = 0;
  readonly #services = new Map<string, LiveService>();
  readonly #index = new RouteIndex();
  readonly #merged = new MergedPools();
  /** How many servers of the table belong to a task. */
  readonly #tasks = new Map<TaskId, number>();
  readonly #leaving = new Map<TaskId, Set<LiveServer>>();
  /** A table was in force before: servers that come now join others. */
  #joining = false;
  /** Tasks that lost a server in the change being applied. */
  readonly #newlyLeft = new Set<TaskId>();

  constructor(
    private readonly observer: RoutesObserver,
    /** How many workers share what a service may have as a whole. */
    private readonly workers = 1,
  ) {}

  get version(): number {
    return this.#version;
  }

  /** 0: no table was ever known. */
  get epoch(): number {
    return this.#epoch;
  }

  get services(): ReadonlyMap<string, LiveService> {
    return this.#services;
  }

  service(key: string): LiveService | undefined {
    return this.#services.get(key);
  }

  /** The service for a host and a request target; `lines`: the request's header lines, for claims with conditions. */
  byVhost(host: string, target: string, lines = ''): LiveService | NoRoute {
    const found = this.#index.byVhost(host, target, lines);
    return found instanceof LiveService ? found : this.#nobody(found);
  }

  /** The service of an app by its id, in either case; `portIndex` undefined: its first port that speaks HTTP. */
  byApp(appId: string, portIndex: number | undefined): LiveService | NoRoute {
    const found = this.#index.byApp(appId, portIndex);
    return found instanceof LiveService ? found : this.#nobody(found);
  }

  /** Of whose certificates clients of a host must show one, before it is known what they ask for; undefined: of nobody's. */
  clientAuthorities(host: string): readonly string[] | undefined {
    for (const { service } of this.#index.claimants(host))
      if (service.tls?.clientAuthorities) return service.tls.clientAuthorities;
    return undefined;
  }

  /** Requests in flight to tasks that have left, by task. */
  *leaving(): Iterable<readonly [TaskId, number]> {
    for (const taskId of this.#leaving.keys()) {
      const count = this.#countOf(taskId);
      if (count > 0) yield [taskId, count];
    }
  }

  /** Servers that left the table while something is in flight to them. */
  *leavingServers(): Iterable<LiveServer> {
    for (const servers of this.#leaving.values()) yield* servers;
  }

  /** The whole table anew; what did not change stays as it is, and so do the services of apps that nobody can read. */
  replace(table: RoutingTable): void {
    this.#joining = this.#epoch > 0;
    this.#epoch = table.epoch;
    this.#version = table.version;
    const kept = new Set(table.kept);
    for (const [key, { service }] of [...this.#services])
      if (!(key in table.services) && !kept.has(service.appId)) this.#set(key, null);
    for (const [key, service] of Object.entries(table.services)) this.#set(key, service);
    this.#reportLeft();
  }

  /** False when the delta does not follow this table. */
  apply(delta: TableDelta): boolean {
    if (delta.epoch !== this.#epoch || delta.from !== this.#version) return false;
    this.#joining = true;
    this.#version = delta.to;
    for (const [key, service] of changedServices(delta, (name) => this.#services.get(name)?.service))
      this.#set(key, service);
    this.#reportLeft();
    return true;
  }

  table(): RoutingTable {
    const services: Record<string, Service> = {};
    for (const [key, live] of this.#services) services[key] = live.service;
    return { epoch: this.#epoch, version: this.#version, services };
  }

  #set(key: string, service: Service | null): void {
    const known = this.#services.get(key);
    if (service === null) {
      if (!known) return;
      this.#index.remove(known);
      this.#updateServers(known, known.service, []);
      this.#merged.remove(known);
      this.#services.delete(key);
      this.observer.serviceChanged(key, undefined);
      return;
    }
    const live = known ?? new LiveService(service, this.workers);
    const before = known?.service;
    this.#services.set(serviceKey(service.appId, service.servicePort), live);
    this.#updateServers(live, service, service.servers);
    this.#merged.put(live);
    this.#index.put(live, before);
    this.observer.serviceChanged(key, service);
  }

  #updateServers(live: LiveService, service: Service, servers: Service['servers']): void {
    const before = new Map(live.servers.map((server) => [server.taskId, server]));
    const after: LiveServer[] = [];
    for (const server of servers) {
      const known = before.get(server.taskId);
      const same = known?.server.name === server.name ? known : undefined;
      if (same) {
        before.delete(server.taskId);
        same.update(server);
        after.push(same);
      } else {
        const made = new LiveServer(server, (left) => this.#leavingChanged(left));
        if (this.#joining) made.joinedMs = 'fresh';
        after.push(made);
        this.#tasks.set(server.taskId, (this.#tasks.get(server.taskId) ?? 0) + 1);
      }
    }
    for (const gone of before.values()) this.#leave(gone);
    live.update(service, after);
  }

  #leave(server: LiveServer): void {
    const { taskId } = server;
    const rest = (this.#tasks.get(taskId) ?? 1) - 1;
    if (rest > 0) this.#tasks.set(taskId, rest);
    else this.#tasks.delete(taskId);
    server.leave();
    if (server.inFlight > 0) {
      const servers = this.#leaving.get(taskId) ?? new Set();
      this.#leaving.set(taskId, servers.add(server));
    }
    this.#newlyLeft.add(taskId);
  }

  #reportLeft(): void {
    for (const taskId of this.#newlyLeft) {
      if (this.#tasks.has(taskId)) continue;
      this.observer.inFlight(taskId, this.#countOf(taskId));
    }
    this.#newlyLeft.clear();
  }

  #leavingChanged(server: LiveServer): void {
    const { taskId } = server;
    const servers = this.#leaving.get(taskId);
    if (!servers) return;
    if (server.inFlight === 0) servers.delete(server);
    if (servers.size === 0) this.#leaving.delete(taskId);
    if (!this.#tasks.has(taskId)) this.observer.inFlight(taskId, this.#countOf(taskId));
  }

  #countOf(taskId: TaskId): number {
    let count = 0;
    for (const server of this.#leaving.get(taskId) ?? []) count += server.inFlight;
    return count;
  }

  /** Before the first table nobody can say that something is not there. */
  #nobody(found: NoRoute): NoRoute {
    if (this.#epoch > 0) return found;
    return new NoRoute(503, 'the load balancer has not got its routing table yet', 'no-table');
  }
}
