import { appFilter } from '../../src/apps/decide/app-filter.js';
import { parseLabelSelector } from '../../src/apps/label-selector.js';
import { AppWorld, refusal } from './support/app-world.js';

describe('a label selector', () => {
  const labels = { env: 'prod', tier: 'web', 'a/b': 'x y', empty: '' };
  it.each([
    ['env', true],
    ['nope', false],
    ['env==prod', true],
    ['env == prod', true],
    ['env==test', false],
    ['env!=test', true],
    ['env!=prod', false],
    ['nope!=x', false],
    ['tier in (web, api)', true],
    ['tier in (api)', false],
    ['tier notin (api)', true],
    ['tier notin (web)', false],
    ['nope notin (x)', false],
    ['env==prod, tier in (web,api)', true],
    ['env==prod,tier==api', false],
    ['a\\/b==x\\ y', true],
    ['toString', false],
    [' env ', true],
  ])('%s holds: %s', (selector, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });

  it.each([
    '',
    ',',
    'env==',
    'env=prod',
    'env in',
    'env in ()',
    'env in (a',
    'env in a',
    'env,',
    '==x',
    'a b',
    'env!prod',
    '(',
    'env\\',
  ])('%j cannot be parsed', async (selector) => {
    const error = await refusal(() => parseLabelSelector(selector));
    expect(error.status).toBe(422);
    expect(error.message.startsWith(`Can not parse label selector ${selector}. Reason: `)).toBe(true);
  });
});

describe('the filters of the list of apps', () => {
  it.each([
    [{}, ['/shop/web', '/db']],
    [{ id: 'SHOP' }, ['/shop/web']],
    [{ cmd: 'run' }, ['/shop/web']],
    [{ label: 'a==b' }, ['/db']],
    [{ id: 'db', label: 'a==b', cmd: '' }, []],
    [{ id: '', label: 'a' }, ['/db']],
  ])('%j', async (filter, expected) => {
    const world = new AppWorld();
    await world.post({ id: '/shop/web', cmd: './RUN' });
    await world.post({ id: '/db', args: ['run'], labels: { a: 'b' } });
    const matches = appFilter(filter);
    expect([...world.registry.all()].filter(({ app }) => matches(app)).map(({ app }) => app.id)).toEqual(
      expected,
    );
  });
});
