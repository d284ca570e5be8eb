import fc from 'fast-check';
import { ResourceSum } from '../../../src/embedded-mesos/master/resource-sum.js';
import { sortInSlices } from '../../../src/embedded-mesos/master/sort-in-slices.js';
import { Resources } from '../../../src/embedded-mesos/protocol/resources.js';

function finish<R>(steps: Generator<string, R>): R {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    expect(step.value).toBe('');
  }
}

it('sorting in slices sorts as sorting at once does, equal ones in their order (property)', () => {
  const items = fc.array(fc.record({ at: fc.integer({ min: 0, max: 50 }), id: fc.integer() }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(items, fc.integer({ min: 1, max: 40 }), (few, times) => {
      const all = Array.from({ length: times }, () => few).flat();
      expect(finish(sortInSlices(all, ({ at }) => at))).toEqual([...all].sort((a, b) => a.at - b.at));
    }),
    { numRuns: 50 },
  );
});

it('sorting fifty thousand gives others their turn at least every few thousand', () => {
  const all = Array.from({ length: 50_000 }, (_, i) => (i * 7_919) % 50_000);
  const steps = sortInSlices(all, (value) => value);
  let turns = 0;
  while (!steps.next().done) turns++;
  expect(turns).toBeGreaterThan(50);
});

it('a sum of resources equals adding them one to the other (property)', () => {
  const resources = fc
    .record({
      cpus: fc.integer({ min: 0, max: 5_000 }),
      mem: fc.integer({ min: 0, max: 100 }),
      port: fc.integer({ min: 31_000, max: 31_040 }),
    })
    .map(({ cpus, mem, port }) =>
      Resources.of([
        { name: 'cpus', type: 'SCALAR', scalar: { value: cpus / 1_000 } },
        { name: 'mem', type: 'SCALAR', scalar: { value: mem } },
        { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: port, end: port }] } },
      ]),
    );
  fc.assert(
    fc.property(fc.array(resources, { minLength: 1, maxLength: 30 }), (list) => {
      const sum = new ResourceSum();
      let expected = Resources.none;
      // Often enough that ranges are joined on the way.
      for (let round = 0; round < 60; round++) {
        for (const each of list) {
          sum.add(each);
          expected = expected.plus(each);
        }
      }
      const { cpus, mem, ports } = sum.summary();
      expect([cpus, mem]).toEqual([expected.scalar('cpus'), expected.scalar('mem')]);
      const text = expected.ranges('ports').map(({ begin, end }) => `${begin}-${end}`);
      expect(ports).toBe(`[${text.join(', ')}]`);
    }),
    { numRuns: 50 },
  );
});
