import { balance } from '../decide/balance.js';
import { pathOf } from '../decide/choose-claim.js';
import { backendName, serviceKey } from '../decide/names.js';

import type { Service } from '../table.js';
import { Counters } from './counters.js';
import type { LiveServer } from './live-server.js';

/** Who asks for what, as far as the choice of a server depends on it. */
export interface Asking {
  readonly nowMs: number;
  readonly tried: readonly LiveServer[];
  /** The client's address. */
  readonly client: string;
  /** Path and query. */
  readonly target: string;
  /** The server that the client's cookie names. */
  readonly cookie?: string;
}

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

  /** As a claim to its virtual hosts. */
  get paths(): readonly string[] {
    return this.current.paths ?? [];
  }

  get ignoreCase(): boolean {
    return this.current.ignorePathCase === true;
  }

  get hasServers(): boolean {
    return this.#servers.length > 0;
  }

  get servers(): readonly LiveServer[] {
    return this.#servers;
  }

  update(service: Service, servers: readonly LiveServer[]): void {
    this.current = service;
    this.#servers = servers;
  }

  /** The next server by the service's algorithm; those in `tried` only when there is no other. Undefined: there is none at all. */
  pick({ nowMs, tried, client, target, cookie }: Asking): LiveServer | undefined {
    if (cookie !== undefined) {
      const same = this.#servers.find((server) => server.stickyId === cookie);
      if (same && same.ejectedUntilMs <= nowMs && !tried.includes(same)) return same;
    }
    const algorithm = this.current.balance ?? 'roundrobin';
    const index = balance(algorithm, {
      candidates: this.#servers,
      start: this.#next,
      nowMs,
      tried: (server) => tried.includes(server),
      hashed: algorithm === 'uri' ? pathOf(target) : client,
      random: Math.random,
    });
    if (index === undefined) return undefined;
    this.#next = (index + 1) % this.#servers.length;
    return this.#servers[index];
  }
}
