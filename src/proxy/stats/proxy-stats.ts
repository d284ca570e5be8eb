/** Counters of one row as plain numbers; HAProxy's column names where there is one. Everything but `smax` adds up over workers. */
export interface CounterValues {
  readonly scur: number;
  readonly smax: number;
  readonly stot: number;
  readonly bin: number;
  readonly bout: number;
  readonly ereq: number;
  readonly econ: number;
  readonly eresp: number;
  readonly wretr: number;
  readonly wredis: number;
  readonly cli_abrt: number;
  readonly srv_abrt: number;
  readonly req_tot: number;
  readonly hrsp_1xx: number;
  readonly hrsp_2xx: number;
  readonly hrsp_3xx: number;
  readonly hrsp_4xx: number;
  readonly hrsp_5xx: number;
  readonly hrsp_other: number;
  readonly connect: number;
  readonly reuse: number;
  readonly dcon: number;
  readonly rate: number;
  readonly rate_max: number;
  readonly req_rate: number;
  readonly req_rate_max: number;
  /** Seconds since the last session; -1 without any. */
  readonly lastsess: number;
  /** Milliseconds, averaged over the last 1 024. */
  readonly ctime: number;
  readonly rtime: number;
  readonly ttime: number;
  readonly ctime_max: number;
  readonly rtime_max: number;
  readonly ttime_max: number;
}

export interface FrontendStats {
  readonly name: string;
  readonly port: number;
  readonly mode: 'tcp' | 'http';
  readonly values: CounterValues;
}

export interface ServerStats {
  readonly name: string;
  readonly address: string;
  readonly taskId: string;
  readonly status: 'UP' | 'DOWN' | 'DRAIN';
  readonly idle: number;
  readonly values: CounterValues;
}

export interface ServiceStats {
  readonly key: string;
  readonly name: string;
  readonly appId: string;
  readonly port: number;
  readonly mode: 'tcp' | 'http';
  readonly vhosts: readonly string[];
  readonly values: CounterValues;
  readonly servers: readonly ServerStats[];
}

/** Everything one worker counts, or several together. */
export interface ProxyStats {
  readonly workers: readonly {
    readonly pid: number;
    readonly uptimeS: number;
    readonly rssBytes: number;
    readonly retiring: boolean;
  }[];
  readonly table: { readonly epoch: number; readonly version: number };
  /** Whether the server's line is up. */
  readonly connected: boolean;
  readonly frontends: readonly FrontendStats[];
  readonly services: readonly ServiceStats[];
  /** Service port to the reason why it is not served. */
  readonly notServed: Readonly<Record<string, string>>;
}
