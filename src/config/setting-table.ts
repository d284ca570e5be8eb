import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Settings } from './settings.js';

/** What a value from a flag, variable or file must look like; each says in a sentence what is allowed. */
export type SettingKind =
  | { readonly kind: 'text' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'port' }
  | { readonly kind: 'whole'; readonly min: number; readonly max: number }
  | { readonly kind: 'port-range' }
  | { readonly kind: 'one-of'; readonly values: readonly string[] }
  /** `user:password`, or `@` and the path of a file that holds it. */
  | { readonly kind: 'credentials' };

export interface SettingEntry {
  readonly name: keyof Settings;
  /** Without the dashes: `http-port`. */
  readonly flag: string;
  readonly kind: SettingKind;
  readonly help: string;
  readonly fallback: (context: DefaultsContext) => Settings[keyof Settings];
}

/** What defaults depend on. */
export interface DefaultsContext {
  readonly root: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

function stateDir({ root, env, home }: DefaultsContext): string {
  if (root) return '/var/lib/longrun';
  return join(env['XDG_STATE_HOME'] || join(home, '.local', 'state'), 'longrun');
}

const text = { kind: 'text' } as const;
const flag = { kind: 'flag' } as const;
const port = { kind: 'port' } as const;
const whole = (min: number, max: number): SettingKind => ({ kind: 'whole', min, max });

/** Every setting there is: flag, LONGRUN_ variable and key of the file all come from this table. */
export const settingTable: readonly SettingEntry[] = [
  {
    name: 'workDir',
    flag: 'work-dir',
    kind: text,
    help: 'where everything durable lives',
    fallback: stateDir,
  },
  {
    name: 'address',
    flag: 'address',
    kind: text,
    help: 'address that API, master and agent listen on',
    fallback: () => '127.0.0.1',
  },
  {
    name: 'lbAddress',
    flag: 'lb-address',
    kind: text,
    help: 'address that the load balancer listens on',
    fallback: () => '127.0.0.1',
  },
  {
    name: 'hostname',
    flag: 'hostname',
    kind: text,
    help: 'name under which tasks of this machine are reached',
    fallback: () => '',
  },
  {
    name: 'httpPort',
    flag: 'http-port',
    kind: port,
    help: 'port of the REST API (0 = any free one)',
    fallback: () => 8080,
  },
  {
    name: 'masterPort',
    flag: 'master-port',
    kind: port,
    help: 'port of the master: agents and proxies dial it',
    fallback: () => 5050,
  },
  {
    name: 'agentPort',
    flag: 'agent-port',
    kind: port,
    help: 'port of the agent: sandbox files and statistics',
    fallback: () => 5051,
  },
  {
    name: 'lbHttpPort',
    flag: 'lb-http-port',
    kind: port,
    help: 'port of the load balancer for virtual hosts',
    fallback: () => 9080,
  },
  {
    name: 'lbStatsPort',
    flag: 'lb-stats-port',
    kind: port,
    help: "port of the load balancer's statistics page",
    fallback: () => 9090,
  },
  {
    name: 'lbWorkers',
    flag: 'lb-workers',
    kind: whole(1, 64),
    help: 'number of load balancer processes',
    fallback: () => 1,
  },
  {
    name: 'dnsPort',
    flag: 'dns-port',
    kind: port,
    help: 'port of the name server (UDP and TCP), on the address of the load balancer',
    fallback: () => 8053,
  },
  {
    name: 'dnsHttpPort',
    flag: 'dns-http-port',
    kind: port,
    help: "port of the name server's HTTP interface",
    fallback: () => 8123,
  },
  {
    name: 'disableDns',
    flag: 'disable-dns',
    kind: flag,
    help: 'serve no names',
    fallback: () => false,
  },
  {
    name: 'dnsDomain',
    flag: 'dns-domain',
    kind: text,
    help: 'domain that names end with, as in web.marathon.mesos',
    fallback: () => 'mesos',
  },
  {
    name: 'dnsTtlSeconds',
    flag: 'dns-ttl-seconds',
    kind: whole(0, 3_600),
    help: 'how long answers of the name server may be kept',
    fallback: () => 5,
  },
  {
    name: 'dnsResolvers',
    flag: 'dns-resolvers',
    kind: text,
    help: "servers asked about other domains, e.g. 10.0.0.2,10.0.0.3:5353; none to refuse such questions (default: this host's)",
    fallback: () => undefined,
  },
  {
    name: 'servicePorts',
    flag: 'service-ports',
    kind: { kind: 'port-range' },
    help: 'range that service ports are assigned from',
    fallback: () => ({ min: 10_000, max: 20_000 }),
  },
  {
    name: 'resources',
    flag: 'resources',
    kind: text,
    help: 'what this agent offers, e.g. cpus:4;mem:4096;disk:10000;ports:[31000-32000] (default: detected)',
    fallback: () => undefined,
  },
  {
    name: 'attributes',
    flag: 'attributes',
    kind: text,
    help: 'attributes of this agent, e.g. rack:r1;zone:a',
    fallback: () => undefined,
  },
  {
    name: 'defaultUser',
    flag: 'default-user',
    kind: text,
    help: 'user for apps that name none when the agent runs as root',
    fallback: () => 'nobody',
  },
  {
    name: 'allowRootTasks',
    flag: 'allow-root-tasks',
    kind: flag,
    help: 'let apps ask for the user root',
    fallback: () => false,
  },
  {
    name: 'isolation',
    flag: 'isolation',
    kind: { kind: 'one-of', values: ['default', 'strict', 'none'] },
    help: "what keeps tasks apart besides limits: default (own processes and ipc), strict (also a private /tmp, no new privileges, the host's files read-only), none",
    fallback: () => 'default',
  },
  {
    name: 'dockerSocket',
    flag: 'docker-socket',
    kind: text,
    help: 'socket of the Docker engine that runs apps with an image',
    fallback: () => '/var/run/docker.sock',
  },
  {
    name: 'dockerConfig',
    flag: 'docker-config',
    kind: text,
    help: 'file with logins of image registries, as `docker login` writes it (~/.docker/config.json)',
    fallback: () => undefined,
  },
  {
    name: 'dockerAllowPrivileged',
    flag: 'docker-allow-privileged',
    kind: flag,
    help: 'let apps ask for privileged Docker containers, which are root on this host',
    fallback: () => false,
  },
  {
    name: 'dockerAllowParameters',
    flag: 'docker-allow-parameters',
    kind: text,
    help: 'Docker parameters that apps may use though they reach out of the container, e.g. cap-add,volume',
    fallback: () => undefined,
  },
  {
    name: 'hostVolumes',
    flag: 'host-volumes',
    kind: text,
    help: 'paths of this host, with all below, that apps may have as volumes, e.g. /srv/data,/etc/ssl:ro (default: none)',
    fallback: () => undefined,
  },
  {
    name: 'fetchLimitMiB',
    flag: 'fetch-limit-mib',
    kind: whole(1, 1_048_576),
    help: 'most MiB of one file that is fetched for a task, and of what one archive unpacks to',
    fallback: () => 4_096,
  },
  {
    name: 'fetchTimeLimitSeconds',
    flag: 'fetch-time-limit',
    kind: whole(1, 86_400),
    help: "seconds after which all of a task's files must be there",
    fallback: () => 1_800,
  },
  {
    name: 'fetchCacheMiB',
    flag: 'fetch-cache-mib',
    kind: whole(0, 1_048_576),
    help: 'MiB of fetched files that are kept for the next task (`"cache": true`)',
    fallback: () => 2_048,
  },
  {
    name: 'ignoreDiskLimits',
    flag: 'ignore-disk-limits',
    kind: flag,
    help: 'let tasks write more into their sandboxes than the `disk` that they asked for',
    fallback: () => false,
  },
  {
    name: 'logLevel',
    flag: 'log-level',
    kind: { kind: 'one-of', values: ['debug', 'info', 'warn', 'error'] },
    help: 'least severity that is logged',
    fallback: () => 'info',
  },
  {
    name: 'logFormat',
    flag: 'log-format',
    kind: { kind: 'one-of', values: ['text', 'json'] },
    help: 'form of log lines',
    fallback: () => 'text',
  },
  {
    name: 'readyFile',
    flag: 'ready-file',
    kind: text,
    help: 'file to write the URLs and process ids to, as JSON, once everything is up',
    fallback: () => undefined,
  },
  {
    name: 'server',
    flag: 'server',
    kind: text,
    help: "URL of the server's master port to join (agent, proxy)",
    fallback: () => undefined,
  },
  {
    name: 'tokenFile',
    flag: 'token-file',
    kind: text,
    help: "file with the server's join token (default: the token in the work dir)",
    fallback: () => undefined,
  },
  {
    name: 'maxRunningDeployments',
    flag: 'max-running-deployments',
    kind: whole(1, 1_000_000),
    help: 'most deployments at once',
    fallback: () => 10_000,
  },
  {
    name: 'restartOnAnyChange',
    flag: 'restart-on-any-change',
    kind: flag,
    help: 'restart tasks on every change of a definition, as Marathon does',
    fallback: () => false,
  },
  {
    name: 'defaultNetworkName',
    flag: 'default-network-name',
    kind: text,
    help: 'name of container networks that have none in a definition',
    fallback: () => undefined,
  },
  {
    name: 'mesosBridgeName',
    flag: 'mesos-bridge-name',
    kind: text,
    help: 'network name that means the bridge in the deprecated ipAddress',
    fallback: () => 'mesos-bridge',
  },
  {
    name: 'envVarsPrefix',
    flag: 'env-vars-prefix',
    kind: text,
    help: 'put before HOST, PORT, PORTS, PORT0 and their like in the environment of tasks',
    fallback: () => undefined,
  },
  {
    name: 'agentReregisterTimeoutSeconds',
    flag: 'agent-reregister-timeout',
    kind: whole(1, 86_400),
    help: 'seconds that a restarted server waits for its agents before it believes they are gone',
    fallback: () => 60,
  },
  {
    name: 'agentPingTimeoutSeconds',
    flag: 'agent-ping-timeout',
    kind: whole(5, 86_400),
    help: 'seconds without a line to an agent before its tasks count as unreachable',
    fallback: () => 30,
  },
  {
    name: 'outputFileBytes',
    flag: 'output-file-bytes',
    kind: whole(4_096, 1_099_511_627_776),
    help: "bytes per file of a task's output",
    fallback: () => 10 * 1024 * 1024,
  },
  {
    name: 'outputFiles',
    flag: 'output-files',
    kind: whole(1, 1_000),
    help: "files kept per stream of a task's output",
    fallback: () => 5,
  },
  {
    name: 'insecure',
    flag: 'insecure',
    kind: flag,
    help: 'allow listening beyond loopback without authentication',
    fallback: () => false,
  },
  {
    name: 'authentication',
    flag: 'authentication',
    kind: { kind: 'one-of', values: ['auto', 'required', 'off'] },
    help: 'whether callers must say who they are; auto: with --http-credentials, or beyond loopback',
    fallback: () => 'auto',
  },
  {
    name: 'httpCredentials',
    flag: 'http-credentials',
    kind: { kind: 'credentials' },
    help: 'user:password of an administrator, or @FILE that holds it (other users can read command lines)',
    fallback: () => undefined,
  },
  {
    name: 'tlsCert',
    flag: 'tls-cert',
    kind: text,
    help: 'PEM file with the certificate of the API and its chain; read again when it changes',
    fallback: () => undefined,
  },
  {
    name: 'tlsKey',
    flag: 'tls-key',
    kind: text,
    help: 'PEM file with the key of that certificate',
    fallback: () => undefined,
  },
  {
    name: 'auditEntries',
    flag: 'audit-entries',
    kind: whole(100, 1_000_000),
    help: 'entries of the audit trail that are kept; the oldest go first',
    fallback: () => 10_000,
  },
  {
    name: 'deploymentHistory',
    flag: 'deployment-history',
    kind: whole(10, 100_000),
    help: 'ended deployments that are remembered; the oldest go first',
    fallback: () => 500,
  },
  {
    name: 'taskHistoryPerApp',
    flag: 'task-history-per-app',
    kind: whole(1, 10_000),
    help: 'ended tasks that are remembered of one app, with their last lines; the oldest go first',
    fallback: () => 100,
  },
  {
    name: 'taskHistory',
    flag: 'task-history',
    kind: whole(100, 1_000_000),
    help: 'ended tasks that are remembered of all apps together',
    fallback: () => 20_000,
  },
  {
    name: 'accessControlAllowOrigin',
    flag: 'access-control-allow-origin',
    kind: text,
    help: 'origins whose web pages may use the API, e.g. https://ui.example,https://ops.example (* = all may read)',
    fallback: () => undefined,
  },
  {
    name: 'disableHttpCompression',
    flag: 'disable-http-compression',
    kind: flag,
    help: 'never compress answers of the API',
    fallback: () => false,
  },
];

/** The machine's own name, for tasks' HOST and the agents' hostname when --hostname is not given and we listen beyond loopback. */
export function machineName(): string {
  return hostname();
}
