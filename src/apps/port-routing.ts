import type { BalancerTimeouts } from '../config/balancer-timeouts.js';

/**
 * How the load balancer treats one port of an app: read from the app's typed `loadBalancer` object and from marathon-lb's
 * labels (apps/decide/port-routing.ts), carried in the routing table. Plain JSON. Absent members mean the default.
 */

/** How servers are chosen, by HAProxy's names. */
export type Balance = 'roundrobin' | 'leastconn' | 'random' | 'first' | 'source' | 'uri' | 'header';

/** A request must carry all of these besides host and path. Names of headers in lower case; `*` for any value. */
export interface RequestMatch {
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: Readonly<Record<string, string>>;
}

/** What is answered with another address instead of being forwarded. The first whose `path` begins the request's counts. */
export interface Redirect {
  /** The beginning of a path; absent: every path. */
  readonly path?: string;
  /** Only this very path, not what begins with it. */
  readonly exact?: true;
  /** An absolute URL or path. What follows the matched beginning is appended with `keepRest`. */
  readonly to: string;
  readonly keepRest?: true;
  readonly status: 301 | 302 | 303 | 307 | 308;
}

/** A beginning of the path is another one for the server (`HTTP_BACKEND_PROXYPASS_PATH`); `restore` turns it back in `Location`. */
export interface Rewrite {
  readonly from: string;
  readonly to: string;
  readonly restoreLocation?: true;
}

/** Fields that are set (in place of those there) and removed; names in lower case. */
export interface HeaderRules {
  readonly set?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** Who asks must name himself: HTTP basic authentication. */
export interface BasicAuth {
  readonly realm: string;
  /** Password hashes in crypt's notation ($5$, $6$) or `{plain}password`, by user. */
  readonly users: Readonly<Record<string, string>>;
}

/** What happens to HTTP requests on their way. */
export interface HttpRules {
  readonly redirectToHttps?: true;
  /** Value of `Strict-Transport-Security` on answers over TLS. */
  readonly hsts?: string;
  readonly redirects?: readonly Redirect[];
  readonly rewrite?: Rewrite;
  readonly requestHeaders?: HeaderRules;
  readonly responseHeaders?: HeaderRules;
  readonly basicAuth?: BasicAuth;
  /** `X-Forwarded-*` are not added (`option forwardfor` is on by default). */
  readonly noForwardedHeaders?: true;
}

/** Which client addresses may come, as CIDR blocks. `deny` counts before `allow`; an empty or absent `allow` is everybody. */
export interface AccessList {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** Milliseconds, by HAProxy's names; absent ones are the load balancer's own. */
export type RoutingTimeouts = BalancerTimeouts;

/** How often and for what a request is tried again elsewhere. */
export interface RetryRules {
  /** Beyond the first attempt; 0 to 10. */
  readonly retries?: number;
  /** Besides connections that could not be made; only for requests that may be repeated. */
  readonly on?: readonly ('empty-response' | 'response-timeout' | '502' | '503' | '504')[];
}

/** When a server that fails is left alone, and for how long. */
export interface EjectionRules {
  /** Failures in a row (refused connections, broken answers, 502 to 504 of its own) that eject; 0: never. */
  readonly failures?: number;
  readonly baseMs?: number;
  readonly longestMs?: number;
  /** With more than this share (0 to 1) of the servers ejected, ejection is overlooked: all are asked again. */
  readonly panicThreshold?: number;
}

/** What one app, one server or one client may have at once. */
export interface TrafficLimits {
  /** Requests or connections at a server at once (HAProxy's maxconn of a server); more wait in the service's queue. */
  readonly connectionsPerServer?: number;
  /** Most that wait. */
  readonly queueLength?: number;
  /** Requests per second of the whole service, per worker group as a whole. */
  readonly requestsPerSecond?: number;
  /** Requests per second of one client address. */
  readonly requestsPerSecondPerClient?: number;
  /** How many may come at once above the rate. */
  readonly burst?: number;
  /** Circuit breaker: with so many requests under way in the service, further ones get 503 at once. */
  readonly requestsUnderWay?: number;
}

/** The PROXY protocol of HAProxy. */
export interface ProxyProtocol {
  /** Clients of this service port begin with a PROXY header (v1 or v2). */
  readonly accept?: true;
  /** Servers are sent one. */
  readonly send?: 'v1' | 'v2';
}

/** What templates in labels say in HAProxy's language that has no typed meaning: for load balancers that take it as it is. */
export interface RawLines {
  readonly frontend?: readonly string[];
  readonly backend?: readonly string[];
  /** Words of the lines of servers. */
  readonly server?: readonly string[];
}

/** TLS of one service. */
export interface RoutingTls {
  /** Names of stored certificates, or of files in `--lb-certs`, with which the service port itself speaks TLS. */
  readonly certificates?: readonly string[];
  /** Names of stored certificate authorities: clients must show a certificate of one of them. */
  readonly clientAuthorities?: readonly string[];
}

/** Everything above for one port. */
export interface PortRouting {
  readonly enabled: boolean;
  /** Lower case; `*.example.com` for all names below. */
  readonly vhosts: readonly string[];
  /** Beginnings of paths, each with its `/`; none: all paths. In lower case with `ignorePathCase`. */
  readonly paths: readonly string[];
  readonly ignorePathCase: boolean;
  readonly match?: RequestMatch;
  readonly port?: number;
  readonly mode?: 'tcp' | 'http';
  /** Where no mode is given: the port whose health check tells it, instead of this one. */
  readonly healthCheckPortIndex?: number;
  readonly groups: readonly string[];
  /** Apps of one deployment group may share a host and path or a service port; their servers serve as one. */
  readonly deploymentGroup?: string;
  readonly balance?: Balance;
  /** With `balance: header`: its name in lower case. */
  readonly balanceHeader?: string;
  /** For the hash algorithms: a server may have so many per cent of the mean load (HAProxy's hash-balance-factor); 0: no bound. */
  readonly hashBalanceFactor?: number;
  readonly sticky: boolean;
  /** Of each server, 0 to 256; 0 takes only clients whose cookie names the server. */
  readonly weight?: number;
  readonly slowStartMs?: number;
  readonly rules?: HttpRules;
  readonly access?: AccessList;
  readonly timeouts?: RoutingTimeouts;
  readonly retry?: RetryRules;
  readonly ejection?: EjectionRules;
  readonly limits?: TrafficLimits;
  readonly proxyProtocol?: ProxyProtocol;
  /** What servers speak; absent: HTTP/1.1. `h2c` is HTTP/2 without TLS, as gRPC servers speak. */
  readonly serverProtocol?: 'h2c';
  readonly tls?: RoutingTls;
  readonly raw?: RawLines;
  /** The service port is bound to this address instead of the load balancer's. */
  readonly bindAddress?: string;
}

/** The members of a PortRouting that the routing table carries as they are. */
export type CarriedRouting = Pick<
  PortRouting,
  | 'match'
  | 'deploymentGroup'
  | 'balance'
  | 'balanceHeader'
  | 'hashBalanceFactor'
  | 'weight'
  | 'slowStartMs'
  | 'rules'
  | 'access'
  | 'timeouts'
  | 'retry'
  | 'ejection'
  | 'limits'
  | 'proxyProtocol'
  | 'serverProtocol'
  | 'tls'
  | 'raw'
  | 'bindAddress'
>;
