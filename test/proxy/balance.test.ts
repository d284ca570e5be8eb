import fc from 'fast-check';
import { type Balancing, balance, isInTurn } from '../../src/proxy/decide/balance.js';
import { hash32 } from '../../src/proxy/decide/hash.js';
import type { Candidate } from '../../src/proxy/decide/pick-server.js';
import { WeightedTurns } from '../../src/proxy/decide/weighted-turns.js';
import type { Balance } from '../../src/proxy/table.js';
import { SeededDice } from '../../src/util/ids.js';

const dice = new SeededDice(5);
const server = (n: number, inFlight = 0, share = 1): Candidate => ({
  hashSeed: hash32(`host_10_0_0_${n}_31000`),
  inFlight,
  share,
});
const servers = (...inFlight: number[]): Candidate[] => inFlight.map((load, n) => server(n, load));
const weighted = (...shares: number[]): Candidate[] => shares.map((share, n) => server(n, 0, share));

/** As a pool makes its choices: one after another among the same. -1: nobody may. */
function choosing(
  algorithm: Balance,
  candidates: readonly Candidate[],
): (more?: Partial<Balancing<Candidate>>) => number {
  const turns = new WeightedTurns<Candidate>();
  turns.arrange(candidates.map((each) => [each, each.share]));
  let sum = 0;
  const sums = candidates.map(({ share }) => {
    sum += share;
    return sum;
  });
  const even = new Set(candidates.map(({ share }) => share)).size <= 1;
  let start = 0;
  return (more = {}) => {
    const choice = {
      candidates,
      even,
      start,
      may: () => true,
      sums,
      seeds: Uint32Array.from(candidates, ({ hashSeed }) => hashSeed),
      key: undefined,
      loadFactor: 0,
      random: () => dice.random(),
      ...more,
    };
    if (!even && isInTurn(algorithm, choice.key)) {
      const item = turns.next(choice.may);
      return item ? candidates.indexOf(item) : -1;
    }
    const index = balance(algorithm, choice);
    start = index === undefined ? start : (index + 1) % candidates.length;
    return index ?? -1;
  };
}
function choose(
  algorithm: Balance,
  candidates: readonly Candidate[],
  more: Partial<Balancing<Candidate>> = {},
): number {
  return choosing(algorithm, candidates)(more);
}
/** How often each candidate is chosen in `draws` choices. */
function counted(
  algorithm: Balance,
  candidates: readonly Candidate[],
  draws: number,
  keyed = false,
): number[] {
  const next = choosing(algorithm, candidates);
  const counts = candidates.map(() => 0);
  for (let i = 0; i < draws; i++) {
    const index = next(keyed ? { key: hash32(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`) } : {});
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}
/** Pearson's sum over all candidates. */
function chiSquare(counts: readonly number[], shares: readonly number[]): number {
  const draws = counts.reduce((sum, count) => sum + count, 0);
  const all = shares.reduce((sum, share) => sum + share, 0);
  return counts.reduce((sum, count, n) => {
    const expected = (draws * (shares[n] ?? 0)) / all;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}
/** 99.9 % of fair samples stay below, with 3, 4 and 9 degrees of freedom. */
const CHI_3 = 16.27;
const CHI_4 = 18.47;
const CHI_9 = 27.88;
const algorithms = ['roundrobin', 'leastconn', 'random', 'first', 'source', 'uri', 'header'] as const;

describe('every algorithm', () => {
  it('takes a candidate that may while there is one, and none otherwise (property)', () => {
    const some = fc.array(
      fc.record({ inFlight: fc.nat(20), share: fc.integer({ min: 1, max: 256 }), may: fc.boolean() }),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...algorithms),
        some,
        fc.option(fc.nat(), { nil: undefined }),
        fc.constantFrom(0, 101, 150),
        (algorithm, given, key, loadFactor) => {
          const all = given.map(({ inFlight, share }, n) => server(n, inFlight, share));
          const may = (each: Candidate): boolean => given[all.indexOf(each)]?.may === true;
          const index = choose(algorithm, all, { may, key, loadFactor });
          expect(given[index]?.may ?? false).toBe(given.some((each) => each.may));
        },
      ),
    );
  });
});

describe('roundrobin', () => {
  it('takes every server once in a round', () => {
    expect(counted('roundrobin', servers(0, 0, 0, 0), 400)).toEqual([100, 100, 100, 100]);
  });

  it('gives each exactly its weight of every round, spread out (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 6 }), (shares) => {
        fc.pre(new Set(shares).size > 1);
        const round = shares.reduce((sum, share) => sum + share, 0);
        const counts = counted('roundrobin', weighted(...shares), 5 * round);
        // Sums of fractions are not exact: who is due at the end of a round may come just after it.
        for (const [n, count] of counts.entries())
          expect(Math.abs(count - 5 * (shares[n] ?? 0))).toBeLessThanOrEqual(1);
      }),
    );
    const next = choosing('roundrobin', weighted(5, 1, 1));
    expect(Array.from({ length: 14 }, () => 'abc'[next()]).join('')).toBe('aaabcaaaaabcaa');
  });

  it('lets a server that comes back have its turn at once, but not all those that it missed', () => {
    const all = weighted(4, 2, 1);
    const next = choosing('roundrobin', all);
    for (let i = 0; i < 700; i++) next({ may: (each) => each !== all[0] });
    const after = Array.from({ length: 70 }, () => next()).filter((index) => index === 0).length;
    expect(Math.abs(after - 40)).toBeLessThanOrEqual(1);
  });

  it('keeps the places of those that stay when weights change', () => {
    const turns = new WeightedTurns<string>();
    turns.arrange([
      ['a', 1],
      ['b', 3],
    ]);
    for (let i = 0; i < 7; i++) turns.next(() => true);
    turns.arrange([
      ['a', 10],
      ['b', 30],
      ['c', 40],
    ]);
    const counts = new Map<string, number>();
    for (let i = 0; i < 800; i++) {
      const item = turns.next(() => true) ?? '';
      counts.set(item, (counts.get(item) ?? 0) + 1);
    }
    for (const [item, share] of [
      ['a', 100],
      ['b', 300],
      ['c', 400],
    ] as const)
      expect(Math.abs((counts.get(item) ?? 0) - share)).toBeLessThanOrEqual(2);
  });
});

describe('leastconn', () => {
  it('takes the server with the fewest under way for its weight, in turn among equals', () => {
    expect(choose('leastconn', servers(3, 1, 2))).toBe(1);
    expect(choose('leastconn', servers(1, 1, 2), { start: 1 })).toBe(1);
    expect(choose('leastconn', servers(1, 1, 2), { start: 2 })).toBe(0);
    expect(choose('leastconn', [server(0, 3, 4), server(1, 1, 1)])).toBe(0);
  });

  it('keeps requests that take equally long within 2 % of the weights', () => {
    const shares = [1, 2, 5, 8];
    const all = shares.map((share, n) => ({ ...server(n, 0, share) }));
    const taken = [0, 0, 0, 0];
    const under: number[] = [];
    const next = choosing('leastconn', all);
    for (let i = 0; i < 32_000; i++) {
      const index = next();
      taken[index] = (taken[index] ?? 0) + 1;
      under.push(index);
      Object.assign(all[index] ?? {}, { inFlight: (all[index]?.inFlight ?? 0) + 1 });
      const done = under.length > 1_600 ? under.shift() : undefined;
      if (done !== undefined) Object.assign(all[done] ?? {}, { inFlight: (all[done]?.inFlight ?? 1) - 1 });
    }
    for (const [n, share] of shares.entries())
      expect(Math.abs((taken[n] ?? 0) / (2_000 * share) - 1)).toBeLessThan(0.02);
  });
});

describe('first', () => {
  it('takes the first that may', () => {
    expect(choose('first', servers(9, 0, 0))).toBe(0);
    const all = servers(9, 0, 0);
    expect(choose('first', all, { may: (each) => each.inFlight < 9 })).toBe(1);
  });
});

describe('random', () => {
  it('spreads evenly over servers that are as busy, and shuns the busiest', () => {
    expect(chiSquare(counted('random', servers(0, 0, 0, 0, 0), 10_000), [1, 1, 1, 1, 1])).toBeLessThan(CHI_4);
    const [busiest = 0] = counted('random', servers(9, 0, 0, 0), 16_000);
    // Only when it is drawn twice: one time in sixteen.
    expect(chiSquare([busiest, 16_000 - busiest], [1, 15])).toBeLessThan(10.83);
  });

  it('draws by weight', () => {
    const shares = [1, 2, 5, 8];
    const counts = counted('random', weighted(...shares), 40_000);
    expect(chiSquare(counts, shares)).toBeLessThan(CHI_3);
  });

  it('draws by weight also among the few that may', () => {
    const shares = [1, 3, ...Array.from({ length: 400 }, () => 50)];
    const all = weighted(...shares);
    const next = choosing('random', all);
    let lighter = 0;
    for (let i = 0; i < 4_000; i++) if (next({ may: (each) => each.share < 50 }) === 0) lighter += 1;
    expect(chiSquare([lighter, 4_000 - lighter], [1, 3])).toBeLessThan(10.83);
  });
});

describe('source, uri and header', () => {
  const algorithm = 'source';
  const keys = Array.from({ length: 3_000 }, (_, n) => hash32(`10.${n >> 8}.${n & 255}.7`));
  const placed = (
    candidates: readonly Candidate[],
    more: Partial<Balancing<Candidate>> = {},
  ): (number | undefined)[] => {
    const next = choosing(algorithm, candidates);
    return keys.map((key) => candidates[next({ key, ...more })]?.hashSeed);
  };

  it('give one key one server wherever it stands in the list, and servers about as many keys', () => {
    const ten = servers(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(placed([...ten].reverse())).toEqual(placed(ten));
    expect(chiSquare(counted(algorithm, ten, 20_000, true), Array(10).fill(1))).toBeLessThan(CHI_9);
  });

  it('give servers keys by weight', () => {
    const shares = [1, 2, 5, 8];
    expect(chiSquare(counted(algorithm, weighted(...shares), 40_000, true), shares)).toBeLessThan(CHI_3);
  });

  it.each([
    ['even', [1, 1, 1, 1]],
    ['uneven', [1, 2, 3, 4]],
  ])('move only the keys of a server that goes, and only to one that comes (%s weights)', (_, shares) => {
    const four = weighted(...shares);
    const before = placed(four);
    const after = placed(four.slice(0, 3), { even: shares[0] === shares[1] });
    const gone = four[3]?.hashSeed;
    before.forEach((seed, n) => {
      if (seed !== gone) expect(after[n]).toBe(seed);
    });
    // In the other direction: of all that moved, everything went to the one that came.
    after.forEach((seed, n) => {
      if (seed !== before[n]) expect(before[n]).toBe(gone);
    });
  });

  it('move only what a change of one weight must move', () => {
    const before = placed(weighted(2, 2, 2, 2));
    const after = placed(weighted(4, 2, 2, 2));
    const grown = server(0).hashSeed;
    let moved = 0;
    before.forEach((seed, n) => {
      if (after[n] === seed) return;
      moved += 1;
      expect(after[n]).toBe(grown);
    });
    // From 2 of 8 to 4 of 10: three parts in twenty.
    expect(Math.abs(moved / keys.length - 0.15)).toBeLessThan(0.03);
  });

  it('place a key alike', () => {
    const ten = servers(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    for (const key of keys.slice(0, 100)) {
      expect(choose('uri', ten, { key })).toBe(choose('source', ten, { key }));
      expect(choose('header', ten, { key })).toBe(choose('source', ten, { key }));
    }
  });

  it('look further when the server has more than its part of the load, if that is bounded', () => {
    const key = 7;
    const own = choose(algorithm, servers(0, 0, 0), { key });
    const busy = servers(0, 0, 0).map((each, n) => (n === own ? { ...each, inFlight: 50 } : each));
    expect(choose(algorithm, busy, { key, loadFactor: 150 })).not.toBe(own);
    expect(choose(algorithm, busy, { key })).toBe(own);
  });
});

describe('header', () => {
  it('goes in turn for a request without the header', () => {
    expect(counted('header', servers(0, 0, 0, 0), 400)).toEqual([100, 100, 100, 100]);
  });
});

describe('the hash', () => {
  it('tells texts apart that differ in one letter', () => {
    const hashes = new Set(Array.from({ length: 5_000 }, (_, n) => hash32(`10.0.0.${n}`)));
    expect(hashes.size).toBeGreaterThan(4_990);
  });
});
