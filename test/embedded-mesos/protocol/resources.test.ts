import fc from 'fast-check';
import {
  coalesce,
  rangesContain,
  subtractRanges,
  uniteRanges,
} from '../../../src/embedded-mesos/protocol/ranges.js';
import { parseResources } from '../../../src/embedded-mesos/protocol/resource-text.js';
import { Resources } from '../../../src/embedded-mesos/protocol/resources.js';
import type { Range, Resource } from '../../../src/embedded-mesos/protocol/v1.js';

const of = (text: string): Resources => Resources.of(parseResources(text));

describe('resources', () => {
  it('add and subtract scalars in exact thousandths', () => {
    let sum = Resources.none;
    for (let i = 0; i < 1000; i++) sum = sum.plus(of('cpus:0.1'));
    expect(sum.scalar('cpus')).toBe(100);
    for (let i = 0; i < 1000; i++) sum = sum.minus(of('cpus:0.1'));
    expect(sum.isEmpty).toBe(true);
  });

  it('contain what fits, and nothing that does not', () => {
    const all = of('cpus:2;mem:100;ports:[10-20];disks:{a,b}');
    expect(all.contains(of('cpus:2;ports:[10-12,20-20];disks:{b}'))).toBe(true);
    expect(all.contains(of('cpus:2.001'))).toBe(false);
    expect(all.contains(of('ports:[9-10]'))).toBe(false);
    expect(all.contains(of('disks:{c}'))).toBe(false);
    expect(all.contains(of('gpus:1'))).toBe(false);
    expect(all.contains(Resources.none)).toBe(true);
  });

  it('keep reservations of different roles apart', () => {
    const all = of('cpus:2;cpus(web):4');
    expect(all.contains(of('cpus:3'))).toBe(false);
    expect(all.contains(of('cpus(web):3'))).toBe(true);
    expect(all.contains(of('cpus(web):5'))).toBe(false);
    expect(all.minus(of('cpus(web):4')).equals(of('cpus:2'))).toBe(true);
    expect(all.scalar('cpus')).toBe(6);
  });

  it('read the old format of reservations as the new one', () => {
    const old: Resource = {
      name: 'cpus',
      type: 'SCALAR',
      scalar: { value: 1 },
      role: 'web',
      reservation: { principal: 'me' },
    };
    const now: Resource = {
      name: 'cpus',
      type: 'SCALAR',
      scalar: { value: 1 },
      reservations: [{ type: 'DYNAMIC', role: 'web', principal: 'me' }],
    };
    expect(Resources.of([old]).equals(Resources.of([now]))).toBe(true);
    expect(
      Resources.of([{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, role: '*' }]).equals(of('cpus:1')),
    ).toBe(true);
  });

  it('never divide a persistent volume', () => {
    const volume = (id: string, size: number): Resource => ({
      name: 'disk',
      type: 'SCALAR',
      scalar: { value: size },
      reservations: [{ type: 'DYNAMIC', role: 'web' }],
      disk: { persistence: { id }, volume: { mode: 'RW', container_path: 'data' } },
    });
    const all = Resources.of([volume('a', 100), volume('b', 100)]);
    expect(all.contains(Resources.of([volume('a', 100)]))).toBe(true);
    expect(all.contains(Resources.of([volume('a', 50)]))).toBe(false);
    expect(all.minus(Resources.of([volume('a', 100)])).toList()).toHaveLength(1);
  });

  it('drop what is nothing and ignore the allocation role', () => {
    expect(of('cpus:0;ports:[]').isEmpty).toBe(true);
    const allocated: Resource = {
      name: 'cpus',
      type: 'SCALAR',
      scalar: { value: 1 },
      allocation_info: { role: 'web' },
    };
    expect(of('cpus:1').contains(Resources.of([allocated]))).toBe(true);
    expect(of('cpus:1').toList('web')).toEqual([allocated]);
  });

  const amounts = fc.record({ cpus: fc.nat(5000), mem: fc.nat(5000), first: fc.nat(50), size: fc.nat(50) });
  const some = amounts.map(({ cpus, mem, first, size }) =>
    of(`cpus:${cpus / 1000};mem:${mem};ports:[${first}-${first + size}]`),
  );

  it('satisfy (a + b) - b = a when they share nothing but scalars', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const scalars = b.filter(({ type }) => type === 'SCALAR');
        expect(a.plus(scalars).minus(scalars).equals(a)).toBe(true);
        expect(a.plus(b).contains(a) && a.plus(b).contains(b)).toBe(true);
        expect(a.contains(b) ? a.minus(b).plus(b).equals(a) : true).toBe(true);
      }),
    );
  });
});

describe('ranges', () => {
  const ranges = fc
    .array(fc.record({ begin: fc.nat(60), size: fc.nat(10) }), { maxLength: 8 })
    .map((list) => coalesce(list.map(({ begin, size }): Range => ({ begin, end: begin + size }))));
  const members = (list: readonly Range[]): Set<number> => {
    const set = new Set<number>();
    for (const { begin, end } of list) for (let n = begin; n <= end; n++) set.add(n);
    return set;
  };

  it('behave as the sets of numbers they stand for', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const setA = members(a);
        const setB = members(b);
        expect(members(uniteRanges(a, b))).toEqual(new Set([...setA, ...setB]));
        expect(members(subtractRanges(a, b))).toEqual(new Set([...setA].filter((n) => !setB.has(n))));
        expect(rangesContain(a, b)).toBe([...setB].every((n) => setA.has(n)));
      }),
      { numRuns: 300 },
    );
  });

  it('stay coalesced', () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        for (const result of [uniteRanges(a, b), subtractRanges(a, b)]) expect(coalesce(result)).toBe(result);
      }),
    );
    expect(
      coalesce([
        { begin: 5, end: 9 },
        { begin: 1, end: 4 },
      ]),
    ).toEqual([{ begin: 1, end: 9 }]);
  });
});
