import fc from 'fast-check';
import { EventBuffer } from '../../src/events/event-buffer.js';
import type { PublishedEvent } from '../../src/events/event-bus.js';
import { silentLog } from '../../src/logging/log.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

function buffer(more: { epoch?: number; capacity?: number; capacityBytes?: number } = {}): EventBuffer {
  return new EventBuffer({ epoch: 7, clock: new VirtualClock(), log: silentLog, ...more });
}

const numberOf = ({ id }: PublishedEvent): number => Number(id.split('-')[1]);

describe('the event buffer', () => {
  it('numbers events from 1, adds the timestamp, and tells its position', () => {
    const events = buffer();
    expect(events.position()).toBe('7-0');
    events.publish({ eventType: 'app_terminated_event', appId: '/a' });
    expect(events.position()).toBe('7-1');
    expect(events.after('7-0')).toEqual([
      {
        id: '7-1',
        eventType: 'app_terminated_event',
        json: '{"eventType":"app_terminated_event","appId":"/a","timestamp":"2026-01-01T00:00:00.000Z"}',
      },
    ]);
    expect(events.after('7-1')).toEqual([]);
  });

  it('does not pretend to know positions of another epoch, of the future, or malformed ones', () => {
    const events = buffer();
    events.publish({ eventType: 'app_terminated_event' });
    for (const id of ['6-1', '8-0', '7-2', '7-', '7', '', '-1', '7-1 ', '7-1x', '7--1', '7-1.0', 'x-1']) {
      expect([id, events.after(id)]).toEqual([id, undefined]);
    }
  });

  it('after(id) is either a gap-free sequence up to the newest event or undefined, within its bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 100, max: 3_000 }),
        fc.array(fc.nat(400), { maxLength: 80 }),
        (capacity, capacityBytes, sizes) => {
          const events = buffer({ capacity, capacityBytes });
          sizes.forEach((size, i) => {
            events.publish({ eventType: 'deployment_info', filler: 'x'.repeat(size) });
            const newest = i + 1;
            let reached = false;
            for (let seq = 0; seq <= newest; seq++) {
              const found = events.after(`7-${seq}`);
              // Once it reaches back to a position, it reaches back to every later one.
              if (!found) {
                expect(reached).toBe(false);
                continue;
              }
              reached = true;
              expect(found.map(numberOf)).toEqual(
                Array.from({ length: newest - seq }, (_, n) => seq + n + 1),
              );
              expect(found.length).toBeLessThanOrEqual(capacity);
              const bytes = found.reduce((sum, { json }) => sum + json.length, 0);
              expect(found.length <= 1 || bytes <= capacityBytes).toBe(true);
            }
            expect(events.after(`7-${newest}`)).toEqual([]);
            expect(events.after(`7-${newest - 1}`)?.length).toBe(1);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps exactly as many events as it may, and no more', () => {
    const events = buffer({ capacity: 3 });
    for (let n = 0; n < 10; n++) events.publish({ eventType: 'deployment_info', n });
    expect(events.after('7-7')?.map(numberOf)).toEqual([8, 9, 10]);
    expect(events.after('7-6')).toBeUndefined();
  });

  it('tells every subscriber all events in order, also those that a subscriber publishes, and survives one that throws', () => {
    const events = buffer();
    const [first, last]: [number[], number[]] = [[], []];
    events.subscribe((event) => {
      first.push(numberOf(event));
      if (numberOf(event) === 1) {
        events.publish({ eventType: 'deployment_success' });
        events.publish({ eventType: 'deployment_success' });
      }
    });
    events.subscribe(() => {
      throw new Error('broken subscriber');
    });
    const unsubscribe = events.subscribe((event) => last.push(numberOf(event)));
    events.publish({ eventType: 'deployment_info' });
    events.publish({ eventType: 'deployment_info' });
    unsubscribe();
    events.publish({ eventType: 'deployment_info' });
    expect(first).toEqual([1, 2, 3, 4, 5]);
    expect(last).toEqual([1, 2, 3, 4]);
  });
});
