import type { UnreachableStrategy } from '../../app.js';
import type { DefinitionSettings } from '../../app-input.js';
import type { PodConstraint, PodDraft, PodInput, PodScheduling, PodVolume } from '../../pod.js';
import { optional, textMembers, unlessEmpty } from '../members.js';
import {
  environment,
  executorResources,
  givenNetworks,
  networkMode,
  normalizeConstraint,
  secrets,
} from '../normalize-app.js';
import { linuxInfo, persistentPart } from '../normalize-container.js';
import { podContainer } from './normalize-pod-container.js';

type SchedulingInput = PodInput['scheduling'];

/**
 * Fills in every default of a pod (Marathon reference 1.9). `id` is where it lives, already absolute. Normalising twice
 * changes nothing.
 */
export function normalizePod(input: PodInput, id: string, settings: DefinitionSettings): PodDraft {
  const networks = givenNetworks(input.networks ?? [], settings);
  const mode = networkMode(networks);
  const volumes = (input.volumes ?? []).map(volume);
  const keepsData = volumes.some(({ persistent }) => persistent !== undefined);
  return {
    id,
    ...optional('labels', unlessEmpty(textMembers(input.labels))),
    ...optional('user', input.user),
    ...optional('environment', unlessEmpty(environment(input.environment))),
    containers: input.containers.map((container) => podContainer(container, mode)),
    ...optional('secrets', secrets(input.secrets)),
    ...optional('volumes', unlessEmpty(volumes)),
    ...optional('networks', unlessEmpty(networks)),
    scaling: { kind: input.scaling?.kind ?? 'fixed', instances: input.scaling?.instances ?? 1 },
    scheduling: scheduling(input.scheduling, keepsData),
    executorResources: executorResources(input.executorResources) ?? { cpus: 0.1, mem: 32, disk: 10 },
    role: input.role ?? settings.defaultRole,
    ...optional('linuxInfo', linuxInfo(input.linuxInfo)),
    ...optional('legacySharedCgroups', input.legacySharedCgroups),
  };
}

function volume(input: NonNullable<PodInput['volumes']>[number]): PodVolume {
  return {
    name: input.name,
    ...optional('host', input.host),
    ...optional('persistent', input.persistent && persistentPart(input.persistent)),
    ...optional('secret', input.secret),
  };
}

/** All five members are always there; a pod that keeps data is stopped before it is started anew, and waited for. */
function scheduling(input: SchedulingInput, keepsData: boolean): PodScheduling {
  const { backoff, upgrade, placement } = input ?? {};
  return {
    backoff: {
      backoff: backoff?.backoff ?? 1,
      backoffFactor: backoff?.backoffFactor ?? 1.15,
      maxLaunchDelay: backoff?.maxLaunchDelay ?? 300,
    },
    upgrade: {
      minimumHealthCapacity: upgrade?.minimumHealthCapacity ?? (keepsData ? 0.5 : 1),
      maximumOverCapacity: upgrade?.maximumOverCapacity ?? (keepsData ? 0 : 1),
    },
    placement: {
      constraints: (placement?.constraints ?? []).map(constraint),
      acceptedResourceRoles: [...new Set(placement?.acceptedResourceRoles ?? [])],
    },
    killSelection: input?.killSelection ?? 'YOUNGEST_FIRST',
    unreachableStrategy: unreachableStrategy(input?.unreachableStrategy, keepsData),
  };
}

function constraint(input: {
  readonly fieldName: string;
  readonly operator: string;
  readonly value?: string | null;
}): PodConstraint {
  const parts = [input.fieldName, input.operator, ...(input.value == null ? [] : [input.value])];
  const [fieldName = '', operator = '', value] = normalizeConstraint(parts);
  return { fieldName, operator, ...optional('value', value) };
}

function unreachableStrategy(
  input: NonNullable<SchedulingInput>['unreachableStrategy'],
  keepsData: boolean,
): UnreachableStrategy {
  if (typeof input === 'string' || (!input && keepsData)) return 'disabled';
  return {
    inactiveAfterSeconds: input?.inactiveAfterSeconds ?? 0,
    expungeAfterSeconds: input?.expungeAfterSeconds ?? 0,
  };
}
