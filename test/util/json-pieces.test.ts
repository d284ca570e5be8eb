import fc from 'fast-check';
import { decodeRecord, encodeRecord, encodeRecordInSteps } from '../../src/store/record-codec.js';
import { jsonPieces } from '../../src/util/json-pieces.js';
import { finish } from '../../src/util/steps.js';

describe('a value in pieces', () => {
  const awkward = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, Number.NaN, '\ud800', '\u2028'));
  const values = fc.oneof(
    awkward,
    fc.array(awkward),
    fc.dictionary(fc.string(), fc.oneof(awkward, fc.dictionary(fc.string(), awkward))),
  );

  it('is what JSON.stringify makes of it, however deep it is cut (property)', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 5 }), (value, depth) => {
        const pieces = [...jsonPieces(value, depth)];
        expect(pieces.length === 0 ? undefined : pieces.join('')).toBe(JSON.stringify(value));
      }),
    );
  });

  it('is stored as the very same bytes as in one piece (property)', () => {
    fc.assert(
      fc.property(values, (value) => {
        if (JSON.stringify(value) === undefined) {
          expect(() => finish(encodeRecordInSteps('k', value))).toThrow('is no JSON value');
          return;
        }
        const bytes = finish(encodeRecordInSteps('k', value));
        expect(bytes.equals(encodeRecord('k', value))).toBe(true);
        expect(decodeRecord('k', bytes)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('takes many steps when it is large', () => {
    const value = {
      plan: { transitions: Object.fromEntries([...Array(5_000).keys()].map((n) => [n, 'x'.repeat(100)])) },
    };
    const steps = encodeRecordInSteps('k', value);
    let count = 0;
    while (!steps.next().done) count += 1;
    expect(count).toBeGreaterThan(10);
  });
});
