import type { AppRecord } from '../../apps/app.js';
import { assert } from '../../util/assert.js';
import type { Timestamp } from '../../util/timestamp.js';
import type { Instance, InstanceId } from '../instance.js';

/** A new instance of the app's current definition, waiting for an offer. */
export function newInstance(record: AppRecord, id: InstanceId, now: Timestamp): Instance {
  assert(id.length > 0, `a new instance of ${record.app.id} has no id`);
  return {
    id,
    appId: record.app.id,
    goal: 'Running',
    condition: 'Scheduled',
    since: now,
    runSpecVersion: record.app.version,
    launchHash: record.launchHash,
    incarnation: 0,
    role: record.app.role,
  };
}

/**
 * The same instance, waiting for an offer again after its task is gone: stable id, the next launch gets the next
 * incarnation and the app's current definition (Marathon reference 4.3).
 */
export function rescheduled(instance: Instance, record: AppRecord | undefined, now: Timestamp): Instance {
  return {
    id: instance.id,
    appId: instance.appId,
    goal: instance.goal,
    condition: 'Scheduled',
    since: now,
    runSpecVersion: record?.app.version ?? instance.runSpecVersion,
    launchHash: record?.launchHash ?? instance.launchHash,
    incarnation: instance.incarnation,
    role: record?.app.role ?? instance.role,
  };
}
