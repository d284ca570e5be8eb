import { backendName, serviceKey } from '../decide/names.js';
import { pickServer } from '../decide/pick-server.js';
import type { Service } from '../table.js';
import { Counters } from './counters.js';
import type { LiveServer } from './live-server.js';

/** A service as this worker serves it. */
export class LiveService {
  readonly counters = new Counters();
  #next = 0;
  #servers: readonly LiveServer[] = [];

  constructor(private current: Service) {}

  get service(): Service {
    return this.current;
  }

  get key(): string {
    return serviceKey(this.current.appId, this.current.servicePort);
  }

  /** HAProxy's name of the backend. */
  get name(): string {
    return backendName(this.current.appId, this.current.servicePort);
  }

  get servers(): readonly LiveServer[] {
    return this.#servers;
  }

  update(service: Service, servers: readonly LiveServer[]): void {
    this.current = service;
    this.#servers = servers;
  }

  /** The next server in turn; those in `tried` only when there is no other. Undefined: there is none at all. */
  pick(nowMs: number, tried: readonly LiveServer[]): LiveServer | undefined {
    const index = pickServer(this.#servers, this.#next, nowMs, (server) => tried.includes(server));
    if (index === undefined) return undefined;
    this.#next = (index + 1) % this.#servers.length;
    return this.#servers[index];
  }
}
