import type { PasswordHash } from '../util/password-hash.js';

/** Everything that can be set, typed and validated (flags, then LONGRUN_ variables, then the file, then defaults). */
export interface Settings {
  readonly workDir: string;
  /** Address of API, master and agent. */
  readonly address: string;
  readonly lb: 'builtin' | 'haproxy';
  readonly haproxyPath?: string;
  readonly lbAddress: string;
  /** Name under which tasks of this agent are reached. */
  readonly hostname: string;
  readonly httpPort: number;
  readonly masterPort: number;
  readonly agentPort: number;
  readonly lbHttpPort: number;
  readonly lbStatsPort: number;
  /** Requests name their app in a header there. */
  /** For virtual hosts over TLS; a folder of certificates; and the certificate authority that gives some, with what it wants to know. */
  readonly lbHttpsPort: number;
  readonly lbCerts?: string;
  readonly lbAcme?: string;
  readonly lbAcmeEmail?: string;
  readonly lbAcmeAgreeTos: boolean;
  readonly lbAppIdPort: number;
  readonly lbWorkers: number;
  /** Groups of apps that this load balancer serves, comma separated; `*`: all. */
  readonly lbGroup: string;
  /** What becomes of an app that claims a host, path or service port of another one. */
  readonly lbConflicts: 'reject' | 'warn';
  /** As config/balancer-timeouts.ts reads them; and CIDR blocks, comma separated, that send a PROXY header. */
  readonly lbTimeouts?: string;
  readonly lbAcceptProxy?: string;
  /** A line per request: its format, where it goes (config/log-target.ts), the size of its files in MiB and how many are kept. */
  readonly lbAccessLog: 'off' | 'json' | 'haproxy';
  readonly lbAccessLogTo: string;
  readonly lbAccessLogMiB: number;
  readonly lbAccessLogFiles: number;
  readonly lbLogQuery: boolean;
  readonly lbOmitServerMetrics: boolean;
  /** HAProxy's language in templates of labels goes into its configuration. */
  readonly lbRawLabels: boolean;
  /** UDP and TCP port of the name server, beside the load balancer; its HTTP interface; and whether there is one at all. */
  readonly dnsPort: number;
  readonly dnsHttpPort: number;
  readonly disableDns: boolean;
  readonly dnsDomain: string;
  readonly dnsTtlSeconds: number;
  /** Comma separated; absent: as this host resolves names; empty: other domains are refused. */
  readonly dnsResolvers?: string;
  /** Inclusive. */
  readonly servicePorts: { readonly min: number; readonly max: number };
  /** Mesos's text; undefined = detect. */
  readonly resources?: string;
  readonly attributes?: string;
  readonly mesosRole: string;
  /** Whether new top-level groups hold their apps to their role. */
  readonly newGroupEnforceRole: 'off' | 'top';
  readonly defaultUser: string;
  readonly allowRootTasks: boolean;
  /** How much tasks are kept apart besides their limits. */
  readonly isolation: 'default' | 'strict' | 'none';
  /** The Docker engine that runs apps with an image. */
  readonly dockerSocket: string;
  /** Logins of registries, as `docker login` writes them. */
  readonly dockerConfig?: string;
  readonly dockerAllowPrivileged: boolean;
  /** Names of parameters, comma separated. */
  readonly dockerAllowParameters?: string;
  /** Paths of the host that may be volumes, comma separated, `:ro` for reading only. */
  readonly hostVolumes?: string;
  /** Bounds of what is fetched before tasks start. */
  readonly fetchLimitMiB: number;
  readonly fetchTimeLimitSeconds: number;
  readonly fetchCacheMiB: number;
  readonly ignoreDiskLimits: boolean;
  readonly execIdleMinutes: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'text' | 'json';
  readonly readyFile?: string;
  /** Agent and proxy: the server to join, and its join token. */
  readonly server?: string;
  readonly tokenFile?: string;
  readonly maxRunningDeployments: number;
  readonly restartOnAnyChange: boolean;
  /** The name of container networks that have none. */
  readonly defaultNetworkName?: string;
  /** The network that the deprecated `ipAddress` means as the bridge. */
  readonly mesosBridgeName: string;
  /** Before the names of the variables that tell tasks their host and ports. */
  readonly envVarsPrefix?: string;
  readonly agentReregisterTimeoutSeconds: number;
  readonly agentPingTimeoutSeconds: number;
  /** Bounds of a task's output: bytes per file and number of files per stream. */
  readonly outputFileBytes: number;
  readonly outputFiles: number;
  readonly insecure: boolean;
  /** Whether callers must say who they are; `auto`: with credentials, or beyond loopback unless `insecure`. */
  readonly authentication: 'auto' | 'required' | 'off';
  /** One user of the API, an administrator; the password is hashed the moment it is read. */
  readonly httpCredentials?: PasswordHash;
  /** PEM files with the API's certificate (and its chain) and key; both or none. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Entries of the audit trail that are kept. */
  readonly auditEntries: number;
  /** Ended deployments that are remembered. */
  readonly deploymentHistory: number;
  /** Ended tasks that are remembered of one app, and of all apps together. */
  readonly taskHistoryPerApp: number;
  readonly taskHistory: number;
  /** Origins whose pages may use the API, comma separated; `*` lets all read. */
  readonly accessControlAllowOrigin?: string;
  /** Never gzip or deflate an answer of the API. */
  readonly disableHttpCompression: boolean;
}
