import { StatusSender } from '../../../src/embedded-mesos/agent/status-sender.js';
import type { TaskStatus } from '../../../src/embedded-mesos/protocol/v1.js';
import { VirtualClock } from '../../../src/util/virtual-clock.js';

describe('the sender of updates', () => {
  const update = (task: string, uuid: string): TaskStatus => ({
    task_id: { value: task },
    state: 'TASK_RUNNING',
    uuid,
  });

  function world(): { sender: StatusSender; sent: string[]; clock: VirtualClock } {
    const sent: string[] = [];
    const clock = new VirtualClock();
    const sender = new StatusSender((_framework, { uuid }) => sent.push(uuid ?? ''), clock);
    return { sender, sent, clock };
  }

  it('repeats until the update is dropped, ever more slowly', () => {
    const { sender, sent, clock } = world();
    sender.registered();
    sender.send('f', update('t', 'u1'));
    clock.advance(10_000 + 20_000 + 40_000);
    expect(sent).toEqual(['u1', 'u1', 'u1', 'u1']);
    sender.drop('t');
    clock.advance(10_000_000);
    expect([sent.length, sender.pending, clock.untilNext()]).toEqual([4, 0, undefined]);
  });

  it('is silent while not registered, and says everything again when registered', () => {
    const { sender, sent, clock } = world();
    sender.send('f', update('t', 'u1'));
    clock.advance(1_000_000);
    expect(sent).toEqual([]);
    sender.registered();
    sender.unregistered();
    clock.advance(1_000_000);
    sender.registered();
    expect(sent).toEqual(['u1', 'u1']);
  });

  it('sends one update per task: a new one takes the place of the old', () => {
    const { sender, sent, clock } = world();
    sender.registered();
    sender.send('f', update('t', 'u1'));
    sender.send('f', update('t', 'u2'));
    clock.advance(10_000);
    expect(sent).toEqual(['u1', 'u2', 'u2']);
  });
});
