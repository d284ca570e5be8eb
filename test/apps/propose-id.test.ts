import fc from 'fast-check';
import { proposedAppId } from '../../src/apps/decide/propose-id.js';
import { appIdProblems, parseAppId, resolvePath } from '../../src/apps/path.js';
import { AppWorld, refusal } from './support/app-world.js';

describe('for an id that can be none', () => {
  it.each([
    ['/IPython Notebook', '/ipython-notebook'],
    ['/shop/Web Server_2', '/shop/web-server-2'],
    ['/Crème Brûlée', '/creme-brulee'],
    ['/-a-/b--/c', '/a/b/c'],
    ['/a..b/.c.', '/a.b/c'],
    ['/shop/!!!/x', '/shop/x'],
    ['/shop/tasks', '/shop/tasks-app'],
    ['/a/b', '/a/b'],
  ])('%s, %s is proposed', (path, proposed) => {
    expect(proposedAppId(path)).toBe(proposed);
  });

  it.each(['/', '/!!!', '/日本'])('%s, nothing is proposed', (path) => {
    expect(proposedAppId(path)).toBeUndefined();
  });

  it('whatever is proposed is an id, below the same groups as far as they are legal', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('', '/shop', '/a.b/c-d'),
        fc.string({ unit: 'grapheme' }),
        (group, text) => {
          const path = resolvePath(`.${group}/${text.replaceAll('..', '')}`);
          const proposed = proposedAppId(path);
          if (proposed === undefined) return;
          expect(appIdProblems(proposed)).toEqual([]);
          expect(proposedAppId(proposed)).toBe(proposed);
          if (proposed.length > group.length) expect(proposed.startsWith(group)).toBe(true);
          if (parseAppId(path)) expect(proposed).toBe(path);
        },
      ),
    );
  });

  it('the refusal names the proposal', async () => {
    const error = await refusal(() => new AppWorld().post({ id: 'IPython Notebook', cmd: 'x' }));
    expect(JSON.stringify(error.details)).toContain('\\"/ipython-notebook\\"');
  });
});
