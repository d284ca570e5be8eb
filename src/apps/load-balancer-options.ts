import type { Balance, RetryRules } from './port-routing.js';

/** longrun: how the load balancer treats an app, as its `loadBalancer` says it; absent members mean the default. */
export interface LoadBalancerOptions {
  /** How long requests in flight may take when an instance is taken out; default 30 s for HTTP, 10 s for TCP. */
  readonly drainSeconds?: number;
  /** Load balancers that serve the app, besides those of all groups. */
  readonly groups?: readonly string[];
  /** Apps of one deployment group may share hosts, paths and service ports: their instances serve together. */
  readonly deploymentGroup?: string;
  readonly ports?: readonly PortOptions[];
}

/** One port; exactly one of `portIndex` and `portName` says which. */
export interface PortOptions {
  readonly portIndex?: number;
  readonly portName?: string;
  readonly enabled?: boolean;
  readonly mode?: 'http' | 'tcp';
  /** The service port, instead of that of the definition. */
  readonly port?: number;
  readonly groups?: readonly string[];
  readonly vhosts?: readonly string[];
  readonly paths?: readonly string[];
  readonly ignorePathCase?: boolean;
  readonly match?: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly cookies?: Readonly<Record<string, string>>;
  };
  readonly balance?: {
    readonly algorithm?: Balance;
    readonly header?: string;
    readonly hashBalanceFactor?: number;
  };
  readonly sticky?: boolean;
  readonly weight?: number;
  readonly slowStartSeconds?: number;
  readonly timeouts?: TimeoutOptions;
  readonly retries?: { readonly count?: number; readonly on?: NonNullable<RetryRules['on']> };
  readonly ejection?: {
    readonly failures?: number;
    readonly baseSeconds?: number;
    readonly longestSeconds?: number;
    readonly panicThreshold?: number;
  };
  readonly limits?: {
    readonly connectionsPerServer?: number;
    readonly queueLength?: number;
    readonly requestsPerSecond?: number;
    readonly requestsPerSecondPerClient?: number;
    readonly burst?: number;
    readonly requestsUnderWay?: number;
  };
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly basicAuth?: { readonly realm: string; readonly users: Readonly<Record<string, string>> };
  readonly redirects?: readonly RedirectOptions[];
  readonly redirectToHttps?: boolean;
  readonly hsts?: {
    readonly maxAgeSeconds: number;
    readonly includeSubdomains?: boolean;
    readonly preload?: boolean;
  };
  readonly rewrite?: { readonly from: string; readonly to: string; readonly restoreLocation?: boolean };
  readonly requestHeaders?: HeaderOptions;
  readonly responseHeaders?: HeaderOptions;
  readonly forwardedHeaders?: boolean;
  readonly proxyProtocol?: { readonly accept?: boolean; readonly send?: 'v1' | 'v2' };
  readonly serverProtocol?: 'http/1.1' | 'h2c';
  readonly tls?: {
    readonly certificates?: readonly string[];
    readonly clientAuthorities?: readonly string[];
  };
  readonly bindAddress?: string;
}

export interface TimeoutOptions {
  readonly connectSeconds?: number;
  readonly clientSeconds?: number;
  readonly serverSeconds?: number;
  readonly queueSeconds?: number;
  readonly httpRequestSeconds?: number;
  readonly httpKeepAliveSeconds?: number;
  readonly tunnelSeconds?: number;
  readonly clientFinSeconds?: number;
  readonly serverFinSeconds?: number;
}

export interface RedirectOptions {
  readonly path?: string;
  readonly exact?: boolean;
  readonly to: string;
  readonly keepRest?: boolean;
  readonly status?: 301 | 302 | 303 | 307 | 308;
}

export interface HeaderOptions {
  readonly set?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}
