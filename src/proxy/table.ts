import type { AppId } from '../apps/app.js';
import type { CarriedRouting } from '../apps/port-routing.js';
import type { CertificatesMessage } from '../certificates/bundle.js';
import type { NamesMessage } from '../discovery/names-message.js';
import type { TaskId } from '../scheduler/instance.js';
import type { ServersPatch } from './decide/servers-patch.js';

/**
 * The routing table: what every proxy serves. Built by a pure function of apps, instances and health
 * (proxy/decide/build-table.ts), pushed as snapshot and deltas. Plain JSON; keys are stable so that deltas are small.
 */
export interface RoutingTable {
  /** Strictly increasing within an epoch. */
  readonly version: number;
  /** Grows with every server start. */
  readonly epoch: number;
  /** By service: `<appId>:<servicePort>`. */
  readonly services: Readonly<Record<string, Service>>;
  /**
   * Apps that are stored but cannot be read at present, so that nothing can be said about their services: whoever has some
   * keeps them as they are.
   */
  readonly kept?: readonly AppId[];
}

export type { Balance } from '../apps/port-routing.js';

/** One service port of one app: a backend with its frontends. What is not said here is as in PortRouting. */
export interface Service extends CarriedRouting {
  readonly appId: AppId;
  readonly portIndex: number;
  readonly servicePort: number;
  readonly mode: 'tcp' | 'http';
  /** Lower case; from HAPROXY_{n}_VHOST; `*.example.com` for all names below. Served on the lb port. */
  readonly vhosts: readonly string[];
  /** Load balancers of one of these groups serve it, and those of `*`; absent: only the latter. */
  readonly groups?: readonly string[];
  /** Datagrams of the service port are passed on: besides (`too`) or instead of connections (`only`). Absent: none. */
  readonly udp?: 'too' | 'only';
  /** Beginnings of the paths that it answers for on its virtual hosts; absent: all. In lower case with `ignorePathCase`. */
  readonly paths?: readonly string[];
  readonly ignorePathCase?: true;
  /** Clients get a cookie that brings them back to the same server. */
  readonly sticky?: true;
  /** Bind the service port itself (false when a task of this pool demands that host port). */
  readonly bindPort: boolean;
  readonly drainMs: number;
  readonly servers: readonly Server[];
  /** Instances that the app is meant to have; absent: not said. */
  readonly wanted?: number;
}

/** One instance behind a service. */
export interface Server {
  /** HAProxy's server name: `host_ip_port` with non-alphanumerics as `_`. */
  readonly name: string;
  readonly taskId: TaskId;
  readonly host: string;
  readonly port: number;
  /** Boot id of its agent's host; a cached server of another boot is not used until confirmed. Empty when unknown. */
  readonly bootId: string;
  /** Of its app: the version that this instance runs. */
  readonly version?: string;
  /** Instead of the service's. */
  readonly weight?: number;
  /** Gets nothing new though it is there (blue and green: the deployment group is moving away from it). */
  readonly disabled?: true;
}

/** A change from one version to the next; undefined service = removed. */
export interface TableDelta {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly services: Readonly<Record<string, Service | null>>;
  /** Of services that changed in some of their servers only. Told to proxies that said that they understand. */
  readonly patches?: Readonly<Record<string, ServersPatch>>;
}

export const PROXY_LINE_PATH = '/longrun/v1/proxy';
export const PROXY_PROTOCOL_VERSION = 1;

export type FromProxy =
  | {
      readonly type: 'HELLO';
      readonly proxyId: string;
      readonly pid: number;
      readonly bootId: string;
      readonly host: string;
      /** It serves names, too. */
      readonly names?: true;
      /** It understands `patches` in a TableDelta. */
      readonly patches?: true;
      /** Groups of apps that it serves: of the table it takes only those; absent: all. */
      readonly groups?: readonly string[];
    }
  /** The table of this version is in force in this proxy. */
  | { readonly type: 'ACK'; readonly epoch: number; readonly version: number }
  /** Requests or connections still in flight to servers that left the table; sent on change, 0 once when the last is done. */
  | { readonly type: 'IN_FLIGHT'; readonly taskId: TaskId; readonly count: number }
  /** Service ports that could not be bound, with the reason; the whole list at each change. */
  | {
      readonly type: 'NOT_SERVED';
      readonly ports: Readonly<Record<number, string>>;
      /** Service ports that are served without something that their apps ask for, and what. */
      readonly inPart?: Readonly<Record<number, string>>;
    }
  /**
   * Cumulative statistics since the proxy's start, every second while they change. `traffic` (stats/traffic-report.ts): how
   * requests went since it was last told, every few seconds.
   */
  | { readonly type: 'STATS'; readonly stats: unknown; readonly traffic?: unknown }
  | { readonly type: 'LEASE' }
  /** This proxy ends in order: it routes nothing any more and need not be waited for. */
  | { readonly type: 'GOODBYE' };

export type ToProxy =
  | { readonly type: 'SNAPSHOT'; readonly table: RoutingTable }
  | { readonly type: 'DELTA'; readonly delta: TableDelta }
  | { readonly type: 'LEASE'; readonly leaseMs: number }
  | CertificatesMessage
  | NamesMessage;
