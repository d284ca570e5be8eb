import type { TaskId } from '../../scheduler/instance.js';
import { changedServices } from '../decide/servers-patch.js';
import type { RoutingTable, Service, TableDelta } from '../table.js';
import type { FollowedTable } from '../worker/table-follower.js';

/** The table as the server last told it; it is in force only when whoever serves it says so. */
export class FollowedServices implements FollowedTable {
  #epoch = 0;
  #version = 0;
  readonly #services = new Map<string, Service>();
  #waiting: { readonly change: number; readonly done: () => void }[] = [];
  #changes = 0;

  constructor(
    /** Something is to be done. */
    private readonly changed: () => void,
    private readonly inFlight: () => Iterable<readonly [TaskId, number]>,
  ) {}

  get epoch(): number {
    return this.#epoch;
  }

  get version(): number {
    return this.#version;
  }

  /** Grows with every change. */
  get changes(): number {
    return this.#changes;
  }

  replace(table: RoutingTable): void {
    const kept = new Set(table.kept);
    for (const [key, service] of this.#services)
      if (!(key in table.services) && !kept.has(service.appId)) this.#services.delete(key);
    for (const [key, service] of Object.entries(table.services)) this.#services.set(key, service);
    this.#follow(table.epoch, table.version);
  }

  apply(delta: TableDelta): boolean {
    if (delta.epoch !== this.#epoch || delta.from !== this.#version) return false;
    for (const [key, service] of changedServices(delta, (name) => this.#services.get(name))) {
      if (service === null) this.#services.delete(key);
      else this.#services.set(key, service);
    }
    this.#follow(delta.epoch, delta.to);
    return true;
  }

  /** Resolves when everything said so far is in force. */
  inForce(): Promise<void> {
    const change = this.#changes;
    return new Promise((done) => this.#waiting.push({ change, done }));
  }

  /** All changes up to this one are in force. */
  confirm(change: number): void {
    const served = this.#waiting.filter((each) => each.change <= change);
    this.#waiting = this.#waiting.filter((each) => each.change > change);
    for (const { done } of served) done();
  }

  leaving(): Iterable<readonly [TaskId, number]> {
    return this.inFlight();
  }

  table(): RoutingTable {
    return { epoch: this.#epoch, version: this.#version, services: Object.fromEntries(this.#services) };
  }

  #follow(epoch: number, version: number): void {
    this.#epoch = epoch;
    this.#version = version;
    this.#changes += 1;
    this.changed();
  }
}
