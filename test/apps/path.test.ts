import fc from 'fast-check';
import {
  ancestorPaths,
  appIdFromSafePath,
  appIdProblems,
  hostnameForm,
  MAX_APP_ID_LENGTH,
  parseAppId,
  resolvePath,
  safePath,
} from '../../src/apps/path.js';

describe('a path', () => {
  it.each([
    ['a', '/', '/a'],
    ['/a/b', '/x', '/a/b'],
    ['b', '/x/y', '/x/y/b'],
    ['../b', '/x/y', '/x/b'],
    ['./b/.', '/x', '/x/b'],
    ['//a///b/', '/', '/a/b'],
    ['../../../b', '/x', '/b'],
    ['..', '/x', '/'],
    ['', '/', '/'],
  ])('resolves %j against %j to %j', (text, base, expected) => {
    expect(resolvePath(text, base)).toBe(expected);
  });

  it.each(['/a', '/a-b', '/a.b/c0', '/0', '/a/b/c/d'])('accepts %s as an app id', (path) => {
    expect(appIdProblems(path)).toEqual([]);
  });

  it.each([
    ['/', 'root'],
    ['/A', 'segment'],
    ['/a_b', 'segment'],
    ['/-a', 'segment'],
    ['/a-', 'segment'],
    ['/a..b', 'segment'],
    ['/a b', 'segment'],
    ['/ä', 'segment'],
    ['/a/restart', 'reserved'],
    ['/tasks', 'reserved'],
    ['/a/b/versions', 'reserved'],
    [`/${'a'.repeat(MAX_APP_ID_LENGTH)}`, 'too-long'],
  ])('refuses %s as an app id: %s', (path, code) => {
    expect(appIdProblems(path).map((problem) => problem.code)).toEqual([code]);
  });

  it('allows reserved words before the last segment', () => {
    expect(parseAppId('/tasks/web')).toBe('/tasks/web');
  });

  it('gives an id back from its form in task ids, whatever the id', () => {
    const segment = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), (segments) => {
        const appId = parseAppId(`/${segments.join('/')}`);
        fc.pre(appId !== undefined);
        if (appId) expect(appIdFromSafePath(safePath(appId))).toBe(appId);
      }),
    );
  });

  it('names groups from the nearest outward, and the host name from the inside out', () => {
    expect([...ancestorPaths('/a/b/c')]).toEqual(['/a/b', '/a']);
    const appId = parseAppId('/a/b/c');
    expect(appId && hostnameForm(appId)).toBe('c.b.a');
  });
});
