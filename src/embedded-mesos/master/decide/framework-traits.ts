import type { FrameworkInfo } from '../../protocol/v1.js';

/** What a framework's capabilities mean to the master, read once from its FrameworkInfo. */
export interface FrameworkTraits {
  /** Knows TASK_DROPPED, UNREACHABLE, GONE, GONE_BY_OPERATOR and UNKNOWN; others get TASK_LOST. */
  readonly partitionAware: boolean;
  readonly multiRole: boolean;
  readonly reservationRefinement: boolean;
  readonly revocableResources: boolean;
  readonly sharedResources: boolean;
  readonly gpuResources: boolean;
}

export function traitsOf(info: FrameworkInfo): FrameworkTraits {
  const has = new Set(info.capabilities?.map(({ type }) => type));
  return {
    partitionAware: has.has('PARTITION_AWARE'),
    multiRole: has.has('MULTI_ROLE'),
    reservationRefinement: has.has('RESERVATION_REFINEMENT'),
    revocableResources: has.has('REVOCABLE_RESOURCES'),
    sharedResources: has.has('SHARED_RESOURCES'),
    gpuResources: has.has('GPU_RESOURCES'),
  };
}

/** The roles a framework subscribes to: `roles` with MULTI_ROLE (possibly none), else its one `role`, by default `*`. */
export function rolesOf(info: FrameworkInfo): readonly string[] {
  return traitsOf(info).multiRole ? (info.roles ?? []) : [info.role ?? '*'];
}
