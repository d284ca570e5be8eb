import fc from 'fast-check';
import { type Balanced, balance, type Choice, hash32 } from '../../src/proxy/decide/balance.js';
import type { Balance } from '../../src/proxy/table.js';
import { SeededDice } from '../../src/util/ids.js';

const dice = new SeededDice(5);
const server = (n: number, inFlight = 0, ejectedUntilMs = 0): Balanced => ({
  hashName: `host_10_0_0_${n}_31000`,
  inFlight,
  ejectedUntilMs,
});
const servers = (...inFlight: number[]): Balanced[] => inFlight.map((load, n) => server(n, load));
const choose = (algorithm: Balance, candidates: readonly Balanced[], more: Partial<Choice<Balanced>> = {}) =>
  balance(algorithm, {
    candidates,
    start: 0,
    nowMs: 1_000,
    tried: () => false,
    hashed: '10.1.1.1',
    random: () => dice.random(),
    ...more,
  });
const algorithms = ['roundrobin', 'leastconn', 'random', 'first', 'source', 'uri'] as const;
/** 99.9 % of samples of a fair draw lie within so many standard deviations. */
const DEVIATIONS = 3.3;

describe('every algorithm', () => {
  it('takes a server that is neither ejected nor tried while there is one, and any rather than none (property)', () => {
    const some = fc.array(fc.record({ inFlight: fc.nat(20), ejected: fc.boolean(), tried: fc.boolean() }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.constantFrom(...algorithms), some, fc.nat(7), (algorithm, given, start) => {
        const all = given.map(({ inFlight, ejected }, n) => server(n, inFlight, ejected ? 2_000 : 0));
        const tried = (candidate: Balanced): boolean => given[all.indexOf(candidate)]?.tried === true;
        const index = choose(algorithm, all, { tried, start: given.length === 0 ? 0 : start % given.length });
        if (given.length === 0) return expect(index).toBeUndefined();
        const chosen = given[index ?? -1];
        expect(chosen).toBeDefined();
        if (given.some((each) => !each.ejected && !each.tried))
          expect([chosen?.ejected, chosen?.tried]).toEqual([false, false]);
      }),
    );
  });
});

describe('leastconn', () => {
  it('takes the server with the fewest under way, in turn among equals', () => {
    expect(choose('leastconn', servers(3, 1, 2))).toBe(1);
    expect(choose('leastconn', servers(1, 1, 2), { start: 1 })).toBe(1);
    expect(choose('leastconn', servers(1, 1, 2), { start: 2 })).toBe(0);
  });
});

describe('first', () => {
  it('takes the first that may', () => {
    expect(choose('first', servers(9, 0, 0))).toBe(0);
    expect(choose('first', [server(0, 0, 2_000), server(1)])).toBe(1);
  });
});

describe('random', () => {
  it('spreads evenly over servers that are as busy, and shuns the busiest', () => {
    const counts = [0, 0, 0, 0];
    const draws = 4_000;
    for (let i = 0; i < draws; i++) {
      const index = choose('random', servers(0, 0, 0, 0)) ?? 0;
      counts[index] = (counts[index] ?? 0) + 1;
    }
    const deviation = Math.sqrt(draws * 0.25 * 0.75);
    for (const count of counts)
      expect(Math.abs(count - draws / 4)).toBeLessThan(DEVIATIONS * 1.5 * deviation);
    let busiest = 0;
    for (let i = 0; i < draws; i++) if (choose('random', servers(9, 0, 0, 0)) === 0) busiest++;
    // Only when it is drawn twice.
    expect(busiest).toBeLessThan(draws / 16 + DEVIATIONS * Math.sqrt(draws / 16));
  });
});

describe.each(['source', 'uri'] as const)('%s', (algorithm) => {
  const keys = Array.from({ length: 3_000 }, (_, n) => `10.${n >> 8}.${n & 255}.7`);
  const placed = (candidates: readonly Balanced[]): (string | undefined)[] =>
    keys.map((hashed) => candidates[choose(algorithm, candidates, { hashed }) ?? -1]?.hashName);

  it('gives one key one server, and servers about as many keys', () => {
    const four = servers(0, 0, 0, 0);
    const first = placed(four);
    expect(placed([...four].reverse())).toEqual(first);
    const deviation = Math.sqrt(keys.length * 0.25 * 0.75);
    for (const { hashName } of four)
      expect(Math.abs(first.filter((name) => name === hashName).length - keys.length / 4)).toBeLessThan(
        DEVIATIONS * 1.5 * deviation,
      );
  });

  it('moves only the keys of a server that goes', () => {
    const four = servers(0, 0, 0, 0);
    const before = placed(four);
    const after = placed(four.slice(0, 3));
    const gone = four[3]?.hashName;
    before.forEach((name, n) => {
      if (name !== gone) expect(after[n]).toBe(name);
    });
  });

  it('looks further when the server has half as much again as the mean under way', () => {
    const own = choose(algorithm, servers(0, 0, 0)) ?? 0;
    const busy = servers(0, 0, 0).map((each, n) => (n === own ? { ...each, inFlight: 50 } : each));
    expect(choose(algorithm, busy)).not.toBe(own);
  });
});

describe('the hash', () => {
  it('tells texts apart that differ in one letter', () => {
    const hashes = new Set(Array.from({ length: 5_000 }, (_, n) => hash32(`10.0.0.${n}`)));
    expect(hashes.size).toBeGreaterThan(4_990);
  });
});
