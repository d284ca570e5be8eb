import fc from 'fast-check';
import { requestTarget } from '../../src/util/request-target.js';

describe('the target of a request', () => {
  it.each([
    ['/v2/apps', '/v2/apps', ''],
    ['/v2/apps?a=1&b=%20', '/v2/apps', 'a=1&b=+'],
    ['//', '//', ''],
    ['///?x=/', '///', 'x=%2F'],
    ['//:80', '//:80', ''],
    ['*', '*', ''],
    ['http://[', '/', ''],
    ['http://host.example:80/a?b=c#d', '/a', 'b=c'],
    ['HTTPS://host.example', '/', ''],
    ['', '/', ''],
  ])('%j is cut into path and query', (target, path, query) => {
    const cut = requestTarget(target);
    expect([cut.path, cut.query.toString()]).toEqual([path, query]);
  });

  it('never throws, whatever is sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (target) => {
        expect(requestTarget(target).path).not.toContain('?');
      }),
    );
    expect(requestTarget(undefined).path).toBe('/');
  });
});
