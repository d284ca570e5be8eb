import type { AppEndpoints } from './endpoint.js';

/** From the server to whoever serves names: what is usable from now on of these apps. */
export interface NamesMessage {
  readonly type: 'NAMES';
  /**
   * `first`, then any number without, then `last` (or `only`) of a series that names every app: of those that it does not
   * name nothing is usable, from its end on. Absent outside of a series: other apps are as they were.
   */
  readonly series?: 'first' | 'last' | 'only';
  readonly apps: readonly AppEndpoints[];
  /** Where the leading master is; absent: as before. */
  readonly leader?: { readonly address: string; readonly port: number };
}

/** How names are served by one process. */
export interface NamesSettings {
  readonly address: string;
  /** UDP and TCP; 0 = any that is free for both. */
  readonly dnsPort: number;
  readonly httpPort: number;
  readonly domain: string;
  /** Seconds that answers may be kept. */
  readonly ttl: number;
  /** `address` or `address:port` of the servers asked about other domains; none: such questions are refused. */
  readonly resolvers: readonly string[];
  /** Of longrun. */
  readonly version: string;
}
