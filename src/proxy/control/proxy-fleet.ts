import type { Log } from '../../logging/log.js';
import type { TaskId } from '../../scheduler/instance.js';
import type { AcceptedLine } from '../../util/line/line.js';
import type { ServiceStats } from '../stats/proxy-stats.js';
import type { FromProxy, ToProxy } from '../table.js';
import { ConnectedProxy } from './connected-proxy.js';
import type { ProxiesSay } from './drain-waits.js';
import { FormerProxies, type ProxyMemory } from './former-proxies.js';

/** What operators see of one proxy. */
export interface ProxyStatus {
  readonly proxyId: string;
  readonly host: string;
  readonly pid: number;
  readonly connected: boolean;
  readonly leased: boolean;
  readonly acked: number;
  /** Cumulative since the proxy's start, by service key; servers are left out. */
  readonly stats: ReadonlyMap<string, ServiceStats>;
}

export interface ProxyFleetOptions {
  readonly leaseMs: number;
  readonly memory: ProxyMemory | undefined;
  readonly log: Log;
  /** Time awake. */
  nowMs(): number;
}

/** All proxies with their leases: who is waited for, what all of them have confirmed, what they have in flight together. */
export class ProxyFleet implements ProxiesSay {
  readonly #proxies = new Set<ConnectedProxy>();
  readonly #former: FormerProxies;

  constructor(private readonly options: ProxyFleetOptions) {
    this.#former = new FormerProxies(options.memory);
  }

  get all(): Iterable<ConnectedProxy> {
    return this.#proxies;
  }

  has(proxy: ConnectedProxy): boolean {
    return this.#proxies.has(proxy);
  }

  /** Lowest version that every leased proxy has confirmed; Infinity without any, 0 while one of before may exist. */
  get confirmed(): number {
    let confirmed = this.#former.awaited ? 0 : Number.POSITIVE_INFINITY;
    for (const proxy of this.#proxies) if (proxy.leased) confirmed = Math.min(confirmed, proxy.acked);
    return confirmed;
  }

  /** Requests in flight to a task that left the table, over all leased proxies. */
  inFlight(taskId: TaskId): number {
    let sum = 0;
    for (const proxy of this.#proxies) if (proxy.leased) sum += proxy.inFlight.get(taskId) ?? 0;
    return sum;
  }

  accept(line: AcceptedLine<FromProxy, ToProxy>): ConnectedProxy {
    const proxy = new ConnectedProxy(line, this.options.nowMs(), this.options.leaseMs);
    this.#proxies.add(proxy);
    return proxy;
  }

  /**
   * A proxy says who it is; whatever it said before is void. The same id on another line is its dead predecessor (a
   * supervisor starts one only after the other) and is removed: true when there was one.
   */
  greet(proxy: ConnectedProxy, hello: Extract<FromProxy, { type: 'HELLO' }>): boolean {
    const known = proxy.proxyId === hello.proxyId;
    proxy.proxyId = hello.proxyId;
    proxy.pid = hello.pid;
    proxy.host = hello.host;
    proxy.patches = hello.patches === true;
    proxy.acked = 0;
    proxy.inFlight.clear();
    proxy.leased = true;
    const predecessors = [...this.#proxies].filter(
      (other) => other !== proxy && other.proxyId === hello.proxyId,
    );
    for (const predecessor of predecessors) this.remove(predecessor, false);
    if (!known) this.#remember();
    return predecessors.length > 0;
  }

  /** A table of this epoch is in force there. */
  confirm(proxy: ConnectedProxy, version: number): void {
    proxy.acked = version;
    this.#former.cameBack(proxy.proxyId);
  }

  /** Every message renews the lease. */
  renew(proxy: ConnectedProxy): void {
    proxy.leaseUntilMs = this.options.nowMs() + this.options.leaseMs;
    if (proxy.leased || proxy.proxyId === '') return;
    proxy.leased = true;
    this.options.log.info('a proxy is back', { proxy: proxy.proxyId });
    this.#remember();
  }

  /** The proxy is gone for good. `settled`: also one of the same id of before is. */
  remove(proxy: ConnectedProxy, settled = true): void {
    this.#proxies.delete(proxy);
    proxy.endNames?.();
    proxy.line.close();
    if (settled) this.#former.cameBack(proxy.proxyId);
    this.#remember();
  }

  /** Ends leases that ran out, and forgets broken lines with them. True when a proxy is not waited for any more. */
  expireLeases(): boolean {
    const nowMs = this.options.nowMs();
    let expired = false;
    for (const proxy of [...this.#proxies]) {
      if (proxy.leaseUntilMs > nowMs) continue;
      if (proxy.leased) {
        proxy.leased = false;
        expired = true;
        const { proxyId, host } = proxy;
        this.options.log.warn('a proxy is silent; it is not waited for any more', { proxy: proxyId, host });
      }
      if (proxy.line.connected && proxy.proxyId !== '') continue;
      this.#proxies.delete(proxy);
      proxy.endNames?.();
      // A line can be resumed for much longer than a lease: should the proxy come back, then on a new one.
      proxy.line.close();
    }
    if (expired) this.#remember();
    return expired;
  }

  /** A lease has passed since the server started: proxies of before that have not come back are not waited for. */
  formerLeasePassed(): void {
    this.#former.leasePassed();
    this.#remember();
  }

  statuses(): readonly ProxyStatus[] {
    return [...this.#proxies].map(({ proxyId, host, pid, line, leased, acked, stats }) => ({
      proxyId,
      host,
      pid,
      connected: line.connected,
      leased,
      acked,
      stats,
    }));
  }

  close(): void {
    for (const proxy of [...this.#proxies]) {
      proxy.endNames?.();
      proxy.line.close();
    }
    this.#proxies.clear();
  }

  #remember(): void {
    const leased = [...this.#proxies].filter((proxy) => proxy.leased && proxy.proxyId !== '');
    const ids = [...leased.map(({ proxyId }) => proxyId), ...this.#former.missing];
    this.options.memory?.save([...new Set(ids)]);
  }
}
