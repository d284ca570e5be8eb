import {
  ancestorPaths,
  appIdProblems,
  MAX_APP_ID_LENGTH,
  parseAppId,
  resolvePath,
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

  it('names groups from the nearest outward', () => {
    expect([...ancestorPaths('/a/b/c')]).toEqual(['/a/b', '/a']);
  });
});
