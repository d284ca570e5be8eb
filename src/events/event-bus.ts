/**
 * Events as `/v2/events` tells them (marathon.md section 8). `eventType` and `timestamp` are added by the bus.
 * Bodies are what goes on the wire; typed constructors live beside the rooms that publish them.
 */
export interface PublishedEvent {
  /** `<epoch>-<seq>`: epoch grows with every server start, seq from 1 within it, gap-free. */
  readonly id: string;
  readonly eventType: string;
  /** The whole JSON body, eventType and timestamp included, serialised once. */
  readonly json: string;
}

export type EventBody = { readonly eventType: EventType } & Readonly<Record<string, unknown>>;

export type EventType =
  | 'api_post_event'
  | 'event_stream_attached'
  | 'event_stream_detached'
  | 'add_health_check_event'
  | 'remove_health_check_event'
  | 'failed_health_check_event'
  | 'health_status_changed_event'
  | 'unhealthy_instance_kill_event'
  | 'instance_changed_event'
  | 'instance_health_changed_event'
  | 'unknown_instance_terminated_event'
  | 'status_update_event'
  | 'app_terminated_event'
  | 'group_change_success'
  | 'group_change_failed'
  | 'deployment_info'
  | 'deployment_step_success'
  | 'deployment_step_failure'
  | 'deployment_success'
  | 'deployment_failed'
  | 'certificate_obtained_event'
  | 'certificate_renewed_event'
  | 'certificate_failed_event'
  | 'scheduler_registered_event'
  | 'scheduler_reregistered_event'
  | 'scheduler_disconnected_event'
  | 'reset';

export interface EventBus {
  publish(body: EventBody): void;
  /** Position of the newest event, `<epoch>-<seq>`: what a list answer is at least as new as. */
  position(): string;
  /** Events after `id`; undefined when the buffer no longer reaches back (or `id` is of another epoch or malformed). */
  after(id: string): readonly PublishedEvent[] | undefined;
  subscribe(listener: (event: PublishedEvent) => void): () => void;
}
