import { ProcessClock } from '../../src/simulation/process-clock.js';
import { AwakeTime } from '../../src/util/awake-time.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

function awake(): { readonly world: VirtualClock; readonly process: ProcessClock; readonly time: AwakeTime } {
  const world = new VirtualClock();
  const process = new ProcessClock(world, 77);
  const time = new AwakeTime(process, 1_000);
  process.every(500, () => void time.nowMs());
  return { world, process, time };
}

describe('time awake', () => {
  it('passes as the clock does while the process runs', () => {
    const { world, time } = awake();
    const startMs = time.nowMs();
    world.advance(60_000);
    expect(time.nowMs() - startMs).toBe(60_000);
  });

  it('counts a sleep for no more than the longest gap, whoever wakes first', () => {
    const { world, process, time } = awake();
    let rang = 0;
    time.after(10_000, () => void rang++);
    world.advance(4_000);
    const beforeMs = time.nowMs();
    process.stop();
    world.advance(30_000);
    process.goOn();
    expect(time.nowMs() - beforeMs).toBeLessThanOrEqual(1_000);
    expect(rang).toBe(0);
    world.advance(4_999);
    expect(rang).toBe(0);
    world.advance(1_001);
    expect(rang).toBe(1);
  });

  it('never rings after it was cancelled, also when a sleep had moved the end', () => {
    const { world, process, time } = awake();
    let rang = 0;
    const timer = time.after(10_000, () => void rang++);
    process.stop();
    world.advance(30_000);
    process.goOn();
    timer.cancel();
    world.advance(60_000);
    expect(rang).toBe(0);
  });
});
