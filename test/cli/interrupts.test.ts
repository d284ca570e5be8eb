import { Interrupts } from '../../src/cli/interrupts.js';
import { VirtualClock } from '../../src/util/virtual-clock.js';

it('under npm a Ctrl-C that npm repeats counts once, and a second keystroke counts', () => {
  const clock = new VirtualClock();
  const interrupts = new Interrupts(clock, true);
  expect(interrupts.isNew()).toBe(true);
  expect(interrupts.isNew()).toBe(false);
  clock.advance(250);
  expect(interrupts.isNew()).toBe(false);
  clock.advance(50);
  expect(interrupts.isNew()).toBe(true);
});

it('without npm every Ctrl-C counts', () => {
  const interrupts = new Interrupts(new VirtualClock(), false);
  expect([interrupts.isNew(), interrupts.isNew()]).toEqual([true, true]);
});
