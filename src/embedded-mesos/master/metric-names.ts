/**
 * Counters and gauges of a real master's `/metrics/snapshot` (Mesos reference 3.10) that are shown even while nothing has
 * been counted: dashboards and exporters complain of a name that is missing. Some count what cannot happen here
 * (executors' messages, operations, revocable resources) and stay 0. Timers' percentiles are not kept and not named.
 */
const messages = [
  'authenticate',
  'deactivate_framework',
  'decline_offers',
  'executor_to_framework',
  'exited_executor',
  'framework_to_executor',
  'kill_task',
  'launch_tasks',
  'operation_status_update',
  'operation_status_update_acknowledgement',
  'reconcile_operations',
  'reconcile_tasks',
  'register_framework',
  'register_slave',
  'reregister_framework',
  'reregister_slave',
  'resource_request',
  'revive_offers',
  'status_update',
  'status_update_acknowledgement',
  'suppress_offers',
  'unregister_framework',
  'unregister_slave',
  'update_slave',
];

const judged = [
  'executor_to_framework_messages',
  'framework_to_executor_messages',
  'operation_status_update_acknowledgements',
  'operation_status_updates',
  'status_update_acknowledgements',
  'status_updates',
];

const operationStates = [
  'dropped',
  'error',
  'failed',
  'finished',
  'gone_by_operator',
  'pending',
  'recovering',
  'total',
  'unreachable',
];

const endedTasks = ['dropped', 'error', 'failed', 'finished', 'gone', 'gone_by_operator', 'killed', 'lost'];

const others = [
  'allocator/event_queue_dispatches',
  'allocator/mesos/event_queue_dispatches',
  'master/dropped_messages',
  'master/event_queue_dispatches',
  'master/event_queue_http_requests',
  'master/event_queue_messages',
  'master/http_cache_hits',
  'master/operator_event_stream_subscribers',
  'master/recovery_slave_removals',
  'master/slave_registrations',
  'master/slave_removals',
  'master/slave_removals/reason_registered',
  'master/slave_removals/reason_unhealthy',
  'master/slave_removals/reason_unregistered',
  'master/slave_reregistrations',
  'master/slave_shutdowns_canceled',
  'master/slave_shutdowns_completed',
  'master/slave_shutdowns_scheduled',
  'master/slave_unreachable_canceled',
  'master/slave_unreachable_completed',
  'master/slave_unreachable_scheduled',
];

/** Every such name. */
export const countedNames: readonly string[] = [
  ...messages.map((name) => `master/messages_${name}`),
  ...judged.flatMap((name) => [`master/valid_${name}`, `master/invalid_${name}`]),
  ...operationStates.map((name) => `master/operations/${name}`),
  ...endedTasks.map((name) => `master/tasks_${name}`),
  ...['cpus', 'gpus', 'mem', 'disk'].flatMap((name) =>
    ['total', 'used', 'percent'].map((what) => `master/${name}_revocable_${what}`),
  ),
  ...others,
];
