import type { AppId } from '../../src/apps/app.js';
import { MAX_WAITING_INSTANCES, MAX_WAITS_EACH, WaitBook } from '../../src/deployments/wait-book.js';
import type { Instance } from '../../src/scheduler/instance.js';
import type { QueueEntry } from '../../src/scheduler/scheduler.js';
import { app, at, running } from '../api/support/fakes.js';

const web = '/web' as AppId;
let queue: QueueEntry | undefined;
let book: WaitBook;
const scheduled = (number: number): Instance => {
  const { task: _, ...instance } = running('/web', number, { condition: 'Scheduled' });
  return instance;
};

beforeEach(() => {
  queue = undefined;
  book = new WaitBook({ appOf: () => app('/web'), queueEntry: () => queue });
});

describe('the waits of a deployment', () => {
  it('are told phase by phase, each with its time and what stood in the way', () => {
    const waiting = scheduled(1);
    const starting = running('/web', 1, { condition: 'Staging' });
    const up = running('/web', 1);
    book.note({ before: undefined, after: waiting }, at(1));
    const refusal = { agentId: 'a', hostname: 'h1', reasons: [], explanation: ['too few cpus'], at: at(2) };
    queue = { appId: web, lastRefusals: [refusal] } as unknown as QueueEntry;
    book.note({ before: waiting, after: starting }, at(3));
    book.note({ before: starting, after: up }, at(5));
    expect(book.all(() => up)).toEqual([
      {
        app: web,
        instance: up.id,
        phase: 'offer',
        from: at(1),
        until: at(3),
        reason: "no agent's offer fitted: h1: too few cpus",
      },
      { app: web, instance: up.id, phase: 'staging', from: at(3), until: at(5), reason: 'on host-1' },
    ]);
  });

  it('that are not over have no end, and say what stands in the way now', () => {
    const starting = running('/web', 1, { condition: 'Staging' });
    book.note({ before: undefined, after: starting }, at(1));
    const [wait] = book.all(() => starting);
    expect(wait).toEqual({
      app: web,
      instance: starting.id,
      phase: 'staging',
      from: at(1),
      reason: 'on host-1',
    });
  });

  it('are counted, not kept, beyond what a reader would read', () => {
    for (let number = 1; number <= MAX_WAITING_INSTANCES + 5; number++)
      book.note({ before: undefined, after: scheduled(number) }, at(1));
    expect(book.all(() => undefined)).toHaveLength(MAX_WAITING_INSTANCES);
    expect(book.untold).toBe(5);
    const [waiting, starting] = [scheduled(1), running('/web', 1, { condition: 'Staging' })];
    for (let turn = 0; turn < MAX_WAITS_EACH; turn++) {
      const [before, after] = turn % 2 === 0 ? [waiting, starting] : [starting, waiting];
      book.note({ before, after }, at(2 + turn));
    }
    expect(book.all(() => undefined).filter(({ instance }) => instance === waiting.id)).toHaveLength(
      MAX_WAITS_EACH,
    );
    expect(book.untold).toBe(6);
  });
});
