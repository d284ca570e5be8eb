import { type Claim, HostClaims, pathOf, wildcardsOf } from '../decide/choose-claim.js';
import type { Service } from '../table.js';
import { NoRoute } from './data-plane.js';
import type { LiveService } from './live-service.js';

/** One service's claim to its virtual hosts. */
class RouteClaim implements Claim {
  readonly key: string;
  readonly paths: readonly string[];
  readonly ignoreCase: boolean;
  readonly match: Claim['match'];

  constructor(readonly live: LiveService) {
    const { service } = live;
    this.key = live.key;
    this.paths = service.paths ?? [];
    this.ignoreCase = service.ignorePathCase === true;
    this.match = service.match;
  }

  get hasServers(): boolean {
    return this.live.hasServers;
  }
}

/** The claims to one host; made ready for searching when somebody asks after a change. */
interface Host {
  readonly claims: Map<string, RouteClaim>;
  ready: HostClaims<RouteClaim> | undefined;
}

/**
 * Finds services by virtual host and path, and by app. A change costs as much as its service has hosts; a search as much as
 * the host has labels, and the logarithm of the number of its claims.
 */
export class RouteIndex {
  readonly #hosts = new Map<string, Host>();
  /** Wildcards among them. */
  #wildcards = 0;
  /** By the app's id in lower case; each app's in the order of their ports. */
  readonly #apps = new Map<string, readonly LiveService[]>();

  /**
   * By the host itself, else by the nearest wildcard; there by the longest beginning of the path, then by what the request
   * carries; of equals the first with servers, in the order of their keys.
   */
  byVhost(host: string, target: string, lines: string): LiveService | NoRoute {
    const own = this.#claims(host);
    if (own?.only) return own.only.live;
    const path = pathOf(target);
    const found = own?.choose(path, lines);
    if (found) return found.live;
    let known = own !== undefined;
    for (const wildcard of this.#wildcards > 0 ? wildcardsOf(host) : []) {
      const claims = this.#claims(wildcard);
      known ||= claims !== undefined;
      const claim = claims?.choose(path, lines);
      if (claim) return claim.live;
    }
    if (known) return new NoRoute(404, `no app serves this path of the host ${host}`, 'unknown-path');
    if (host === '') return new NoRoute(404, 'the request names no host', 'unknown-host');
    return new NoRoute(404, `no app serves the host ${host}`, 'unknown-host');
  }

  /** Every service of the host itself, then those of the wildcards around it. */
  *claimants(host: string): Iterable<LiveService> {
    for (const name of [host, ...(this.#wildcards > 0 ? wildcardsOf(host) : [])])
      for (const { live } of this.#hosts.get(name)?.claims.values() ?? []) yield live;
  }

  /** The service of an app by its id, in either case; `portIndex` undefined: its first port that speaks HTTP. */
  byApp(appId: string, portIndex: number | undefined): LiveService | NoRoute {
    const path = appId.startsWith('/') ? appId : `/${appId}`;
    const ports = this.#apps.get(path.toLowerCase());
    if (!ports) return new NoRoute(404, `there is no app ${path} with a port here`, 'unknown-app');
    const found = ports.find(
      ({ service }) =>
        service.mode === 'http' && (portIndex === undefined || service.portIndex === portIndex),
    );
    if (found) return found;
    const which = portIndex === undefined ? 'no port' : `no port ${portIndex}`;
    return new NoRoute(404, `${path} has ${which} that speaks HTTP`, 'unknown-app');
  }

  /** A service is new, or (`before`: as it was) has changed. */
  put(live: LiveService, before: Service | undefined): void {
    const { service } = live;
    if (before?.portIndex !== service.portIndex) this.#putApp(live);
    if (before && claimOf(before) === claimOf(service)) return;
    for (const host of before?.vhosts ?? []) this.#unclaim(host, live.key);
    if (service.vhosts.length === 0) return;
    const claim = new RouteClaim(live);
    for (const host of service.vhosts) this.#claim(host, claim);
  }

  remove(live: LiveService): void {
    for (const host of live.service.vhosts) this.#unclaim(host, live.key);
    const app = live.service.appId.toLowerCase();
    const rest = (this.#apps.get(app) ?? []).filter((other) => other !== live);
    if (rest.length > 0) this.#apps.set(app, rest);
    else this.#apps.delete(app);
  }

  #putApp(live: LiveService): void {
    const app = live.service.appId.toLowerCase();
    const others = (this.#apps.get(app) ?? []).filter((other) => other !== live);
    this.#apps.set(
      app,
      [...others, live].sort((a, b) => a.service.portIndex - b.service.portIndex),
    );
  }

  #claims(host: string): HostClaims<RouteClaim> | undefined {
    const known = this.#hosts.get(host);
    if (!known) return undefined;
    known.ready ??= new HostClaims([...known.claims.values()].sort((a, b) => (a.key < b.key ? -1 : 1)));
    return known.ready;
  }

  #claim(host: string, claim: RouteClaim): void {
    let known = this.#hosts.get(host);
    if (!known) {
      known = { claims: new Map(), ready: undefined };
      this.#hosts.set(host, known);
      if (host.startsWith('*')) this.#wildcards += 1;
    }
    known.claims.set(claim.key, claim);
    known.ready = undefined;
  }

  #unclaim(host: string, key: string): void {
    const known = this.#hosts.get(host);
    if (!known?.claims.delete(key)) return;
    known.ready = undefined;
    if (known.claims.size > 0) return;
    this.#hosts.delete(host);
    if (host.startsWith('*')) this.#wildcards -= 1;
  }
}

/** What of a service makes its claim, as text. */
function claimOf({ vhosts, paths, ignorePathCase, match }: Service): string {
  return JSON.stringify([vhosts, paths, ignorePathCase, match]);
}
