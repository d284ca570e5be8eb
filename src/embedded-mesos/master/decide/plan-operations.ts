import { resourcesText } from '../../protocol/resource-text.js';
import { Resources } from '../../protocol/resources.js';
import type { Operation, TaskInfo } from '../../protocol/v1.js';
import { type TaskSetting, taskFault } from './validate-task.js';

export interface PlannedLaunch {
  /** With the role of the offers in its resources. */
  readonly task: TaskInfo;
  readonly resources: Resources;
}

export interface TaskFault {
  readonly taskId: string;
  readonly reason: 'REASON_TASK_INVALID' | 'REASON_TASK_GROUP_INVALID';
  readonly message: string;
}

export interface OperationFault {
  readonly operationId: string | undefined;
  readonly type: Operation['type'];
  readonly message: string;
}

export interface OperationPlan {
  readonly launches: readonly PlannedLaunch[];
  readonly faultyTasks: readonly TaskFault[];
  readonly faultyOperations: readonly OperationFault[];
  /** Offered and not taken by a launch. */
  readonly remaining: Resources;
}

/**
 * Goes through the operations of an ACCEPT in order, over what is left of the offered resources. A faulty task or
 * operation is left out, the others proceed (Mesos reference 1.7.3, 1.7.4). Task groups and changes of reservations are
 * answered as errors: this master does not carry them out.
 */
export function planOperations(
  operations: readonly Operation[],
  offered: Resources,
  setting: TaskSetting,
): OperationPlan {
  const launches: PlannedLaunch[] = [];
  const faultyTasks: TaskFault[] = [];
  const faultyOperations: OperationFault[] = [];
  const planned = new Set<string>();
  const isIdUsed = (id: string): boolean => planned.has(id) || setting.isIdUsed(id);
  let remaining = offered;
  for (const operation of operations) {
    if (operation.type === 'LAUNCH') {
      for (const given of operation.launch.task_infos) {
        const judged = judge(given, operation.id !== undefined, remaining, { ...setting, isIdUsed });
        if (typeof judged === 'string') {
          faultyTasks.push({ taskId: given.task_id.value, reason: 'REASON_TASK_INVALID', message: judged });
        } else {
          launches.push(judged);
          planned.add(given.task_id.value);
          remaining = remaining.minus(judged.resources);
        }
      }
    } else if (operation.type === 'LAUNCH_GROUP') {
      for (const task of operation.launch_group.task_group.tasks) {
        const message = 'This master does not launch task groups';
        faultyTasks.push({ taskId: task.task_id.value, reason: 'REASON_TASK_GROUP_INVALID', message });
      }
    } else {
      const message = `This master does not carry out ${operation.type} operations`;
      faultyOperations.push({ operationId: operation.id?.value, type: operation.type, message });
    }
  }
  return { launches, faultyTasks, faultyOperations, remaining };
}

/** The launch, or what is wrong with it. */
function judge(
  given: TaskInfo,
  hasOperationId: boolean,
  remaining: Resources,
  setting: TaskSetting,
): PlannedLaunch | string {
  if (hasOperationId) return 'Operation ID is not supported on LAUNCH';
  const fault = taskFault(given, setting);
  if (fault) return fault;
  const resources = Resources.of(given.resources);
  const allocated = given.resources.map((resource) =>
    resource.allocation_info ? resource : { ...resource, allocation_info: { role: setting.role } },
  );
  if (!remaining.contains(resources)) {
    const available = resourcesText(remaining.toList(setting.role));
    return `Total resources ${resourcesText(allocated)} required by task and its executor is more than available ${available}`;
  }
  return { task: { ...given, resources: allocated }, resources };
}
