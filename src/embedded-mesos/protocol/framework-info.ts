import type { Resource } from './resource.js';
import type { Address, Attribute, DomainInfo, IdValue, Labels, Value } from './values.js';

export interface FrameworkInfo {
  readonly user: string;
  readonly name: string;
  readonly id?: IdValue;
  /** Seconds; unset = 0: the framework is removed as soon as its line breaks. */
  readonly failover_timeout?: number;
  readonly checkpoint?: boolean;
  readonly roles?: readonly string[];
  /** Without MULTI_ROLE; unset = `*`. */
  readonly role?: string;
  readonly hostname?: string;
  readonly principal?: string;
  readonly webui_url?: string;
  readonly capabilities?: readonly { readonly type: FrameworkCapability }[];
  readonly labels?: Labels;
  /** By role: overrides the master's least offer. */
  readonly offer_filters?: Readonly<Record<string, OfferFilters>>;
}

export type FrameworkCapability =
  | 'REVOCABLE_RESOURCES'
  | 'TASK_KILLING_STATE'
  | 'GPU_RESOURCES'
  | 'SHARED_RESOURCES'
  | 'PARTITION_AWARE'
  | 'MULTI_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'REGION_AWARE';

/** An offer passes when it holds all quantities of any one entry; an empty list lets anything pass. */
export interface OfferFilters {
  readonly min_allocatable_resources?: {
    readonly quantities?: readonly { readonly quantities: Readonly<Record<string, Value<number>>> }[];
  };
}

/** By role: groups are alternatives, all constraints of a group must hold. */
export interface OfferConstraints {
  readonly role_constraints?: Readonly<
    Record<
      string,
      { readonly groups?: readonly { readonly attribute_constraints: readonly AttributeConstraint[] }[] }
    >
  >;
}

export interface AttributeConstraint {
  readonly selector: {
    readonly attribute_name?: string;
    readonly pseudoattribute_type?: 'HOSTNAME' | 'REGION' | 'ZONE';
  };
  /** Exactly one of these. */
  readonly predicate: {
    readonly exists?: Readonly<Record<string, never>>;
    readonly not_exists?: Readonly<Record<string, never>>;
    readonly text_equals?: Value<string>;
    readonly text_not_equals?: Value<string>;
    readonly text_matches?: { readonly regex: string };
    readonly text_not_matches?: { readonly regex: string };
  };
}

export interface MasterInfo {
  readonly id: string;
  /** IPv4 address, network byte order read as little-endian. */
  readonly ip: number;
  readonly port: number;
  readonly hostname?: string;
  readonly pid?: string;
  readonly version?: string;
  readonly address?: Address;
  readonly domain?: DomainInfo;
  readonly capabilities?: readonly { readonly type: 'AGENT_UPDATE' | 'AGENT_DRAINING' | 'QUOTA_V2' }[];
}

export interface AgentInfo {
  readonly id?: IdValue;
  readonly hostname: string;
  readonly port: number;
  readonly resources: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly domain?: DomainInfo;
}
