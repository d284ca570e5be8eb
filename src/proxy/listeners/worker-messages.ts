import type { RoutingTimeouts } from '../../apps/port-routing.js';
import type { NamesSettings } from '../../discovery/names-message.js';
import type { LogFields } from '../../logging/log.js';
import type { LogLevel } from '../../logging/log-line.js';
import type { AccessLogSettings } from '../worker/access-log/make-access-log.js';
import type { FormerWorker } from './former-workers.js';

/** What all traffic of the load balancer is subject to. */
export interface TrafficSettings {
  /** Where a service says none of its own. */
  readonly timeouts: RoutingTimeouts;
  /** Addresses and blocks of them whose connections begin with a PROXY header. */
  readonly acceptProxyFrom: readonly string[];
  /** Groups of apps that are served; absent: all. */
  readonly groups?: readonly string[];
}

/** What the load balancer tells, and where. */
export interface TellingSettings {
  readonly accessLog?: AccessLogSettings;
  /** Single servers are left out of Prometheus's text. */
  readonly omitServerMetrics: boolean;
  /** The address that it listens on: by this name its pages may be asked for. */
  readonly address: string;
}

/** How TLS is spoken. */
export interface TlsSettings {
  /** Folder of certificates on this host; absent: none. */
  readonly folder?: string;
  /** 48 bytes in base64: with them the workers of this host take clients back that one of them knows. */
  readonly ticketKeys: string;
}

/** What a worker must know; sent once by the parent, before anything else. */
export interface WorkerConfig {
  readonly type: 'CONFIG';
  readonly slot: number;
  /** How many workers share what a service may have as a whole; default 1. */
  readonly workers?: number;
  /** Stable over restarts of the slot, different for every parent. */
  readonly proxyId: string;
  readonly workDir: string;
  readonly serverUrl: string;
  readonly token: string;
  readonly hostname: string;
  readonly logLevel: LogLevel;
  readonly traffic?: TrafficSettings;
  /** This worker serves datagrams, too: those of one client must meet in one process to reach the same server. */
  readonly datagrams?: true;
  readonly telling?: TellingSettings;
  readonly tls?: TlsSettings;
  /** The port for virtual hosts over TLS, as far as it is open or will be: where clients are sent that come in the clear. */
  readonly httpsPort?: number;
  /** Client connections of this worker at once; default 10 000, less when descriptors are short. */
  readonly maxConnections?: number;
  /** This worker serves names, too. */
  readonly names?: NamesSettings;
  /** HAProxy carries the traffic, beside this process. */
  readonly haproxy?: HaproxySettings;
}

/** How HAProxy is run. */
export interface HaproxySettings {
  /** The program. */
  readonly path: string;
  readonly address: string;
  readonly ports: {
    readonly lbPort: number;
    readonly statsPort: number;
    readonly appIdPort?: number;
    readonly httpsPort?: number;
  };
  readonly threads: number;
  /** HAProxy's language in labels goes into its configuration. */
  readonly rawLabels: boolean;
  /** Workers of the built-in load balancer that serve until HAProxy is about to. */
  readonly replaces?: readonly FormerWorker[];
}

/** Ports that there may be beside the vhost port: `app-id` for requests that name their app in a header, `https` for virtual hosts over TLS. */
export type OptionalRole = 'app-id' | 'https';
export type FixedRole = 'lb' | 'stats' | OptionalRole;
export type ListenerRole = FixedRole | 'service';

/** A socket that a worker listens on. */
export interface Listener {
  readonly role: ListenerRole;
  readonly port: number;
  /** Of a service port that is bound elsewhere than to the load balancer's address. */
  readonly address?: string;
  /** A service port for UDP. */
  readonly datagrams?: true;
}

/** From the parent to a worker. LISTENER comes with the bound socket as its handle. */
export type ToWorker =
  | WorkerConfig
  | ({ readonly type: 'LISTENER' } & Listener)
  | {
      readonly type: 'NOT_BOUND';
      readonly port: number;
      /** Where the worker wanted it; absent: where the load balancer listens. */
      readonly address?: string;
      readonly datagrams?: true;
      readonly reason: string;
    }
  | { readonly type: 'SERVER'; readonly url: string }
  /** New ones, in base64. */
  | { readonly type: 'TICKET_KEYS'; readonly keys: string }
  /** Accept nothing more, answer what is in flight, then end. */
  | { readonly type: 'RETIRE' }
  /** End now. */
  | { readonly type: 'EXIT' };

/** From a worker to its parent. */
export type ToParent =
  /** The last table is loaded; what it needs has been asked for. */
  | { readonly type: 'READY' }
  /** It accepts connections on the vhost and the statistics port. */
  | { readonly type: 'ACCEPTING' }
  /** Names are served on these ports. */
  | { readonly type: 'NAMES_SERVED'; readonly dnsPort: number; readonly httpPort: number }
  /** They are not, and why; it is tried again. */
  | { readonly type: 'NAMES_NOT_SERVED'; readonly reason: string }
  /** A service port is wanted, on the load balancer's address or on one of its own; or not any more. */
  | {
      readonly type: 'LISTEN' | 'DROP';
      readonly port: number;
      readonly address?: string;
      readonly datagrams?: true;
    }
  /** All ports of the last table were asked for: what this slot held before and did not ask for again is free. */
  | { readonly type: 'SYNCED' }
  /** There are certificates: the port for TLS is wanted. */
  | { readonly type: 'HTTPS' }
  /** Where is the server now? */
  | { readonly type: 'WHERE' }
  /** A log line, written by the parent in its own format. */
  | { readonly type: 'LOG'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };
