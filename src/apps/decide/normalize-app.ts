import type {
  AppId,
  HealthCheck,
  PortDefinition,
  ReadinessCheck,
  UnreachableStrategy,
  UpgradeStrategy,
} from '../app.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import { parentPath, resolvePath } from '../path.js';
import { canonicalJson } from './canonical-json.js';

type PortInput = NonNullable<NonNullable<AppInput['portDefinitions']>[number]>;
type HealthCheckInput = NonNullable<NonNullable<AppInput['healthChecks']>[number]>;
type ReadinessCheckInput = NonNullable<NonNullable<AppInput['readinessChecks']>[number]>;

/** The single port of an app that says nothing about ports. */
const DEFAULT_PORT: PortDefinition = { port: 0, name: 'default', protocol: 'tcp' };

/**
 * Fills in every default of the model (Marathon reference 2.1 and 2.5). `input` has no deprecated forms and nothing
 * unsupported any more; `id` is where it lives, already absolute. Normalising twice changes nothing.
 */
export function normalizeApp(input: AppInput, id: string, settings: DefinitionSettings): AppDraft {
  const portDefinitions = input.portDefinitions ? input.portDefinitions.map(portDefinition) : [DEFAULT_PORT];
  return {
    id: id as AppId,
    ...optional('cmd', input.cmd),
    ...optional('args', input.args?.length ? [...input.args] : undefined),
    ...optional('user', input.user),
    env: textMembers(input.env),
    instances: input.instances ?? 1,
    cpus: input.cpus ?? 1,
    mem: input.mem ?? 128,
    disk: input.disk ?? 0,
    gpus: 0,
    executor: '',
    constraints: distinct((input.constraints ?? []).map(normalizeConstraint)),
    ...optional(
      'acceptedResourceRoles',
      input.acceptedResourceRoles && distinct(input.acceptedResourceRoles),
    ),
    role: input.role ?? settings.defaultRole,
    networks: [{ mode: 'host' }],
    portDefinitions,
    requirePorts: input.requirePorts ?? false,
    healthChecks: distinct(
      (input.healthChecks ?? []).map((check) => healthCheck(check, portDefinitions.length > 0)),
    ),
    readinessChecks: (input.readinessChecks ?? []).map(readinessCheck),
    backoffSeconds: input.backoffSeconds ?? 1,
    backoffFactor: input.backoffFactor ?? 1.15,
    maxLaunchDelaySeconds: input.maxLaunchDelaySeconds ?? 300,
    ...optional('taskKillGracePeriodSeconds', input.taskKillGracePeriodSeconds),
    dependencies: distinct(
      (input.dependencies ?? []).map((path) => resolvePath(path, parentPath(id)) as AppId),
    ),
    upgradeStrategy: upgradeStrategy(input.upgradeStrategy),
    unreachableStrategy: unreachableStrategy(input.unreachableStrategy),
    killSelection: input.killSelection ?? 'YOUNGEST_FIRST',
    labels: textMembers(input.labels),
    ...optional('loadBalancer', loadBalancer(input.loadBalancer)),
  };
}

/** `{[name]: value}`, or nothing when the value is absent or null. */
function optional<Name extends string, T>(
  name: Name,
  value: T | null | undefined,
): { readonly [N in Name]?: T } {
  return value === null || value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: T });
}

/** The first of each set of equal values, in their order: these lists are sets to Marathon. */
function distinct<T>(values: readonly T[]): readonly T[] {
  return values.length < 2
    ? values
    : [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
}

function textMembers(
  members: Readonly<Record<string, unknown>> | null | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(members ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Operators whose empty value is the same as none. */
const valueMayBeEmpty: ReadonlySet<string> = new Set(['UNIQUE', 'CLUSTER', 'GROUP_BY']);

function normalizeConstraint(constraint: readonly string[]): readonly string[] {
  const upper = constraint.map((part, index) => (index === 1 ? part.toUpperCase() : part));
  return upper.length === 3 && upper[2] === '' && valueMayBeEmpty.has(upper[1] ?? '')
    ? upper.slice(0, 2)
    : upper;
}

function portDefinition(input: PortInput): PortDefinition {
  const labels = textMembers(input.labels);
  return {
    port: input.port ?? 0,
    ...optional('name', input.name),
    protocol: input.protocol ?? 'tcp',
    ...optional('labels', Object.keys(labels).length > 0 ? labels : undefined),
  };
}

/** A check that names neither port nor port index means the first port, if there is one. */
function healthCheck(input: HealthCheckInput, hasPorts: boolean): HealthCheck {
  const protocol = input.protocol === 'HTTPS' || input.protocol === 'TCP' ? input.protocol : 'HTTP';
  const impliedIndex =
    input.port === null || input.port === undefined ? (hasPorts ? 0 : undefined) : undefined;
  return {
    protocol,
    ...optional('path', protocol === 'TCP' ? undefined : input.path),
    ...optional('port', input.port),
    ...optional('portIndex', input.portIndex ?? impliedIndex),
    gracePeriodSeconds: input.gracePeriodSeconds ?? 300,
    intervalSeconds: input.intervalSeconds ?? 60,
    timeoutSeconds: input.timeoutSeconds ?? 20,
    maxConsecutiveFailures: input.maxConsecutiveFailures ?? 3,
    delaySeconds: input.delaySeconds ?? 15,
    ...optional('ignoreHttp1xx', protocol === 'TCP' ? undefined : (input.ignoreHttp1xx ?? false)),
  };
}

function readinessCheck(input: ReadinessCheckInput): ReadinessCheck {
  return {
    name: input.name ?? 'readinessCheck',
    protocol: input.protocol ?? 'HTTP',
    path: input.path ?? '/',
    portName: input.portName ?? 'http-api',
    intervalSeconds: input.intervalSeconds ?? 30,
    timeoutSeconds: input.timeoutSeconds ?? 10,
    httpStatusCodesForReady: distinct(input.httpStatusCodesForReady ?? [200]),
    preserveLastResponse: input.preserveLastResponse ?? false,
  };
}

function upgradeStrategy(input: AppInput['upgradeStrategy']): UpgradeStrategy {
  return {
    minimumHealthCapacity: input?.minimumHealthCapacity ?? 1,
    maximumOverCapacity: input?.maximumOverCapacity ?? 1,
    ...optional('deadlineSeconds', input?.deadlineSeconds),
    ...optional('onFailure', input?.onFailure),
  };
}

function unreachableStrategy(input: AppInput['unreachableStrategy']): UnreachableStrategy {
  if (typeof input === 'string') return 'disabled';
  return {
    inactiveAfterSeconds: input?.inactiveAfterSeconds ?? 0,
    expungeAfterSeconds: input?.expungeAfterSeconds ?? 0,
  };
}

function loadBalancer(input: AppInput['loadBalancer']): { readonly drainSeconds: number } | undefined {
  const drainSeconds = input?.drainSeconds;
  return drainSeconds === null || drainSeconds === undefined ? undefined : { drainSeconds };
}
