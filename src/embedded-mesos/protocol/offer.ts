import type { Resource } from './resource.js';
import type { ExecutorInfo, TaskGroupInfo, TaskInfo } from './task-info.js';
import type { Attribute, DomainInfo, IdValue, Unavailability, Url, Value } from './values.js';

export interface Offer {
  readonly id: IdValue;
  readonly framework_id: IdValue;
  readonly agent_id: IdValue;
  readonly hostname: string;
  readonly url?: Url;
  readonly domain?: DomainInfo;
  readonly resources: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly executor_ids?: readonly IdValue[];
  readonly unavailability?: Unavailability;
  readonly allocation_info?: { readonly role: string };
}

/** The master asks for resources back because of a planned outage. */
export interface InverseOffer {
  readonly id: IdValue;
  readonly url?: Url;
  readonly framework_id: IdValue;
  readonly agent_id?: IdValue;
  readonly unavailability: Unavailability;
  readonly resources?: readonly Resource[];
}

/** Unset = 5 s (Mesos reference 1.7.1). */
export interface Filters {
  readonly refuse_seconds?: number;
}

/**
 * What an ACCEPT does with the offered resources, in order. `id` asks for UPDATE_OPERATION_STATUS events (forbidden on
 * launches).
 */
export type Operation = { readonly id?: IdValue } & (
  | { readonly type: 'LAUNCH'; readonly launch: { readonly task_infos: readonly TaskInfo[] } }
  | {
      readonly type: 'LAUNCH_GROUP';
      readonly launch_group: { readonly executor: ExecutorInfo; readonly task_group: TaskGroupInfo };
    }
  | {
      readonly type: 'RESERVE';
      readonly reserve: { readonly source?: readonly Resource[]; readonly resources: readonly Resource[] };
    }
  | { readonly type: 'UNRESERVE'; readonly unreserve: { readonly resources: readonly Resource[] } }
  | { readonly type: 'CREATE'; readonly create: { readonly volumes: readonly Resource[] } }
  | { readonly type: 'DESTROY'; readonly destroy: { readonly volumes: readonly Resource[] } }
  | {
      readonly type: 'GROW_VOLUME';
      readonly grow_volume: { readonly volume: Resource; readonly addition: Resource };
    }
  | {
      readonly type: 'SHRINK_VOLUME';
      readonly shrink_volume: { readonly volume: Resource; readonly subtract: Value<number> };
    }
  | {
      readonly type: 'CREATE_DISK';
      readonly create_disk: {
        readonly source: Resource;
        readonly target_type: 'MOUNT' | 'BLOCK';
        readonly target_profile?: string;
      };
    }
  | { readonly type: 'DESTROY_DISK'; readonly destroy_disk: { readonly source: Resource } }
);

export type OperationState =
  | 'OPERATION_UNSUPPORTED'
  | 'OPERATION_PENDING'
  | 'OPERATION_FINISHED'
  | 'OPERATION_FAILED'
  | 'OPERATION_ERROR'
  | 'OPERATION_DROPPED'
  | 'OPERATION_UNREACHABLE'
  | 'OPERATION_GONE_BY_OPERATOR'
  | 'OPERATION_RECOVERING'
  | 'OPERATION_UNKNOWN';

export interface OperationStatus {
  readonly operation_id?: IdValue;
  readonly state: OperationState;
  readonly message?: string;
  readonly converted_resources?: readonly Resource[];
  /** Base64 inside. Present = must be acknowledged. */
  readonly uuid?: IdValue;
  readonly agent_id?: IdValue;
  readonly resource_provider_id?: IdValue;
}
