import { deploymentLabelNames } from '../../apps/decide/routing/deployment-labels.js';
import { templateNames } from '../../apps/decide/routing/label-findings.js';
import { unheededLabels } from '../../apps/decide/unheeded-labels.js';

/**
 * How well longrun honours what a definition of Marathon says. `honoured`: the same effect. `translated`: said in another
 * way, same effect. `partly`: a different or smaller effect. `not`: kept, or left out, without effect.
 */
export type Honour = 'honoured' | 'translated' | 'partly' | 'not';

export interface HonourEntry {
  readonly kind: 'field' | 'label';
  /** `{n}` stands for the index of a port, `*` for anything. */
  readonly name: string;
  readonly honour: Honour;
  /** What happens. Empty where there is nothing to say but that it works. */
  readonly why: string;
  /** What the owner of the app does about it; empty: nothing. */
  readonly todo: string;
}

const field = (names: string, honour: Honour, why = '', todo = ''): HonourEntry[] =>
  names.split(' ').map((name) => ({ kind: 'field', name, honour, why, todo }));
const label = (name: string, honour: Honour, why = '', todo = ''): HonourEntry => ({
  kind: 'label',
  name,
  honour,
  why,
  todo,
});

const PASSWORD_TODO = 'Make a new one with `openssl passwd -6`.';
/** Of the labels of a port those that mean what they mean to marathon-lb. */
const plainLabels =
  'VHOST PATH STICKY PORT MODE ENABLED REDIRECT_TO_HTTPS USE_HSTS SSL_CERT BIND_ADDR BACKEND_NETWORK_ALLOWED_ACL ' +
  'HTTP_BACKEND_PROXYPASS_PATH HTTP_BACKEND_REDIR BACKEND_HEALTHCHECK_PORT_INDEX';

const RUNNABLE = 'what the engine cannot run yet is named, and the app is kept aside';

/**
 * One row per field of a definition and per label that something reads; the first that matches counts. The guide
 * `docs/migrating-from-marathon.md` has the same rows. Fields whose value decides (`container`, `healthChecks`) are judged
 * by what reads definitions for the server, not here.
 */
export const honourTable: readonly HonourEntry[] = [
  ...field('id cmd args env instances cpus mem disk constraints requirePorts portDefinitions', 'honoured'),
  ...field('backoffSeconds backoffFactor maxLaunchDelaySeconds taskKillGracePeriodSeconds', 'honoured'),
  ...field('upgradeStrategy unreachableStrategy killSelection dependencies labels', 'honoured'),
  ...field('readinessChecks resourceLimits isolation loadBalancer check', 'honoured'),
  ...field('user', 'honoured', 'without it tasks run as nobody, not as root'),
  ...field('healthChecks', 'honoured', `of those that the agent carries out only one: of more, ${RUNNABLE}`),
  ...field(
    'container networks',
    'honoured',
    `images with the host’s, the bridge’s or one network of the engine’s own; of the rest ${RUNNABLE}`,
  ),
  ...field('fetch', 'honoured', `over http and https, and files of the agent’s host; of others ${RUNNABLE}`),
  ...field(
    'secrets',
    'honoured',
    'once they are here; an app whose secrets are missing is kept aside',
    'Set them first: `longrun secret set`.',
  ),
  ...field('gpus tty executor executorResources', 'honoured', `at its default; else ${RUNNABLE}`),
  ...field('ports', 'translated', 'becomes `portDefinitions`, or service ports of `container.portMappings`'),
  ...field('uris storeUrls', 'translated', 'becomes `fetch`'),
  ...field('ipAddress', 'translated', 'becomes `networks` and `container.portMappings`'),
  ...field(
    'role',
    'translated',
    'kept when it is `*` or the name of the top-level group; another is left out',
    'Where the role picked machines, give the agents an attribute and the app a constraint.',
  ),
  ...field(
    'acceptedResourceRoles',
    'translated',
    'left out when it names another role than `*` and the app’s own',
    'Where the role picked machines, give the agents an attribute and the app a constraint.',
  ),
  ...field(
    'residency',
    'translated',
    'left out, as Marathon ignores it since 1.10: that an app keeps data follows from its volumes',
  ),
  ...plainLabels.split(' ').map((name) => label(`HAPROXY_{n}_${name}`, 'honoured')),
  label(
    'HAPROXY_{n}_BALANCE',
    'partly',
    'roundrobin, static-rr, leastconn, random, first, source, uri and hdr(NAME); any other is round robin',
  ),
  label('HAPROXY_{n}_AUTH', 'partly', 'SHA-256 and SHA-512 hashes only; any other is refused', PASSWORD_TODO),
  label(
    'HAPROXY_{n}_BIND_OPTIONS',
    'partly',
    'accept-proxy, ssl, crt and ca-file; the rest is left out',
    'See which setting it stood for.',
  ),
  label('HAPROXY_{n}_BACKEND_WEIGHT', 'partly', 'it orders rules about paths; here the longest path wins'),
  label(
    'HAPROXY_{n}_HTTP_BACKEND_REVPROXY_PATH',
    'partly',
    'with the same path in HTTP_BACKEND_PROXYPASS_PATH',
    'Say it with `loadBalancer.ports[].rewrite`.',
  ),
  ...['HAPROXY_GROUP', 'HAPROXY_{n}_GROUP'].map((name) =>
    label(name, 'honoured', 'by load balancers that are told their groups: `--lb-group`'),
  ),
  ...deploymentLabelNames
    .filter((name) => name !== 'APP_ID')
    .map((name) =>
      label(`HAPROXY_${name}`, 'honoured', 'though an ordinary deployment drains instances, too'),
    ),
  label('HAPROXY_APP_ID', 'honoured', 'kept; a label like any other'),
  ...templateNames.map((name) =>
    label(
      `HAPROXY_{n}_${name}`,
      'partly',
      'lines about timeouts, headers, redirects, retries and servers; the others are told as warnings',
      'Say what is left with `loadBalancer`.',
    ),
  ),
  ...unheededLabels.map(({ name, why, todo }) => label(name, 'not', why, todo)),
  ...['traefik.*', 'linkerd.*', 'DCOS_SERVICE_*'].map((name) =>
    label(
      name,
      'not',
      'kept; read by another program, which can go on reading it here',
      'Point that program at longrun’s API, or say it with `HAPROXY_{n}_VHOST`.',
    ),
  ),
  ...['DCOS_PACKAGE_*', 'DCOS_MIGRATION_*', 'MARATHON_SINGLE_INSTANCE_APP', 'GPU_SCHEDULING_BEHAVIOR'].map(
    (name) => label(name, 'not', 'kept; a label like any other', ''),
  ),
  label('*', 'honoured', 'kept; filters, events and the environment of tasks show it'),
];

/** What a read shows and nobody writes: left out without a word. */
export const readOnlyFields: ReadonlySet<string> = new Set(
  (
    'tasksStaged tasksRunning tasksHealthy tasksUnhealthy deployments tasks readinessCheckResults lastTaskFailure ' +
    'tasksStats taskStats version versionInfo notServed waiting warnings'
  ).split(' '),
);

const UNKNOWN_FIELD: Omit<HonourEntry, 'name'> = {
  kind: 'field',
  honour: 'not',
  why: 'longrun does not know this field; it is left out',
  todo: 'See what it did, and whether it is missed.',
};

const compiled = honourTable.map((entry) => ({ entry, pattern: patternOf(entry.name) }));

/** How a field, or a label, of that name is honoured. */
export function honourOf(kind: HonourEntry['kind'], name: string): HonourEntry {
  const found = compiled.find(({ entry, pattern }) => entry.kind === kind && pattern.test(name));
  return found?.entry ?? { ...UNKNOWN_FIELD, name };
}

export const isKnownField = (name: string): boolean => honourOf('field', name).why !== UNKNOWN_FIELD.why;

function patternOf(name: string): RegExp {
  const escaped = name.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('{n}', '\\d+').replaceAll('\\*', '.*')}$`);
}
