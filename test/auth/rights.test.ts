import fc from 'fast-check';
import { Access } from '../../src/auth/access.js';
import { readAuthorization } from '../../src/auth/decide/authorization-header.js';
import { fullBudget, REFUSALS_AT_ONCE, spendRefusal } from '../../src/auth/decide/refusal-budget.js';
import { covers, includes } from '../../src/auth/decide/rights.js';
import { type Grant, type Right, rights } from '../../src/auth/principal.js';

const segment = fc.constantFrom('a', 'b', 'ab', 'a-b', 'a.b');
const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
const right = fc.constantFrom<Right>(...rights);
const grant: fc.Arbitrary<Grant> = fc.record({ right, path });
const accessWith = (grants: readonly Grant[]): Access => new Access({ name: 'x', kind: 'token', grants });
const segmentsOf = (text: string): readonly string[] => text.split('/').filter(Boolean);

describe('rights', () => {
  it.each<[Right, string]>([
    ['view', 'view'],
    ['deploy', 'view deploy'],
    ['exec', 'view exec'],
    ['admin', 'view deploy exec admin'],
  ])('%s includes %s', (one, others) => {
    expect(rights.filter((other) => includes(one, other)).join(' ')).toBe(others);
  });

  it('cover a path and all below it by whole segments', () => {
    fc.assert(
      fc.property(path, path, (root, below) => {
        const prefix = segmentsOf(root);
        const wanted = prefix.every((part, index) => segmentsOf(below)[index] === part);
        expect(covers(root, below)).toBe(wanted);
      }),
      {
        // Names that begin alike are too rare to be left to chance.
        examples: [
          ['/a', '/ab'],
          ['/a/b', '/a/b.c'],
          ['/a', '/a-b/a'],
        ],
      },
    );
  });

  it('never come from nothing: what may be done follows from one grant', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 4 }), right, path, (grants, asked, target) => {
        const access = accessWith(grants);
        const one = grants.some((given) => accessWith([given]).may(asked, target));
        expect(access.may(asked, target)).toBe(one);
        if (access.may(asked, target)) {
          expect(access.may('view', target)).toBe(true);
          expect(access.may(asked, target === '/' ? '/x' : `${target}/x`)).toBe(true);
          expect(access.mayWithin(asked, target)).toBe(true);
        }
        if (access.sees(target)) expect(access.seesGroup('/')).toBe(true);
      }),
    );
  });

  it('that are missing are named', () => {
    const access = accessWith([{ right: 'view', path: '/shop' }]);
    expect(() => access.require('deploy', '/shop/web')).toThrow("'x' lacks the right 'deploy' on /shop/web");
    expect(() => access.require('view', '/shop/web')).not.toThrow();
    expect(() => access.requireWithin('view', '/')).not.toThrow();
    expect(() => access.requireWithin('deploy', '/')).toThrow();
  });
});

describe('an Authorization header', () => {
  it.each([
    [undefined, { scheme: 'none' }],
    ['', { scheme: 'none' }],
    ['Bearer lr_x', { scheme: 'bearer', secret: 'lr_x' }],
    ['bearer  lr_x ', { scheme: 'bearer', secret: 'lr_x' }],
    [`Basic ${btoa('ann:a:b')}`, { scheme: 'basic', user: 'ann', password: 'a:b' }],
    [`Basic ${btoa('ann')}`, { scheme: 'unusable' }],
    ['Digest x', { scheme: 'unusable' }],
    ['Bearer a b', { scheme: 'unusable' }],
    [`Bearer ${'x'.repeat(5_000)}`, { scheme: 'unusable' }],
  ])('%j is read as %j', (header, given) => {
    expect(readAuthorization(header)).toEqual(given);
  });
});

it('refusals are told one by one up to a budget that refills, and counted beyond it', () => {
  let budget = fullBudget;
  let told = 0;
  for (let n = 0; n < 10_000; n++) {
    const spent = spendRefusal(budget, 0);
    budget = spent.budget;
    if (spent.told) told++;
  }
  expect([told, budget.untold]).toEqual([REFUSALS_AT_ONCE, 10_000 - REFUSALS_AT_ONCE]);
  const later = spendRefusal(budget, 1_000);
  expect([later.told, later.untoldBefore]).toEqual([true, 10_000 - REFUSALS_AT_ONCE]);
});
