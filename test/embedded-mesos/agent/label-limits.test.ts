import fc from 'fast-check';
import {
  labelFault,
  labelIsolation,
  labelLimits,
  taskLabels,
} from '../../../src/embedded-mesos/agent/decide/label-limits.js';
import type { TaskInfo } from '../../../src/embedded-mesos/protocol/v1.js';

const task = (labels: Readonly<Record<string, string>>): TaskInfo => ({
  name: 'one',
  task_id: { value: 'one' },
  agent_id: { value: 'agent' },
  resources: [],
  labels: { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) },
});

describe('what a task asks for by its labels', () => {
  it('is nothing without them', () => {
    const { labels: _labels, ...bare } = task({});
    for (const one of [bare, task({ COLOUR: 'red' })]) {
      expect(labelFault(one)).toBeUndefined();
      expect(labelLimits(one)).toEqual({});
      expect(labelIsolation(one)).toBeUndefined();
    }
  });

  it('is read from each', () => {
    const one = task({
      LONGRUN_ISOLATION: 'strict',
      LONGRUN_PIDS: '20',
      LONGRUN_IO_WEIGHT: '500',
      LONGRUN_IO_BYTES_PER_SECOND: '1048576',
      LONGRUN_IO_OPERATIONS_PER_SECOND: '100',
    });
    expect(labelFault(one)).toBeUndefined();
    expect(labelIsolation(one)).toBe('strict');
    const io = { weight: 500, bytesPerSecond: 1048576, operationsPerSecond: 100 };
    expect(labelLimits(one)).toEqual({ pids: 20, io });
  });

  it.each([
    [{ LONGRUN_ISOLATION: 'tight' }, 'The label LONGRUN_ISOLATION must be strict, not "tight"'],
    [{ LONGRUN_PIDS: '0' }, 'LONGRUN_PIDS must be a whole number from 1 to 4194304, not "0"'],
    [{ LONGRUN_IO_WEIGHT: '1.5' }, 'LONGRUN_IO_WEIGHT must be a whole number from 1 to 10000, not "1.5"'],
    [{ LONGRUN_IO_BYTES_PER_SECOND: 'much' }, 'not "much"'],
  ])('is refused when it is malformed: %j', (labels, why) => {
    expect(labelFault(task(labels))).toContain(why);
  });

  it('is, when no fault is found, always a number that the kernel can be told', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(taskLabels)), fc.string(), (label, value) => {
        const one = task({ [label]: value });
        if (labelFault(one) !== undefined) return;
        const { pids = 1, io = {} } = labelLimits(one);
        for (const number of [pids, ...Object.values(io)]) {
          expect(Number.isInteger(number)).toBe(true);
          expect(number).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });
});
