import type { MasterInfo } from './framework-info.js';
import type { InverseOffer, Offer, OperationStatus } from './offer.js';
import type { TaskStatus } from './task-status.js';
import type { IdValue } from './values.js';

/** Everything a master says to a scheduler (Mesos reference 1.5). */
export type Event =
  | {
      readonly type: 'SUBSCRIBED';
      readonly subscribed: {
        readonly framework_id: IdValue;
        readonly heartbeat_interval_seconds?: number;
        readonly master_info?: MasterInfo;
      };
    }
  | { readonly type: 'OFFERS'; readonly offers: { readonly offers: readonly Offer[] } }
  | {
      readonly type: 'INVERSE_OFFERS';
      readonly inverse_offers: { readonly inverse_offers: readonly InverseOffer[] };
    }
  | { readonly type: 'RESCIND'; readonly rescind: { readonly offer_id: IdValue } }
  | {
      readonly type: 'RESCIND_INVERSE_OFFER';
      readonly rescind_inverse_offer: { readonly inverse_offer_id: IdValue };
    }
  | { readonly type: 'UPDATE'; readonly update: { readonly status: TaskStatus } }
  | {
      readonly type: 'UPDATE_OPERATION_STATUS';
      readonly update_operation_status: { readonly status: OperationStatus };
    }
  | {
      readonly type: 'MESSAGE';
      /** `data` is base64. */
      readonly message: { readonly agent_id: IdValue; readonly executor_id: IdValue; readonly data: string };
    }
  | {
      readonly type: 'FAILURE';
      /** Only `agent_id`: the agent is lost. With `executor_id`: that executor ended with `status`. */
      readonly failure: {
        readonly agent_id?: IdValue;
        readonly executor_id?: IdValue;
        readonly status?: number;
      };
    }
  | { readonly type: 'ERROR'; readonly error: { readonly message: string } }
  | { readonly type: 'HEARTBEAT' };
