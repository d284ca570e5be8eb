import { backendName, serviceKey } from '../decide/names.js';
import { RetryBudget } from '../decide/retry-budget.js';
import type { Service } from '../table.js';
import { Counters } from './counters.js';
import { ServiceRules } from './http/rules/service-rules.js';
import type { LiveServer } from './live-server.js';
import { ServerPool } from './server-pool.js';
import type { Refusal } from './traffic-gate.js';
import type { Asking } from './wait-queue.js';

export type { Asking } from './wait-queue.js';

/** A service as this worker serves it. */
export class LiveService {
  readonly counters = new Counters();
  /** Of the repetitions of its requests. */
  readonly retryBudget = new RetryBudget();
  readonly #own: ServerPool;
  #pool: ServerPool;
  #servers: readonly LiveServer[] = [];
  /** What happens to its requests besides; undefined: nothing. */
  rules: ServiceRules | undefined;

  constructor(
    private current: Service,
    /** How many workers share what the service may have as a whole. */
    workers = 1,
  ) {
    this.#own = new ServerPool(workers);
    this.#pool = this.#own;
    this.rules = ServiceRules.of(current);
  }

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

  /** Somebody can be sent somewhere, be it to another service of the deployment group. */
  get hasServers(): boolean {
    return this.#pool.hasServers;
  }

  /** Its own; the pool may have more. */
  get servers(): readonly LiveServer[] {
    return this.#servers;
  }

  /** The servers among which is chosen. */
  get pool(): ServerPool {
    return this.#pool;
  }

  update(service: Service, servers: readonly LiveServer[]): void {
    this.rules = ServiceRules.of(service, this.current, this.rules);
    this.current = service;
    this.#servers = servers;
    for (const server of servers) server.owner = this;
    const { members } = this.#pool;
    this.#pool.update(members.includes(this) ? members : [this]);
  }

  /** From now on it serves as one with these, of which the first lends its pool. It is one of them. */
  serveWith(members: readonly LiveService[]): void {
    const before = this.#pool;
    this.#pool = members[0]?.ownPool ?? this.#own;
    if (before === this.#own && before !== this.#pool) before.moveQueueTo(this.#pool);
  }

  /** The pool that is its own, whether it is used or not. */
  get ownPool(): ServerPool {
    return this.#own;
  }

  /** Undefined: the request (or connection) may come in. */
  admit(client: string, nowMs: number): Refusal | undefined {
    const { gate } = this.#pool;
    return gate?.admit(client, nowMs, this.#pool.underWay);
  }

  /** See ServerPool. The server may be another service's of the same deployment group: its `owner`. */
  pick(asking: Asking): LiveServer | undefined {
    return this.#pool.pick(asking);
  }
}
