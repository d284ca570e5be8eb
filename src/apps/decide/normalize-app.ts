import type {
  AppId,
  Artifact,
  EnvironmentValue,
  ExecutorResources,
  Network,
  PortDefinition,
  ResourceLimits,
  UnreachableStrategy,
  UpgradeStrategy,
} from '../app.js';
import type { AppDraft, AppInput, DefinitionSettings } from '../app-input.js';
import { type Container, isExternal, isPersistent, isResident } from '../container.js';
import { parentPath, resolvePath } from '../path.js';
import { distinct, optional, textMembers, unlessEmpty } from './members.js';
import { normalizeCheck, normalizeHealthCheck, normalizeReadinessCheck } from './normalize-checks.js';
import { type NetworkMode, normalizeContainer } from './normalize-container.js';
import { normalizeLoadBalancer } from './normalize-load-balancer.js';

type PortInput = NonNullable<AppInput['portDefinitions']>[number];

/** The single port of an app that says nothing about ports. */
const DEFAULT_PORT: PortDefinition = { port: 0, name: 'default', protocol: 'tcp' };

/**
 * Fills in every default of the model (Marathon reference 2.1 and 2.5). `input` has no deprecated forms any more; `id`
 * is where it lives, already absolute. Normalising twice changes nothing.
 */
export function normalizeApp(input: AppInput, id: string, settings: DefinitionSettings): AppDraft {
  const networks = normalizeNetworks(input.networks, settings);
  const mode = networkMode(networks);
  const container = normalizeContainer(input.container, mode);
  const ports = mode === 'host' ? (input.portDefinitions?.map(portDefinition) ?? [DEFAULT_PORT]) : [];
  const hasPorts = (container?.portMappings ?? ports).length > 0;
  return {
    id: id as AppId,
    ...optional('cmd', input.cmd),
    ...optional('args', input.args?.length ? [...input.args] : undefined),
    ...optional('user', input.user),
    env: environment(input.env),
    instances: input.instances ?? 1,
    cpus: input.cpus ?? 1,
    mem: input.mem ?? 128,
    disk: input.disk ?? 0,
    gpus: input.gpus ?? 0,
    executor: input.executor ?? '',
    ...optional('executorResources', executorResources(input.executorResources)),
    ...optional('resourceLimits', resourceLimits(input.resourceLimits)),
    ...optional('isolation', input.isolation),
    constraints: distinct((input.constraints ?? []).map(normalizeConstraint)),
    ...optional(
      'acceptedResourceRoles',
      input.acceptedResourceRoles && distinct(input.acceptedResourceRoles),
    ),
    role: input.role ?? settings.defaultRole,
    networks,
    portDefinitions: ports,
    requirePorts: mode === 'host' && (input.requirePorts ?? false),
    ...optional('container', container),
    ...optional('fetch', unlessEmpty((input.fetch ?? []).map(artifact))),
    ...optional('check', input.check && normalizeCheck(input.check)),
    healthChecks: distinct((input.healthChecks ?? []).map((check) => normalizeHealthCheck(check, hasPorts))),
    readinessChecks: (input.readinessChecks ?? []).map(normalizeReadinessCheck),
    backoffSeconds: input.backoffSeconds ?? 1,
    backoffFactor: input.backoffFactor ?? 1.15,
    maxLaunchDelaySeconds: input.maxLaunchDelaySeconds ?? 300,
    ...optional('taskKillGracePeriodSeconds', input.taskKillGracePeriodSeconds),
    dependencies: distinct(
      (input.dependencies ?? []).map((path) => resolvePath(path, parentPath(id)) as AppId),
    ),
    upgradeStrategy: upgradeStrategy(input.upgradeStrategy, container),
    unreachableStrategy: unreachableStrategy(input.unreachableStrategy, container),
    killSelection: input.killSelection ?? 'YOUNGEST_FIRST',
    labels: textMembers(input.labels),
    ...optional('secrets', secrets(input.secrets)),
    ...optional('tty', input.tty),
    ...optional('loadBalancer', normalizeLoadBalancer(input.loadBalancer)),
  };
}

function normalizeNetworks(input: AppInput['networks'], settings: DefinitionSettings): readonly Network[] {
  return input?.length ? givenNetworks(input, settings) : [{ mode: 'host' }];
}

/** The networks that a definition names. */
export function givenNetworks(
  input: NonNullable<AppInput['networks']>,
  { defaultNetworkName }: DefinitionSettings,
): readonly Network[] {
  return input.map((network) => {
    const mode = network.mode ?? 'container';
    return {
      mode,
      ...optional('name', network.name ?? (mode === 'container' ? defaultNetworkName : undefined)),
      ...optional('labels', unlessEmpty(textMembers(network.labels))),
    };
  });
}

/** How a definition is networked; a mixture, which a rule refuses, counts as what it is besides the host's. */
export function networkMode(networks: readonly Network[]): NetworkMode {
  return networks.find(({ mode }) => mode !== 'host')?.mode ?? 'host';
}

/** Texts, and references to secrets; nothing else of what was sent. */
export function environment(input: AppInput['env']): Readonly<Record<string, EnvironmentValue>> {
  return Object.fromEntries(
    Object.entries(input ?? {}).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : { secret: value.secret },
    ]),
  );
}

export function executorResources(input: AppInput['executorResources']): ExecutorResources | undefined {
  if (!input) return undefined;
  return { cpus: input.cpus ?? 0.1, mem: input.mem ?? 32, disk: input.disk ?? 10 };
}

/** A text other than `unlimited` is left out: a rule refuses it. */
export function resourceLimits(input: AppInput['resourceLimits']): ResourceLimits | undefined {
  const limit = (value: number | string | null | undefined): number | 'unlimited' | undefined =>
    typeof value === 'number' ? value : value === 'unlimited' ? value : undefined;
  return unlessEmpty<ResourceLimits>({
    ...optional('cpus', limit(input?.cpus)),
    ...optional('mem', limit(input?.mem)),
  });
}

export function artifact(input: NonNullable<AppInput['fetch']>[number]): Artifact {
  return {
    uri: input.uri,
    extract: input.extract ?? true,
    executable: input.executable ?? false,
    cache: input.cache ?? false,
    ...optional('destPath', input.destPath),
  };
}

export function secrets(
  input: AppInput['secrets'],
): Readonly<Record<string, { source: string }>> | undefined {
  return unlessEmpty(
    Object.fromEntries(Object.entries(input ?? {}).map(([name, { source }]) => [name, { source }])),
  );
}

/** Operators whose empty value is the same as none. */
const valueMayBeEmpty: ReadonlySet<string> = new Set(['UNIQUE', 'CLUSTER', 'GROUP_BY']);

/** Operator in capitals, without an empty value where that says nothing. */
export function normalizeConstraint(constraint: readonly string[]): readonly string[] {
  const upper = constraint.map((part, index) => (index === 1 ? part.toUpperCase() : part));
  return upper.length === 3 && upper[2] === '' && valueMayBeEmpty.has(upper[1] ?? '')
    ? upper.slice(0, 2)
    : upper;
}

function portDefinition(input: PortInput): PortDefinition {
  return {
    port: input.port ?? 0,
    ...optional('name', input.name),
    protocol: input.protocol ?? 'tcp',
    ...optional('labels', unlessEmpty(textMembers(input.labels))),
  };
}

/** An app that keeps data where it runs is stopped before it is started anew. */
function upgradeStrategy(
  input: AppInput['upgradeStrategy'],
  container: Container | undefined,
): UpgradeStrategy {
  const keepsData = container?.volumes.some((each) => isPersistent(each) || isExternal(each)) ?? false;
  return {
    minimumHealthCapacity: input?.minimumHealthCapacity ?? (keepsData ? 0.5 : 1),
    maximumOverCapacity: input?.maximumOverCapacity ?? (keepsData ? 0 : 1),
    ...optional('deadlineSeconds', input?.deadlineSeconds),
    ...optional('onFailure', input?.onFailure),
  };
}

function unreachableStrategy(
  input: AppInput['unreachableStrategy'],
  container: Container | undefined,
): UnreachableStrategy {
  if (typeof input === 'string') return 'disabled';
  if (!input && container && isResident({ container })) return 'disabled';
  return {
    inactiveAfterSeconds: input?.inactiveAfterSeconds ?? 0,
    expungeAfterSeconds: input?.expungeAfterSeconds ?? 0,
  };
}
