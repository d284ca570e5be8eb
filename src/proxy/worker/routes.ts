import type { TaskId } from '../../scheduler/instance.js';
import { chooseClaim, pathOf, wildcardsOf } from '../decide/choose-claim.js';
import { serviceKey } from '../decide/names.js';
import type { RoutingTable, Service, TableDelta } from '../table.js';
import { NoRoute } from './data-plane.js';
import { LiveServer } from './live-server.js';
import { LiveService } from './live-service.js';

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
  readonly #byVhost = new Map<string, LiveService[]>();
  /** Wildcards among them. */
  #wildcards = 0;
  /** How many servers of the table belong to a task. */
  readonly #tasks = new Map<TaskId, number>();
  readonly #leaving = new Map<TaskId, Set<LiveServer>>();
  /** Tasks that lost a server in the change being applied. */
  readonly #newlyLeft = new Set<TaskId>();

  constructor(private readonly observer: RoutesObserver) {}

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

  /**
   * The service for a host and a request target: by the host itself, else by the nearest wildcard; there by the longest
   * beginning of the path; of equals the first with servers, in the order of their keys.
   */
  byVhost(host: string, target: string): LiveService | NoRoute {
    const own = this.#byVhost.get(host);
    const only = own?.length === 1 ? own[0] : undefined;
    if (only?.service.paths === undefined && only) return only;
    const path = pathOf(target);
    const found = own && chooseClaim(own, path);
    if (found) return found;
    let known = own !== undefined;
    for (const wildcard of this.#wildcards > 0 ? wildcardsOf(host) : []) {
      const claims = this.#byVhost.get(wildcard);
      known ||= claims !== undefined;
      const service = claims && chooseClaim(claims, path);
      if (service) return service;
    }
    if (this.#epoch === 0) return new NoRoute(503, 'the load balancer has not got its routing table yet');
    if (known) return new NoRoute(404, `no app serves this path of the host ${host}`);
    return new NoRoute(404, host === '' ? 'the request names no host' : `no app serves the host ${host}`);
  }

  /** Requests in flight to tasks that have left, by task. */
  *leaving(): Iterable<readonly [TaskId, number]> {
    for (const taskId of this.#leaving.keys()) {
      const count = this.#countOf(taskId);
      if (count > 0) yield [taskId, count];
    }
  }

  /** The whole table anew; what did not change stays as it is, and so do the services of apps that nobody can read. */
  replace(table: RoutingTable): void {
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
    this.#version = delta.to;
    for (const [key, service] of Object.entries(delta.services)) this.#set(key, service);
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
    for (const host of known?.service.vhosts ?? []) this.#unclaim(host, known);
    if (service === null) {
      if (!known) return;
      this.#updateServers(known, known.service, []);
      this.#services.delete(key);
      this.observer.serviceChanged(key, undefined);
      return;
    }
    const live = known ?? new LiveService(service);
    this.#services.set(serviceKey(service.appId, service.servicePort), live);
    this.#updateServers(live, service, service.servers);
    for (const host of service.vhosts) this.#claim(host, live);
    this.observer.serviceChanged(key, service);
  }

  #updateServers(live: LiveService, service: Service, servers: Service['servers']): void {
    const before = new Map(live.servers.map((server) => [`${server.server.name} ${server.taskId}`, server]));
    const after: LiveServer[] = [];
    for (const server of servers) {
      const name = `${server.name} ${server.taskId}`;
      const same = before.get(name);
      before.delete(name);
      if (same) {
        after.push(same);
      } else {
        after.push(new LiveServer(server, (left) => this.#leavingChanged(left)));
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

  #claim(host: string, live: LiveService): void {
    if (host.startsWith('*') && !this.#byVhost.has(host)) this.#wildcards += 1;
    const claimants = [...(this.#byVhost.get(host) ?? []), live];
    this.#byVhost.set(
      host,
      claimants.sort((a, b) => (a.key < b.key ? -1 : 1)),
    );
  }

  #unclaim(host: string, live: LiveService | undefined): void {
    const rest = (this.#byVhost.get(host) ?? []).filter((claimant) => claimant !== live);
    if (rest.length > 0) this.#byVhost.set(host, rest);
    else if (this.#byVhost.delete(host) && host.startsWith('*')) this.#wildcards -= 1;
  }
}
