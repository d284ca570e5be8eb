import fc from 'fast-check';
import { canonicalJson } from '../../src/apps/decide/canonical-json.js';

/** The text by JSON's own means; stored hashes were made from it. */
function reference(value: unknown): string {
  return (
    JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'object' && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)))
        : member,
    ) ?? 'undefined'
  );
}

describe('canonical JSON', () => {
  it('is what JSON itself makes of the value with its members in order, whatever their names', () => {
    const name = fc.oneof(
      fc.string(),
      fc.nat(12).map(String),
      fc.constantFrom('10', '9', '01', '-1', 'a', 'B'),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constantFrom(null, undefined),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(name, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(value, (each) => {
        expect(canonicalJson(each)).toBe(reference(each));
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the order of members', () => {
    expect(canonicalJson({ b: [1, { d: 2, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[1,{"d":2}]}');
    expect(canonicalJson({ a: 'x', b: [1, { d: 2 }] })).toBe(canonicalJson({ b: [1, { d: 2 }], a: 'x' }));
  });
});
