import type { KillPolicy } from './command-info.js';
import type { FrameworkInfo, OfferConstraints } from './framework-info.js';
import type { Filters, Operation } from './offer.js';
import type { Resource } from './resource.js';
import type { IdValue } from './values.js';

interface OfFramework {
  readonly framework_id: IdValue;
}

/** Everything a scheduler says to a master (Mesos reference 1.4). */
export type Call =
  | {
      readonly type: 'SUBSCRIBE';
      /** Equal to `subscribe.framework_info.id`; both absent the first time. */
      readonly framework_id?: IdValue;
      readonly subscribe: {
        readonly framework_info: FrameworkInfo;
        readonly suppressed_roles?: readonly string[];
        readonly offer_constraints?: OfferConstraints;
      };
    }
  | ({ readonly type: 'TEARDOWN' } & OfFramework)
  | ({
      readonly type: 'ACCEPT';
      readonly accept: {
        readonly offer_ids: readonly IdValue[];
        readonly operations?: readonly Operation[];
        readonly filters?: Filters;
      };
    } & OfFramework)
  | ({
      readonly type: 'DECLINE';
      readonly decline: { readonly offer_ids: readonly IdValue[]; readonly filters?: Filters };
    } & OfFramework)
  | ({
      readonly type: 'ACCEPT_INVERSE_OFFERS';
      readonly accept_inverse_offers: {
        readonly inverse_offer_ids: readonly IdValue[];
        readonly filters?: Filters;
      };
    } & OfFramework)
  | ({
      readonly type: 'DECLINE_INVERSE_OFFERS';
      readonly decline_inverse_offers: {
        readonly inverse_offer_ids: readonly IdValue[];
        readonly filters?: Filters;
      };
    } & OfFramework)
  | ({ readonly type: 'REVIVE'; readonly revive?: { readonly roles?: readonly string[] } } & OfFramework)
  | ({ readonly type: 'SUPPRESS'; readonly suppress?: { readonly roles?: readonly string[] } } & OfFramework)
  | ({
      readonly type: 'KILL';
      readonly kill: {
        readonly task_id: IdValue;
        readonly agent_id?: IdValue;
        readonly kill_policy?: KillPolicy;
      };
    } & OfFramework)
  | ({
      readonly type: 'SHUTDOWN';
      readonly shutdown: { readonly executor_id: IdValue; readonly agent_id: IdValue };
    } & OfFramework)
  | ({
      readonly type: 'ACKNOWLEDGE';
      readonly acknowledge: { readonly agent_id: IdValue; readonly task_id: IdValue; readonly uuid: string };
    } & OfFramework)
  | ({
      readonly type: 'ACKNOWLEDGE_OPERATION_STATUS';
      readonly acknowledge_operation_status: {
        readonly agent_id?: IdValue;
        readonly resource_provider_id?: IdValue;
        readonly uuid: string;
        readonly operation_id: IdValue;
      };
    } & OfFramework)
  | ({
      readonly type: 'RECONCILE';
      /** No tasks = implicit: everything the master knows of this framework. */
      readonly reconcile: {
        readonly tasks: readonly { readonly task_id: IdValue; readonly agent_id?: IdValue }[];
      };
    } & OfFramework)
  | ({
      readonly type: 'RECONCILE_OPERATIONS';
      readonly reconcile_operations: {
        readonly operations?: readonly {
          readonly operation_id: IdValue;
          readonly agent_id?: IdValue;
          readonly resource_provider_id?: IdValue;
        }[];
      };
    } & OfFramework)
  | ({
      readonly type: 'MESSAGE';
      /** `data` is base64. */
      readonly message: { readonly agent_id: IdValue; readonly executor_id: IdValue; readonly data: string };
    } & OfFramework)
  | ({
      readonly type: 'REQUEST';
      readonly request: {
        readonly requests: readonly {
          readonly agent_id?: IdValue;
          readonly resources: readonly Resource[];
        }[];
      };
    } & OfFramework)
  | ({
      readonly type: 'UPDATE_FRAMEWORK';
      /** Replaces all three. */
      readonly update_framework: {
        readonly framework_info: FrameworkInfo;
        readonly suppressed_roles?: readonly string[];
        readonly offer_constraints?: OfferConstraints;
      };
    } & OfFramework);
