import { runScript } from './support/script.js';

describe('timelines', () => {
  it('a life: launch, failure, backoff, relaunch, drain and end', async () => {
    const timeline = await runScript(`
agent a1 cpus 4
app /web {"portDefinitions":[{"port":10000,"protocol":"tcp"}],"backoffSeconds":5}
start /web 1
update i1.1 TASK_RUNNING
update i1.1 TASK_FAILED
tick 4
tick 1
update i1.2 TASK_RUNNING
stop i1
drained
update i1.2 TASK_KILLING
update i1.2 TASK_KILLED`);
    expect(timeline).toBe(`  > SUBSCRIBE
  scheduler_registered_event
  > RECONCILE all
  > SUPPRESS
agent a1 cpus 4
app /web {"portDefinitions":[{"port":10000,"protocol":"tcp"}],"backoffSeconds":5}
start /web 1
  i1 Scheduled
  > REVIVE
  i1 Provisioned
  > SUPPRESS
  > ACCEPT i1.1 on a1
update i1.1 TASK_RUNNING
  i1 Running
  > ACKNOWLEDGE i1.1
update i1.1 TASK_FAILED
  i1 Failed
  i1 Scheduled
  > ACKNOWLEDGE i1.1
tick 4
tick 1
  > REVIVE
  i1 Provisioned
  > SUPPRESS
  > ACCEPT i1.2 on a1
update i1.2 TASK_RUNNING
  i1 Running
  > ACKNOWLEDGE i1.2
stop i1
  i1 Running
drained
  > KILL i1.2
update i1.2 TASK_KILLING
  i1 Killing
  > ACKNOWLEDGE i1.2
update i1.2 TASK_KILLED
  i1 Killed
  > ACKNOWLEDGE i1.2`);
  });

  it('an agent is lost and returns: waited for, replaced, then one of the two goes', async () => {
    const timeline = await runScript(`
agent a1 cpus 4
app /web {"unreachableStrategy":{"inactiveAfterSeconds":10,"expungeAfterSeconds":60}}
start /web 1
update i1.1 TASK_RUNNING
agent a2 cpus 4
lose a1
tick 9
tick 1
update i2.1 TASK_RUNNING
return a1`);
    expect(timeline).toBe(`  > SUBSCRIBE
  scheduler_registered_event
  > RECONCILE all
  > SUPPRESS
agent a1 cpus 4
app /web {"unreachableStrategy":{"inactiveAfterSeconds":10,"expungeAfterSeconds":60}}
start /web 1
  i1 Scheduled
  > REVIVE
  i1 Provisioned
  > SUPPRESS
  > ACCEPT i1.1 on a1
update i1.1 TASK_RUNNING
  i1 Running
  > ACKNOWLEDGE i1.1
agent a2 cpus 4
lose a1
  i1 Unreachable
tick 9
tick 1
  i1 UnreachableInactive
  i2 Scheduled
  > REVIVE
  i2 Provisioned
  > SUPPRESS
  > ACCEPT i2.1 on a2
update i2.1 TASK_RUNNING
  i2 Running
  > ACKNOWLEDGE i2.1
return a1
  i1 Running
  i2 Running
  > KILL i2.1`);
  });

  it('a restart while an agent is away: silence, then its word', async () => {
    const timeline = await runScript(`
agent a1 cpus 4
app /web
start /web 1
update i1.1 TASK_RUNNING
restart
tick 2
return a1
tick 60`);
    expect(timeline).toBe(`  > SUBSCRIBE
  scheduler_registered_event
  > RECONCILE all
  > SUPPRESS
agent a1 cpus 4
app /web
start /web 1
  i1 Scheduled
  > REVIVE
  i1 Provisioned
  > SUPPRESS
  > ACCEPT i1.1 on a1
update i1.1 TASK_RUNNING
  i1 Running
  > ACKNOWLEDGE i1.1
restart
  > SUBSCRIBE
  scheduler_reregistered_event
  > RECONCILE all
  > RECONCILE i1.1
  > SUPPRESS
tick 2
  > RECONCILE i1.1
  > RECONCILE i1.1
  > RECONCILE i1.1
return a1
tick 60`);
  });
});
