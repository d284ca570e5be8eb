import type { HealthCheck } from '../../src/apps/app.js';
import { deploymentEvents } from '../../src/deployments/deployment-events.js';
import type { TaskStatus } from '../../src/embedded-mesos/protocol/v1.js';
import type { EventBody } from '../../src/events/event-bus.js';
import { HealthEvents } from '../../src/health/health-events.js';
import {
  instanceChanged,
  schedulerDisconnected,
  schedulerRegistered,
  schedulerReregistered,
  statusUpdate,
  unknownInstanceTerminated,
} from '../../src/scheduler/decide/event-bodies.js';
import { parseTaskId } from '../../src/scheduler/decide/ids.js';
import { at, record, running } from '../api/support/fakes.js';

const instance = running('/a/web', 1);
const status: TaskStatus = {
  task_id: { value: instance.task?.id ?? '' },
  state: 'TASK_FAILED',
  message: 'Command exited with status 1',
};
const check: HealthCheck = {
  protocol: 'HTTP',
  path: '/',
  portIndex: 0,
  gracePeriodSeconds: 300,
  intervalSeconds: 60,
  timeoutSeconds: 20,
  maxConsecutiveFailures: 3,
};
const plan = {
  id: 'd1',
  steps: [{ actions: [{ action: 'StartApplication', app: instance.appId }] }],
  version: at(0),
};

/** What the health room publishes when `act` happens. */
function published(act: (events: HealthEvents) => void): EventBody | undefined {
  const bodies: EventBody[] = [];
  act(new HealthEvents({ publish: (body) => void bodies.push(body) }));
  return bodies[0];
}

const task = instance.task;
if (!task) throw new Error('a running instance has a task');

/** Every event that Marathon's clients know, with the members they read; longrun's own ones after the bar. */
const table: readonly (readonly [string, EventBody | undefined, string])[] = [
  [
    'instance_changed_event',
    instanceChanged(instance, 'Running'),
    'instanceId condition runSpecId agentId host runSpecVersion',
  ],
  [
    'status_update_event',
    statusUpdate(instance, status),
    'slaveId taskId taskStatus message appId host ipAddresses ports version',
  ],
  [
    'unknown_instance_terminated_event',
    unknownInstanceTerminated(parseTaskId(task.id) ?? fail(), status),
    'instanceId runSpecId condition',
  ],
  ['scheduler_registered_event', schedulerRegistered('f', 'm'), 'frameworkId master'],
  ['scheduler_reregistered_event', schedulerReregistered('m'), 'master'],
  ['scheduler_disconnected_event', schedulerDisconnected(), ''],
  [
    'failed_health_check_event',
    published((events) => events.failed(instance, check)),
    'appId taskId healthCheck | instanceId',
  ],
  [
    'health_status_changed_event',
    published((events) => events.statusChanged(instance, true)),
    'appId instanceId version alive',
  ],
  [
    'instance_health_changed_event',
    published((events) => events.instanceChanged(instance, undefined)),
    'instanceId runSpecId healthy runSpecVersion',
  ],
  [
    'unhealthy_instance_kill_event',
    published((events) => events.gaveUp(instance, task, 'refused')),
    'appId taskId instanceId version reason host slaveId',
  ],
  [
    'add_health_check_event',
    published((events) =>
      events.appChanged({
        appId: instance.appId,
        before: record('/a/web'),
        after: record('/a/web', { healthChecks: [check] }),
      }),
    ),
    'appId version healthCheck',
  ],
  [
    'remove_health_check_event',
    published((events) =>
      events.appChanged({
        appId: instance.appId,
        before: record('/a/web', { healthChecks: [check] }),
        after: undefined,
      }),
    ),
    'appId',
  ],
  ['group_change_success', deploymentEvents.accepted('/a', at(0)), 'groupId version'],
  ['group_change_failed', deploymentEvents.refused('/a', at(0), 'no'), 'groupId version reason'],
  ['deployment_info', deploymentEvents.stepBegins(plan, 1), 'plan currentStep'],
  ['deployment_step_success', deploymentEvents.stepDone(plan, 1), 'plan currentStep'],
  ['deployment_step_failure', deploymentEvents.stepFailed(plan, 1), 'plan currentStep'],
  ['deployment_success', deploymentEvents.succeeded(plan), 'id plan'],
  ['deployment_failed', deploymentEvents.cancelled(plan), 'id plan reason'],
  ['app_terminated_event', deploymentEvents.appTerminated(instance.appId), 'appId'],
];

function fail(): never {
  throw new Error('the fake ids are real ones');
}

describe('an event has the members that Marathon gives it', () => {
  it.each(table)('%s', (type, body, members) => {
    const expected = members.split(/[ |]+/).filter((name) => name !== '');
    expect(body?.eventType).toBe(type);
    expect(Object.keys(body ?? {}).sort()).toEqual(['eventType', ...expected].sort());
    for (const name of expected) expect([name, body?.[name]]).not.toEqual([name, undefined]);
  });

  it('where Marathon says null, it is there and null', () => {
    const { task: _, ...waiting } = instance;
    expect(instanceChanged({ ...waiting, condition: 'Scheduled' }, 'Scheduled')).toMatchObject({
      agentId: null,
      host: null,
    });
    expect(published((events) => events.instanceChanged(instance, undefined))).toMatchObject({
      healthy: null,
    });
  });

  it("a failed check's taskId carries the instance id, as clients know it", () => {
    expect(published((events) => events.failed(instance, check))).toMatchObject({
      taskId: instance.id,
      instanceId: instance.id,
    });
  });

  it('a plan in an event is light: steps and actions, no definitions', () => {
    expect(deploymentEvents.stepBegins(plan, 1)).toMatchObject({
      plan: {
        id: 'd1',
        version: at(0),
        steps: [{ actions: [{ action: 'StartApplication', app: '/a/web' }] }],
      },
      currentStep: { actions: [{ action: 'StartApplication', app: '/a/web' }] },
    });
  });
});
