import fc from 'fast-check';
import { ServicePortIndex } from '../../src/apps/service-port-index.js';

describe('the index of service ports', () => {
  it('finds the lowest free port, whatever was taken and released', () => {
    const range = fc
      .tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 80 }))
      .map(([min, span]) => ({ min, max: min + span }));
    const steps = fc.array(fc.record({ port: fc.integer({ min: 0, max: 200 }), add: fc.boolean() }), {
      maxLength: 150,
    });
    fc.assert(
      fc.property(range, steps, fc.integer({ min: 0, max: 220 }), (ports, taken, from) => {
        const index = new ServicePortIndex(ports);
        const used: number[] = [];
        for (const { port, add } of taken) {
          if (add) used.push(port);
          else if (used.includes(port)) used.splice(used.indexOf(port), 1);
          else continue;
          if (add) index.add([port]);
          else index.remove([port]);
        }
        let expected: number | undefined = Math.max(from, ports.min);
        while (expected !== 0 && used.includes(expected)) expected++;
        expect(index.lowestFree(from)).toBe(expected > ports.max ? undefined : expected);
      }),
      { numRuns: 500 },
    );
  });

  it('gives every port of a range once to one request', () => {
    const index = new ServicePortIndex({ min: 10_000, max: 10_070 });
    index.add([10_003, 10_064, 80]);
    const choice = index.choose();
    choice.reserve([10_005]);
    const given: number[] = [];
    for (let port = choice.nextFree(); port !== undefined; port = choice.nextFree()) given.push(port);
    const expected = Array.from({ length: 71 }, (_, n) => 10_000 + n).filter(
      (port) => ![10_003, 10_005, 10_064].includes(port),
    );
    expect(given).toEqual(expected);
  });

  it('fails loudly when a port is released that nobody uses', () => {
    expect(() => new ServicePortIndex({ min: 1, max: 9 }).remove([5])).toThrow('service port 5');
  });
});
