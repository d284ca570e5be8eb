/**
 * Counters by Marathon's names (Marathon reference 1.14) that are shown from the start: a rate over a counter that appears
 * only with its first event misses that event. Where longrun has no such thing they stay 0.
 */
const taskStates = [
  'task-staging',
  'task-starting',
  'task-running',
  'task-killing',
  'task-finished',
  'task-failed',
  'task-killed',
  'task-error',
  'task-lost',
  'task-dropped',
  'task-unreachable',
  'task-gone',
  'task-gone-by-operator',
  'task-unknown',
];

export const countedNames: readonly string[] = [
  'deployments.counter',
  'deployments.dismissed.counter',
  'mesos.calls.revive.counter',
  'mesos.calls.suppress.counter',
  'mesos.offers.incoming.counter',
  'mesos.offers.declined.counter',
  'mesos.offers.used.counter',
  'mesos.offer-operations.launch.counter',
  'mesos.offer-operations.launch-group.counter',
  'mesos.offer-operations.reserve.counter',
  'mesos.task.oom.memory-limit-exceeded',
  'mesos.task.oom.memory-limit-unfulfillable',
  'tasks.launched.counter',
  'tasks.killed.counter',
  'tasks.unhealthy-killed.counter',
  ...taskStates.map((state) => `mesos.task-updates.${state}.counter`),
];
