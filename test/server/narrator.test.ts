import { EventBuffer } from '../../src/events/event-buffer.js';
import { type Log, silentLog } from '../../src/logging/log.js';
import { Narrator } from '../../src/server/narrator.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

describe('the log of a server', () => {
  let lines: { level: string; message: string; fields: unknown }[];
  let events: EventBuffer;
  let clock: VirtualClock;
  let narrator: Narrator;

  beforeEach(() => {
    lines = [];
    clock = new VirtualClock();
    events = new EventBuffer({ epoch: 1, clock, log: silentLog });
    const level = (name: string) => (message: string, fields?: unknown) =>
      void lines.push({ level: name, message, fields });
    const log: Log = { ...silentLog, info: level('info'), warn: level('warn') };
    narrator = new Narrator(events, clock, log);
    narrator.start();
  });
  const plan = (count: number): unknown => ({
    id: 'd',
    steps: [
      { actions: Array.from({ length: count }, (_, i) => ({ action: 'StartApplication', app: `/a${i}` })) },
    ],
  });
  const fail = (task: string): void =>
    events.publish({
      eventType: 'status_update_event',
      taskId: task,
      taskStatus: 'TASK_FAILED',
      message: 'Command exited with status 1',
      host: 'h',
    });

  it('tells how deployments end and names a few of their apps', () => {
    events.publish({ eventType: 'deployment_success', id: 'd', plan: plan(2) });
    events.publish({ eventType: 'deployment_failed', id: 'd', plan: plan(7), reason: 'cancelled' });
    expect(lines).toEqual([
      { level: 'info', message: 'a deployment is done', fields: { deployment: 'd', apps: '/a0 /a1' } },
      {
        level: 'warn',
        message: 'a deployment failed',
        fields: { deployment: 'd', apps: '/a0 /a1 /a2 /a3 /a4 and 2 more', reason: 'cancelled' },
      },
    ]);
  });

  it('tells which task failed and why, and is silent about those that run and end as wanted', () => {
    fail('web.1');
    for (const taskStatus of ['TASK_RUNNING', 'TASK_KILLED'])
      events.publish({ eventType: 'status_update_event', taskId: 't', taskStatus, message: 'TASK_FAILED' });
    expect(lines).toEqual([
      {
        level: 'warn',
        message: 'a task failed',
        fields: { task: 'web.1', host: 'h', state: 'TASK_FAILED', message: 'Command exited with status 1' },
      },
    ]);
  });

  it('is not flooded by a crash loop, and says how much it left out', () => {
    for (let i = 0; i < 100; i++) fail(`web.${i}`);
    expect(lines).toHaveLength(20);
    clock.advance(10_000);
    fail('web.100');
    expect(lines.slice(20).map(({ message, fields }) => [message, fields])).toEqual([
      ['more tasks failed than are told one by one', { more: 80 }],
      ['a task failed', expect.objectContaining({ task: 'web.100' })],
    ]);
  });

  it('says nothing after it was stopped', () => {
    narrator.stop();
    fail('web.1');
    expect(lines).toEqual([]);
  });
});
