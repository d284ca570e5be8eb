import type { NamesSettings } from '../../discovery/names-message.js';
import type { LogFields } from '../../logging/log.js';
import type { LogLevel } from '../../logging/log-line.js';

/** What a worker must know; sent once by the parent, before anything else. */
export interface WorkerConfig {
  readonly type: 'CONFIG';
  readonly slot: number;
  /** Stable over restarts of the slot, different for every parent. */
  readonly proxyId: string;
  readonly workDir: string;
  readonly serverUrl: string;
  readonly token: string;
  readonly hostname: string;
  readonly logLevel: LogLevel;
  /** Client connections of this worker at once; default 10 000, less when descriptors are short. */
  readonly maxConnections?: number;
  /** This worker serves names, too. */
  readonly names?: NamesSettings;
}

export type ListenerRole = 'lb' | 'stats' | 'service';

/** From the parent to a worker. LISTENER comes with the bound socket as its handle. */
export type ToWorker =
  | WorkerConfig
  | { readonly type: 'LISTENER'; readonly role: ListenerRole; readonly port: number }
  | { readonly type: 'NOT_BOUND'; readonly port: number; readonly reason: string }
  | { readonly type: 'SERVER'; readonly url: string }
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
  | { readonly type: 'LISTEN'; readonly port: number }
  | { readonly type: 'DROP'; readonly port: number }
  /** All ports of the last table were asked for: what this slot held before and did not ask for again is free. */
  | { readonly type: 'SYNCED' }
  /** Where is the server now? */
  | { readonly type: 'WHERE' }
  /** A log line, written by the parent in its own format. */
  | { readonly type: 'LOG'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };
