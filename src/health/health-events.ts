import type { AppId, AppRecord, HealthCheck } from '../apps/app.js';
import type { AppChange } from '../apps/app-registry.js';
import type { EventBody, EventBus } from '../events/event-bus.js';
import type { Instance, InstanceTask } from '../scheduler/instance.js';
import { asksSameEndpoint } from './decide/instance-health.js';

/** Publishes what the health room has to tell, in Marathon's shapes. */
export class HealthEvents {
  constructor(private readonly events: Pick<EventBus, 'publish'>) {}

  /** `taskId` carries the instance id, as clients of Marathon know it; `instanceId` says so plainly. */
  failed(instance: Instance, healthCheck: HealthCheck): void {
    const { appId, id } = instance;
    this.events.publish({
      eventType: 'failed_health_check_event',
      appId,
      taskId: id,
      instanceId: id,
      healthCheck,
    });
  }

  statusChanged(instance: Instance, alive: boolean): void {
    const { appId, id: instanceId, runSpecVersion: version } = instance;
    this.events.publish({ eventType: 'health_status_changed_event', appId, instanceId, version, alive });
  }

  instanceChanged(instance: Instance, healthy: boolean | undefined): void {
    const { appId: runSpecId, id: instanceId, runSpecVersion } = instance;
    const body = { instanceId, runSpecId, healthy: healthy ?? null, runSpecVersion };
    this.events.publish({ eventType: 'instance_health_changed_event', ...body });
  }

  gaveUp(instance: Instance, task: InstanceTask, reason: string): void {
    const { appId, id: instanceId, runSpecVersion: version } = instance;
    this.events.publish({
      eventType: 'unhealthy_instance_kill_event',
      appId,
      taskId: task.id,
      instanceId,
      version,
      reason,
      host: task.hostname,
      slaveId: task.agentId,
    });
  }

  /** Checks that an app's change brings or takes away. */
  appChanged({ appId, before, after }: AppChange): void {
    for (const body of checkEvents(appId, before, after)) this.events.publish(body);
  }
}

function checkEvents(appId: AppId, before: AppRecord | undefined, after: AppRecord | undefined): EventBody[] {
  const [old, current] = [before?.app.healthChecks ?? [], after?.app.healthChecks ?? []];
  const missingIn = (list: readonly HealthCheck[]) => (check: HealthCheck) =>
    !list.some((each) => asksSameEndpoint(each, check));
  const removed = old
    .filter(missingIn(current))
    .map((): EventBody => ({ eventType: 'remove_health_check_event', appId }));
  const version = after?.app.version;
  const added = current
    .filter(missingIn(old))
    .map((healthCheck): EventBody => ({ eventType: 'add_health_check_event', appId, version, healthCheck }));
  return [...removed, ...added];
}
