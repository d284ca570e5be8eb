import { ContainerAttempts } from '../../../src/embedded-mesos/agent/checks/attempt.js';
import { TaskChecks } from '../../../src/embedded-mesos/agent/checks/task-checks.js';
import { DEFAULT_IDLE_MS, ExecSessions } from '../../../src/embedded-mesos/agent/exec/exec-sessions.js';
import type { TaskRecord } from '../../../src/embedded-mesos/agent/task-record.js';
import { silentLog } from '../../../src/logging/log.js';
import { SystemClock } from '../../../src/util/clock.js';
import { SystemDice } from '../../../src/util/ids.js';
import { waitFor } from '../support/patient-wait.js';

const record = {
  containerId: 'c1',
  phase: 'running',
  latest: {},
  task: {
    task_id: { value: 'web.1' },
    health_check: {
      type: 'COMMAND',
      command: { value: 'true' },
      interval_seconds: 0.01,
      delay_seconds: 0,
      grace_period_seconds: 0,
      consecutive_failures: 1,
    },
  },
} as unknown as TaskRecord;

describe('while who keeps a container is out of reach', () => {
  it('a check of its task counts neither way, and is tried again', async () => {
    let asked = 0;
    const host = { run: () => ({ done: Promise.resolve({ end: { code: 0 }, output: '' }) }) };
    const attempts = new ContainerAttempts({
      containerizer: {
        entrance: async () => {
          if (++asked < 5) throw new Error('connect ECONNREFUSED /var/run/docker.sock');
          return { pid: 1, namespaces: [], cgroups: [], environment: [], workingFolder: '/' };
        },
      },
      host: host as never,
      askScript: '',
    });
    const told: unknown[] = [];
    const checks = new TaskChecks({
      attempts,
      clock: new SystemClock(),
      dice: new SystemDice(),
      tell: (_task, news) => told.push(news),
    } as ConstructorParameters<typeof TaskChecks>[0]);
    checks.follow(record);
    await waitFor(() => told.length > 0);
    checks.stop();
    expect(asked).toBeGreaterThanOrEqual(5);
    expect(told).toMatchObject([{ type: 'health', track: { healthy: true }, kill: false }]);
  });

  it('a session in it is refused with the reason, and takes no place', async () => {
    const entrance = async (): Promise<never> => {
      throw new Error('connect ECONNREFUSED /var/run/docker.sock');
    };
    const sessions = new ExecSessions({
      containerizer: { entrance },
      host: {},
      idleMs: DEFAULT_IDLE_MS,
      log: silentLog,
    } as unknown as ConstructorParameters<typeof ExecSessions>[0]);
    for (let n = 0; n < 20; n++)
      expect(await sessions.open(record, {} as never, {} as never, {} as never)).toEqual({
        status: 409,
        message: expect.stringContaining('ECONNREFUSED'),
      });
  });
});
