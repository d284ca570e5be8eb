/** Counters of one row as plain numbers; HAProxy's column names where there is one. Everything but `smax` adds up over workers. */
export interface CounterValues {
  readonly scur: number;
  readonly smax: number;
  readonly stot: number;
  readonly bin: number;
  readonly bout: number;
  readonly dreq: number;
  readonly dresp: number;
  readonly intercepted: number;
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
  readonly qtime: number;
  readonly ctime: number;
  readonly rtime: number;
  readonly ttime: number;
  readonly qtime_max: number;
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

/** What went on in the last half to whole minute. */
export interface RecentStats {
  readonly requests: number;
  readonly errors: number;
  /** Durations by latency bucket. */
  readonly buckets: readonly number[];
}

/** HAProxy's words. `DOWN`: it fails and is left alone for a while; `DRAIN`: nothing new, but something is in flight or its weight is 0. */
export type ServerStatus = 'UP' | 'DOWN' | 'DRAIN' | 'MAINT';

export interface ServerStats {
  readonly name: string;
  readonly address: string;
  readonly taskId: string;
  readonly status: ServerStatus;
  /** It is in the table no more; only what was in flight goes on. */
  readonly leaving?: true;
  readonly version: string;
  readonly weight: number;
  readonly idle: number;
  /** Requests that wait for this server and no other. */
  readonly qcur: number;
  /** Times that it was left alone for its failures. */
  readonly ejections: number;
  /** For how long it still is, in milliseconds. */
  readonly ejectedMs: number;
  readonly sticky: string;
  /** Absent before its first request. */
  readonly recent?: RecentStats;
  readonly values: CounterValues;
}

/** How one version of an app did. */
export interface VersionStats {
  /** Empty: answered without a server. */
  readonly version: string;
  readonly requests: number;
  readonly errors: number;
  readonly recent: RecentStats;
  /** Since the start, by class of the answer: how many, how long together, and by octave edge (the last: beyond all). */
  readonly classes: readonly {
    readonly code: string;
    readonly count: number;
    readonly sumMs: number;
    readonly octaves: readonly number[];
  }[];
}

export interface ServiceStats {
  readonly key: string;
  readonly name: string;
  readonly appId: string;
  /** Apps of one deployment group are one proxy in HAProxy's columns, as marathon-lb makes it. */
  readonly deploymentGroup?: string;
  readonly port: number;
  readonly mode: 'tcp' | 'http';
  readonly vhosts: readonly string[];
  readonly algorithm: string;
  readonly isSticky: boolean;
  /** Most requests at one server at once; 0: no limit. */
  readonly serverLimit: number;
  readonly qcur: number;
  readonly qmax: number;
  readonly up: number;
  readonly known: number;
  /** A letter per server: `U`p, `D`own (left alone), `W`eight 0, `M`aintenance, `d`raining; the first 64. */
  readonly states: string;
  readonly values: CounterValues;
  /** Requests of each of the last 60 seconds, oldest first; absent without any. */
  readonly past?: readonly number[];
  readonly versions?: readonly VersionStats[];
  /** How often requests ended otherwise than in order, by cause and phase. */
  readonly endings?: Readonly<Record<string, number>>;
  readonly servers: readonly ServerStats[];
}

/** Everything one worker counts, or several together. */
export interface ProxyStats {
  readonly workers: readonly {
    readonly pid: number;
    readonly uptimeS: number;
    /** Wall clock, in milliseconds since 1970. */
    readonly startedMs: number;
    readonly rssBytes: number;
    readonly retiring: boolean;
  }[];
  readonly table: { readonly epoch: number; readonly version: number };
  /** Whether the server's line is up. */
  readonly connected: boolean;
  readonly frontends: readonly FrontendStats[];
  readonly services: readonly ServiceStats[];
  /** Requests that nobody was found for, by cause and phase. */
  readonly strangers?: Readonly<Record<string, number>>;
  /** Lines of the access log that were written, and those that were left out because writing was too slow. */
  readonly accessLog?: { readonly written: number; readonly dropped: number };
  /** Service port to the reason why it is not served. */
  readonly notServed: Readonly<Record<string, string>>;
}
