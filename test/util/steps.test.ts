import { followedBy, precededBy, type Steps, stepwise } from '../../src/util/steps.js';

/** Counts down in steps. */
function* counted(from: number): Steps<string> {
  for (let left = from; left > 0; left--) yield;
  return `counted ${from}`;
}

describe('work in steps', () => {
  it('gives the same when it is done at once', () => {
    expect(stepwise(counted)(3)).toBe('counted 3');
    expect(followedBy(stepwise(counted), (text) => text.length)(3)).toBe(9);
    expect(
      followedBy(
        (text: string) => text.length,
        (length) => length * 2,
      )('abc'),
    ).toBe(6);
  });

  it('pauses as often with something before and after it', () => {
    const told: string[] = [];
    const work = precededBy(
      () => void told.push('before'),
      followedBy(stepwise(counted), (text) => told.push(text)),
    );
    const steps = work.inSteps?.(2);
    expect([steps?.next().done, told]).toEqual([false, ['before']]);
    expect([steps?.next().done, told]).toEqual([false, ['before']]);
    expect([steps?.next().done, told]).toEqual([true, ['before', 'counted 2']]);
  });

  it('is not begun when what comes before it throws, in steps or not', () => {
    const refuse = (): void => {
      throw new Error('no');
    };
    const begun: number[] = [];
    const plain = precededBy(refuse, (value: number) => begun.push(value));
    const long = precededBy(refuse, stepwise(counted));
    expect(() => plain(1)).toThrow('no');
    expect(() => long(1)).toThrow('no');
    expect(() => long.inSteps?.(1).next()).toThrow('no');
    expect(begun).toEqual([]);
  });
});
