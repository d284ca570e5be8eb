import type { ContainerLimits, ContainerSpec } from '../../containers/containerizer.js';
import type { TaskInfo } from '../../protocol/v1.js';

/** Labels of a task by which it asks for what Mesos's messages have no field for. */
export const taskLabels = {
  isolation: 'LONGRUN_ISOLATION',
  pids: 'LONGRUN_PIDS',
  ioWeight: 'LONGRUN_IO_WEIGHT',
  ioBytesPerSecond: 'LONGRUN_IO_BYTES_PER_SECOND',
  ioOperationsPerSecond: 'LONGRUN_IO_OPERATIONS_PER_SECOND',
} as const;

type LimitLabel = Exclude<keyof typeof taskLabels, 'isolation'>;
/** From the least to the greatest value of each; the weight is the kernel's own (100 is the usual one). */
const ranges: Readonly<Record<LimitLabel, readonly [number, number]>> = {
  pids: [1, 4_194_304],
  ioWeight: [1, 10_000],
  ioBytesPerSecond: [4_096, Number.MAX_SAFE_INTEGER],
  ioOperationsPerSecond: [1, Number.MAX_SAFE_INTEGER],
};

function labelOf(task: TaskInfo, name: string): string | undefined {
  return task.labels?.labels.find(({ key }) => key === name)?.value;
}

function limitOf(task: TaskInfo, name: LimitLabel): number | undefined {
  const text = labelOf(task, taskLabels[name]);
  return text === undefined ? undefined : Number(text);
}

/** What is wrong with these labels, as a sentence; undefined when nothing is. */
export function labelFault(task: TaskInfo): string | undefined {
  const isolation = labelOf(task, taskLabels.isolation);
  if (isolation !== undefined && isolation !== 'strict')
    return `The label ${taskLabels.isolation} must be strict, not ${JSON.stringify(isolation)}`;
  for (const [name, [least, most]] of Object.entries(ranges) as [LimitLabel, readonly [number, number]][]) {
    const value = limitOf(task, name);
    if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) continue;
    const text = JSON.stringify(labelOf(task, taskLabels[name]));
    return `The label ${taskLabels[name]} must be a whole number from ${least} to ${most}, not ${text}`;
  }
  return undefined;
}

/** The limits that the labels of a task ask for. */
export function labelLimits(task: TaskInfo): Pick<ContainerLimits, 'pids' | 'io'> {
  const [pids, weight] = [limitOf(task, 'pids'), limitOf(task, 'ioWeight')];
  const bytesPerSecond = limitOf(task, 'ioBytesPerSecond');
  const operationsPerSecond = limitOf(task, 'ioOperationsPerSecond');
  const io = {
    ...(weight !== undefined && { weight }),
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
    ...(operationsPerSecond !== undefined && { operationsPerSecond }),
  };
  return { ...(pids !== undefined && { pids }), ...(Object.keys(io).length > 0 && { io }) };
}

/** Whether its labels ask for strict isolation. */
export function labelIsolation(task: TaskInfo): ContainerSpec['isolation'] {
  return labelOf(task, taskLabels.isolation) === 'strict' ? 'strict' : undefined;
}
