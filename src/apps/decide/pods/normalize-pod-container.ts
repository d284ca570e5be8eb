import type {
  PodCheck,
  PodCommand,
  PodContainer,
  PodEndpoint,
  PodHealthCheck,
  PodImage,
  PodInput,
  PodProbe,
} from '../../pod.js';
import { distinct, optional, textMembers, unlessEmpty } from '../members.js';
import { artifact, environment, resourceLimits } from '../normalize-app.js';
import { linuxInfo, type NetworkMode } from '../normalize-container.js';

export type PodContainerInput = PodInput['containers'][number];
type EndpointInput = NonNullable<PodContainerInput['endpoints']>[number];
type ImageInput = NonNullable<PodContainerInput['image']>;
type CheckInput = NonNullable<PodContainerInput['check']>;
type HealthCheckInput = NonNullable<PodContainerInput['healthCheck']>;
type CommandInput = NonNullable<PodContainerInput['exec']>['command'];

/** A container of a pod with its defaults (Marathon reference 1.9). `mode`: how the pod is networked. */
export function podContainer(input: PodContainerInput, mode: NetworkMode): PodContainer {
  const { exec, resources, volumeMounts } = input;
  return {
    name: input.name,
    ...optional(
      'exec',
      exec && { command: command(exec.command), ...optional('overrideEntrypoint', exec.overrideEntrypoint) },
    ),
    resources: {
      cpus: resources?.cpus ?? 1,
      mem: resources?.mem ?? 128,
      disk: resources?.disk ?? 0,
      gpus: resources?.gpus ?? 0,
    },
    ...optional('resourceLimits', resourceLimits(input.resourceLimits)),
    ...optional('endpoints', unlessEmpty((input.endpoints ?? []).map((each) => endpoint(each, mode)))),
    ...optional('image', input.image && image(input.image)),
    ...optional('environment', unlessEmpty(environment(input.environment))),
    ...optional('user', input.user),
    ...optional('healthCheck', input.healthCheck && healthCheck(input.healthCheck)),
    ...optional('check', input.check && check(input.check)),
    ...optional(
      'volumeMounts',
      unlessEmpty(
        (volumeMounts ?? []).map(({ name, mountPath, readOnly }) => ({
          name,
          mountPath,
          ...optional('readOnly', readOnly),
        })),
      ),
    ),
    ...optional('artifacts', unlessEmpty((input.artifacts ?? []).map(artifact))),
    ...optional('labels', unlessEmpty(textMembers(input.labels))),
    ...optional(
      'lifecycle',
      unlessEmpty(optional('killGracePeriodSeconds', input.lifecycle?.killGracePeriodSeconds)),
    ),
    ...optional('tty', input.tty),
    ...optional('linuxInfo', linuxInfo(input.linuxInfo)),
  };
}

/** A host port is any, unless the container has an address of its own and wants none. */
function endpoint(input: EndpointInput, mode: NetworkMode): PodEndpoint {
  return {
    name: input.name,
    ...optional('containerPort', input.containerPort),
    ...optional('hostPort', input.hostPort ?? (mode === 'container' ? undefined : 0)),
    ...optional('protocol', unlessEmpty([...(input.protocol ?? [])])),
    ...optional('labels', unlessEmpty(textMembers(input.labels))),
    ...optional('networkNames', unlessEmpty(distinct(input.networkNames ?? []))),
  };
}

function image(input: ImageInput): PodImage {
  return {
    kind: input.kind,
    id: input.id,
    ...optional('pullConfig', input.pullConfig && { secret: input.pullConfig.secret }),
    ...optional('forcePull', input.forcePull),
    ...optional('labels', unlessEmpty(textMembers(input.labels))),
  };
}

function command({ shell, argv }: CommandInput): PodCommand {
  return { ...optional('shell', shell), ...optional('argv', argv && [...argv]) };
}

function probe({ http, tcp, exec }: Pick<CheckInput, 'http' | 'tcp' | 'exec'>): PodProbe {
  return {
    ...optional(
      'http',
      http && { endpoint: http.endpoint, ...optional('path', http.path), scheme: http.scheme ?? 'HTTP' },
    ),
    ...optional('tcp', tcp && { endpoint: tcp.endpoint }),
    ...optional('exec', exec && { command: command(exec.command) }),
  };
}

function check(input: CheckInput): PodCheck {
  return {
    ...probe(input),
    intervalSeconds: input.intervalSeconds ?? 60,
    timeoutSeconds: input.timeoutSeconds ?? 20,
    delaySeconds: input.delaySeconds ?? 15,
  };
}

function healthCheck(input: HealthCheckInput): PodHealthCheck {
  return {
    ...check(input),
    gracePeriodSeconds: input.gracePeriodSeconds ?? 300,
    maxConsecutiveFailures: input.maxConsecutiveFailures ?? 3,
  };
}
