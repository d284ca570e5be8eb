import fc from 'fast-check';
import { appDiff } from '../../src/apps/decide/app-diff.js';
import { changedFields } from '../../src/apps/decide/changed-fields.js';
import { mergePatch } from '../../src/apps/decide/merge-patch.js';
import { record } from '../api/support/fakes.js';

const json = fc.jsonValue({ maxDepth: 3 });
const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), json, { noNullPrototype: true });

/** The JSON without nulls in objects: what a patch can bring about. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([name, member]) => [name, withoutNulls(member)]),
  );
}

describe('a JSON merge patch', () => {
  // The table of RFC 7396, appendix A.
  it.each<[unknown, unknown, unknown]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of %j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  it('does the same when it is done twice, and changes neither of its arguments', () => {
    fc.assert(
      fc.property(object, object, (target, patch) => {
        const [before, sent] = [JSON.stringify(target), JSON.stringify(patch)];
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
        expect([JSON.stringify(target), JSON.stringify(patch)]).toEqual([before, sent]);
      }),
    );
  });

  it('of nothing is the patch without its nulls; an empty one changes nothing', () => {
    fc.assert(
      fc.property(object, (patch) => {
        expect(mergePatch({}, patch)).toEqual(withoutNulls(patch));
        expect(mergePatch(patch, {})).toEqual(patch);
      }),
    );
  });
});

describe('the differences of two definitions', () => {
  const fields = fc.record(
    {
      cpus: fc.constantFrom(0.1, 1),
      instances: fc.nat({ max: 2 }),
      env: fc.dictionary(fc.constantFrom('A', 'API_KEY', 'a/b'), fc.constantFrom('x', 'y'), {
        noNullPrototype: true,
      }),
      labels: fc.dictionary(fc.constantFrom('team', 'HAPROXY_GROUP'), fc.constantFrom('x', 'y'), {
        noNullPrototype: true,
      }),
      user: fc.constantFrom('a', 'b'),
      acceptedResourceRoles: fc.constantFrom([], ['*']),
      constraints: fc.constantFrom([], [['hostname', 'UNIQUE'] as const]),
      tty: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  it('are none exactly when no field differs', () => {
    fc.assert(
      fc.property(fields, fields, (left, right) => {
        const [before, after] = [record('/a', left as object), record('/a', right as object)];
        const changed = changedFields(before.app, after.app);
        const tops = new Set(appDiff(before, after, false).map(({ path }) => path.split('/')[1]));
        expect(tops).toEqual(new Set(changed));
      }),
    );
  });

  it('tell which restart and which apply in place, label by label', () => {
    const before = record('/a', { labels: { HAPROXY_GROUP: 'x', team: 'x' } });
    const after = record('/a', { labels: { HAPROXY_GROUP: 'y', team: 'y' }, backoffSeconds: 9 });
    expect(appDiff(before, after, false).map(({ path, effect }) => [path, effect])).toEqual([
      ['/backoffSeconds', 'in-place'],
      ['/labels/HAPROXY_GROUP', 'in-place'],
      ['/labels/team', 'restart'],
    ]);
    expect(appDiff(before, after, true).every(({ effect }) => effect === 'restart')).toBe(true);
  });

  it('mask values of variables that are named like secrets, not the names of secrets', () => {
    const after = record('/a', { env: { MY_TOKEN: 'hush', REF_SECRET: { secret: 'name' }, PLAIN: 'x' } });
    expect(appDiff(record('/a'), after, false).map((entry) => entry.new)).toEqual([
      '***',
      'x',
      { secret: 'name' },
    ]);
  });
});
