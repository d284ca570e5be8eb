import { agentCheckIndex, judgeAgentWord } from '../../src/health/decide/agent-verdict.js';
import type { AgentHealth, Instance, InstanceId } from '../../src/scheduler/instance.js';
import { timestamp } from '../../src/util/timestamp.js';
import { aCheck, aRecord, HealthWorld } from './builders.js';

const at = (second: number) => timestamp(Date.UTC(2026, 0, 1, 0, 0, second));
const command = aCheck({ protocol: 'COMMAND', command: { value: 'true' }, maxConsecutiveFailures: 2 });

describe('what an agent says of its check', () => {
  it('is about the first check that is the agent’s', () => {
    expect(agentCheckIndex([aCheck(), command, aCheck({ protocol: 'MESOS_TCP' })])).toBe(1);
    expect(agentCheckIndex([aCheck(), aCheck({ protocol: 'TCP' })])).toBe(-1);
  });

  it('counts failures in a row, and a word that was heard before changes nothing', () => {
    const first = judgeAgentWord(undefined, { healthy: false, at: at(1), message: 'status 1' });
    expect(first).toMatchObject({
      failureCounted: true,
      aliveChanged: false,
      after: { alive: false, consecutiveFailures: 1, lastFailure: at(1), lastFailureCause: 'status 1' },
    });
    const again = judgeAgentWord(first.after, { healthy: false, at: at(1), message: 'status 1' });
    expect(again).toEqual({ after: first.after, failureCounted: false, aliveChanged: false });
    const second = judgeAgentWord(first.after, { healthy: false, at: at(2) });
    expect(second.after?.consecutiveFailures).toBe(2);
    expect(judgeAgentWord(second.after, { healthy: true, at: at(3) })).toMatchObject({
      aliveChanged: true,
      after: { alive: true, consecutiveFailures: 0, firstSuccess: at(3) },
    });
  });
});

describe('the health service', () => {
  const said = (instance: Instance, agentHealth: AgentHealth): Instance => ({
    ...instance,
    task: { ...(instance.task as NonNullable<Instance['task']>), agentHealth },
  });

  async function world(): Promise<HealthWorld> {
    const made = new HealthWorld();
    made.setApp(aRecord({ healthChecks: [command] }));
    made.events.length = 0;
    await made.service.start();
    return made;
  }

  it('takes the agent’s word for a check that it does not carry out itself', async () => {
    const w = await world();
    const running = w.run(1);
    expect(w.prober.targets.size).toBe(0);
    expect(w.healthOf(1)?.healthy).toBeUndefined();
    w.change(said(running, { healthy: true, at: at(1) }));
    expect(w.healthOf(1)).toMatchObject({ healthy: true, results: [{ alive: true }] });
    w.change(said(running, { healthy: false, at: at(2), message: 'status 1' }));
    expect(w.healthOf(1)).toMatchObject({
      healthy: false,
      results: [{ alive: false, consecutiveFailures: 1 }],
    });
    expect(w.events.map(({ eventType }) => eventType)).toEqual([
      'health_status_changed_event',
      'instance_health_changed_event',
      'failed_health_check_event',
      'health_status_changed_event',
      'instance_health_changed_event',
    ]);
  });

  it('says why a task ended that its agent gave up, and only then', async () => {
    const w = await world();
    const running = w.run(1);
    w.change(said(running, { healthy: false, at: at(1), message: 'status 1' }));
    const last = said(running, { healthy: false, at: at(2), message: 'status 2' });
    w.change(last);
    w.events.length = 0;
    w.forget(running.id);
    expect(w.events).toEqual([
      expect.objectContaining({ eventType: 'unhealthy_instance_kill_event', reason: 'status 2' }),
    ]);
    const other = w.run(2);
    w.change(said(other, { healthy: false, at: at(1) }));
    w.events.length = 0;
    w.forget('web.instance-2' as InstanceId);
    expect(w.events).toEqual([]);
  });
});
