import type { App } from '../../src/apps/app.js';
import type { AppWithPorts } from '../../src/apps/app-ports.js';
import { agentChecks } from '../../src/scheduler/decide/agent-checks.js';
import type { StepContext } from '../../src/scheduler/decide/instance-event.js';
import { onUpdate } from '../../src/scheduler/decide/update-step.js';
import type { AgentId, Instance, InstanceId, TaskId } from '../../src/scheduler/instance.js';
import { timestamp } from '../../src/util/timestamp.js';
import { AppWorld } from '../apps/support/app-world.js';
import { appRecord } from './support/world.js';

const pace = { gracePeriodSeconds: 5, intervalSeconds: 6, timeoutSeconds: 7, maxConsecutiveFailures: 4 };
const ports = { hostPorts: [31_000, 31_001], generatedPorts: [] };

const appWith = (more: Partial<App>): App => ({
  ...appRecord('/web', {
    portDefinitions: [
      { port: 10_000, protocol: 'tcp' },
      { port: 10_001, protocol: 'tcp' },
    ],
  }).app,
  ...more,
});

describe('what the agent is asked to check', () => {
  it('is the first of its checks, in Mesos’s words; those of the scheduler are none of it', () => {
    const app = appWith({
      healthChecks: [
        { protocol: 'HTTP', portIndex: 0, ...pace },
        { protocol: 'COMMAND', command: { value: 'test -e x' }, delaySeconds: 3, ...pace },
      ],
    });
    expect(agentChecks(app, ports)).toEqual({
      health_check: {
        type: 'COMMAND',
        command: { shell: true, value: 'test -e x' },
        delay_seconds: 3,
        interval_seconds: 6,
        timeout_seconds: 7,
        grace_period_seconds: 5,
        consecutive_failures: 4,
      },
    });
    expect(agentChecks(appWith({}), ports)).toEqual({});
  });

  it('asks the port as the task itself has it', () => {
    const check = (protocol: 'MESOS_HTTPS' | 'MESOS_TCP') => ({
      protocol,
      portIndex: 1,
      ipProtocol: 'IPv4' as const,
      ...pace,
    });
    expect(agentChecks(appWith({ healthChecks: [check('MESOS_HTTPS')] }), ports).health_check?.http).toEqual({
      scheme: 'https',
      port: 31_001,
      path: '/',
    });
    const container: AppWithPorts['container'] = {
      type: 'DOCKER',
      volumes: [],
      portMappings: [
        { containerPort: 80, hostPort: 0, protocol: 'tcp', servicePort: 1 },
        { containerPort: 8_080, hostPort: 0, protocol: 'tcp', servicePort: 2 },
      ],
    } as never;
    const app = appWith({ healthChecks: [check('MESOS_TCP')], container: container as never });
    expect(agentChecks(app, ports).health_check?.tcp).toEqual({ port: 8_080 });
  });

  it('never ends a task where 0 failures mean never, which Mesos would take for the first', () => {
    const never = {
      protocol: 'COMMAND' as const,
      command: { value: 'x' },
      ...pace,
      maxConsecutiveFailures: 0,
    };
    expect(agentChecks(appWith({ healthChecks: [never] }), ports).health_check?.consecutive_failures).toBe(
      2 ** 32 - 1,
    );
  });

  it('is the app’s `check` as well', () => {
    const times = { intervalSeconds: 1, timeoutSeconds: 2, delaySeconds: 3 };
    const told = { delay_seconds: 3, interval_seconds: 1, timeout_seconds: 2 };
    expect(
      agentChecks(appWith({ check: { exec: { command: { argv: ['a', 'b'] } }, ...times } }), ports).check,
    ).toEqual({
      type: 'COMMAND',
      command: { command: { shell: false, value: 'a', arguments: ['a', 'b'] } },
      ...told,
    });
    expect(agentChecks(appWith({ check: { tcp: { portIndex: 1 }, ...times } }), ports).check).toEqual({
      type: 'TCP',
      tcp: { port: 31_001 },
      ...told,
    });
  });
});

describe('a change of an app’s health checks', () => {
  it('needs new tasks when it is one of those that the agent carries out, and else takes effect in place', async () => {
    const world = new AppWorld();
    const web = { id: '/web', cmd: 'x' };
    const command = (value: string) => ({ protocol: 'COMMAND', command: { value } });
    const plain = await world.post(web);
    const replace = async (body: Record<string, unknown>) => {
      await world.put('/web', body, false);
      return world.get('/web');
    };
    const probed = await replace({ ...web, healthChecks: [{ path: '/' }] });
    expect(probed.launchHash).toBe(plain.launchHash);
    const asked = await replace({ ...web, healthChecks: [{ path: '/' }, command('a')] });
    expect(asked.launchHash).not.toBe(plain.launchHash);
    const same = await replace({ ...web, healthChecks: [{ path: '/other' }, command('a')] });
    expect(same.launchHash).toBe(asked.launchHash);
    const other = await replace({ ...web, healthChecks: [{ path: '/other' }, command('b')] });
    expect(other.launchHash).not.toBe(asked.launchHash);
  });
});

describe('a status with the word of a check', () => {
  const t0 = timestamp(Date.UTC(2026, 0, 1));
  const record = appRecord('/web');
  const context: StepContext = { now: t0, record, replacementId: 'web.instance-new' as InstanceId };
  const running: Instance = {
    id: 'web.instance-1' as InstanceId,
    appId: record.app.id,
    goal: 'Running',
    condition: 'Running',
    since: t0,
    runSpecVersion: t0,
    launchHash: 'hash',
    incarnation: 1,
    role: '*',
    task: {
      id: 'web.instance-1._app.1' as TaskId,
      agentId: 'a1' as AgentId,
      hostname: 'host',
      attributes: {},
      hostPorts: [],
      ipAddresses: [],
      stagedAt: t0,
      mesosState: 'TASK_RUNNING',
      runSpecVersion: t0,
    },
  };
  const word = (healthy: boolean, second: number, reason = 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED') => ({
    task_id: { value: 'web.instance-1._app.1' },
    state: 'TASK_RUNNING' as const,
    healthy,
    reason,
    timestamp: second,
  });

  it('is kept with the task, each failure anew; what only repeats it changes nothing', () => {
    const first = onUpdate(running, word(false, 10), context);
    expect(first.instance?.task?.agentHealth).toEqual({ healthy: false, at: timestamp(10_000) });
    expect(first.effects).toEqual([]);
    const instance = first.instance as Instance;
    expect(onUpdate(instance, word(false, 10), context).instance).toBe(instance);
    expect(onUpdate(instance, word(false, 12, 'REASON_RECONCILIATION'), context).instance).toBe(instance);
    expect(onUpdate(instance, word(false, 12), context).instance?.task?.agentHealth?.at).toBe(
      timestamp(12_000),
    );
    expect(
      onUpdate(instance, word(true, 13, 'REASON_RECONCILIATION'), context).instance?.task?.agentHealth,
    ).toMatchObject({
      healthy: true,
    });
  });

  it('makes the kill that followed from it the app’s last failure', () => {
    const sick = onUpdate(running, { ...word(false, 10), message: 'status 1' }, context).instance as Instance;
    const killed = { ...word(false, 11), state: 'TASK_KILLED' as const, reason: 'x' };
    expect(onUpdate(sick, killed, context).effects).toContainEqual({
      kind: 'record-failure',
      failure: expect.objectContaining({
        state: 'TASK_KILLED',
        message: 'Task was killed since health check failed. Reason: status 1',
      }),
    });
  });
});
