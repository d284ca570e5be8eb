import { prefersLenient } from '../../src/api/decide/prefer.js';

describe('a Prefer header asks for lenient handling', () => {
  it.each([
    'handling=lenient',
    'Handling = "Lenient"',
    'respond-async, wait=10, handling=lenient',
    'handling=lenient; x=y',
  ])('in %s', (header) => expect(prefersLenient(header)).toBe(true));
  it.each([
    'handling=strict',
    'lenient',
    'handling',
    'handling=strict, handling=lenient',
    '',
    'x-handling=lenient',
  ])('and does not in %j', (header) => expect(prefersLenient(header)).toBe(false));
  it('and not without one; several lines count as one', () => {
    expect(prefersLenient(undefined)).toBe(false);
    expect(prefersLenient(['wait=1', 'handling=lenient'])).toBe(true);
  });
});
